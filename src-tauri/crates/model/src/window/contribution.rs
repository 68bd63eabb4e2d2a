//! What one source says, newest word first, within the window.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::linger::{self, Carry, Lingering};
use super::origins::Presence;
use super::{Completeness, SourceId, share};
use crate::merge::{Joins, merge_plugins};
use crate::{Entries, Metric, Node, NodeId, Report, Timestamp, Topology, TopologyKind, limits};

/// Partial reports that a source may leave a node out of before it counts as stale: Scope's probes send
/// everything with every third report and otherwise what changed.
const REPORTS_BEFORE_STALE: usize = 3;

/// The contribution of one source.
#[derive(Debug, Default)]
pub(super) struct Contribution {
    kinds: BTreeMap<TopologyKind, Part>,
    head: Report,
    head_seen: Timestamp,
    head_lingering: Lingering,
    node_count: usize,
    heard: Timestamp,
    /// When the last whole report came.
    said_all: Timestamp,
    /// Times of the last partial reports, oldest first.
    recent: Vec<Timestamp>,
    fresh_after: Timestamp,
    gone: bool,
    /// True while some node was last named by a whole report.
    whole: bool,
    /// No entry was named last before this.
    oldest: Timestamp,
}

/// What a source says of one topology.
#[derive(Debug, Default)]
struct Part {
    nodes: BTreeMap<NodeId, Held>,
    /// Everything but nodes.
    records: Topology,
    records_seen: Timestamp,
    records_lingering: Lingering,
}

/// A node as the source has it.
#[derive(Debug)]
struct Held {
    node: Arc<Node>,
    /// When it was named last.
    seen: Timestamp,
    /// How the origins have it: see [`super::origins::Mention::seen`].
    mentioned: Option<Timestamp>,
    lingering: Lingering,
}

/// What became different.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// A report came, so that times of origins change.
    pub(super) heard: bool,
    pub(super) nodes: Vec<(TopologyKind, Vec<Touched>)>,
    /// Nodes that turned stale or fresh without being named.
    pub(super) restated: Vec<(TopologyKind, NodeId)>,
    pub(super) records: BTreeSet<TopologyKind>,
    pub(super) heads: HeadChanges,
}

impl Step {
    pub(super) fn says_anything_new(&self) -> bool {
        !self.nodes.is_empty() || !self.restated.is_empty() || !self.records.is_empty() || self.heads.any()
    }
}

/// What became different beside the topologies.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct HeadChanges {
    pub(super) times: bool,
    pub(super) dns: bool,
    pub(super) plugins: bool,
}

impl HeadChanges {
    pub(super) fn any(self) -> bool {
        self.times || self.dns || self.plugins
    }
}

/// A node that the source names differently.
#[derive(Debug)]
pub(super) struct Touched {
    pub(super) id: NodeId,
    pub(super) change: Change,
}

/// How.
#[derive(Debug)]
pub(super) enum Change {
    /// It says something else of it; and when, as [`super::origins::Mention::seen`].
    Said(Arc<Node>, Option<Timestamp>),
    /// It says the same at another time.
    Seen(Option<Timestamp>),
    /// It does not name it any more.
    Gone,
}

impl Contribution {
    pub(super) fn node(&self, kind: TopologyKind, id: &str) -> Option<&Arc<Node>> {
        self.kinds.get(&kind)?.nodes.get(id).map(|held| &held.node)
    }

    pub(super) fn records(&self, kind: TopologyKind) -> Option<&Topology> {
        self.kinds.get(&kind).map(|part| &part.records)
    }

    /// The report without topologies.
    pub(super) fn head(&self) -> &Report {
        &self.head
    }

    pub(super) fn oldest(&self) -> Timestamp {
        self.oldest
    }

    pub(super) fn is_over(&self, cutoff: Timestamp) -> bool {
        self.heard < cutoff
    }

    pub(super) fn presence(&self, id: &SourceId) -> Presence {
        Presence {
            id: id.clone(),
            said_all: self.said_all,
            fresh_after: self.fresh_after,
            gone: self.gone,
        }
    }

    pub(super) fn node_ids(&self) -> impl Iterator<Item = (TopologyKind, NodeId)> {
        self.kinds
            .iter()
            .flat_map(|(kind, part)| part.nodes.keys().map(|id| (*kind, id.clone())))
    }

