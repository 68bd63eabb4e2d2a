//! What is kept. These are the stored forms: fields are added with a default, never renamed.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who owns a plugin's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// We unpacked them.
    Managed,
    /// The user or the system.
    Local,
}

/// What the user wants of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Desired {
    /// What its activation says.
    #[default]
    Automatic,
    /// It runs.
    Started,
    /// It does not run until it is started.
    Stopped,
    /// It is switched off.
    Disabled,
}

/// A plugin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PluginRecord {
    /// Id.
    pub id: String,
    /// Who owns its files.
    pub origin: Origin,
    /// What the user wants.
    pub desired: Desired,
    /// File, address or directory that it came from, for people.
    pub source: String,
    /// Manifest of the local plugin of this id, which takes over when the managed one is removed.
    #[serde(default)]
    pub local: Option<PathBuf>,
    /// SHA-256 of the revision in force, in hexadecimal; none for a local plugin.
    #[serde(default)]
    pub current: Option<String>,
    /// Revisions kept for a rollback, newest first, by SHA-256.
    #[serde(default)]
    pub retained: Vec<String>,
    /// Revision that did not come into force.
    #[serde(default)]
    pub pending: Option<PendingRecord>,
    /// Config.
    #[serde(default)]
    pub config: ConfigRecord,
    /// It has once sent a valid report, or done its work.
    #[serde(default)]
    pub has_worked: bool,
}

impl PluginRecord {
    /// A plugin of which only id and owner are known.
    pub fn new(id: impl Into<String>, origin: Origin) -> Self {
        PluginRecord {
            id: id.into(),
            origin,
            desired: Desired::default(),
            source: String::new(),
            local: None,
            current: None,
            retained: Vec::new(),
            pending: None,
            config: ConfigRecord::default(),
            has_worked: false,
        }
    }
}

/// A revision that did not come into force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingRecord {
    /// Version, as far as it is known.
    pub version: String,
    /// SHA-256 of the archive, as far as it is known.
    pub sha256: String,
    /// What the signature said, as far as it was looked at.
    pub signature: String,
    /// Size on disk, in bytes; 0 when it is not unpacked.
    pub bytes: u64,
    /// Step it failed in.
    pub step: String,
    /// Why.
    pub failure: String,
    /// When, in milliseconds since the epoch.
    pub failed_ms: i64,
}

/// Config as the user gives it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Config {
    /// A JSON value.
    Structured(Value),
    /// Text.
    Text(String),
}

/// Config of a plugin.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ConfigRecord {
    /// What it has worked with.
    #[serde(default)]
    pub accepted: Option<Config>,
    /// Why the last change was refused or taken back; empty when it was not.
    #[serde(default)]
    pub rejected: String,
}

/// What is said in one layer of the config.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerRecord {
    /// The layer, in a word: `global`, `interface`, `revision` or `instance`.
    pub layer: String,
    /// What it is about: an interface, a plugin with its version, a plugin; empty for everything.
    pub subject: String,
    /// What is said. Secrets are references.
    pub values: serde_json::Map<String, Value>,
    /// When it was said last, in milliseconds since the epoch.
    pub changed_ms: i64,
    /// Who said it.
    pub user: String,
}

/// An unpacked revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionRecord {
    /// Plugin id.
    pub plugin: String,
    /// SHA-256 of the archive, in hexadecimal.
    pub sha256: String,
    /// Version, as in the manifest.
    pub version: String,
    /// Its directory.
    pub dir: PathBuf,
    /// Size on disk, in bytes.
    pub bytes: u64,
    /// What its signature said when it was installed.
    pub signature: String,
    /// When it was installed, in milliseconds since the epoch.
    pub installed_ms: i64,
    /// SHA-256 of its program, in hexadecimal; empty when it is not known.
    #[serde(default)]
    pub program_sha256: String,
}

/// Where an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationState {
    /// Ordered, not begun.
    Queued,
    /// Begun.
    Running,
    /// Done.
    Done,
    /// Failed.
    Failed,
    /// Cancelled.
    Cancelled,
}

/// An operation in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperationRecord {
    /// Id.
    pub id: String,
    /// What it does, in a word.
    pub kind: String,
    /// Plugin id; empty until it is known.
    pub plugin: String,
    /// What was ordered, as the manager writes it.
    pub order: Value,
    /// What an unfinished one needs to be gone on with or undone, as the manager writes it.
    #[serde(default)]
    pub facts: Value,
    /// Where it stands.
    pub state: OperationState,
    /// Its steps, in order.
    pub steps: Vec<StepRecord>,
    /// When it was ordered, in milliseconds since the epoch.
    pub ordered_ms: i64,
    /// When it ended, in milliseconds since the epoch.
    pub ended_ms: Option<i64>,
    /// Who ordered it.
    pub user: String,
    /// How it ended.
    pub outcome: String,
    /// Stable code of the failure; empty when there is none.
    pub code: String,
    /// Whether trying again may help.
    pub retryable: bool,
}

/// A step of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Its name.
    pub id: String,
    /// `waiting`, `running`, `done`, `failed` or `skipped`.
    pub state: String,
    /// What it does or how it failed.
    pub text: String,
    /// Bytes done, where it counts bytes.
    #[serde(default)]
    pub done_bytes: Option<u64>,
    /// Bytes in all, where known.
    #[serde(default)]
    pub total_bytes: Option<u64>,
}

/// A file of a watched directory as it was when it was last taken or refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchedRecord {
    /// Its path.
    pub path: PathBuf,
    /// When it was last changed, in nanoseconds since the epoch.
    pub modified_ns: i64,
    /// Its size, in bytes.
    pub bytes: u64,
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
    /// Plugin that it holds, as far as that could be read.
    pub plugin: String,
    /// Why it was not taken; empty when it was.
    #[serde(default)]
    pub reason: String,
    /// Stable code of that reason.
    #[serde(default)]
    pub code: String,
    /// When that was, in milliseconds since the epoch.
    #[serde(default)]
    pub at_ms: i64,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskRecord {
    /// Id.
    pub id: String,
    /// What it is and how it stands, as whoever runs tasks writes it.
    pub task: Value,
}

/// What a version of a plugin said of its metrics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CatalogRecord {
    /// Plugin id.
    pub plugin: String,
    /// Version, as in the manifest.
    pub version: String,
    /// When it said so, in milliseconds since the epoch.
    pub told_ms: i64,
    /// What it said, as the engine writes it.
    pub told: Value,
}

/// A row that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// When it was found, in milliseconds since the epoch.
    pub at_ms: i64,
    /// Table that it stood in.
    pub source: String,
    /// Its key there.
    pub key: String,
    /// What is wrong with it.
    pub reason: String,
}
