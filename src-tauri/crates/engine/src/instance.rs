//! One instance per data directory: a lock file that the kernel releases however the process ends.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::limits::{LOCK_PAUSE, LOCK_TRIES};

/// Held for as long as the instance runs.
#[derive(Debug)]
pub struct InstanceLock(#[expect(dead_code, reason = "held for its lock, which closing it releases")] File);

/// Why the lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum Held {
    /// Another process has it.
    #[error("another instance (process {pid}) uses this data directory")]
    By {
        /// That process.
        pid: u32,
    },
    /// The file cannot be made or locked.
    #[error("cannot lock {path}: {source}")]
    Io {
        /// The lock file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl InstanceLock {
    /// Makes the data directory (mode 0700) if needed and takes its lock.
    ///
    /// # Errors
    /// [`Held::By`] when another instance has it.
    pub fn acquire(data_dir: &Path) -> Result<Self, Held> {
        let path = data_dir.join("instance.lock");
        let io = |source| Held::Io {
            path: path.display().to_string(),
            source,
        };
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(data_dir)
            .map_err(io)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io)?;
        if let Err(error) = patiently(&file) {
            if error != rustix::io::Errno::WOULDBLOCK {
                return Err(io(error.into()));
            }
            let mut text = String::new();
            file.read_to_string(&mut text).map_err(io)?;
            return Err(Held::By {
                pid: text.trim().parse().unwrap_or(0),
            });
        }
        file.set_len(0).map_err(io)?;
        file.rewind().map_err(io)?;
        writeln!(file, "{}", std::process::id()).map_err(io)?;
        Ok(InstanceLock(file))
    }
}

/// Locks a file. A process that was being started when its holder closed it has it open until it runs.
fn patiently(file: &File) -> Result<(), rustix::io::Errno> {
    let mut tries = LOCK_TRIES;
    loop {
        let locked = flock(file, FlockOperation::NonBlockingLockExclusive);
        if locked != Err(rustix::io::Errno::WOULDBLOCK) || tries == 0 {
            return locked;
        }
        tries -= 1;
        std::thread::sleep(LOCK_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_holder_learns_who_the_first_is() {
        let dir = std::env::temp_dir().join(format!("orrery-lock-{}", std::process::id()));
        let first = InstanceLock::acquire(&dir);
        assert!(first.is_ok(), "a free directory is locked");
        let second = InstanceLock::acquire(&dir);
        assert!(
            matches!(second, Err(Held::By { pid }) if pid == std::process::id()),
            "the holder is named"
        );
        drop(first);
        assert!(
            InstanceLock::acquire(&dir).is_ok(),
            "the lock goes with its holder"
        );
        let _ = std::fs::remove_dir_all(&dir);
    }
}