    /// Marks the source as gone; false if it was already.
    pub(super) fn leave(&mut self) -> bool {
        !std::mem::replace(&mut self.gone, true)
    }

    /// Takes a report in. What was named last before `cutoff` is not carried over.
    pub(super) fn take(
        &mut self,
        mut report: Report,
        completeness: Completeness,
        now: Timestamp,
        cutoff: Timestamp,
    ) -> Step {
        let mut step = Step {
            heard: true,
            ..Step::default()
        };
        let span_ns = now.0.saturating_sub(cutoff.0);
        let was_held = !self.kinds.is_empty() || self.heard != Timestamp::ZERO;
        if std::mem::take(&mut self.gone) {
            step.restated.extend(self.node_ids());
        }
        let topologies = std::mem::take(&mut report.topologies);
        let shortcut = report.shortcut;
        match completeness {
            Completeness::Whole => {
                self.take_whole(topologies, &mut step, now, cutoff, span_ns);
                self.whole = true;
                self.said_all = now;
                self.recent.clear();
                self.fresh_after = Timestamp(i64::MIN);
            }
            Completeness::Partial => {
                self.take_partial(topologies, &mut step, now, cutoff, span_ns);
                if !shortcut {
                    self.age_mentions(now, &mut step);
                }
                self.oldest = if was_held { self.oldest.min(now) } else { now };
            }
        }
        self.take_head(report, completeness, now, cutoff, &mut step);
        self.heard = now;
        step
    }

    fn take_whole(
        &mut self,
        mut topologies: BTreeMap<TopologyKind, Topology>,
        step: &mut Step,
        now: Timestamp,
        cutoff: Timestamp,
        span_ns: i64,
    ) {
        self.oldest = now;
        self.node_count = 0;
        for kind in TopologyKind::ALL {
            let said = topologies.remove(&kind);
            if said.is_none() && !self.kinds.contains_key(&kind) {
                continue;
            }
            let part = self.kinds.entry(kind).or_default();
            let mut said = said.unwrap_or_default();
            let nodes = std::mem::take(&mut said.nodes);
            let mut touched = Vec::new();
            self.oldest = self
                .oldest
                .min(part.replace_nodes(nodes, &mut touched, now, cutoff, span_ns));
            if !touched.is_empty() {
                step.nodes.push((kind, touched));
            }
            part.records_seen = now;
            part.records_lingering.clear();
            if part.records != said {
                part.records = said;
                step.records.insert(kind);
            }
            self.node_count += part.nodes.len();
            if part.nodes.is_empty() && part.records == Topology::default() {
                self.kinds.remove(&kind);
            }
        }
    }

    fn take_partial(
        &mut self,
        topologies: BTreeMap<TopologyKind, Topology>,
        step: &mut Step,
        now: Timestamp,
        cutoff: Timestamp,
        span_ns: i64,
    ) {
        for (kind, mut said) in topologies {
            let part = self.kinds.entry(kind).or_default();
            let mut touched = Vec::new();
            let mut joins = Joins::default();
            for (id, node) in std::mem::take(&mut said.nodes) {
                if let Some(held) = part.nodes.get_mut(&id) {
                    let change = held.say_partly(node, now, cutoff, span_ns, &mut joins);
                    touched.push(Touched { id, change });
                } else if self.node_count < limits::NODES_HELD {
                    self.node_count += 1;
                    let mentioned = Some(now);
                    touched.push(Touched {
                        id: id.clone(),
                        change: Change::Said(node.clone(), mentioned),
                    });
                    part.nodes.insert(
                        id,
                        Held {
                            node,
                            seen: now,
                            mentioned,
                            lingering: Vec::new(),
                        },
                    );
                }
            }
            if !touched.is_empty() {
                step.nodes.push((kind, touched));
            }
            let mut carry = Carry::new(&part.records_lingering, part.records_seen, cutoff);
            carry.records(&mut said, &part.records);
            part.records_lingering = carry.finish();
            part.records_seen = now;
            if part.records != said {
                part.records = said;
                step.records.insert(kind);
            }
        }
    }

