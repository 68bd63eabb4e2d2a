//! Damaged databases are moved aside, never deleted at once.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::error::StoreError;
use crate::limits::SET_ASIDE_MAX;

const MARK: &str = ".damaged-";
/// The files that SQLite keeps for one database.
const PARTS: [&str; 3] = ["", "-wal", "-shm"];

/// `path` with something after its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(suffix);
    PathBuf::from(name)
}

/// Renames the database and its log to `<name>.damaged-<now>`, and removes the oldest such copies beyond
/// [`SET_ASIDE_MAX`]. Gives the new path.
pub(crate) fn set_aside(database: &Path, now_ms: i64) -> Result<PathBuf, StoreError> {
    let mut target = beside(database, &format!("{MARK}{now_ms:020}"));
    let mut n = 1;
    while target.exists() {
        target = beside(database, &format!("{MARK}{now_ms:020}-{n}"));
        n += 1;
    }
    // The database goes last: were the process killed in between, the next start would move the rest.
    for part in PARTS.iter().rev() {
        let from = beside(database, part);
        match fs::rename(&from, beside(&target, part)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::file("set aside", &from)(error));
            }
            _ => {}
        }
    }
    if let Err(error) = remove_oldest(database) {
        tracing::warn!(%error, "cannot remove old damaged databases");
    }
    Ok(target)
}

/// Names carry the time, so their order is the order of damage.
fn remove_oldest(database: &Path) -> io::Result<()> {
    let (Some(folder), Some(name)) = (database.parent(), database.file_name()) else {
        return Ok(());
    };
    let start = format!("{}{MARK}", name.to_string_lossy());
    let mut copies = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(&start) && !name.ends_with("-wal") && !name.ends_with("-shm") {
            copies.push(entry.path());
        }
    }
    copies.sort();
    let surplus = copies.len().saturating_sub(SET_ASIDE_MAX);
    for copy in &copies[..surplus] {
        for part in PARTS {
            match fs::remove_file(beside(copy, part)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}
