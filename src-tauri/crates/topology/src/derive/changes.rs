//! What differs between two snapshots' reports, in the terms in which topologies depend on them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use orrery_model::{Node, NodeId, Report, Topology, TopologyKind};

use crate::derive::keys;
use crate::derive::kinds::Kinds;
use crate::derive::layer::Restated;

/// Nodes for each that is looked up by id rather than found by walking over all.
const FEW: usize = 8;

/// What is different in a report than in the one before.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Nodes came or went, or say something that decides where they and others stand.
    pub(crate) shape: Kinds,
    /// Nodes say something else that decides nothing.
    pub(crate) content: Kinds,
    /// What stands beside the nodes of a topology: how they are shown, controls.
    pub(crate) records: Kinds,
    /// Names of addresses.
    pub(crate) dns: bool,
    /// Nodes say the same and come from elsewhere, or turned stale or fresh.
    pub(crate) origins: bool,
    /// What is said anew of nodes of `content`.
    pub(crate) said: Restated,
}

impl Changes {
    /// Between two reports of which the nodes in `changed` may differ, and no others.
    pub(crate) fn between(old: &Report, new: &Report, changed: &BTreeSet<(TopologyKind, NodeId)>) -> Self {
        let mut out = Changes {
            dns: old.dns != new.dns,
            ..Changes::default()
        };
        for kind in TopologyKind::ALL {
            let (was, is) = (old.topology(kind), new.topology(kind));
            if !same_records(was, is) {
                out.records.insert(kind);
            }
            let listed = || {
                changed
                    .range((kind, NodeId::default())..)
                    .take_while(|(k, _)| *k == kind)
            };
            let count = listed().count();
            let mut differing = 0;
            if count * FEW < is.nodes.len() {
                for (_, id) in listed() {
                    differing += usize::from(out.compare(kind, was.nodes.get(id), is.nodes.get(id)));
                }
            } else if count > 0 {
                differing = out.walk(kind, &was.nodes, &is.nodes);
            }
            out.origins |= differing < count;
        }
        out
    }

    /// Compares all nodes of a kind; says how many differ.
    fn walk(
        &mut self,
        kind: TopologyKind,
        was: &BTreeMap<NodeId, Arc<Node>>,
        is: &BTreeMap<NodeId, Arc<Node>>,
    ) -> usize {
        let mut differing = 0;
        let mut old = was.iter().peekable();
        for (id, node) in is {
            while old.next_if(|(other, _)| *other < id).is_some() {
                self.shape.insert(kind);
                differing += 1;
            }
            let before = old.next_if(|(other, _)| *other == id).map(|(_, node)| node);
            differing += usize::from(self.compare(kind, before, Some(node)));
        }
        let left = old.count();
        if left > 0 {
            self.shape.insert(kind);
        }
        differing + left
    }

    /// Notes how a node differs, if it does.
    fn compare(&mut self, kind: TopologyKind, was: Option<&Arc<Node>>, is: Option<&Arc<Node>>) -> bool {
        match (was, is) {
            (Some(was), Some(is)) if Arc::ptr_eq(was, is) => return false,
            (Some(was), Some(is)) if !decides(kind, was, is) => {
                self.content.insert(kind);
                self.said.note(was, is);
            }
            (None, None) => return false,
            _ => self.shape.insert(kind),
        }
        true
    }
}

/// Facts of a kind that decide where its nodes and others stand; none where everything may, as with the kinds
/// of which there are few. A prefix ends in `_`.
pub(crate) const fn deciding_facts(kind: TopologyKind) -> Option<&'static [&'static str]> {
    Some(match kind {
        TopologyKind::Process => &[
            keys::HOST_NODE_ID,
            keys::PID,
            keys::PPID,
            keys::NAME,
            keys::CONTAINER_ID,
            keys::CGROUP,
            keys::UNIT,
            keys::USER,
            keys::KERNEL_THREAD,
        ],
        TopologyKind::Endpoint => &[keys::HOST_NODE_ID, keys::PID, keys::COPY_OF],
        TopologyKind::Container => &[
            keys::HOST_NODE_ID,
            keys::CONTAINER_NAME,
            keys::CONTAINER_HOSTNAME,
            keys::CONTAINER_STATE,
            keys::CONTAINER_IN_HOST_NETWORK,
            keys::DOES_NOT_MAKE_CONNECTIONS,
            keys::IMAGE_ID,
            keys::IMAGE_NAME,
            keys::IMAGE_TAG,
            keys::LABEL_PREFIX,
        ],
        TopologyKind::Host => &[],
        _ => return None,
    })
}

/// Whether what a node says of itself differs in something that decides the shape of any topology.
fn decides(kind: TopologyKind, was: &Node, is: &Node) -> bool {
    let Some(deciding) = deciding_facts(kind) else {
        return true;
    };
    let is_deciding = |fact: &str| {
        deciding
            .iter()
            .any(|d| fact == *d || (d.ends_with('_') && fact.starts_with(d)))
    };
    was.latest.len() != is.latest.len()
        || was.latest.iter().zip(&is.latest).any(|((key, was), (other, is))| {
            key != other || (was.value != is.value && is_deciding(key))
        })
        || was.adjacency != is.adjacency
        || was.parents != is.parents
        // A process's sets are shown and no more.
        || (kind != TopologyKind::Process && was.sets != is.sets)
        || has_controls(was) != has_controls(is)
}

fn has_controls(node: &Node) -> bool {
    !node.controls().is_empty()
}

/// Whether everything but the nodes is the same.
fn same_records(was: &Topology, is: &Topology) -> bool {
    was.shape == is.shape
        && was.tag == is.tag
        && was.label == is.label
        && was.label_plural == is.label_plural
        && was.metadata_templates == is.metadata_templates
        && was.metric_templates == is.metric_templates
        && was.table_templates == is.table_templates
        && was.controls == is.controls
}
