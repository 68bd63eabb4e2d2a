//! Equal parts of nodes, held once.

use crate::{Entries, Metric, Node, SmolStr};

/// Lets a node have the parts of another where both say the same: reports mostly repeat what was said, and
/// sources of one machine say the same of what they all know. The other's metrics are told apart from it.
pub(super) fn parts(node: &mut Node, held: &Node, metrics: &Entries<Metric>) {
    text(&mut node.id, &held.id);
    text(&mut node.topology, &held.topology);
    node.latest.share(&held.latest);
    node.sets.share(&held.sets);
    node.parents.share(&held.parents);
    node.metrics.share(metrics);
    readings(&mut node.metrics, metrics);
}

/// True when two nodes say the same but for their metrics.
pub(super) fn all_but_metrics(one: &Node, other: &Node) -> bool {
    let Node {
        id,
        topology,
        latest,
        sets,
        adjacency,
        metrics: _,
        parents,
        children,
        active_controls,
        latest_controls,
    } = one;
    *id == other.id
        && *topology == other.topology
        && *latest == other.latest
        && *sets == other.sets
        && *adjacency == other.adjacency
        && *parents == other.parents
        && *children == other.children
        && *active_controls == other.active_controls
        && *latest_controls == other.latest_controls
}

/// The same for metrics one by one, where they differ as a whole.
fn readings(metrics: &mut Entries<Metric>, held: &Entries<Metric>) {
    if metrics.is_shared_with(held) {
        return;
    }
    let equal = |id: &SmolStr, metric: &Metric| {
        let held = held.get(id).map(|held| &held.samples);
        held.filter(|held| !metric.samples.is_shared_with(held) && metric.samples == **held)
    };
    // Looked for first: metrics of many nodes may be one list, which changing any would copy.
    if metrics.iter().any(|(id, metric)| equal(id, metric).is_some()) {
        for (id, metric) in metrics.iter_mut() {
            if let Some(held) = equal(id, metric) {
                metric.samples.clone_from(held);
            }
        }
    }
}

/// Short texts lie where they are named anyway.
fn text(named: &mut SmolStr, held: &SmolStr) {
    if named.is_heap_allocated() && named == held {
        named.clone_from(held);
    }
}
