//! One thing that exists: a process, a container, a host, an endpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::{Entries, Metric, Names, NodeId, SmolStr, Timestamp};

/// Owner name under which a reporter's own active controls stand in [`Node::active_controls`].
pub const OWN_CONTROLS: &str = "";

/// A value with the time at which it was true; the newest wins when reports are merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latest {
    /// When the reporter saw the value.
    pub timestamp: Timestamp,
    /// The value, always text on the wire.
    pub value: SmolStr,
}

/// State of one control in the old wire form (`latestControls`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlState {
    /// When the reporter said so.
    pub timestamp: Timestamp,
    /// True when the control is declared but not active on this node.
    pub dead: bool,
}

/// A node of a report's topology. The map that holds nodes shares them, so that an unchanged node costs
/// nothing when snapshots are derived.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Node {
    /// The id, unique within its topology.
    pub id: NodeId,
    /// Tag of the topology the reporter says the node belongs to, such as `process`; empty when not said.
    pub topology: SmolStr,
    /// Facts by key.
    pub latest: Entries<Latest>,
    /// Sets of facts by key, such as `local_networks`.
    pub sets: Entries<Names>,
    /// Ids of nodes of the same topology that this one connects to (client to server).
    pub adjacency: BTreeSet<NodeId>,
    /// Readings by metric id.
    pub metrics: Entries<Metric>,
    /// Ids of parents by topology tag.
    pub parents: Entries<Names>,
    /// Nodes that reports nest in this one (rare on the wire; derivation makes its own).
    pub children: Vec<Arc<Node>>,
    /// Active controls in the newer form (`latest.active_controls = "a;b"`), kept apart per owner: a plugin's
    /// id, or [`OWN_CONTROLS`] for what a probe reports of itself. Two owners never overwrite each other.
    pub active_controls: BTreeMap<SmolStr, (Timestamp, BTreeSet<SmolStr>)>,
    /// Controls in the old form (`latestControls`), by control id.
    pub latest_controls: BTreeMap<SmolStr, ControlState>,
}

impl Node {
    /// A node with an id and a topology tag and nothing else.
    pub fn new(id: impl Into<NodeId>, topology: &str) -> Self {
        Node {
            id: id.into(),
            topology: SmolStr::new(topology),
            ..Node::default()
        }
    }

    /// Adds a fact.
    #[must_use]
    pub fn with_latest(mut self, key: &str, timestamp: Timestamp, value: impl Into<SmolStr>) -> Self {
        self.latest.insert(
            SmolStr::new(key),
            Latest {
                timestamp,
                value: value.into(),
            },
        );
        self
    }

    /// Adds a metric.
    #[must_use]
    pub fn with_metric(mut self, id: &str, metric: Metric) -> Self {
        self.metrics.insert(SmolStr::new(id), metric);
        self
    }

    /// Adds a parent.
    #[must_use]
    pub fn with_parent(mut self, topology_tag: &str, id: impl Into<NodeId>) -> Self {
        self.parents
            .entry(SmolStr::new(topology_tag))
            .or_default()
            .insert(id.into());
        self
    }

    /// Adds an edge to another node of the same topology.
    #[must_use]
    pub fn with_adjacent(mut self, id: impl Into<NodeId>) -> Self {
        self.adjacency.insert(id.into());
        self
    }

    /// The fact under `key`, if reported.
    pub fn latest(&self, key: &str) -> Option<&str> {
        self.latest.get(key).map(|l| l.value.as_str())
    }

    /// Ids of the controls active on this node: the newer form of every owner and what the old form does
    /// not declare dead, without repetition, in order.
    pub fn controls(&self) -> BTreeSet<&str> {
        let old = self
            .latest_controls
            .iter()
            .filter(|(_, s)| !s.dead)
            .map(|(id, _)| id.as_str());
        let new = self
            .active_controls
            .values()
            .flat_map(|(_, ids)| ids.iter().map(SmolStr::as_str));
        old.chain(new).collect()
    }
}
