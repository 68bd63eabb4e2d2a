//! A derived view before it is boxed, placed and compared: the seam between derivation and the view state.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::info::ViewStats;
use crate::view::{MetricInfo, ViewEdge, ViewNode};

/// Everything that is in a view at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Picture {
    /// Nodes by id in ascending order; positions and boxes are not set.
    pub nodes: Vec<Arc<PictureNode>>,
    /// Edges by id in ascending order; both ends are in `nodes`.
    pub edges: Vec<ViewEdge>,
    /// Counts.
    pub stats: ViewStats,
    /// Metrics that any node carries, by priority then label.
    pub metrics: Vec<MetricInfo>,
    /// Short facts shown beside a box's label, by field and facet key, such as
    /// `("host", "tern;<host>")` → `8 cores · load 2.31`.
    pub facts: BTreeMap<(String, String), String>,
    /// Nodes that are left out because the picture would be too large.
    pub truncated_nodes: u32,
}

/// A node and what it can be boxed by.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PictureNode {
    /// The node as clients see it.
    pub node: ViewNode,
    /// Facets by field (`host`, `unit`, `namespace`, `image`, `name`, `user`, `container`, `pod`).
    pub facets: BTreeMap<String, Facet>,
}

/// One thing a node can be boxed by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Facet {
    /// Identity, such as a host's node id.
    pub key: String,
    /// Text shown.
    pub label: String,
}
