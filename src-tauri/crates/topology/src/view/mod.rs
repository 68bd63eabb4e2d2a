//! The view protocol: one picture of a topology and then what changed in it, for window and browser alike.
//!
//! A client sends a [`ViewRequest::Open`]; it receives a [`ViewMessage::Frame`] and then deltas whose
//! `base` is the sequence number it holds. On a gap it sends [`ViewRequest::Resync`]. Scope's own websocket
//! is served apart from this one.

mod diff;
mod group;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use orrery_model::SmolStr;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::info::ViewStats;
pub use crate::view::state::{Advance, ViewState};

/// Version of this protocol; a client that names another is refused.
pub const VIEW_PROTOCOL: u32 = 1;

/// What to look at. Equal specs share one derivation and one layout.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, TS, JsonSchema,
)]
#[serde(default, deny_unknown_fields)]
pub struct ViewSpec {
    /// Key of the topology, such as `processes`.
    pub topology: String,
    /// Chosen option values by option id; options not named take their default.
    pub options: BTreeMap<String, String>,
    /// Query that nodes must match; empty shows all.
    pub query: String,
    /// Fields to box nodes by, outermost first, such as `["host", "unit"]`; empty draws no boxes.
    pub group: Vec<String>,
    /// A moment in the past, in milliseconds since the epoch; none is live.
    pub at_ms: Option<i64>,
}

/// What a client sends on a view's channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ViewRequest {
    /// Look at something; replaces what the channel showed before.
    Open {
        /// [`VIEW_PROTOCOL`].
        version: u32,
        /// What to look at.
        spec: ViewSpec,
    },
    /// Send a whole frame again.
    Resync,
}

/// What a client receives on a view's channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ViewMessage {
    /// The whole picture.
    Frame(ViewFrame),
    /// What changed since the picture with sequence number `base`.
    Delta(ViewDelta),
    /// Nothing changed, and the view is alive.
    Heartbeat {
        /// Sequence number of the current picture.
        seq: u64,
        /// When the newest snapshot was published, in milliseconds since the epoch.
        at_ms: i64,
    },
    /// The view cannot be shown; the channel stays open for another [`ViewRequest::Open`].
    Failed {
        /// Stable code, such as `not_found` or `bad_query`.
        code: String,
        /// What, why and what to do.
        message: String,
    },
}

/// A whole picture.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct ViewFrame {
    /// Number of this picture, rising.
    pub seq: u64,
    /// When the snapshot was published, in milliseconds since the epoch.
    pub at_ms: i64,
    /// Nodes, by id in ascending order.
    pub nodes: Vec<Arc<ViewNode>>,
    /// Edges, by id in ascending order.
    pub edges: Vec<ViewEdge>,
    /// Boxes, parents before children.
    pub groups: Vec<ViewGroup>,
    /// Counts.
    pub stats: ViewStats,
    /// Metrics that any node carries, by priority then label.
    pub metrics: Vec<MetricInfo>,
    /// Set when limits cut the picture: how many nodes are not in it.
    pub truncated_nodes: u32,
}

/// What changed between two pictures. Added and updated entries are whole.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct ViewDelta {
    /// Picture that this applies to.
    pub base: u64,
    /// Picture that results.
    pub seq: u64,
    /// When the snapshot was published, in milliseconds since the epoch.
    pub at_ms: i64,
    /// Nodes that are new or differ.
    pub nodes: Vec<Arc<ViewNode>>,
    /// Ids of nodes that left.
    pub nodes_removed: Vec<String>,
    /// Edges that are new or differ.
    pub edges: Vec<ViewEdge>,
    /// Ids of edges that left.
    pub edges_removed: Vec<String>,
    /// All boxes, when any differs.
    pub groups: Option<Vec<ViewGroup>>,
    /// Counts.
    pub stats: ViewStats,
    /// All metrics, when any differs.
    pub metrics: Option<Vec<MetricInfo>>,
    /// As in [`ViewFrame`].
    pub truncated_nodes: u32,
}

