//! Reading everything once, and writing changes that hold together.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use orrery_sqlite::Lock;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::{Connection, Sqlite, SqliteConnection, SqlitePool, Transaction};

use crate::error::StoreError;
use crate::file;
use crate::limits::{OPERATIONS_KEPT, QUARANTINE_KEPT, RECORD_BYTES_MAX};
use crate::record::{
    CatalogRecord, LayerRecord, OperationRecord, PluginRecord, Quarantined, RevisionRecord, TaskRecord,
    WatchedRecord,
};

/// Format of the records that this version writes. One with another number is not read.
const FORMAT: i64 = 1;

/// The opened state. Clones are the same state.
#[derive(Clone)]
pub struct Store {
    database: SqlitePool,
    set_aside: Option<PathBuf>,
    /// Only one process at a time.
    _lock: Arc<Lock>,
}

/// Everything that is kept.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Plugins, by id.
    pub plugins: Vec<PluginRecord>,
    /// Revisions, oldest first.
    pub revisions: Vec<RevisionRecord>,
    /// Operations, oldest first.
    pub operations: Vec<OperationRecord>,
    /// Files of watched directories, by path.
    pub watched: Vec<WatchedRecord>,
    /// Layers of the config.
    pub layers: Vec<LayerRecord>,
    /// Rows that could not be read and stand in the quarantine since this very load.
    pub quarantined: Vec<Quarantined>,
}

/// A change of what is kept.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A plugin is or becomes this.
    PutPlugin(PluginRecord),
    /// A plugin is forgotten, its revisions not.
    DropPlugin {
        /// Its id.
        id: String,
    },
    /// A revision is or becomes this.
    PutRevision(RevisionRecord),
    /// A revision is forgotten.
    DropRevision {
        /// Plugin id.
        plugin: String,
        /// SHA-256 of its archive, in hexadecimal.
        sha256: String,
    },
    /// An operation stands like this.
    PutOperation(OperationRecord),
    /// A watched file was dealt with.
    PutWatched(WatchedRecord),
    /// A watched file is gone.
    DropWatched {
        /// Its path.
        path: PathBuf,
    },
    /// What a version of a plugin says of its metrics.
    PutCatalog(CatalogRecord),
    /// That is forgotten.
    DropCatalog {
        /// Plugin id.
        plugin: String,
        /// Version, as in the manifest.
        version: String,
    },
    /// A layer of the config says this.
    PutLayer(LayerRecord),
    /// A layer of the config says nothing any more.
    DropLayer {
        /// The layer, in a word.
        layer: String,
        /// What it is about.
        subject: String,
    },
    /// A task is or becomes this.
    PutTask(TaskRecord),
    /// A task is forgotten.
    DropTask {
        /// Its id.
        id: String,
    },
}

impl Store {
    /// Opens the state at a path, making it when missing. A damaged file is moved aside and a new one begun.
    /// `now_ms` is the time in milliseconds since the epoch.
    pub async fn open(path: &Path, now_ms: i64) -> Result<Store, StoreError> {
        let opened = file::open(path, now_ms).await?;
        Ok(Store {
            database: opened.database,
            set_aside: opened.set_aside,
            _lock: Arc::new(opened.lock),
        })
    }

    /// Where a damaged database went when this one was opened.
    pub fn set_aside(&self) -> Option<&Path> {
        self.set_aside.as_deref()
    }

    /// Reads everything. Rows that cannot be read are moved to the quarantine, and told.
    pub async fn load(&self, now_ms: i64) -> Result<Loaded, StoreError> {
        let mut tx = self.begin().await?;
        let mut bad = Vec::new();
        let loaded = Loaded {
            plugins: read(&mut tx, &PLUGIN, |r: &PluginRecord| r.id.clone(), &mut bad).await?,
            revisions: read(
                &mut tx,
                &REVISION,
                |r: &RevisionRecord| key_of_revision(&r.plugin, &r.sha256),
                &mut bad,
            )
            .await?,
            operations: read(&mut tx, &OPERATION, |r: &OperationRecord| r.id.clone(), &mut bad).await?,
            watched: read(&mut tx, &WATCHED, |r: &WatchedRecord| text_of(&r.path), &mut bad).await?,
            layers: read(
                &mut tx,
                &CONFIG,
                |r: &LayerRecord| key_of_revision(&r.layer, &r.subject),
                &mut bad,
            )
            .await?,
            quarantined: Vec::new(),
        };
        let mut quarantined = Vec::new();
        for row in bad {
            quarantined.push(row.into_quarantine(&mut tx, now_ms).await?);
        }
        sqlx::query("DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?")
            .bind(QUARANTINE_KEPT)
            .execute(&mut *tx)
            .await
            .map_err(StoreError::database("clear the quarantine"))?;
        tx.commit()
            .await
            .map_err(StoreError::database("write the quarantine"))?;
        Ok(Loaded {
            quarantined,
            ..loaded
        })
    }

