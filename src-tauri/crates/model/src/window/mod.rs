//! What all sources say within a sliding window, combined step by step. Pure: the caller gives the time.
//!
//! Every source has one *contribution*: what its reports say, newest word first, as long as it is not older
//! than the window. The combination is the [merge](crate::Report::merge) of all contributions, kept up to
//! date by touching only what a report changes: a node that one source alone names is shared with its
//! contribution, and merged only when several name it.

mod contribution;
mod held;
mod linger;
mod origins;
mod share;
mod voices;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use self::origins::{Origin, Origins};

use self::contribution::{Change, Contribution, HeadChanges, Step, Touched};
use self::origins::{Mentions, Recent, SourceNumber};
use self::voices::Voices;
use crate::merge::{Joins, merge_dns, merge_plugins, merge_records, merge_times};
use crate::{NodeId, Report, SmolStr, Timestamp, Topology, TopologyKind, limits};

/// Who says something: `probe:host`, `plugin:iowait`, `remote:<probe id>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(SmolStr);

impl SourceId {
    /// A built-in reporter.
    pub fn probe(id: impl AsRef<str>) -> Self {
        Self::of("probe", id.as_ref())
    }

    /// A plugin on a socket.
    pub fn plugin(id: impl AsRef<str>) -> Self {
        Self::of("plugin", id.as_ref())
    }

    /// A probe that posts its reports from another machine.
    pub fn remote(id: impl AsRef<str>) -> Self {
        Self::of("remote", id.as_ref())
    }

    /// The id as text, such as `plugin:iowait`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of(kind: &str, id: &str) -> Self {
        SourceId(smol_str::format_smolstr!("{kind}:{id}"))
    }
}

impl std::fmt::Display for SourceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a report of a source relates to the ones before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// It names everything the source knows: what it does not name is gone at once. Metrics of the nodes it
    /// names stay for the window.
    Whole,
    /// It names some of it: what it does not name stays for the window.
    Partial,
}

/// Everything known at one moment, never changed after.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// When it was taken.
    pub at: Timestamp,
    /// Rises by one whenever something changed.
    pub seq: u64,
    /// What all sources say, merged.
    pub report: Arc<Report>,
    /// Who says it.
    pub origins: Arc<Origins>,
    /// Nodes that differ from the previous snapshot, in what is said or in being stale, and the removed ones.
    pub changed: Arc<BTreeSet<(TopologyKind, NodeId)>>,
}

/// The sliding window.
#[derive(Debug)]
pub struct Window {
    span_ns: i64,
    seq: u64,
    /// True when something changed since the previous snapshot.
    dirty: bool,
    /// True when a report came since the previous snapshot, if only to say the same again.
    heard: bool,
    numbers: BTreeMap<SourceId, SourceNumber>,
    next_number: SourceNumber,
    contributions: BTreeMap<SourceNumber, Contribution>,
    merged: Arc<Report>,
    origins: Arc<Origins>,
    changed: Vec<(TopologyKind, NodeId)>,
}

impl Window {
    /// A window that keeps what was said within the last `span_ns` nanoseconds.
    pub fn new(span_ns: i64) -> Self {
        let merged = Report {
            window_ns: span_ns,
            ..Report::default()
        };
        Window {
            span_ns,
            seq: 0,
            dirty: false,
            heard: false,
            numbers: BTreeMap::new(),
            next_number: 0,
            contributions: BTreeMap::new(),
            merged: Arc::new(merged),
            origins: Arc::default(),
            changed: Vec::new(),
        }
    }

    /// Takes a report of a source in, received at `now`. Time is taken to never run backwards; a report that
    /// seems older than the one before is taken all the same.
    pub fn take(&mut self, source: &SourceId, report: Report, completeness: Completeness, now: Timestamp) {
        let number = self.number(source);
        let mut report = report;
        self.share(number, &mut report);
        // Taken out while it changes, so that the other contributions can be read; put back below.
        let mut contribution = self.contributions.remove(&number).unwrap_or_default();
        let step = contribution.take(report, completeness, now, self.cutoff(now));
        self.contributions.insert(number, contribution);
        self.apply(number, step);
    }

    /// The source is gone: what it said is marked stale and ages out.
    pub fn forget(&mut self, source: &SourceId, _now: Timestamp) {
        let Some(contribution) = self
            .numbers
            .get(source)
            .and_then(|n| self.contributions.get_mut(n))
        else {
            return;
        };
        if contribution.leave() {
            self.changed.extend(contribution.node_ids());
            self.dirty = true;
        }
    }

    /// Whether anything is left of what a source said.
    pub fn holds(&self, source: &SourceId) -> bool {
        self.numbers.contains_key(source)
    }

    /// What all sources say now, as the next snapshot has it.
    pub fn report(&self) -> &Report {
        &self.merged
    }

    /// Drops what is older than the window.
    pub fn expire(&mut self, now: Timestamp) {
        let cutoff = self.cutoff(now);
        let due: Vec<SourceNumber> = self
            .contributions
            .iter()
            .filter(|(_, c)| c.oldest() < cutoff)
            .map(|(n, _)| *n)
            .collect();
        for number in due {
            let Some(mut contribution) = self.contributions.remove(&number) else {
                continue;
            };
            let step = contribution.expire(cutoff);
            if contribution.is_over(cutoff) {
                self.numbers.retain(|_, n| *n != number);
            } else {
                self.contributions.insert(number, contribution);
            }
            self.apply(number, step);
        }
    }