    /// After a partial report: notes what has not been repeated for so long that it is stale.
    fn age_mentions(&mut self, now: Timestamp, step: &mut Step) {
        self.recent.push(now);
        if self.recent.len() > REPORTS_BEFORE_STALE {
            self.recent.remove(0);
        }
        let before = self.fresh_after;
        if let [first, _, _] = self.recent.as_slice() {
            self.fresh_after = *first;
        }
        let settle = std::mem::take(&mut self.whole);
        for (kind, part) in &mut self.kinds {
            let mut touched = Vec::new();
            for (id, held) in &mut part.nodes {
                if held.seen < self.fresh_after && held.seen >= before {
                    step.restated.push((*kind, id.clone()));
                }
                if settle && held.mentioned.is_none() {
                    held.mentioned = Some(held.seen);
                    touched.push(Touched {
                        id: id.clone(),
                        change: Change::Seen(held.mentioned),
                    });
                }
            }
            if !touched.is_empty() {
                step.nodes.push((*kind, touched));
            }
        }
    }

    fn take_head(
        &mut self,
        mut report: Report,
        completeness: Completeness,
        now: Timestamp,
        cutoff: Timestamp,
        step: &mut Step,
    ) {
        let mut plugins = Vec::new();
        merge_plugins(&mut plugins, &report.plugins);
        if completeness == Completeness::Partial {
            let mut carry = Carry::new(&self.head_lingering, self.head_seen, cutoff);
            carry.dns(&mut report.dns, &self.head.dns);
            carry.plugins(&mut plugins, &self.head.plugins);
            self.head_lingering = carry.finish();
        } else {
            self.head_lingering.clear();
        }
        self.head_seen = now;
        step.heads = HeadChanges {
            times: report.ts != self.head.ts || report.sampling != self.head.sampling,
            dns: report.dns != self.head.dns,
            plugins: plugins != self.head.plugins,
        };
        self.head = Report {
            ts: report.ts,
            sampling: report.sampling,
            dns: report.dns,
            plugins,
            ..Report::default()
        };
    }

    /// Drops what was named last before `cutoff`.
    pub(super) fn expire(&mut self, cutoff: Timestamp) -> Step {
        let mut step = Step::default();
        let mut oldest = self.heard;
        for (kind, part) in &mut self.kinds {
            let mut touched = Vec::new();
            oldest = oldest.min(part.expire_nodes(cutoff, &mut touched));
            self.node_count -= touched
                .iter()
                .filter(|t| matches!(t.change, Change::Gone))
                .count();
            if !touched.is_empty() {
                step.nodes.push((*kind, touched));
            }
            let before = part.records.clone();
            if part.records_seen < cutoff {
                part.records = Topology::default();
                part.records_lingering.clear();
            } else {
                let expired = linger::split_expired(&mut part.records_lingering, cutoff);
                linger::strip_records(&mut part.records, &expired);
                oldest = oldest
                    .min(part.records_seen)
                    .min(first_seen(&part.records_lingering));
            }
            if part.records != before {
                step.records.insert(*kind);
            }
        }
        self.kinds
            .retain(|_, part| !part.nodes.is_empty() || part.records != Topology::default());
        let before = (self.head.dns.len(), self.head.plugins.len());
        if self.head_seen < cutoff {
            step.heads.times = true;
            self.head = Report::default();
        } else {
            let expired = linger::split_expired(&mut self.head_lingering, cutoff);
            linger::strip_head(&mut self.head.dns, &mut self.head.plugins, &expired);
            oldest = oldest.min(first_seen(&self.head_lingering));
        }
        step.heads.dns = self.head.dns.len() != before.0;
        step.heads.plugins = self.head.plugins.len() != before.1;
        self.oldest = oldest;
        step
    }
}

impl Part {
    /// Replaces all nodes by what a whole report says; gives the time of the oldest entry held.
    fn replace_nodes(
        &mut self,
        nodes: BTreeMap<NodeId, Arc<Node>>,
        touched: &mut Vec<Touched>,
        now: Timestamp,
        cutoff: Timestamp,
        span_ns: i64,
    ) -> Timestamp {
        let mut oldest = now;
        let mut fresh = Vec::with_capacity(nodes.len());
        let mut joins = Joins::default();
        // Both maps are in order, so one pass over both finds what came, what stayed and what went.
        let mut older = std::mem::take(&mut self.nodes).into_iter().peekable();
        for (id, node) in nodes {
            while let Some((gone, _)) = older.next_if(|(held, _)| *held < id) {
                touched.push(Touched {
                    id: gone,
                    change: Change::Gone,
                });
            }
            let held = match older.next_if(|(held, _)| *held == id) {
                Some((_, mut held)) => {
                    if let Some(change) = held.say_wholly(node, now, cutoff, span_ns, &mut joins) {
                        touched.push(Touched {
                            id: id.clone(),
                            change,
                        });
                    }
                    oldest = oldest.min(first_seen(&held.lingering));
                    held
                }
                None => {
                    touched.push(Touched {
                        id: id.clone(),
                        change: Change::Said(node.clone(), None),
                    });
                    Held {
                        node,
                        seen: now,
                        mentioned: None,
                        lingering: Vec::new(),
                    }
                }
            };
            fresh.push((id, held));
        }
        touched.extend(older.map(|(gone, _)| Touched {
            id: gone,
            change: Change::Gone,
        }));
        self.nodes = fresh.into_iter().collect();
        oldest
    }

