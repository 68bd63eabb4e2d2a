//! What changed between two pictures, and applying it.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::view::{ViewDelta, ViewEdge, ViewFrame, ViewNode};

/// What has an id and is listed by it in ascending order.
trait Listed: PartialEq + Clone {
    fn id(&self) -> &str;

    /// Whether both show the same.
    fn is(&self, other: &Self) -> bool {
        self == other
    }
}

impl Listed for Arc<ViewNode> {
    fn id(&self) -> &str {
        &self.id
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(self, other) || self == other
    }
}

impl Listed for ViewEdge {
    fn id(&self) -> &str {
        &self.id
    }
}

/// The delta that turns `old` into `new`, or nothing where they show the same.
pub(crate) fn diff(old: &ViewFrame, new: &ViewFrame) -> Option<ViewDelta> {
    let (nodes, nodes_removed) = changes(&old.nodes, &new.nodes);
    let (edges, edges_removed) = changes(&old.edges, &new.edges);
    let groups = (old.groups != new.groups).then(|| new.groups.clone());
    let metrics = (old.metrics != new.metrics).then(|| new.metrics.clone());
    let same = nodes.is_empty()
        && nodes_removed.is_empty()
        && edges.is_empty()
        && edges_removed.is_empty()
        && groups.is_none()
        && metrics.is_none()
        && old.stats == new.stats
        && old.truncated_nodes == new.truncated_nodes;
    (!same).then_some(ViewDelta {
        base: old.seq,
        seq: new.seq,
        at_ms: new.at_ms,
        nodes,
        nodes_removed,
        edges,
        edges_removed,
        groups,
        stats: new.stats,
        metrics,
        truncated_nodes: new.truncated_nodes,
    })
}

/// Entries that are new or differ, and the ids of those that left.
fn changes<T: Listed>(old: &[T], new: &[T]) -> (Vec<T>, Vec<String>) {
    let mut changed = Vec::new();
    let mut removed = Vec::new();
    let (mut o, mut n) = (0, 0);
    while o < old.len() || n < new.len() {
        let order = match (old.get(o), new.get(n)) {
            (Some(old), Some(new)) => old.id().cmp(new.id()),
            (Some(_), None) => Ordering::Less,
            _ => Ordering::Greater,
        };
        match order {
            Ordering::Less => {
                removed.push(old[o].id().to_owned());
                o += 1;
            }
            Ordering::Greater => {
                changed.push(new[n].clone());
                n += 1;
            }
            Ordering::Equal => {
                if !old[o].is(&new[n]) {
                    changed.push(new[n].clone());
                }
                o += 1;
                n += 1;
            }
        }
    }
    (changed, removed)
}

impl ViewFrame {
    /// Makes this the picture that the delta results in. False, and nothing is done, when the delta builds on
    /// another picture: the client then asks for a whole frame.
    pub fn apply(&mut self, delta: &ViewDelta) -> bool {
        if delta.base != self.seq {
            return false;
        }
        self.seq = delta.seq;
        self.at_ms = delta.at_ms;
        apply(&mut self.nodes, &delta.nodes, &delta.nodes_removed);
        apply(&mut self.edges, &delta.edges, &delta.edges_removed);
        if let Some(groups) = &delta.groups {
            self.groups.clone_from(groups);
        }
        if let Some(metrics) = &delta.metrics {
            self.metrics.clone_from(metrics);
        }
        self.stats = delta.stats;
        self.truncated_nodes = delta.truncated_nodes;
        true
    }
}

fn apply<T: Listed>(entries: &mut Vec<T>, changed: &[T], removed: &[String]) {
    entries.retain(|e| removed.binary_search_by(|id| id.as_str().cmp(e.id())).is_err());
    let mut added = Vec::new();
    for entry in changed {
        match entries.binary_search_by(|e| e.id().cmp(entry.id())) {
            Ok(at) => entries[at] = entry.clone(),
            Err(_) => added.push(entry.clone()),
        }
    }
    if !added.is_empty() {
        entries.append(&mut added);
        entries.sort_by(|a, b| a.id().cmp(b.id()));
    }
}
