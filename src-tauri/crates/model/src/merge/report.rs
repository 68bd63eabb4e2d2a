//! Joining whole reports.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::canonical::{compare, keep_larger};
use super::node::{join, merge_shared, raise};
use super::samples::Joins;
use crate::{Control, PluginSpec, Report, SmolStr, Timestamp, Topology};

impl Report {
    /// Joins what `other` says into this report. Nodes that one side alone names stay shared with it.
    ///
    /// The earliest time counts, [`Timestamp::ZERO`] being none; `window_ns` is summed.
    pub fn merge(&mut self, other: &Report) {
        merge_times(self, other);
        for (kind, topology) in &other.topologies {
            match self.topologies.entry(*kind) {
                Entry::Vacant(free) => {
                    free.insert(topology.clone());
                }
                Entry::Occupied(mut held) => held.get_mut().merge(topology),
            }
        }
        merge_dns(self, other);
        self.window_ns = self.window_ns.saturating_add(other.window_ns);
        self.shortcut |= other.shortcut;
        merge_plugins(&mut self.plugins, &other.plugins);
        raise(&mut self.id, &other.id);
    }
}

impl Topology {
    /// Joins what `other` says of the same kind: nodes as [`crate::Node::merge`], the control declared last,
    /// the template of the highest priority.
    pub fn merge(&mut self, other: &Topology) {
        let mut joins = Joins::default();
        for (id, node) in &other.nodes {
            match self.nodes.entry(id.clone()) {
                Entry::Vacant(free) => {
                    free.insert(node.clone());
                }
                Entry::Occupied(mut held) => merge_shared(held.get_mut(), node, &mut joins),
            }
        }
        merge_records(self, other);
    }
}

/// Joins everything of a topology but its nodes.
pub(crate) fn merge_records(held: &mut Topology, other: &Topology) {
    raise(&mut held.shape, &other.shape);
    raise(&mut held.tag, &other.tag);
    raise(&mut held.label, &other.label);
    raise(&mut held.label_plural, &other.label_plural);
    join(&mut held.controls, &other.controls, merge_control);
    join(&mut held.metadata_templates, &other.metadata_templates, |a, b| {
        prefer(a, b, b.priority.total_cmp(&a.priority));
    });
    join(&mut held.metric_templates, &other.metric_templates, |a, b| {
        prefer(a, b, b.priority.total_cmp(&a.priority));
    });
    join(&mut held.table_templates, &other.table_templates, keep_larger);
}

/// Replaces `held` when `order` says that `other` is greater, or when it wins the tie.
fn prefer<T>(held: &mut T, other: &T, order: Ordering)
where
    T: crate::encode::Canonical + Clone + PartialEq,
{
    match order {
        Ordering::Greater => held.clone_from(other),
        Ordering::Equal => keep_larger(held, other),
        Ordering::Less => {}
    }
}

fn merge_control(held: &mut Control, other: &Control) {
    let order = other.declared.cmp(&held.declared);
    if order.then_with(|| compare(other, held)).is_gt() {
        held.clone_from(other);
    }
}

/// Joins the time and the completeness of connections.
pub(crate) fn merge_times(held: &mut Report, other: &Report) {
    held.ts = match (held.ts, other.ts) {
        (Timestamp::ZERO, ts) | (ts, Timestamp::ZERO) => ts,
        (a, b) => a.min(b),
    };
    held.sampling.count = held.sampling.count.max(other.sampling.count);
    held.sampling.total = held.sampling.total.max(other.sampling.total);
}

/// Joins the names of addresses.
pub(crate) fn merge_dns(held: &mut Report, other: &Report) {
    join(&mut held.dns, &other.dns, |names, said| {
        names.forward.extend(said.forward.iter().cloned());
        names.reverse.extend(said.reverse.iter().cloned());
    });
}

/// Plugins by id, in order of id.
pub(crate) fn merge_plugins(held: &mut Vec<PluginSpec>, other: &[PluginSpec]) {
    if other.is_empty() {
        return;
    }
    let mut by_id: BTreeMap<SmolStr, PluginSpec> = BTreeMap::new();
    for plugin in held.drain(..).chain(other.iter().cloned()) {
        match by_id.entry(plugin.id.clone()) {
            Entry::Vacant(free) => {
                free.insert(plugin);
            }
            Entry::Occupied(mut entry) => keep_larger(entry.get_mut(), &plugin),
        }
    }
    held.extend(by_id.into_values());
}
