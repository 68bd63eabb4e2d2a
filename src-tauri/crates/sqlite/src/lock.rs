//! One process has a database open; a lock beside the file says which.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::aside::beside;
use crate::error::OpenError;
use crate::limits::{LOCK_PAUSE, LOCK_TRIES};

/// Longest text of a process number. Bytes.
const PID_BYTES: u64 = 32;

/// Holds a database as long as it lives. The kernel lets go of it when the process dies, however.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a database. Blocks for at most [`LOCK_TRIES`] times [`LOCK_PAUSE`].
    ///
    /// # Errors
    /// [`OpenError::Locked`] when another process has it, with its number where it left one.
    pub fn take(database: &Path) -> Result<Lock, OpenError> {
        let path = beside(database, ".lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(OpenError::file("open", &path))?;
        match patiently(&file) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                return Err(OpenError::Locked {
                    path: database.to_owned(),
                    pid: read_pid(&mut file),
                });
            }
            Err(errno) => return Err(OpenError::file("lock", &path)(errno.into())),
        }
        // The number only helps people; the lock holds without it.
        if let Err(error) = write_pid(&mut file) {
            tracing::debug!(%error, path = %path.display(), "cannot note the process id");
        }
        Ok(Lock { _file: file })
    }
}

/// Locks a file. An end of its holder may take a moment: a process that was being started when the holder closed
/// it has it open until it runs.
fn patiently(file: &File) -> Result<(), Errno> {
    let mut tries = LOCK_TRIES;
    loop {
        let locked = flock(file, FlockOperation::NonBlockingLockExclusive);
        if locked != Err(Errno::WOULDBLOCK) || tries == 0 {
            return locked;
        }
        tries -= 1;
        std::thread::sleep(LOCK_PAUSE);
    }
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(PID_BYTES).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_holder_learns_who_the_first_is() {
        let dir = tempfile::tempdir().expect("a directory");
        let database = dir.path().join("x.db");
        let first = Lock::take(&database).expect("is free");
        match Lock::take(&database) {
            Err(OpenError::Locked { path, pid }) => {
                assert_eq!((path, pid), (database.clone(), Some(std::process::id())));
            }
            other => panic!("{other:?}"),
        }
        drop(first);
        Lock::take(&database).expect("is free again");
    }
}
