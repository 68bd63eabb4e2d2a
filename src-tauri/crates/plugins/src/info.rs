//! What is shown of a plugin.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Where a socket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PluginState {
    /// Found, not answered yet.
    Connecting,
    /// The last call was good.
    Ok,
    /// The last call failed; it is called again after a back-off.
    Failing,
    /// Its file name is not a valid id, or its owner is not trusted; it is not called.
    Rejected,
    /// Another socket had the id first; it is not called.
    Conflict,
}

/// A plugin, or a socket that is not one, as shown in lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct PluginInfo {
    /// Id from the file name (the whole file name when that is not a valid id).
    pub id: String,
    /// Path of the socket.
    pub path: String,
    /// Where it stands.
    pub state: PluginState,
    /// `ok` or `error: …`, in Scope's words.
    pub status: String,
    /// Name it gives itself; the id until it has.
    pub label: String,
    /// Its sentence.
    pub description: String,
    /// Interfaces it names.
    pub interfaces: Vec<String>,
    /// Protocol version it names.
    pub api_version: String,
    /// When the last good report came, in milliseconds since the epoch.
    pub last_report_ms: Option<i64>,
    /// How long the last call took, in microseconds.
    pub latency_us: Option<u64>,
    /// Size of the last report, in bytes.
    pub report_bytes: Option<u64>,
    /// Nodes in the last report.
    pub report_nodes: Option<u32>,
    /// Failed calls in a row.
    pub failures: u32,
    /// When it is called next after a failure, in milliseconds since the epoch.
    pub next_attempt_ms: Option<i64>,
    /// Things to know that are not errors, such as an unreadable timestamp; at most 8.
    pub warnings: Vec<String>,
    /// For a conflict: path of the socket that has the id.
    pub conflicts_with: Option<String>,
}

/// A directory below which sockets are looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RootInfo {
    /// Its path.
    pub path: std::path::PathBuf,
    /// Whether it is there.
    pub exists: bool,
    /// What should be known of it: that anyone may write to it, that it cannot be read or watched, that it
    /// holds more than is looked at.
    pub warning: Option<String>,
}
