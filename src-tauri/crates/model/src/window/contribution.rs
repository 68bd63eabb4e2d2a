//! What one source says, newest word first, within the window.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::held::{Held, HeldNodes};
use super::linger::{self, Carry, Lingering, first_seen};
use super::origins::Presence;
use super::{Completeness, SourceId};
use crate::merge::{Joins, merge_plugins};
use crate::{Node, NodeId, Report, Timestamp, Topology, TopologyKind, limits};

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
    nodes: HeldNodes,
    /// Everything but nodes.
    records: Topology,
    records_seen: Timestamp,
    records_lingering: Lingering,
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
    /// The nodes that it names of a topology.
    pub(super) fn nodes(&self, kind: TopologyKind) -> Option<&HeldNodes> {
        self.kinds.get(&kind).map(|part| &part.nodes)
    }

    /// The same, to be held in another way.
    pub(super) fn nodes_mut(&mut self, kind: TopologyKind) -> Option<&mut HeldNodes> {
        self.kinds.get_mut(&kind).map(|part| &mut part.nodes)
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
            .flat_map(|(kind, part)| part.nodes.ids().map(|id| (*kind, id.clone())))
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
            let (mut near, mut more) = (0, Vec::new());
            for (id, node) in std::mem::take(&mut said.nodes) {
                if let Some(held) = part.nodes.get_mut(&id, &mut near) {
                    let change = held.say_partly(node, now, cutoff, span_ns, &mut joins);
                    touched.push(Touched { id, change });
                } else if self.node_count < limits::NODES_HELD {
                    self.node_count += 1;
                    let held = Held::new(node.clone(), now, false);
                    touched.push(Touched {
                        id: id.clone(),
                        change: Change::Said(node, held.mentioned()),
                    });
                    more.push((id, held));
                }
            }
            part.nodes.add(more);
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
            for (id, held) in part.nodes.iter_mut() {
                if held.seen < self.fresh_after && held.seen >= before {
                    step.restated.push((*kind, id.clone()));
                }
                if settle && std::mem::take(&mut held.wholly) {
                    touched.push(Touched {
                        id: id.clone(),
                        change: Change::Seen(held.mentioned()),
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
        let mut older = self.nodes.take().into_iter().peekable();
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
                    oldest = oldest.min(held.oldest());
                    held
                }
                None => {
                    touched.push(Touched {
                        id: id.clone(),
                        change: Change::Said(node.clone(), None),
                    });
                    Held::new(node, now, true)
                }
            };
            fresh.push((id, held));
        }
        touched.extend(older.map(|(gone, _)| Touched {
            id: gone,
            change: Change::Gone,
        }));
        self.nodes.put(fresh);
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
            if let Some(change) = held.expire(cutoff) {
                touched.push(Touched {
                    id: id.clone(),
                    change,
                });
            }
            oldest = oldest.min(held.oldest());
            true
        });
        oldest
    }
}
