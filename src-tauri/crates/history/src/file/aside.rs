//! Damaged databases are moved aside, never deleted at once.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::error::HistoryError;
use crate::limits::MAX_SET_ASIDE;

use super::beside;

const MARK: &str = ".damaged-";
/// The files that SQLite keeps for one database.
const PARTS: [&str; 3] = ["", "-wal", "-shm"];

/// Renames the database and its log to `<name>.damaged-<now>`, and removes the oldest such copies beyond
/// [`MAX_SET_ASIDE`]. Gives the new path.
pub(crate) fn set_aside(database: &Path, now_ms: i64) -> Result<PathBuf, HistoryError> {
    let mut target = beside(database, &format!("{MARK}{now_ms}"));
    let mut n = 1;
    while target.exists() {
        target = beside(database, &format!("{MARK}{now_ms}-{n}"));
        n += 1;
    }
    // The database goes last: were the process killed in between, the next start would move the rest.
    for part in PARTS.iter().rev() {
        let from = beside(database, part);
        match fs::rename(&from, beside(&target, part)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(HistoryError::file("set aside", &from)(error));
            }
            _ => {}
        }
    }
    if let Err(error) = remove_oldest(database) {
        tracing::warn!(%error, "cannot remove old damaged histories");
    }
    Ok(target)
}

fn remove_oldest(database: &Path) -> io::Result<()> {
    let (Some(folder), Some(name)) = (database.parent(), database.file_name().and_then(|n| n.to_str()))
    else {
        return Ok(());
    };
    let start = format!("{name}{MARK}");
    let mut copies = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_copy = entry
            .file_name()
            .to_str()
            .is_some_and(|n| n.starts_with(&start) && !n.ends_with("-wal") && !n.ends_with("-shm"));
        if is_copy {
            copies.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    copies.sort();
    // The copy just made keeps its old time of change, and so does each; the order of damage is theirs too.
    let surplus = copies.len().saturating_sub(MAX_SET_ASIDE);
    for (_, path) in copies.drain(..surplus) {
        for part in PARTS {
            match fs::remove_file(beside(&path, part)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Remembers that the database gave an answer that only a damaged one gives.
pub(crate) fn mark_suspect(database: &Path) {
    let path = suspect_path(database);
    if let Err(error) = fs::write(&path, "") {
        tracing::warn!(%error, path = %path.display(), "cannot mark the history for a check at the next start");
    }
}

/// True when an earlier run met damage.
pub(crate) fn is_suspect(database: &Path) -> bool {
    suspect_path(database).exists()
}

/// Forgets that it did.
pub(crate) fn clear_suspect(database: &Path) {
    let path = suspect_path(database);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, path = %path.display(), "cannot remove the mark");
        }
        _ => {}
    }
}

fn suspect_path(database: &Path) -> PathBuf {
    beside(database, ".suspect")
}
