//! Joining what two reports say of one node.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::canonical::compare;
use super::samples::{Joins, merge_metric};
use crate::{ControlState, Entries, Latest, Metric, Node, SmolStr};

impl Node {
    /// Joins what `other` says of the same node into this one: the newest fact and control state per key, the
    /// newest active controls per owner, the union of everything else. Two names of the topology are a
    /// mistake of a reporter; the larger stays, so that the outcome does not depend on the order.
    pub fn merge(&mut self, other: &Node) {
        self.merge_with(other, &mut Joins::default());
    }

    /// [`Self::merge`] of many nodes that share readings.
    fn merge_with(&mut self, other: &Node, joins: &mut Joins) {
        raise(&mut self.id, &other.id);
        raise(&mut self.topology, &other.topology);
        join_entries(&mut self.latest, &other.latest, merge_latest);
        join_entries(&mut self.sets, &other.sets, |held, set| {
            held.extend(set.iter().cloned());
        });
        self.adjacency.extend(other.adjacency.iter().cloned());
        join_metrics(&mut self.metrics, &other.metrics, joins);
        join_entries(&mut self.parents, &other.parents, |held, ids| {
            held.extend(ids.iter().cloned());
        });
        for child in &other.children {
            insert_child(&mut self.children, child.clone());
        }
        join(&mut self.active_controls, &other.active_controls, |held, said| {
            let order = said.0.cmp(&held.0);
            if order.is_gt() || (order.is_eq() && wins(&joined(&said.1), &joined(&held.1))) {
                held.clone_from(said);
            }
        });
        join(&mut self.latest_controls, &other.latest_controls, |held, said| {
            let rank = |state: &ControlState| (state.timestamp, state.dead);
            if rank(said) > rank(held) {
                *held = *said;
            }
        });
    }
}

/// Active controls as they stand on the wire.
fn joined(ids: &BTreeSet<SmolStr>) -> String {
    ids.iter().map(SmolStr::as_str).collect::<Vec<_>>().join(";")
}

fn join_metrics(held: &mut Entries<Metric>, other: &Entries<Metric>, joins: &mut Joins) {
    if let Some(joined) = joins.metrics.get(held, other) {
        *held = joined;
        return;
    }
    let before = held.is_shared().then(|| held.clone());
    join_entries(held, other, |held, metric| merge_metric(held, metric, joins));
    if let Some(before) = before {
        joins.metrics.put(&before, other, held);
    }
}

/// Joins two lists of entries key by key. What is missing is added at once; joining the same is no change.
fn join_entries<V: Clone + PartialEq>(
    held: &mut Entries<V>,
    other: &Entries<V>,
    mut merge: impl FnMut(&mut V, &V),
) {
    if held.is_empty() {
        held.clone_from(other);
    }
    if held == other {
        return;
    }
    let mut missing = Vec::new();
    for (key, value) in other {
        match held.get_mut(key) {
            Some(held) => merge(held, value),
            None => missing.push((key.clone(), value.clone())),
        }
    }
    if !missing.is_empty() {
        held.extend(missing);
    }
}

/// Joins two maps key by key.
pub(super) fn join<V: Clone>(
    held: &mut BTreeMap<SmolStr, V>,
    other: &BTreeMap<SmolStr, V>,
    mut merge: impl FnMut(&mut V, &V),
) {
    for (key, value) in other {
        match held.entry(key.clone()) {
            Entry::Vacant(free) => {
                free.insert(value.clone());
            }
            Entry::Occupied(mut entry) => merge(entry.get_mut(), value),
        }
    }
}

/// Keeps the larger of two names; an empty one yields to any.
pub(super) fn raise(held: &mut SmolStr, other: &SmolStr) {
    if other > held {
        held.clone_from(other);
    }
}

fn merge_latest(held: &mut Latest, other: &Latest) {
    let order = other.timestamp.cmp(&held.timestamp);
    if order
        .then_with(|| compare::<str>(&other.value, &held.value))
        .is_gt()
    {
        held.clone_from(other);
    }
}

/// True when the JSON of `other` is the larger one.
fn wins(other: &str, held: &str) -> bool {
    other != held && compare::<str>(other, held).is_gt()
}

/// Adds a nested node in its place by topology and id, joined with the one that is there.
pub(crate) fn insert_child(children: &mut Vec<Arc<Node>>, child: Arc<Node>) {
    let place = children.binary_search_by(|held| {
        held.topology
            .cmp(&child.topology)
            .then_with(|| held.id.cmp(&child.id))
    });
    match place {
        Ok(at) => merge_shared(&mut children[at], &child, &mut Joins::default()),
        Err(at) => children.insert(at, child),
    }
}

/// Joins readings into a shared node, which is copied only if that changes it for others.
pub(crate) fn merge_metrics(held: &mut Arc<Node>, other: &Entries<Metric>, joins: &mut Joins) {
    if !held.metrics.is_shared_with(other) {
        join_metrics(&mut Arc::make_mut(held).metrics, other, joins);
    }
}

/// Joins a shared node, which is copied only if that changes it for others.
pub(crate) fn merge_shared(held: &mut Arc<Node>, other: &Arc<Node>, joins: &mut Joins) {
    if !Arc::ptr_eq(held, other) {
        Arc::make_mut(held).merge_with(other, joins);
    }
}
