//! What can go wrong.

use orrery_sqlite::OpenError;

/// Why the state could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its database could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
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
