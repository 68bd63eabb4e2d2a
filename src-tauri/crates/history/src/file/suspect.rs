//! A mark beside a database that gave an answer which only a damaged one gives: the next start looks at every page.

use std::path::{Path, PathBuf};
use std::{fs, io};

use orrery_sqlite::beside;

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
