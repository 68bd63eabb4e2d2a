//! What can go wrong.

use std::io;
use std::path::{Path, PathBuf};

/// Why the history could not be opened, written or read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Another process writes to it.
    #[error("{} is in use by {}", path.display(), owner(*pid))]
    Locked {
        /// Path of the database.
        path: PathBuf,
        /// Process that holds it, when it left its number.
        pid: Option<u32>,
    },
    /// A newer version of Orrery made it.
    #[error(
        "{} has schema {found}, this version knows schemas up to {known}: use the newer version, or move the file away",
        path.display()
    )]
    NewerSchema {
        /// Path of the database.
        path: PathBuf,
        /// Schema in the file.
        found: i64,
        /// Newest schema known here.
        known: i64,
    },
    /// It is some other program's database.
    #[error("{} is a database, but not a history of Orrery: choose another path", path.display())]
    Foreign {
        /// Path of the database.
        path: PathBuf,
    },
    /// A file could not be made, opened or moved.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// What was tried, such as `make the folder`.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database refused.
    #[error("cannot {doing}: {source}")]
    Database {
        /// What was tried, such as `read samples`.
        doing: &'static str,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// What has arrived could not be committed; it is kept and tried again.
    #[error("cannot write history: {0}")]
    NotWritten(String),
    /// The history was closed.
    #[error("the history is closed")]
    Closed,
}

impl HistoryError {
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> HistoryError {
        let path = path.to_owned();
        move |source| HistoryError::File { doing, path, source }
    }

    pub(crate) fn database(doing: &'static str) -> impl FnOnce(sqlx::Error) -> HistoryError {
        move |source| HistoryError::Database { doing, source }
    }
}

/// True when SQLite says that the file itself is damaged.
pub(crate) fn is_damage(error: &sqlx::Error) -> bool {
    /// Primary result codes of SQLite: the file is malformed, the file is no database.
    const CORRUPT: i64 = 11;
    const NOT_A_DATABASE: i64 = 26;
    let Some(code) = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
    else {
        return false;
    };
    // The low byte is the primary code, the rest says more.
    code.parse::<i64>()
        .is_ok_and(|code| matches!(code & 0xff, CORRUPT | NOT_A_DATABASE))
}

fn owner(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}