/// A metric's name and format.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct MetricInfo {
    /// Key.
    pub id: String,
    /// Text shown.
    pub label: String,
    /// `percent`, `filesize`, `integer`, `number`, `duration` or empty.
    pub format: String,
    /// Metrics of one group share an axis.
    pub group: String,
    /// Order.
    pub priority: f64,
}

/// A node of a picture.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct ViewNode {
    /// Tagged id, such as `2299…;<container>`.
    pub id: SmolStr,
    /// Tag of its kind, such as `process`; `group:process:name` and the like for groups, `pseudo` otherwise.
    pub kind: SmolStr,
    /// Key of the topology whose details show it, such as `processes`.
    pub topology: SmolStr,
    /// Major label.
    pub label: SmolStr,
    /// Minor label.
    pub label_minor: SmolStr,
    /// Key of its colour in the rank setting: image, name, namespace.
    pub rank: SmolStr,
    /// Shape name.
    pub shape: SmolStr,
    /// True when it stands for several.
    pub stack: bool,
    /// True for what no report names: The Internet, uncontained, unmanaged.
    pub pseudo: bool,
    /// Innermost box it stands in.
    pub group: Option<String>,
    /// Centre, in layout units (CSS px at 100 %).
    pub x: f32,
    /// Centre, in layout units, growing downwards.
    pub y: f32,
    /// Last readings.
    pub metrics: Vec<ViewMetric>,
    /// Metadata rows, by priority.
    pub metadata: Vec<MetadataRow>,
    /// Parents, in the order of the parents row.
    #[ts(as = "Vec<ParentRef>")]
    pub parents: Arc<[ParentRef]>,
    /// Sources whose reports name it, such as `probe:host` or `plugin:iowait`.
    pub sources: Vec<String>,
    /// Start of this incarnation, in milliseconds since the epoch, where known.
    pub started_ms: Option<i64>,
    /// Set when no source has repeated it within its interval: when it was last seen.
    pub stale_since_ms: Option<i64>,
    /// How many nodes it stands for (1 for a plain node).
    pub count: u32,
}

/// A node's last reading of a metric.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct ViewMetric {
    /// Key into [`ViewFrame::metrics`].
    pub id: SmolStr,
    /// Reading.
    pub value: f64,
    /// Limit or greatest value; 0 when not known.
    pub max: f64,
}

/// One row of facts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct MetadataRow {
    /// Key.
    pub id: SmolStr,
    /// Text shown.
    pub label: SmolStr,
    /// Value as reported.
    pub value: SmolStr,
    /// Order; 10 and more are folded away.
    pub priority: f64,
    /// `number`, `ip`, `datetime`, `duration`, `link` or empty.
    pub data_type: SmolStr,
    /// Longest text shown in characters; 0 is no limit.
    pub truncate: u32,
}

/// A link to a parent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct ParentRef {
    /// Node id.
    pub id: SmolStr,
    /// Text shown.
    pub label: SmolStr,
    /// Key of the topology that shows it.
    pub topology: SmolStr,
}

/// A directed edge, client to server.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct ViewEdge {
    /// `<source>---<target>`.
    pub id: String,
    /// Node id.
    pub source: SmolStr,
    /// Node id.
    pub target: SmolStr,
    /// Connections that it stands for.
    pub connections: u32,
    /// Server ports, ascending, at most 16.
    pub ports: Vec<u16>,
    /// Figures summed (or averaged, as the name says) over its connections, such as
    /// `bytes_sent_per_s`, `rtt_ms_avg`.
    pub metrics: Vec<ViewMetric>,
}

/// A box around nodes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct ViewGroup {
    /// Key.
    pub id: String,
    /// Box it stands in.
    pub parent: Option<String>,
    /// Field it groups by, such as `host`.
    pub field: String,
    /// Text shown.
    pub label: String,
    /// Facts beside the label, such as `8 cores · load 2.31`; may be empty.
    pub facts: String,
    /// Left edge, in layout units.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
    /// Nodes inside, at any depth.
    pub count: u32,
}
