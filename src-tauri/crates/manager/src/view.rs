//! What is shown of plugins, their revisions and operations, and what can be ordered: plain data for the
//! window, the command line and the API.

use orrery_catalog::{ConfigError, LayerKind};
use orrery_supervisor::view::InstanceView;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Who owns a plugin's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PluginOrigin {
    /// We unpacked it; every operation is possible.
    Managed,
    /// Files of the user or the system, described by a manifest; we run them and never delete them.
    Local,
}

/// When a plugin runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// Always.
    Always,
    /// While somebody subscribes.
    OnDemand,
    /// When its trigger fires.
    Trigger,
    /// Started on request, then kept running.
    Manual,
}

/// What the user wants of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Desired {
    /// As its activation says.
    Automatic,
    /// Started by the user.
    Started,
    /// Stopped by the user.
    Stopped,
    /// Switched off; stays off over restarts.
    Disabled,
}

/// A registered plugin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
pub struct ManagedPlugin {
    /// Id.
    pub id: String,
    /// Name shown.
    pub label: String,
    /// Its sentence.
    pub description: String,
    /// Who owns its files.
    pub origin: PluginOrigin,
    /// When it runs.
    pub activation: Activation,
    /// What the user wants.
    pub desired: Desired,
    /// Interfaces that the manifest names.
    pub interfaces: Vec<String>,
    /// Its process.
    pub instance: InstanceView,
    /// Revision in force; none before the first install ended.
    pub current: Option<RevisionView>,
    /// Revision that an upgrade brings, kept with its failure until dismissed or replaced.
    pub pending: Option<PendingView>,
    /// Revisions kept for a rollback, newest first.
    pub retained: Vec<RevisionView>,
    /// Config.
    pub config: PluginConfig,
    /// Operation under way.
    pub operation: Option<OperationView>,
    /// File or directory it came from.
    pub source: String,
}

/// A revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct RevisionView {
    /// Version, as in the manifest.
    pub version: String,
    /// SHA-256 of the archive, in hexadecimal; empty for local plugins.
    pub sha256: String,
    /// `valid`, `unsigned`, `off` (not looked at); with the key's name after a colon when valid.
    pub signature: String,
    /// When it was installed, in milliseconds since the epoch.
    pub installed_ms: i64,
    /// Size on disk, in bytes.
    pub bytes: u64,
}

/// A revision on its way in, or one that failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
pub struct PendingView {
    /// The revision, as far as it is known.
    pub revision: RevisionView,
    /// Step it is in or failed in: `fetch`, `verify`, `unpack`, `start`, `probation`, `commit`.
    pub step: String,
    /// Its process, while it has one.
    pub instance: Option<InstanceView>,
    /// Why it failed; none while it goes on.
    pub failure: Option<String>,
    /// When the failure was, in milliseconds since the epoch.
    pub failed_ms: Option<i64>,
}

/// Type of a config value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicyType {
    /// true or false.
    Bool,
    /// Whole number.
    Integer,
    /// Number.
    Float,
    /// Text.
    String,
    /// Length of time, such as `10s`.
    Duration,
    /// One of several words.
    Enum,
    /// Reference to a secret: `env:NAME` or `file:PATH`; its value is never shown.
    Secret,
}

/// A rule for one config key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
pub struct PolicyRule {
    /// Key.
    pub key: String,
    /// Namespace that it belongs to, such as `/http-stats`.
    pub prefix: String,
    /// Type.
    #[serde(rename = "type")]
    pub kind: PolicyType,
    /// Sentence for the form.
    pub description: String,
    /// Whether there must be a value.
    pub required: bool,
    /// Value where none is given.
    #[ts(type = "unknown")]
    pub default: Option<serde_json::Value>,
    /// Least value.
    pub min: Option<f64>,
    /// Greatest value.
    pub max: Option<f64>,
    /// For an enum: the words.
    pub values: Vec<String>,
}

