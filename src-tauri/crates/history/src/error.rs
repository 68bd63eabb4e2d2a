//! What can go wrong.

use std::io;
use std::path::PathBuf;

use orrery_sqlite::OpenError;

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
    pub(crate) fn database(doing: &'static str) -> impl FnOnce(sqlx::Error) -> HistoryError {
        move |source| HistoryError::Database { doing, source }
    }
}

impl From<OpenError> for HistoryError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Locked { path, pid } => HistoryError::Locked { path, pid },
            OpenError::NewerSchema { path, found, known } => HistoryError::NewerSchema { path, found, known },
            OpenError::Foreign { path } => HistoryError::Foreign { path },
            error @ OpenError::Hopeless { .. } => HistoryError::NotWritten(error.to_string()),
            OpenError::File { doing, path, source } => HistoryError::File { doing, path, source },
            OpenError::Database { doing, source } => HistoryError::Database { doing, source },
        }
    }
}

fn owner(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}
