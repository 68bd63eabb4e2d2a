//! What can go wrong.

use std::io;
use std::path::{Path, PathBuf};

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("{} is in use by {}", path.display(), owner(*pid))]
    Locked {
        /// Path of the database.
        path: PathBuf,
        /// The process, when it left its number.
        pid: Option<u32>,
    },
    /// A newer version made it.
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
    #[error("{} is a database of another program: move it away, or choose another path", path.display())]
    Foreign {
        /// Path of the database.
        path: PathBuf,
    },
    /// A new one reads as damaged too.
    #[error("{} reads as damaged although it is new", path.display())]
    Hopeless {
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
        /// What was tried, such as `check the database`.
        doing: &'static str,
        /// What SQLite said.
        source: sqlx::Error,
    },
}

impl OpenError {
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
        let path = path.to_owned();
        move |source| OpenError::File { doing, path, source }
    }

    pub(crate) fn database(doing: &'static str) -> impl FnOnce(sqlx::Error) -> OpenError {
        move |source| OpenError::Database { doing, source }
    }
}

fn owner(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

/// True when SQLite says that the file itself is damaged.
pub fn is_damage(error: &sqlx::Error) -> bool {
    /// Primary result codes of SQLite: the file is malformed, the file is no database.
    const CORRUPT: i64 = 11;
    const NOT_A_DATABASE: i64 = 26;
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    // The low byte is the primary code, the rest says more.
    code.and_then(|code| code.parse::<i64>().ok())
        .is_some_and(|code| matches!(code & 0xff, CORRUPT | NOT_A_DATABASE))
}