/// Config of a plugin.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct PluginConfig {
    /// Structured config; none when there is none or when it is text.
    #[ts(type = "unknown")]
    pub structured: Option<serde_json::Value>,
    /// Config as text; setting one clears the other.
    pub text: Option<String>,
    /// SHA-256 of what the running process has, in hexadecimal; empty when it has none.
    pub hash: String,
    /// Rules of the revision in force.
    pub policy: Vec<PolicyRule>,
    /// Why the last change was refused or taken back; empty when it was not.
    pub rejected: String,
    /// What holds, by key: all layers together with the rules' defaults. Secrets are where they are, not what they are.
    /// Empty where the config is text, or wrong.
    pub effective: Vec<EffectiveValue>,
    /// What is wrong with all layers together.
    pub wrong: Vec<ConfigError>,
}

/// A value that holds, and where it is said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
pub struct EffectiveValue {
    /// Key.
    pub key: String,
    /// Value.
    #[ts(type = "unknown")]
    pub value: serde_json::Value,
    /// Where it is said.
    pub layer: LayerKind,
}

/// Where a part of the config is said, besides what is said for a plugin.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS, JsonSchema)]
#[serde(tag = "layer", rename_all = "snake_case", deny_unknown_fields)]
pub enum ConfigScope {
    /// For everything.
    Global,
    /// For everything with an interface.
    Interface {
        /// The interface, such as `publisher`.
        name: String,
    },
    /// For one version of a plugin.
    Revision {
        /// Plugin id.
        plugin: String,
        /// Version.
        version: String,
    },
    /// For the process of a plugin on this machine; it wins over its versions.
    Instance {
        /// Plugin id.
        plugin: String,
    },
}

/// What is said in one place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
pub struct ConfigLayerView {
    /// Where.
    pub scope: ConfigScope,
    /// What.
    #[ts(type = "Record<string, unknown>")]
    pub values: serde_json::Map<String, serde_json::Value>,
    /// It stands in the configuration file, and is changed there.
    pub in_file: bool,
}

/// A change of what is said in one place.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigChange {
    /// Keys and their new values; null takes one away.
    #[serde(default)]
    #[ts(type = "Record<string, unknown>")]
    pub set: serde_json::Map<String, serde_json::Value>,
    /// Keys that are taken away.
    #[serde(default)]
    pub unset: Vec<String>,
    /// Nothing else is kept.
    #[serde(default)]
    pub replace: bool,
}

/// What a change led to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
pub struct ConfigChanged {
    /// What is said there now.
    pub layer: ConfigLayerView,
    /// The plugins that take it over now, each by its operation.
    pub operations: Vec<OperationView>,
}

/// Where a package comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(tag = "from", rename_all = "snake_case", deny_unknown_fields)]
pub enum PackageSource {
    /// A file on the machine that Orrery runs on.
    File {
        /// Its path.
        path: String,
        /// Id of a program without a manifest; its file's name when not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        name: Option<String>,
    },
    /// An address; `https`, or `http` on loopback.
    Url {
        /// The address.
        url: String,
        /// Expected SHA-256, in hexadecimal.
        #[serde(default)]
        sha256: Option<String>,
    },
    /// A directory index: the newest version of a plugin that it lists.
    Index {
        /// Address or path of the index.
        index: String,
        /// Plugin id.
        plugin: String,
        /// Version; the newest when not given.
        #[serde(default)]
        version: Option<String>,
    },
    /// An upload that the gateway has received.
    Upload {
        /// Its handle.
        upload: String,
        /// Id of a program without a manifest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        name: Option<String>,
    },
}

