//! The file of a history.

mod suspect;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use orrery_sqlite::{Kind, Lock, Step, beside, reading};
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, SqliteConnection, SqlitePool};

use crate::config::Config;
use crate::error::HistoryError;
use crate::limits;

pub(crate) use suspect::mark_suspect;

/// What a history is.
const HISTORY: Kind = Kind {
    name: "history",
    application_id: 1_332_900_473,
    steps: &[
        Step {
            version: 1,
            name: "begin",
            sql: include_str!("../../migrations/0001_begin.sql"),
        },
        Step {
            version: 2,
            name: "metrics go",
            sql: include_str!("../../migrations/0002_metrics_go.sql"),
        },
    ],
    damaged_kept: limits::MAX_SET_ASIDE,
};

/// An opened file.
pub(crate) struct Opened {
    pub(crate) lock: Lock,
    pub(crate) writer: SqliteConnection,
    pub(crate) readers: SqlitePool,
    /// Where a damaged database that stood there went.
    pub(crate) set_aside: Option<PathBuf>,
}

/// Opens the database, making it when missing and moving it aside when damaged.
pub(crate) async fn open(config: &Config) -> Result<Opened, HistoryError> {
    let path = config.path.as_path();
    // A large one is looked through only when something was wrong with it before: that takes long.
    let whole = |bytes| bytes <= limits::CHECKED_ON_OPEN_BYTES || suspect::is_suspect(path);
    let opened = HISTORY.open(path, &writing(path), whole, config.now_ms()).await?;
    suspect::clear_suspect(path);
    let readers = SqlitePoolOptions::new()
        .max_connections(limits::READERS)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(Duration::from_secs(30))
        .connect_with(reading(path))
        .await
        .map_err(HistoryError::database("open the history for reading"))?;
    Ok(Opened {
        lock: opened.lock,
        writer: opened.connection,
        readers,
        set_aside: opened.set_aside,
    })
}

/// Bytes that the database and its log take.
pub(crate) fn bytes_on_disk(path: &Path) -> u64 {
    let size = |path: &Path| fs::metadata(path).map_or(0, |m| m.len());
    size(path) + size(&beside(path, "-wal"))
}

/// Another connection that writes, to a database that is open already.
pub(crate) async fn connect_writer(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    writing(path).connect().await
}

fn writing(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .page_size(limits::PAGE_BYTES)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(limits::BUSY_TIMEOUT)
        .pragma("journal_size_limit", limits::WAL_KEPT_BYTES.to_string())
        .disable_statement_logging()
}
