//! The file: making it, checking it, bringing its schema up to date.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqlSafeStr, SqliteConnection, SqlitePool};

use crate::aside::{self, beside};
use crate::error::{StoreError, is_damage};
use crate::limits;

/// What marks a database as ours; the first migration writes it.
const APPLICATION_ID: i64 = 1_332_902_227;

/// An opened file.
pub(crate) struct Opened {
    /// Held as long as the database is open; the kernel lets go of it when the process dies, however.
    pub(crate) lock: File,
    pub(crate) database: SqlitePool,
    /// Where a damaged database that stood there went.
    pub(crate) set_aside: Option<PathBuf>,
}

/// Opens the database, making it when missing and moving it aside when damaged.
pub(crate) async fn open(path: &Path, now_ms: i64) -> Result<Opened, StoreError> {
    make_folder(path)?;
    let database = path.to_owned();
    let lock = tokio::task::spawn_blocking(move || take_lock(&database))
        .await
        .map_err(|error| StoreError::file("lock", path)(std::io::Error::other(error)))??;
    let mut set_aside = None;
    if !is_usable(path).await? {
        let target = aside::set_aside(path, now_ms)?;
        tracing::error!(path = %path.display(), moved_to = %target.display(), "the state was damaged; a new one begins");
        set_aside = Some(target);
        if !is_usable(path).await? {
            return Err(StoreError::Foreign {
                path: path.to_owned(),
            });
        }
    }
    let database = SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options(path))
        .await
        .map_err(StoreError::database("open the state"))?;
    Ok(Opened {
        lock,
        database,
        set_aside,
    })
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
    Migrator::with_migrations(vec![
        step(1, "begin", include_str!("../migrations/0001_begin.sql")),
        step(2, "catalog", include_str!("../migrations/0002_catalog.sql")),
        step(3, "task", include_str!("../migrations/0003_task.sql")),
    ])
}

/// Checks and migrates. False when the file is damaged.
async fn is_usable(path: &Path) -> Result<bool, StoreError> {
    let bytes = make_private_file(path)?;
    if bytes > 0 && !is_sound(path).await? {
        return Ok(false);
    }
    let mut db = match options(path).connect().await {
        Ok(db) => db,
        Err(error) if is_damage(&error) => return Ok(false),
        Err(error) => return Err(StoreError::database("open the state")(error)),
    };
    let usable = migrate(&mut db, path).await;
    close_quietly(db).await;
    usable
}

/// Looks at the file without the means to change it. False when it is damaged; an error when it is not ours.
async fn is_sound(path: &Path) -> Result<bool, StoreError> {
    let reading = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(limits::BUSY_TIMEOUT)
        .disable_statement_logging();
    let found = match reading.connect().await {
        Ok(mut db) => {
            let found = look(&mut db).await;
            close_quietly(db).await;
            found
        }
        Err(error) => Err(error),
    };
    match found {
        Ok(Found::Ours) => Ok(true),
        Ok(Found::Foreign) => Err(StoreError::Foreign {
            path: path.to_owned(),
        }),
        Ok(Found::Damaged(how)) => {
            tracing::warn!(path = %path.display(), how, "the state fails its check");
            Ok(false)
        }
        Err(error) if is_damage(&error) => Ok(false),
        Err(error) => Err(StoreError::database("check the state")(error)),
    }
}

enum Found {
    /// Our state, or what a kill left of the first moments of one.
    Ours,
    Foreign,
    Damaged(String),
}

async fn look(db: &mut SqliteConnection) -> Result<Found, sqlx::Error> {
    const TABLES: &str =
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name <> '_sqlx_migrations'";
    let tables: i64 = sqlx::query_scalar(TABLES).fetch_one(&mut *db).await?;
    let id: i64 = sqlx::query_scalar("PRAGMA application_id")
        .fetch_one(&mut *db)
        .await?;
    if tables > 0 && id != APPLICATION_ID {
        return Ok(Found::Foreign);
    }
    let verdict: String = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(&mut *db)
        .await?;
    Ok(match verdict.as_str() {
        "ok" => Found::Ours,
        _ => Found::Damaged(verdict),
    })
}

/// False when the file is damaged.
async fn migrate(db: &mut SqliteConnection, path: &Path) -> Result<bool, StoreError> {
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
            Err(StoreError::NewerSchema {
                path: path.to_owned(),
                found,
                known,
            })
        }
        Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
            match is_damage(&error) {
                true => Ok(false),
                false => Err(StoreError::database("bring the state's schema up to date")(error)),
            }
        }
        Err(other) => Err(StoreError::database("bring the state's schema up to date")(
            sqlx::Error::Protocol(other.to_string()),
        )),
    }
}

/// Closes a connection of which nothing more is wanted.
async fn close_quietly(db: SqliteConnection) {
    if let Err(error) = db.close().await {
        tracing::debug!(%error, "closing a connection");
    }
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

fn take_lock(database: &Path) -> Result<File, StoreError> {
    let path = beside(database, ".lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(StoreError::file("open", &path))?;
    let mut tries = limits::LOCK_TRIES;
    let locked = loop {
        let locked = file.try_lock();
        // A process that was being started when its holder closed it has it open until it runs.
        if tries == 0 || !matches!(locked, Err(TryLockError::WouldBlock)) {
            break locked;
        }
        tries -= 1;
        std::thread::sleep(limits::LOCK_PAUSE);
    };
    match locked {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked {
            path: database.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(StoreError::file("lock", &path)(error)),
    }
}

fn make_folder(database: &Path) -> Result<(), StoreError> {
    let Some(folder) = database.parent().filter(|f| !f.as_os_str().is_empty()) else {
        return Ok(());
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(StoreError::file("make the folder", folder))
}

/// Sees to it that the file is there and readable by its owner alone; SQLite gives its log the same rights.
/// Gives its size in bytes.
fn make_private_file(path: &Path) -> Result<u64, StoreError> {
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(StoreError::file("open", path))?;
    let metadata = file.metadata().map_err(StoreError::file("look at", path))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(0o600))
            .map_err(StoreError::file("make private", path))?;
    }
    Ok(metadata.len())
}