/// What can be ordered of a plugin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(tag = "order", rename_all = "snake_case", deny_unknown_fields)]
pub enum PluginOrder {
    /// Install or upgrade from a package, whichever it is.
    Install {
        /// Where it comes from.
        source: PackageSource,
        /// Install over the same version with other content.
        #[serde(default)]
        force: bool,
    },
    /// The same, but refused when the plugin needs config that nobody gives, where an install waits for it.
    Load {
        /// Where it comes from.
        source: PackageSource,
        /// Load over the same version with other content.
        #[serde(default)]
        force: bool,
        /// Values that are laid over the plugin's own config.
        #[serde(default)]
        #[ts(type = "Record<string, unknown>")]
        config: serde_json::Map<String, serde_json::Value>,
    },
    /// Upgrade a plugin that is registered; a package of another one is refused.
    Upgrade {
        /// Plugin id.
        plugin: String,
        /// Where the package comes from.
        source: PackageSource,
        /// Put other content into the place of the same version.
        #[serde(default)]
        force: bool,
        /// Values that are laid over the plugin's own config.
        #[serde(default)]
        #[ts(type = "Record<string, unknown>")]
        config: serde_json::Map<String, serde_json::Value>,
        /// Refuse a version that needs config which nobody gives; otherwise it is put into force and waits.
        #[serde(default)]
        load: bool,
    },
    /// Back to an earlier revision that is kept.
    Rollback {
        /// Plugin id.
        plugin: String,
        /// Version; the one before when not given.
        #[serde(default)]
        version: Option<String>,
    },
    /// Remove it.
    Remove {
        /// Plugin id.
        plugin: String,
        /// Keep its state directory.
        #[serde(default)]
        keep_state: bool,
        /// Though tasks need it.
        #[serde(default)]
        force: bool,
    },
    /// Start it and keep it running.
    Start {
        /// Plugin id.
        plugin: String,
    },
    /// Stop it until it is started.
    Stop {
        /// Plugin id.
        plugin: String,
    },
    /// Stop and start it.
    Restart {
        /// Plugin id.
        plugin: String,
    },
    /// Switch it on.
    Enable {
        /// Plugin id.
        plugin: String,
    },
    /// Switch it off, also over restarts.
    Disable {
        /// Plugin id.
        plugin: String,
    },
    /// Set or clear its config: exactly one of the two, or neither to clear.
    Configure {
        /// Plugin id.
        plugin: String,
        /// Structured config.
        #[serde(default)]
        #[ts(type = "unknown")]
        structured: Option<serde_json::Value>,
        /// Config as text.
        #[serde(default)]
        text: Option<String>,
    },
    /// Take over the config as it is said now, in all layers.
    Reconfigure {
        /// Plugin id.
        plugin: String,
    },
    /// Forget a failed pending revision.
    Dismiss {
        /// Plugin id.
        plugin: String,
    },
}

/// Where an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OperationState {
    /// Waits for an earlier one of the same plugin.
    Queued,
    /// Under way.
    Running,
    /// Done.
    Done,
    /// Failed; everything it had begun is undone.
    Failed,
    /// Cancelled; everything it had begun is undone.
    Cancelled,
}

/// An operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
pub struct OperationView {
    /// Id.
    pub id: String,
    /// `install`, `upgrade`, `rollback`, `remove`, `start`, `stop`, `restart`, `enable`, `disable`, `configure`.
    pub kind: String,
    /// Plugin id; empty until a package has told.
    pub plugin: String,
    /// Where it stands.
    pub state: OperationState,
    /// Steps in order.
    pub steps: Vec<StepView>,
    /// When it was ordered, in milliseconds since the epoch.
    pub ordered_ms: i64,
    /// When it ended, in milliseconds since the epoch.
    pub ended_ms: Option<i64>,
    /// Who ordered it.
    pub user: String,
    /// How it ended: a sentence.
    pub outcome: String,
    /// Stable code of the failure, such as `checksum`; empty when there is none.
    pub code: String,
    /// Whether trying again may help.
    pub retryable: bool,
    /// Whether it can be cancelled now.
    pub cancellable: bool,
}

/// A step of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct StepView {
    /// `fetch`, `verify`, `unpack`, `start`, `switch`, `probation`, `stop`, `delete`, `commit`.
    pub id: String,
    /// `waiting`, `running`, `done`, `failed` or `skipped`.
    pub state: String,
    /// What it does or how it failed; may be empty.
    pub text: String,
    /// Bytes done, where it counts bytes.
    pub done_bytes: Option<u64>,
    /// Bytes in all, where known.
    pub total_bytes: Option<u64>,
}

/// A package or manifest in a watched directory that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct RejectedPackage {
    /// Its path.
    pub path: String,
    /// Why, and what to do.
    pub reason: String,
    /// Stable code of the failure.
    pub code: String,
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
}
