//! What a report does not repeat and that stays all the same until it is older than the window.
//!
//! Everything a contribution holds of a node was named by its newest mention, but for the exceptions noted
//! here, each with the time when it was named last. A source that always says everything has none.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::merge::{Joins, insert_child, joined};
use crate::{DnsRecord, Entries, Metric, Names, Node, PluginSpec, SmolStr, Timestamp, Topology, limits};

/// Where a lingering entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Name,
    Latest,
    Sets,
    Adjacency,
    Metrics,
    Parents,
    Children,
    ActiveControls,
    LatestControls,
    Controls,
    MetadataTemplates,
    MetricTemplates,
    TableTemplates,
    Dns,
    Plugins,
}

/// An entry that outlives the newest mention of what it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Linger {
    field: Field,
    key: SmolStr,
    /// The element of a set, the id of a child; empty elsewhere.
    element: SmolStr,
    pub(super) seen: Timestamp,
}

/// Entries in order of field, key and element.
pub(super) type Lingering = Vec<Linger>;

/// Moves what a report does not repeat from the older word into the newer.
pub(super) struct Carry<'a> {
    older: &'a [Linger],
    /// When the entries without exception were named last.
    older_seen: Timestamp,
    cutoff: Timestamp,
    kept: Lingering,
}

impl<'a> Carry<'a> {
    pub(super) fn new(older: &'a [Linger], older_seen: Timestamp, cutoff: Timestamp) -> Self {
        Carry {
            older,
            older_seen,
            cutoff,
            kept: Vec::new(),
        }
    }

    pub(super) fn finish(mut self) -> Lingering {
        self.kept.sort_by(|a, b| order(a, b.field, &b.key, &b.element));
        self.kept
    }

    /// True, with the entry noted, when it is young enough to stay.
    fn stays(&mut self, field: Field, key: &SmolStr, element: &SmolStr) -> bool {
        let held = self.older.binary_search_by(|l| order(l, field, key, element));
        let seen = held
            .ok()
            .and_then(|at| self.older.get(at))
            .map_or(self.older_seen, |l| l.seen);
        let stays = seen >= self.cutoff;
        if stays {
            self.kept.push(Linger {
                field,
                key: key.clone(),
                element: element.clone(),
                seen,
            });
        }
        stays
    }

    fn map<V: Clone>(
        &mut self,
        field: Field,
        newer: &mut BTreeMap<SmolStr, V>,
        older: &BTreeMap<SmolStr, V>,
    ) {
        for (key, value) in older {
            if !newer.contains_key(key) && self.stays(field, key, &SmolStr::default()) {
                newer.insert(key.clone(), value.clone());
            }
        }
    }

    fn entries<V: Clone>(&mut self, field: Field, newer: &mut Entries<V>, older: &Entries<V>) {
        let mut kept = Vec::new();
        for (key, value) in older {
            if !newer.contains_key(key) && self.stays(field, key, &SmolStr::default()) {
                kept.push((key.clone(), value.clone()));
            }
        }
        if !kept.is_empty() {
            newer.extend(kept);
        }
    }

    fn set(&mut self, field: Field, key: &SmolStr, newer: &mut BTreeSet<SmolStr>, older: &BTreeSet<SmolStr>) {
        for element in older {
            if !newer.contains(element) && self.stays(field, key, element) {
                newer.insert(element.clone());
            }
        }
    }

    fn sets(&mut self, field: Field, newer: &mut Entries<Names>, older: &Entries<Names>) {
        let mut kept = Vec::new();
        for (key, set) in older {
            let named = newer.get(key);
            if named.is_some_and(|named| named == set) {
                continue;
            }
            let more: Vec<SmolStr> = set
                .iter()
                .filter(|name| !named.is_some_and(|named| named.contains(name)))
                .filter(|name| self.stays(field, key, name))
                .cloned()
                .collect();
            match newer.get_mut(key) {
                _ if more.is_empty() => {}
                Some(named) => named.extend(more),
                None if more.len() == set.len() => kept.push((key.clone(), set.clone())),
                None => kept.push((key.clone(), more.into())),
            }
        }
        if !kept.is_empty() {
            newer.extend(kept);
        }
    }

    fn name(&mut self, key: &'static str, newer: &mut SmolStr, older: &SmolStr) {
        if newer.is_empty()
            && !older.is_empty()
            && self.stays(Field::Name, &SmolStr::new_static(key), &SmolStr::default())
        {
            newer.clone_from(older);
        }
    }

