//! Everything the details card shows of one node.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::view::{MetadataRow, ParentRef};

/// One node in full.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct NodeDetails {
    /// Tagged id.
    pub id: String,
    /// Tag of its kind, as in [`crate::view::ViewNode::kind`].
    pub kind: String,
    /// Key of the topology it was asked in.
    pub topology: String,
    /// Major label.
    pub label: String,
    /// Minor label.
    pub label_minor: String,
    /// Key of its colour in the rank setting.
    pub rank: String,
    /// Shape name.
    pub shape: String,
    /// True when it stands for several.
    pub stack: bool,
    /// True for what no report names.
    pub pseudo: bool,
    /// Start of this incarnation, in milliseconds since the epoch, where known.
    pub started_ms: Option<i64>,
    /// As in [`crate::view::ViewNode::stale_since_ms`].
    pub stale_since_ms: Option<i64>,
    /// Sources whose reports name it.
    pub sources: Vec<String>,
    /// Facts, by priority.
    pub metadata: Vec<MetadataRow>,
    /// Metrics, by priority.
    pub metrics: Vec<DetailMetric>,
    /// Controls active on it, by rank.
    pub controls: Vec<DetailControl>,
    /// Parents.
    #[ts(as = "Vec<ParentRef>")]
    pub parents: Arc<[ParentRef]>,
    /// Tables from templates.
    pub tables: Vec<DetailTable>,
    /// Inbound, then outbound connections.
    pub connections: Vec<ConnectionTable>,
    /// Children, one table per kind.
    pub children: Vec<ChildTable>,
    /// What could not be read of it, and why; one sentence each.
    pub notes: Vec<String>,
}

/// A metric with its recent readings.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct DetailMetric {
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
    /// Newest reading, if any.
    pub value: Option<f64>,
    /// Least value it is meant to take.
    pub min: f64,
    /// Limit or greatest value.
    pub max: f64,
    /// Readings of the report window: milliseconds since the epoch, value; oldest first.
    pub samples: Vec<(i64, f64)>,
}

/// A button.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct DetailControl {
    /// Outside name, such as `iowait~switchToIdle`.
    pub id: String,
    /// Text on it.
    pub human: String,
    /// Font Awesome name as reported.
    pub icon: String,
    /// Question to ask first; set for destructive controls even when the report asks nothing.
    pub confirmation: String,
    /// Order.
    pub rank: i64,
    /// Probe that runs it.
    pub probe_id: String,
    /// True when it ends, removes or deletes something.
    pub destructive: bool,
}

/// A table made from a template.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct DetailTable {
    /// Key.
    pub id: String,
    /// Text shown.
    pub label: String,
    /// True for label and value, false for columns.
    pub property_list: bool,
    /// Columns in order: id, label, data type. Two for a property list.
    pub columns: Vec<TableColumn>,
    /// Rows of cells, as many as columns.
    pub rows: Vec<Vec<String>>,
    /// Rows left out by the limit.
    pub truncated_rows: u32,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct TableColumn {
    /// Key.
    pub id: String,
    /// Text shown.
    pub label: String,
    /// `number`, `ip`, `datetime`, `duration`, `link` or empty.
    pub data_type: String,
}

/// Inbound or outbound connections.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct ConnectionTable {
    /// `incoming` or `outgoing`.
    pub direction: String,
    /// Text shown.
    pub label: String,
    /// Rows, most connections first.
    pub rows: Vec<ConnectionRow>,
}

/// One neighbour and port.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct ConnectionRow {
    /// Key of the row.
    pub id: String,
    /// Neighbour's node id.
    pub node_id: String,
    /// Key of the topology that shows the neighbour.
    pub topology: String,
    /// Neighbour's shape.
    pub shape: String,
    /// Neighbour's tag, as in [`NodeDetails::kind`].
    pub kind: String,
    /// Text shown.
    pub label: String,
    /// Second line.
    pub label_minor: String,
    /// Far address where one side is The Internet; empty otherwise.
    pub remote: String,
    /// Server port.
    pub port: String,
    /// Connections.
    pub count: u32,
    /// Bytes per second both ways, where known.
    pub bytes_per_s: Option<f64>,
}

/// Children of one kind.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct ChildTable {
    /// Tag of the kind.
    pub kind: String,
    /// Plural label.
    pub label: String,
    /// Key of the topology that shows them.
    pub topology: String,
    /// Columns after the name.
    pub columns: Vec<TableColumn>,
    /// Rows.
    pub rows: Vec<ChildRow>,
}

/// One child.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct ChildRow {
    /// Node id.
    pub id: String,
    /// Text shown.
    pub label: String,
    /// Second line.
    pub label_minor: String,
    /// Cells by column; empty text where there is none. Metric cells are plain numbers.
    pub cells: Vec<String>,
}
