//! A whole report.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::{
    Control, MetadataTemplate, MetricTemplate, Node, NodeId, SmolStr, TableTemplate, Timestamp, TopologyKind,
};

/// Nodes of one kind and how to show them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Topology {
    /// Shape name, such as `hexagon`; empty when not said.
    pub shape: SmolStr,
    /// Adornment of the shape, such as `camera`.
    pub tag: SmolStr,
    /// Singular label.
    pub label: SmolStr,
    /// Plural label.
    pub label_plural: SmolStr,
    /// Nodes by id.
    pub nodes: BTreeMap<NodeId, Arc<Node>>,
    /// Controls by id.
    pub controls: BTreeMap<SmolStr, Control>,
    /// Metadata rows by key.
    pub metadata_templates: BTreeMap<SmolStr, MetadataTemplate>,
    /// Metrics by key.
    pub metric_templates: BTreeMap<SmolStr, MetricTemplate>,
    /// Tables by key.
    pub table_templates: BTreeMap<SmolStr, TableTemplate>,
}

impl Topology {
    /// Adds a node under its own id, replacing one that is there.
    pub fn insert(&mut self, node: Node) {
        self.nodes.insert(node.id.clone(), Arc::new(node));
    }
}

/// Names seen for an address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DnsRecord {
    /// Names that resolved to it.
    pub forward: BTreeSet<SmolStr>,
    /// Names it resolves back to.
    pub reverse: BTreeSet<SmolStr>,
}

/// How many of the connections seen are in the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sampling {
    /// Connections reported.
    pub count: u64,
    /// Connections seen.
    pub total: u64,
}

/// What a plugin says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PluginSpec {
    /// Its id, the same as its socket's file name.
    pub id: SmolStr,
    /// Name shown.
    pub label: SmolStr,
    /// One sentence.
    pub description: SmolStr,
    /// `reporter`, `controller`, and whatever else it names.
    pub interfaces: Vec<SmolStr>,
    /// Protocol version, `1`.
    pub api_version: SmolStr,
    /// `ok` or `error: …`, set by the host; a plugin's own word is ignored.
    pub status: SmolStr,
}

/// Everything one source, or all of them merged, says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// When it was made.
    pub ts: Timestamp,
    /// Topologies that hold anything.
    pub topologies: BTreeMap<TopologyKind, Topology>,
    /// Names by address.
    pub dns: BTreeMap<SmolStr, DnsRecord>,
    /// How complete the connections are.
    pub sampling: Sampling,
    /// Span that it covers, in nanoseconds.
    pub window_ns: i64,
    /// True for a report sent between ticks that carries only what changed.
    pub shortcut: bool,
    /// Plugins, one in a plugin's own report.
    pub plugins: Vec<PluginSpec>,
    /// Identity of the report.
    pub id: SmolStr,
}

static EMPTY: Topology = Topology {
    shape: SmolStr::new_static(""),
    tag: SmolStr::new_static(""),
    label: SmolStr::new_static(""),
    label_plural: SmolStr::new_static(""),
    nodes: BTreeMap::new(),
    controls: BTreeMap::new(),
    metadata_templates: BTreeMap::new(),
    metric_templates: BTreeMap::new(),
    table_templates: BTreeMap::new(),
};

impl Report {
    /// The topology of this kind; an empty one when the report has none.
    pub fn topology(&self, kind: TopologyKind) -> &Topology {
        self.topologies.get(&kind).unwrap_or(&EMPTY)
    }

    /// The topology of this kind, made when missing.
    pub fn topology_mut(&mut self, kind: TopologyKind) -> &mut Topology {
        self.topologies.entry(kind).or_default()
    }

    /// The node with this id in the topology of this kind.
    pub fn node(&self, kind: TopologyKind, id: &str) -> Option<&Arc<Node>> {
        self.topology(kind).nodes.get(id)
    }

    /// Number of nodes in all topologies.
    pub fn node_count(&self) -> usize {
        self.topologies.values().map(|t| t.nodes.len()).sum()
    }
}