    /// Metrics that are not repeated.
    pub(super) fn metrics(&mut self, newer: &mut Entries<Metric>, older: &Entries<Metric>) {
        self.entries(Field::Metrics, newer, older);
    }

    /// Everything of a node that is not repeated. A node that says anything of its controls says all of them.
    /// The older one's metrics are told apart from it.
    pub(super) fn node(&mut self, newer: &mut Node, older: &Node, metrics: &Entries<Metric>) {
        let says_controls = !newer.active_controls.is_empty() || !newer.latest_controls.is_empty();
        self.name("topology", &mut newer.topology, &older.topology);
        self.entries(Field::Latest, &mut newer.latest, &older.latest);
        self.sets(Field::Sets, &mut newer.sets, &older.sets);
        self.set(
            Field::Adjacency,
            &SmolStr::default(),
            &mut newer.adjacency,
            &older.adjacency,
        );
        self.metrics(&mut newer.metrics, metrics);
        self.sets(Field::Parents, &mut newer.parents, &older.parents);
        for child in &older.children {
            let known = newer
                .children
                .iter()
                .any(|c| c.id == child.id && c.topology == child.topology);
            if !known && self.stays(Field::Children, &child.topology, &child.id) {
                insert_child(&mut newer.children, child.clone());
            }
        }
        if !says_controls {
            self.map(
                Field::ActiveControls,
                &mut newer.active_controls,
                &older.active_controls,
            );
            self.map(
                Field::LatestControls,
                &mut newer.latest_controls,
                &older.latest_controls,
            );
        }
    }

    /// Everything of a topology but its nodes that is not repeated.
    pub(super) fn records(&mut self, newer: &mut Topology, older: &Topology) {
        self.name("shape", &mut newer.shape, &older.shape);
        self.name("tag", &mut newer.tag, &older.tag);
        self.name("label", &mut newer.label, &older.label);
        self.name("label_plural", &mut newer.label_plural, &older.label_plural);
        self.map(Field::Controls, &mut newer.controls, &older.controls);
        self.map(
            Field::MetadataTemplates,
            &mut newer.metadata_templates,
            &older.metadata_templates,
        );
        self.map(
            Field::MetricTemplates,
            &mut newer.metric_templates,
            &older.metric_templates,
        );
        self.map(
            Field::TableTemplates,
            &mut newer.table_templates,
            &older.table_templates,
        );
    }

    pub(super) fn dns(
        &mut self,
        newer: &mut BTreeMap<SmolStr, DnsRecord>,
        older: &BTreeMap<SmolStr, DnsRecord>,
    ) {
        self.map(Field::Dns, newer, older);
    }

    /// Plugins by id, kept in order of it.
    pub(super) fn plugins(&mut self, newer: &mut Vec<PluginSpec>, older: &[PluginSpec]) {
        for plugin in older {
            let known = newer.iter().any(|p| p.id == plugin.id);
            if !known && self.stays(Field::Plugins, &plugin.id, &SmolStr::default()) {
                newer.push(plugin.clone());
            }
        }
        newer.sort_by(|a, b| a.id.cmp(&b.id));
    }
}

fn order(linger: &Linger, field: Field, key: &SmolStr, element: &SmolStr) -> Ordering {
    linger
        .field
        .cmp(&field)
        .then_with(|| linger.key.cmp(key))
        .then_with(|| linger.element.cmp(element))
}

/// When the oldest of these entries was named last.
pub(super) fn first_seen(lingering: &Lingering) -> Timestamp {
    lingering
        .iter()
        .map(|l| l.seen)
        .min()
        .unwrap_or(Timestamp(i64::MAX))
}

/// Splits off the entries named last before `cutoff`.
pub(super) fn split_expired(lingering: &mut Lingering, cutoff: Timestamp) -> Vec<Linger> {
    if lingering.iter().all(|l| l.seen >= cutoff) {
        return Vec::new();
    }
    let (kept, expired) = std::mem::take(lingering)
        .into_iter()
        .partition(|l| l.seen >= cutoff);
    *lingering = kept;
    expired
}

