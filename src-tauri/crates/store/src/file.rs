//! The file of the state.

use std::path::{Path, PathBuf};

use orrery_sqlite::{Kind, Lock, Step};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqlitePool};

use crate::error::StoreError;
use crate::limits;

/// What a state is. Released steps of its schema are never edited.
const STATE: Kind = Kind {
    name: "state",
    application_id: 1_332_902_227,
    steps: &[
        Step {
            version: 1,
            name: "begin",
            sql: include_str!("../migrations/0001_begin.sql"),
        },
        Step {
            version: 2,
            name: "catalog",
            sql: include_str!("../migrations/0002_catalog.sql"),
        },
        Step {
            version: 3,
            name: "task",
            sql: include_str!("../migrations/0003_task.sql"),
        },
        Step {
            version: 4,
            name: "config",
            sql: include_str!("../migrations/0004_config.sql"),
        },
    ],
    damaged_kept: limits::SET_ASIDE_MAX,
};

/// An opened file.
pub(crate) struct Opened {
    /// Held as long as the database is open; the kernel lets go of it when the process dies, however.
    pub(crate) lock: Lock,
    pub(crate) database: SqlitePool,
    /// Where a damaged database that stood there went.
    pub(crate) set_aside: Option<PathBuf>,
}

/// Opens the database, making it when missing and moving it aside when damaged.
pub(crate) async fn open(path: &Path, now_ms: i64) -> Result<Opened, StoreError> {
    let opened = STATE.open(path, &options(path), |_| true, now_ms).await?;
    let closed = opened.connection.close().await;
    closed.map_err(StoreError::database("open the state"))?;
    let database = SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options(path))
        .await
        .map_err(StoreError::database("open the state"))?;
    Ok(Opened {
        lock: opened.lock,
        database,
        set_aside: opened.set_aside,
    })
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(limits::BUSY_TIMEOUT)
        .pragma("journal_size_limit", limits::WAL_KEPT_BYTES.to_string())
        .disable_statement_logging()
}
