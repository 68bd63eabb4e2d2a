//! The list of topologies that can be shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A topology that can be shown, with its options and how much is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct TopologyInfo {
    /// Key, such as `containers-by-image`.
    pub id: String,
    /// The topology this one is a variant of, such as `containers`.
    pub parent: Option<String>,
    /// Text shown, such as `by image`.
    pub name: String,
    /// Tag of the kind of its nodes, such as `container_image`; `everything` for the mixed view.
    pub kind: String,
    /// Shape of its nodes, such as `hexagon`.
    pub shape: String,
    /// Order among the topologies without a parent.
    pub rank: u32,
    /// Left out of the list while nothing is in it.
    pub hide_if_empty: bool,
    /// Filters, in order.
    pub options: Vec<TopologyOption>,
    /// How much is in it.
    pub stats: ViewStats,
    /// What is not in it, by reason: what options take away, and what the rules of this and of the topologies
    /// below leave out. [`ViewStats::filtered_nodes`] counts less, as Scope does.
    #[serde(default)]
    #[ts(as = "Option<Vec<FilteredBy>>", optional)]
    pub filtered: Vec<FilteredBy>,
}

/// Nodes that are not in a topology for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct FilteredBy {
    /// Key of the reason: an option, such as `system`, or a rule, such as `unnamed`.
    pub what: String,
    /// Text shown.
    pub label: String,
    /// How many.
    pub nodes: u32,
}

/// A filter of a topology.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct TopologyOption {
    /// Key, such as `system`.
    pub id: String,
    /// Value used when none is chosen.
    pub default_value: String,
    /// `one`, or `union` where several values (comma separated) may hold.
    pub select_type: String,
    /// Label of "none chosen" of a union, such as `All Namespaces`.
    pub none_label: String,
    /// Values, in order.
    pub values: Vec<OptionValue>,
}

/// A value of a filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct OptionValue {
    /// Key.
    pub value: String,
    /// Text shown.
    pub label: String,
}

/// Counts of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct ViewStats {
    /// Nodes shown.
    pub node_count: u32,
    /// Nodes shown that a report names (not The Internet, uncontained and the like).
    pub nonpseudo_node_count: u32,
    /// Directed edges shown.
    pub edge_count: u32,
    /// Nodes that options took away.
    pub filtered_nodes: u32,
}
