//! Opening a database: making it, checking it, bringing its schema up to date.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqlSafeStr, SqliteConnection};

use crate::aside;
use crate::error::{OpenError, is_damage};
use crate::limits::BUSY_TIMEOUT;
use crate::lock::Lock;

/// A kind of database.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// What is in it, for the log.
    pub name: &'static str,
    /// What marks a database as of this kind; the first step of the schema writes it.
    pub application_id: i64,
    /// Steps of the schema, in order. Released ones are never edited.
    pub steps: &'static [Step],
    /// Damaged ones that are kept beside the one in use.
    pub damaged_kept: usize,
}

/// A step of a schema.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// Its number, growing.
    pub version: i64,
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub sql: &'static str,
}

/// An opened database.
pub struct Opened {
    /// Held as long as the database is open.
    pub lock: Lock,
    /// A connection, made with the options given.
    pub connection: SqliteConnection,
    /// Where a damaged database that stood there went.
    pub set_aside: Option<PathBuf>,
}

enum Found {
    /// One of this kind, or what a kill left of the first moments of one.
    Ours,
    Foreign,
    Damaged(String),
}

impl Kind {
    /// Opens a database, making it when missing and moving it aside when damaged. `options` connect to it for
    /// writing; `whole` says, by its size in bytes, whether every page is looked at first.
    ///
    /// # Errors
    /// When another process has it, it is another kind's or a newer version's, or the disk refuses.
    pub async fn open(
        &self,
        path: &Path,
        options: &SqliteConnectOptions,
        whole: impl Fn(u64) -> bool,
        now_ms: i64,
    ) -> Result<Opened, OpenError> {
        make_folder(path)?;
        let database = path.to_owned();
        let lock = tokio::task::spawn_blocking(move || Lock::take(&database))
            .await
            .map_err(|error| OpenError::file("lock", path)(std::io::Error::other(error)))??;
        let mut set_aside = None;
        let connection = match self.open_sound(path, options, &whole).await? {
            Some(connection) => connection,
            None => {
                let target = aside::set_aside(path, now_ms, self.damaged_kept)?;
                tracing::error!(
                    path = %path.display(), moved_to = %target.display(),
                    "the {} was damaged; a new one begins", self.name
                );
                set_aside = Some(target);
                let fresh = self.open_sound(path, options, &whole).await?;
                fresh.ok_or_else(|| OpenError::Hopeless {
                    path: path.to_owned(),
                })?
            }
        };
        Ok(Opened {
            lock,
            connection,
            set_aside,
        })
    }

    /// Checks, connects and migrates. None when the file is damaged.
    async fn open_sound(
        &self,
        path: &Path,
        options: &SqliteConnectOptions,
        whole: &impl Fn(u64) -> bool,
    ) -> Result<Option<SqliteConnection>, OpenError> {
        let bytes = make_private_file(path)?;
        if bytes > 0 && !self.is_sound(path, whole(bytes)).await? {
            return Ok(None);
        }
        let mut db = match options.connect().await {
            Ok(db) => db,
            Err(error) if is_damage(&error) => return Ok(None),
            Err(error) => return Err(OpenError::database("open the database")(error)),
        };
        if self.migrate(&mut db, path).await? {
            return Ok(Some(db));
        }
        close_quietly(db).await;
        Ok(None)
    }

    /// Looks at the file without the means to change it. False when it is damaged; an error when it is not ours.
    async fn is_sound(&self, path: &Path, whole: bool) -> Result<bool, OpenError> {
        let found = match reading(path).connect().await {
            Ok(mut db) => {
                let found = self.look(&mut db, whole).await;
                close_quietly(db).await;
                found
            }
            Err(error) => Err(error),
        };
        match found {
            Ok(Found::Ours) => Ok(true),
            Ok(Found::Foreign) => Err(OpenError::Foreign {
                path: path.to_owned(),
            }),
            Ok(Found::Damaged(how)) => {
                tracing::warn!(path = %path.display(), how, "the {} fails its check", self.name);
                Ok(false)
            }
            Err(error) if is_damage(&error) => Ok(false),
            Err(error) => Err(OpenError::database("check the database")(error)),
        }
    }

    async fn look(&self, db: &mut SqliteConnection, whole: bool) -> Result<Found, sqlx::Error> {
        const TABLES: &str =
            "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name <> '_sqlx_migrations'";
        let tables: i64 = sqlx::query_scalar(TABLES).fetch_one(&mut *db).await?;
        let id: i64 = sqlx::query_scalar("PRAGMA application_id")
            .fetch_one(&mut *db)
            .await?;
        if tables > 0 && id != self.application_id {
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
    async fn migrate(&self, db: &mut SqliteConnection, path: &Path) -> Result<bool, OpenError> {
        const DOING: &str = "bring the schema up to date";
        let steps = self.steps.iter().map(|step| {
            let sql = step.sql.into_sql_str();
            Migration::new(step.version, step.name.into(), MigrationType::Simple, sql, false)
        });
        let migrator = Migrator::with_migrations(steps.collect());
        let known = self.steps.iter().map(|step| step.version).max().unwrap_or(0);
        match migrator.run_direct(None, db, false).await {
            Ok(()) => Ok(true),
            Err(MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_)) => {
                let applied = db
                    .list_applied_migrations("_sqlx_migrations")
                    .await
                    .unwrap_or_default();
                let found = applied.iter().map(|m| m.version).max().unwrap_or(known + 1);
                Err(OpenError::NewerSchema {
                    path: path.to_owned(),
                    found,
                    known,
                })
            }
            Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
                match is_damage(&error) {
                    true => Ok(false),
                    false => Err(OpenError::database(DOING)(error)),
                }
            }
            Err(other) => Err(OpenError::database(DOING)(sqlx::Error::Protocol(
                other.to_string(),
            ))),
        }
    }
}

/// Options that connect to a database without the means to change it.
pub fn reading(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}

/// Closes a connection of which nothing more is wanted.
async fn close_quietly(db: SqliteConnection) {
    if let Err(error) = db.close().await {
        tracing::debug!(%error, "closing a connection");
    }
}

fn make_folder(database: &Path) -> Result<(), OpenError> {
    let Some(folder) = database.parent().filter(|f| !f.as_os_str().is_empty()) else {
        return Ok(());
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(OpenError::file("make the folder", folder))
}

/// Sees to it that the file is there and readable by its owner alone; SQLite gives its log the same rights.
/// Gives its size in bytes.
fn make_private_file(path: &Path) -> Result<u64, OpenError> {
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(OpenError::file("open", path))?;
    let metadata = file.metadata().map_err(OpenError::file("look at", path))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))
            .map_err(OpenError::file("make private", path))?;
    }
    Ok(metadata.len())
}