    /// Tasks, by id. Rows that cannot be read are moved to the quarantine.
    pub async fn tasks(&self, now_ms: i64) -> Result<Vec<TaskRecord>, StoreError> {
        let mut tx = self.begin().await?;
        let mut bad = Vec::new();
        let records = read(&mut tx, &TASK, |r: &TaskRecord| r.id.clone(), &mut bad).await?;
        for row in bad {
            row.into_quarantine(&mut tx, now_ms).await?;
        }
        tx.commit()
            .await
            .map_err(StoreError::database("write the quarantine"))?;
        Ok(records)
    }

    /// What plugins said of their metrics, by plugin and version. Rows that cannot be read are moved to the
    /// quarantine: the plugins say it again.
    pub async fn catalog(&self, now_ms: i64) -> Result<Vec<CatalogRecord>, StoreError> {
        let mut tx = self.begin().await?;
        let mut bad = Vec::new();
        let key_of = |r: &CatalogRecord| key_of_revision(&r.plugin, &r.version);
        let records = read(&mut tx, &CATALOG, key_of, &mut bad).await?;
        for row in bad {
            row.into_quarantine(&mut tx, now_ms).await?;
        }
        tx.commit()
            .await
            .map_err(StoreError::database("write the quarantine"))?;
        Ok(records)
    }

    /// Everything that stands in the quarantine, oldest first.
    pub async fn quarantine(&self) -> Result<Vec<Quarantined>, StoreError> {
        let rows: Vec<(i64, String, String, String)> =
            sqlx::query_as("SELECT at_ms, source, key, reason FROM quarantine ORDER BY id")
                .fetch_all(&self.database)
                .await
                .map_err(StoreError::database("read the quarantine"))?;
        let quarantined = rows.into_iter().map(|(at_ms, source, key, reason)| Quarantined {
            at_ms,
            source,
            key,
            reason,
        });
        Ok(quarantined.collect())
    }

    /// Writes changes in one transaction. When it returns, all of them are on disk; when it fails, none is.
    pub async fn commit(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        let connection = self.database.acquire().await;
        let mut connection = connection.map_err(StoreError::database("begin to write the state"))?;
        let written = write(&mut connection, changes).await;
        if written.is_err() {
            // On a full disk SQLite takes a transaction back by itself, and the connection's count of open ones is
            // wrong from then on: what it writes later would never be committed.
            if let Err(error) = connection.close().await {
                tracing::debug!(%error, "closing a connection that failed");
            }
        }
        written
    }

    /// Closes the file once what is being written is written.
    pub async fn close(&self) {
        self.database.close().await;
    }

    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        let tx = self.database.begin().await;
        tx.map_err(StoreError::database("begin to write the state"))
    }
}

/// A table of records.
struct Table {
    name: &'static str,
    select: &'static str,
    delete: &'static str,
}

const PLUGIN: Table = Table {
    name: "plugin",
    select: "SELECT rowid, id, format, record FROM plugin ORDER BY id",
    delete: "DELETE FROM plugin WHERE rowid = ?",
};
const REVISION: Table = Table {
    name: "revision",
    select: "SELECT rowid, plugin || ' ' || sha256, format, record FROM revision ORDER BY rowid",
    delete: "DELETE FROM revision WHERE rowid = ?",
};
const OPERATION: Table = Table {
    name: "operation",
    select: "SELECT rowid, id, format, record FROM operation ORDER BY ordered_ms, rowid",
    delete: "DELETE FROM operation WHERE rowid = ?",
};
const WATCHED: Table = Table {
    name: "watched",
    select: "SELECT rowid, path, format, record FROM watched ORDER BY path",
    delete: "DELETE FROM watched WHERE rowid = ?",
};