    fn expire_nodes(&mut self, cutoff: Timestamp, touched: &mut Vec<Touched>) -> Timestamp {
        let mut oldest = Timestamp(i64::MAX);
        self.nodes.retain(|id, held| {
            if held.seen < cutoff {
                touched.push(Touched {
                    id: id.clone(),
                    change: Change::Gone,
                });
                return false;
            }
            let expired = linger::split_expired(&mut held.lingering, cutoff);
            if !expired.is_empty() {
                linger::strip_node(&mut held.node, &expired);
                let change = Change::Said(held.node.clone(), held.mentioned);
                touched.push(Touched {
                    id: id.clone(),
                    change,
                });
            }
            oldest = oldest.min(held.seen).min(first_seen(&held.lingering));
            true
        });
        oldest
    }
}

impl Held {
    /// What a whole report says of a node that is held; `None` if that is nothing new.
    fn say_wholly(
        &mut self,
        mut node: Arc<Node>,
        now: Timestamp,
        cutoff: Timestamp,
        span_ns: i64,
        joins: &mut Joins,
    ) -> Option<Change> {
        let was_mentioned = self.mentioned.take();
        let seen = std::mem::replace(&mut self.seen, now);
        if self.lingering.is_empty() && *node == *self.node {
            return was_mentioned.is_some().then_some(Change::Seen(None));
        }
        let mut lingering = Vec::new();
        let newer = Arc::make_mut(&mut node);
        if !self.node.metrics.is_empty() {
            let newer = &mut newer.metrics;
            accumulate_all(newer, &self.node.metrics, span_ns, joins);
            let mut carry = Carry::new(&self.lingering, seen, cutoff);
            carry.metrics(newer, &self.node.metrics);
            lingering = carry.finish();
        }
        share::parts(newer, &self.node);
        self.lingering = lingering;
        self.node = node;
        Some(Change::Said(self.node.clone(), None))
    }

    /// What a partial report says of a node that is held.
    fn say_partly(
        &mut self,
        mut node: Arc<Node>,
        now: Timestamp,
        cutoff: Timestamp,
        span_ns: i64,
        joins: &mut Joins,
    ) -> Change {
        let newer = Arc::make_mut(&mut node);
        accumulate_all(&mut newer.metrics, &self.node.metrics, span_ns, joins);
        let mut carry = Carry::new(&self.lingering, self.seen, cutoff);
        carry.node(newer, &self.node);
        share::parts(newer, &self.node);
        self.lingering = carry.finish();
        self.seen = now;
        self.mentioned = Some(now);
        if *node == *self.node {
            return Change::Seen(self.mentioned);
        }
        self.node = node;
        Change::Said(self.node.clone(), self.mentioned)
    }
}

fn accumulate_all(newer: &mut Entries<Metric>, older: &Entries<Metric>, span_ns: i64, joins: &mut Joins) {
    if let Some(all) = joins.metrics.get(older, newer) {
        *newer = all;
        return;
    }
    let said = (newer.is_shared() && older.is_shared()).then(|| newer.clone());
    for (id, metric) in newer.iter_mut() {
        if let Some(held) = older.get(id) {
            linger::accumulate(metric, held, span_ns, joins);
        }
    }
    if let Some(said) = said {
        joins.metrics.put(older, &said, newer);
    }
}

/// When the oldest of these entries was named last.
fn first_seen(lingering: &Lingering) -> Timestamp {
    lingering
        .iter()
        .map(|l| l.seen)
        .min()
        .unwrap_or(Timestamp(i64::MAX))
}
