//! The file: making it, checking it, bringing its schema up to date.

mod aside;
mod lock;

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, SqlSafeStr, SqliteConnection, SqlitePool};

use crate::config::Config;
use crate::error::{HistoryError, is_damage};
use crate::limits;

pub(crate) use aside::mark_suspect;
pub(crate) use lock::Lock;

/// What marks a database as ours; the first migration writes it.
const APPLICATION_ID: i64 = 1_332_900_473;

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
    make_folder(path)?;
    let database = path.to_owned();
    let lock = tokio::task::spawn_blocking(move || Lock::take(&database))
        .await
        .map_err(|error| HistoryError::NotWritten(error.to_string()))??;
    let mut set_aside = None;
    let writer = match open_sound(path).await? {
        Some(writer) => writer,
        None => {
            let target = aside::set_aside(path, config.now_ms())?;
            tracing::error!(path = %path.display(), moved_to = %target.display(), "history was damaged; a new one begins");
            set_aside = Some(target);
            let fresh = open_sound(path).await?;
            fresh.ok_or_else(|| HistoryError::NotWritten("a new database reads as damaged".to_owned()))?
        }
    };
    aside::clear_suspect(path);
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
        lock,
        writer,
        readers,
        set_aside,
    })
}

/// `path` with something after its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Bytes that the database and its log take.
pub(crate) fn bytes_on_disk(path: &Path) -> u64 {
    let size = |path: &Path| fs::metadata(path).map_or(0, |m| m.len());
    size(path) + size(&beside(path, "-wal"))
}

/// Steps of the schema, in order. Released ones are never edited.
fn migrations() -> Migrator {
    let step = |version, name: &'static str, sql: &'static str| {
        Migration::new(
            version,
            name.into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    };
    Migrator::with_migrations(vec![step(
        1,
        "begin",
        include_str!("../../migrations/0001_begin.sql"),
    )])
}

/// Opens and migrates. None when the file is damaged.
async fn open_sound(path: &Path) -> Result<Option<SqliteConnection>, HistoryError> {
    let bytes = make_private_file(path)?;
    let whole = bytes <= limits::CHECKED_ON_OPEN_BYTES || aside::is_suspect(path);
    if bytes > 0 && !is_sound(path, whole).await? {
        return Ok(None);
    }
    let mut db = match writing(path).connect().await {
        Ok(db) => db,
        Err(error) if is_damage(&error) => return Ok(None),
        Err(error) => return Err(HistoryError::database("open the history")(error)),
    };
    if migrate(&mut db, path).await? {
        return Ok(Some(db));
    }
    close_quietly(db).await;
    Ok(None)
}

/// Looks at the file without the means to change it. False when it is damaged; an error when it is not ours.
async fn is_sound(path: &Path, whole: bool) -> Result<bool, HistoryError> {
    let found = match reading(path).connect().await {
        Ok(mut db) => {
            let found = look(&mut db, whole).await;
            close_quietly(db).await;
            found
        }
        Err(error) => Err(error),
    };
    match found {
        Ok(Found::Ours) => Ok(true),
        Ok(Found::Foreign) => Err(HistoryError::Foreign {
            path: path.to_owned(),
        }),
        Ok(Found::Damaged(how)) => {
            tracing::warn!(path = %path.display(), how, "history fails its check");
            Ok(false)
        }
        Err(error) if is_damage(&error) => Ok(false),
        Err(error) => Err(HistoryError::database("check the history")(error)),
    }
}

enum Found {
    /// A history, or what a kill left of the first moments of one.
    Ours,
    Foreign,
    Damaged(String),
}

async fn look(db: &mut SqliteConnection, whole: bool) -> Result<Found, sqlx::Error> {
    const TABLES: &str =
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name <> '_sqlx_migrations'";
    let tables: i64 = sqlx::query_scalar(TABLES).fetch_one(&mut *db).await?;
    let id: i64 = sqlx::query_scalar("PRAGMA application_id")
        .fetch_one(&mut *db)
        .await?;
    if tables > 0 && id != APPLICATION_ID {
        return Ok(Found::Foreign);
    }
    if whole {
        let verdict: String = sqlx::query_scalar("PRAGMA quick_check(1)")
            .fetch_one(&mut *db)
            .await?;
        if verdict != "ok" {
            return Ok(Found::Damaged(verdict));
        }
    }
    Ok(Found::Ours)
}

/// False when the file is damaged.
async fn migrate(db: &mut SqliteConnection, path: &Path) -> Result<bool, HistoryError> {
    let migrator = migrations();
    let known = migrator.iter().map(|m| m.version).max().unwrap_or(0);
    match migrator.run_direct(None, db, false).await {
        Ok(()) => Ok(true),
        Err(MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_)) => {
            let applied = db
                .list_applied_migrations("_sqlx_migrations")
                .await
                .unwrap_or_default();
            let found = applied.iter().map(|m| m.version).max().unwrap_or(known + 1);
            Err(HistoryError::NewerSchema {
                path: path.to_owned(),
                found,
                known,
            })
        }
        Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
            match is_damage(&error) {
                true => Ok(false),
                false => Err(HistoryError::database("bring the history's schema up to date")(
                    error,
                )),
            }
        }
        Err(other) => Err(HistoryError::NotWritten(other.to_string())),
    }
}

/// Closes a connection of which nothing more is wanted.
async fn close_quietly(db: SqliteConnection) {
    if let Err(error) = db.close().await {
        tracing::debug!(%error, "closing a connection");
    }
}

fn reading(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(limits::BUSY_TIMEOUT)
        .disable_statement_logging()
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

fn make_folder(database: &Path) -> Result<(), HistoryError> {
    let Some(folder) = database.parent().filter(|f| !f.as_os_str().is_empty()) else {
        return Ok(());
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(HistoryError::file("make the folder", folder))
}

/// Sees to it that the file is there and readable by its owner alone; SQLite gives its log the same rights.
/// Gives its size in bytes.
fn make_private_file(path: &Path) -> Result<u64, HistoryError> {
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(HistoryError::file("open", path))?;
    let metadata = file.metadata().map_err(HistoryError::file("look at", path))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))
            .map_err(HistoryError::file("make private", path))?;
    }
    Ok(metadata.len())
}