const CONFIG: Table = Table {
    name: "config",
    select: "SELECT rowid, layer || ' ' || subject, format, record FROM config ORDER BY layer, subject",
    delete: "DELETE FROM config WHERE rowid = ?",
};
const TASK: Table = Table {
    name: "task",
    select: "SELECT rowid, id, format, record FROM task ORDER BY id",
    delete: "DELETE FROM task WHERE rowid = ?",
};
const CATALOG: Table = Table {
    name: "catalog",
    select: "SELECT rowid, plugin || ' ' || version, format, record FROM catalog ORDER BY plugin, version",
    delete: "DELETE FROM catalog WHERE rowid = ?",
};

/// A row that cannot be read.
struct BadRow {
    table: &'static Table,
    row: i64,
    key: String,
    reason: String,
    format: i64,
    record: String,
}

impl BadRow {
    async fn into_quarantine(
        self,
        tx: &mut Transaction<'static, Sqlite>,
        at_ms: i64,
    ) -> Result<Quarantined, StoreError> {
        const INSERT: &str = "INSERT INTO quarantine (at_ms, source, key, reason, format, record) \
                              VALUES (?, ?, ?, ?, ?, ?)";
        let insert = sqlx::query(INSERT)
            .bind(at_ms)
            .bind(self.table.name)
            .bind(&self.key)
            .bind(&self.reason)
            .bind(self.format)
            .bind(&self.record);
        insert
            .execute(&mut **tx)
            .await
            .map_err(StoreError::database("write the quarantine"))?;
        sqlx::query(self.table.delete)
            .bind(self.row)
            .execute(&mut **tx)
            .await
            .map_err(StoreError::database("write the quarantine"))?;
        tracing::error!(
            table = self.table.name,
            key = self.key,
            reason = self.reason,
            "a record cannot be read and was set aside"
        );
        Ok(Quarantined {
            at_ms,
            source: self.table.name.to_owned(),
            key: self.key,
            reason: self.reason,
        })
    }
}

async fn read<T: DeserializeOwned>(
    tx: &mut Transaction<'static, Sqlite>,
    table: &'static Table,
    key_of: impl Fn(&T) -> String,
    bad: &mut Vec<BadRow>,
) -> Result<Vec<T>, StoreError> {
    let rows: Vec<(i64, String, i64, String)> = sqlx::query_as(table.select)
        .fetch_all(&mut **tx)
        .await
        .map_err(StoreError::database("read the state"))?;
    let mut good = Vec::with_capacity(rows.len());
    for (row, key, format, record) in rows {
        match decode(&key, format, &record, &key_of) {
            Ok(value) => good.push(value),
            Err(reason) => bad.push(BadRow {
                table,
                row,
                key,
                reason,
                format,
                record,
            }),
        }
    }
    Ok(good)
}

fn decode<T: DeserializeOwned>(
    key: &str,
    format: i64,
    record: &str,
    key_of: impl Fn(&T) -> String,
) -> Result<T, String> {
    if format != FORMAT {
        return Err(format!("its format is {format}, this version reads {FORMAT}"));
    }
    let value: T = serde_json::from_str(record).map_err(|error| error.to_string())?;
    match key_of(&value) {
        own if own == key => Ok(value),
        own => Err(format!("it says that it is {own}")),
    }
}

async fn write(connection: &mut SqliteConnection, changes: Vec<Change>) -> Result<(), StoreError> {
    let tx = connection.begin().await;
    let mut tx = tx.map_err(StoreError::database("begin to write the state"))?;
    for change in changes {
        apply(&mut tx, change).await?;
    }
    tx.commit().await.map_err(StoreError::database("write the state"))
}

