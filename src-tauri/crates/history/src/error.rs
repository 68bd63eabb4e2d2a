//! What can go wrong.

use orrery_sqlite::OpenError;

/// Why the history could not be opened, written or read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Its database could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
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
