//! One process writes to a history; a lock beside the file says which.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::error::HistoryError;
use crate::limits::{LOCK_PAUSE, LOCK_TRIES};

/// Holds the history at a path as long as it lives. The kernel lets go of it when the process dies, however.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, or says who has it.
    pub(crate) fn take(database: &Path) -> Result<Lock, HistoryError> {
        let path = lock_path(database);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(HistoryError::file("open", &path))?;
        match patiently(&file) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                return Err(HistoryError::Locked {
                    path: database.to_owned(),
                    pid: read_pid(&mut file),
                });
            }
            Err(errno) => return Err(HistoryError::file("lock", &path)(errno.into())),
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

fn lock_path(database: &Path) -> PathBuf {
    super::beside(database, ".lock")
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())
}