async fn apply(tx: &mut Transaction<'_, Sqlite>, change: Change) -> Result<(), StoreError> {
    const PUT_PLUGIN: &str = "INSERT OR REPLACE INTO plugin (id, format, record) VALUES (?, ?, ?)";
    const PUT_REVISION: &str = "INSERT INTO revision (plugin, sha256, format, record) VALUES (?, ?, ?, ?) \
         ON CONFLICT (plugin, sha256) DO UPDATE SET format = excluded.format, record = excluded.record";
    const PUT_OPERATION: &str = "INSERT INTO operation (id, ordered_ms, ended_ms, format, record) VALUES (?, ?, ?, ?, ?) \
         ON CONFLICT (id) DO UPDATE SET ended_ms = excluded.ended_ms, format = excluded.format, \
         record = excluded.record";
    const PUT_WATCHED: &str = "INSERT OR REPLACE INTO watched (path, format, record) VALUES (?, ?, ?)";
    const PUT_CATALOG: &str =
        "INSERT OR REPLACE INTO catalog (plugin, version, format, record) VALUES (?, ?, ?, ?)";
    // Only when one ends: what is under way is never forgotten.
    const FORGET: &str = "DELETE FROM operation WHERE ended_ms IS NOT NULL AND rowid <= \
         (SELECT rowid FROM operation WHERE ended_ms IS NOT NULL ORDER BY rowid DESC LIMIT 1 OFFSET ?)";
    let query = match change {
        Change::PutPlugin(record) => sqlx::query(PUT_PLUGIN)
            .bind(record.id.clone())
            .bind(FORMAT)
            .bind(encode(&record)?),
        Change::DropPlugin { id } => sqlx::query("DELETE FROM plugin WHERE id = ?").bind(id),
        Change::PutRevision(record) => sqlx::query(PUT_REVISION)
            .bind(record.plugin.clone())
            .bind(record.sha256.clone())
            .bind(FORMAT)
            .bind(encode(&record)?),
        Change::DropRevision { plugin, sha256 } => {
            sqlx::query("DELETE FROM revision WHERE plugin = ? AND sha256 = ?")
                .bind(plugin)
                .bind(sha256)
        }
        Change::PutOperation(record) => {
            let put = sqlx::query(PUT_OPERATION)
                .bind(record.id.clone())
                .bind(record.ordered_ms)
                .bind(record.ended_ms)
                .bind(FORMAT)
                .bind(encode(&record)?);
            put.execute(&mut **tx)
                .await
                .map_err(StoreError::database("write the journal"))?;
            sqlx::query(FORGET).bind(OPERATIONS_KEPT)
        }
        Change::PutWatched(record) => sqlx::query(PUT_WATCHED)
            .bind(text_of(&record.path))
            .bind(FORMAT)
            .bind(encode(&record)?),
        Change::DropWatched { path } => {
            sqlx::query("DELETE FROM watched WHERE path = ?").bind(text_of(&path))
        }
        Change::PutLayer(record) => {
            sqlx::query("INSERT OR REPLACE INTO config (layer, subject, format, record) VALUES (?, ?, ?, ?)")
                .bind(record.layer.clone())
                .bind(record.subject.clone())
                .bind(FORMAT)
                .bind(encode(&record)?)
        }
        Change::DropLayer { layer, subject } => {
            sqlx::query("DELETE FROM config WHERE layer = ? AND subject = ?")
                .bind(layer)
                .bind(subject)
        }
        Change::PutTask(record) => {
            sqlx::query("INSERT OR REPLACE INTO task (id, format, record) VALUES (?, ?, ?)")
                .bind(record.id.clone())
                .bind(FORMAT)
                .bind(encode(&record)?)
        }
        Change::DropTask { id } => sqlx::query("DELETE FROM task WHERE id = ?").bind(id),
        Change::PutCatalog(record) => sqlx::query(PUT_CATALOG)
            .bind(record.plugin.clone())
            .bind(record.version.clone())
            .bind(FORMAT)
            .bind(encode(&record)?),
        Change::DropCatalog { plugin, version } => {
            sqlx::query("DELETE FROM catalog WHERE plugin = ? AND version = ?")
                .bind(plugin)
                .bind(version)
        }
    };
    query
        .execute(&mut **tx)
        .await
        .map_err(StoreError::database("write the state"))?;
    Ok(())
}

fn encode(record: &impl Serialize) -> Result<String, StoreError> {
    let text = serde_json::to_string(record).map_err(|error| {
        StoreError::database("write a record as JSON")(sqlx::Error::Encode(Box::new(error)))
    })?;
    match text.len() {
        bytes if bytes > RECORD_BYTES_MAX => Err(StoreError::TooLarge { bytes }),
        _ => Ok(text),
    }
}

fn key_of_revision(plugin: &str, sha256: &str) -> String {
    format!("{plugin} {sha256}")
}

fn text_of(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
