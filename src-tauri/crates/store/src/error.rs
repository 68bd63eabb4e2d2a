//! What can go wrong.

use std::io;
use std::path::PathBuf;

use orrery_sqlite::OpenError;

/// Why the state could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it open.
    #[error("{} is in use by another process", path.display())]
    Locked {
        /// Path of the database.
        path: PathBuf,
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
    #[error("{} is a database, but not Orrery's state: move it away", path.display())]
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
    /// The database refused; a full disk is one reason.
    #[error("cannot {doing}: {source}")]
    Database {
        /// What was tried, such as `write the state`.
        doing: &'static str,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// A record is larger than records may be.
    #[error("a record of {bytes} bytes is too large to keep")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
}

impl StoreError {
    pub(crate) fn database(doing: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
        move |source| StoreError::Database { doing, source }
    }
}

impl From<OpenError> for StoreError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Locked { path, pid: _ } => StoreError::Locked { path },
            OpenError::NewerSchema { path, found, known } => StoreError::NewerSchema { path, found, known },
            OpenError::Foreign { path } | OpenError::Hopeless { path } => StoreError::Foreign { path },
            OpenError::File { doing, path, source } => StoreError::File { doing, path, source },
            OpenError::Database { doing, source } => StoreError::Database { doing, source },
        }
    }
}