    /// What is known at `now`. Costs a few counts of references when nothing changed since the previous one.
    pub fn snapshot(&mut self, now: Timestamp) -> Snapshot {
        if self.dirty || self.heard {
            self.seq += u64::from(self.dirty);
            (self.dirty, self.heard) = (false, false);
            let sources = self.numbers.iter().filter_map(|(id, number)| {
                let contribution = self.contributions.get(number)?;
                Some((*number, contribution.presence(id)))
            });
            Arc::make_mut(&mut self.origins).set_sources(sources.collect());
        }
        Snapshot {
            at: now,
            seq: self.seq,
            report: self.merged.clone(),
            origins: self.origins.clone(),
            changed: Arc::new(std::mem::take(&mut self.changed).into_iter().collect()),
        }
    }

    /// Lets a report have the nodes of other sources where it says exactly the same of them, so that they are
    /// held once, and need not be joined; otherwise the parts that are the same.
    fn share(&self, source: SourceNumber, report: &mut Report) {
        if self.contributions.keys().all(|number| *number == source) {
            return;
        }
        for (kind, topology) in &mut report.topologies {
            let (held, Some(named)) = (&self.merged.topology(*kind).nodes, self.origins.kind(*kind)) else {
                continue;
            };
            for (id, node) in &mut topology.nodes {
                let Some(held) = held.get(id).filter(|_| named.by_another(id, source)) else {
                    continue;
                };
                if held == node {
                    *node = held.clone();
                } else if let Some(node) = Arc::get_mut(node) {
                    share::parts(node, held, &held.metrics);
                }
            }
        }
    }

    fn cutoff(&self, now: Timestamp) -> Timestamp {
        Timestamp(now.0.saturating_sub(self.span_ns))
    }

    fn number(&mut self, source: &SourceId) -> SourceNumber {
        if let Some(number) = self.numbers.get(source) {
            return *number;
        }
        let number = self.next_number;
        self.next_number += 1;
        self.numbers.insert(source.clone(), number);
        number
    }

    /// Brings the combination up to date with what one contribution says differently.
    fn apply(&mut self, source: SourceNumber, step: Step) {
        self.heard |= step.heard;
        self.dirty |= step.says_anything_new();
        for (kind, touched) in step.nodes {
            self.apply_nodes(source, kind, touched);
        }
        self.changed.extend(step.restated);
        for kind in step.records {
            self.join_records(kind);
        }
        self.join_heads(step.heads);
        if self.changed.len() > limits::CHANGES_BEFORE_SORTING {
            self.changed.sort_unstable();
            self.changed.dedup();
        }
    }

    fn apply_nodes(&mut self, source: SourceNumber, kind: TopologyKind, touched: Vec<Touched>) {
        let nodes = &mut Arc::make_mut(&mut self.merged).topology_mut(kind).nodes;
        let named = Arc::make_mut(&mut self.origins).kind_mut(kind);
        // Its nodes are held in less room where others say the same; put back below.
        let mut own = self.contributions.remove(&source);
        let mut all = Voices::of(&self.contributions, source, &mut own, kind);
        let mut joins = Joins::default();
        let mut recent = Recent::default();
        for Touched { id, change } in touched {
            let mentions = named.mention(&id, source, &change, &mut recent);
            match (mentions, change) {
                (None, _) => {
                    nodes.remove(&id);
                }
                (Some(Mentions::One(_)), Change::Said(node, _)) => {
                    nodes.insert(id.clone(), node);
                }
                (Some(mentions), _) => {
                    if let Some(node) = all.join(&id, &mentions, &mut joins) {
                        nodes.insert(id.clone(), node);
                    }
                }
            }
            self.changed.push((kind, id));
        }
        if let Some(own) = own {
            self.contributions.insert(source, own);
        }
        self.drop_if_empty(kind);
    }

    /// Joins everything of one topology but its nodes anew.
    fn join_records(&mut self, kind: TopologyKind) {
        let mut records = Topology::default();
        for contribution in self.contributions.values() {
            if let Some(said) = contribution.records(kind) {
                merge_records(&mut records, said);
            }
        }
        let merged = Arc::make_mut(&mut self.merged).topology_mut(kind);
        records.nodes = std::mem::take(&mut merged.nodes);
        *merged = records;
        self.drop_if_empty(kind);
    }

    /// Joins what stands beside the topologies anew.
    fn join_heads(&mut self, changed: HeadChanges) {
        if !changed.any() {
            return;
        }
        let merged = Arc::make_mut(&mut self.merged);
        let mut fresh = Report::default();
        for contribution in self.contributions.values() {
            let head = contribution.head();
            merge_times(&mut fresh, head);
            if changed.dns {
                merge_dns(&mut fresh, head);
            }
            if changed.plugins {
                merge_plugins(&mut fresh.plugins, &head.plugins);
            }
        }
        (merged.ts, merged.sampling) = (fresh.ts, fresh.sampling);
        if changed.dns {
            merged.dns = fresh.dns;
        }
        if changed.plugins {
            merged.plugins = fresh.plugins;
        }
    }

    fn drop_if_empty(&mut self, kind: TopologyKind) {
        if self
            .merged
            .topologies
            .get(&kind)
            .is_some_and(|t| *t == Topology::default())
        {
            Arc::make_mut(&mut self.merged).topologies.remove(&kind);
        }
    }
}