/// Removes expired entries from a node.
pub(super) fn strip_node(node: &mut Arc<Node>, expired: &[Linger]) {
    let node = Arc::make_mut(node);
    let mut emptied = false;
    for Linger {
        field, key, element, ..
    } in expired
    {
        match field {
            Field::Name => node.topology = SmolStr::default(),
            Field::Sets => emptied |= remove_element(&mut node.sets, key, element),
            Field::Adjacency => drop(node.adjacency.remove(element)),
            Field::Parents => emptied |= remove_element(&mut node.parents, key, element),
            Field::Children => node.children.retain(|c| c.topology != *key || c.id != *element),
            Field::ActiveControls => drop(node.active_controls.remove(key)),
            Field::LatestControls => drop(node.latest_controls.remove(key)),
            _ => {}
        }
    }
    remove_entries(&mut node.latest, Field::Latest, expired);
    remove_entries(&mut node.metrics, Field::Metrics, expired);
    if emptied {
        node.sets.retain(|_, set| !set.is_empty());
        node.parents.retain(|_, set| !set.is_empty());
    }
}

/// Removes all expired entries of a field at once.
fn remove_entries<V: Clone>(entries: &mut Entries<V>, field: Field, expired: &[Linger]) {
    // They are in order of field and key.
    let from = expired.partition_point(|l| l.field < field);
    let to = expired.partition_point(|l| l.field <= field);
    let Some(gone) = expired.get(from..to).filter(|gone| !gone.is_empty()) else {
        return;
    };
    entries.retain(|key, _| gone.binary_search_by(|l| l.key.cmp(key)).is_err());
}

/// Removes an element of a set; true when that was the last one.
fn remove_element(sets: &mut Entries<Names>, key: &SmolStr, element: &SmolStr) -> bool {
    let Some(set) = sets.get_mut(key) else {
        return false;
    };
    set.remove(element);
    set.is_empty()
}

/// Removes expired entries from a topology.
pub(super) fn strip_records(topology: &mut Topology, expired: &[Linger]) {
    for Linger { field, key, .. } in expired {
        match field {
            Field::Name => match key.as_str() {
                "shape" => topology.shape = SmolStr::default(),
                "tag" => topology.tag = SmolStr::default(),
                "label" => topology.label = SmolStr::default(),
                _ => topology.label_plural = SmolStr::default(),
            },
            Field::Controls => drop(topology.controls.remove(key)),
            Field::MetadataTemplates => drop(topology.metadata_templates.remove(key)),
            Field::MetricTemplates => drop(topology.metric_templates.remove(key)),
            Field::TableTemplates => drop(topology.table_templates.remove(key)),
            _ => {}
        }
    }
}

/// Removes expired DNS records and plugins.
pub(super) fn strip_head(
    dns: &mut BTreeMap<SmolStr, DnsRecord>,
    plugins: &mut Vec<PluginSpec>,
    expired: &[Linger],
) {
    for Linger { field, key, .. } in expired {
        match field {
            Field::Dns => drop(dns.remove(key)),
            Field::Plugins => plugins.retain(|p| p.id != *key),
            _ => {}
        }
    }
}

/// Puts the older readings of a metric before the newer, as far as they lie within the window around the
/// newest one. The reporter's own clock counts here, so that a clock that is wrong, or set, does no harm.
/// A range that changes widens to what is kept: where a reporter gives each reading as its own range, as
/// Scope's probes do, the range is that of the window. One that stays is a limit, which readings may exceed.
pub(super) fn accumulate(newer: &mut Metric, older: &Metric, span_ns: i64, joins: &mut Joins) {
    let newest = newer.samples.last().or(older.samples.last()).map(|s| s.date.0);
    let Some(newest) = newest else { return };
    let (from, to) = (newest.saturating_sub(span_ns), newest.saturating_add(span_ns));
    let start = older.samples.partition_point(|s| s.date.0 < from);
    let end = older.samples.partition_point(|s| s.date.0 <= to);
    let room = limits::SAMPLES_KEPT.saturating_sub(newer.samples.len());
    let start = start.max(end.saturating_sub(room));
    let Some(kept) = older.samples.get(start..end).filter(|kept| !kept.is_empty()) else {
        return;
    };
    newer.samples = joins.of(&older.samples, &newer.samples, || {
        // Most reports repeat what is held word for word, but for the oldest, and have something to add.
        let repeated = newer.samples.first().map_or(Timestamp(i64::MAX), |s| s.date);
        let (before, repeated) = kept.split_at(kept.partition_point(|s| s.date < repeated));
        if !newer.samples.starts_with(repeated) {
            joined(kept, &newer.samples)
        } else if before.is_empty() {
            newer.samples.clone()
        } else {
            before.iter().chain(newer.samples.iter()).copied().collect()
        }
    });
    let (min_moves, max_moves) = (newer.min != older.min, newer.max != older.max);
    for sample in kept {
        if min_moves {
            newer.min = newer.min.min(sample.value);
        }
        if max_moves {
            newer.max = newer.max.max(sample.value);
        }
    }
}
