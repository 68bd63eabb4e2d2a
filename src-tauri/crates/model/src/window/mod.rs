//! What all sources say within a sliding window, combined step by step. Pure: the caller gives the time.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::{NodeId, Report, SmolStr, Timestamp, TopologyKind};

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

/// How a report of a source relates to the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// It names everything the source knows: what it does not name is gone at once. Samples of metrics stay
    /// for the window.
    Whole,
    /// It names some of it: what it does not name stays for the window.
    Partial,
}

/// Where a node of a snapshot comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The sources that name it, in order.
    pub sources: Vec<SourceId>,
    /// When one of them named it last.
    pub last_seen: Timestamp,
    /// True when every source that names it is gone or left it out of its last report.
    pub stale: bool,
}

/// Where the nodes of a snapshot come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origins {}

impl Origins {
    /// The origin of a node, when the snapshot has it.
    pub fn get(&self, kind: TopologyKind, id: &NodeId) -> Option<Origin> {
        let _ = (kind, id);
        None
    }

    /// Names of the sources of a node.
    pub fn sources(&self, kind: TopologyKind, id: &NodeId) -> Vec<String> {
        let _ = (kind, id);
        Vec::new()
    }

    /// When a stale node was last named; `None` for a fresh one.
    pub fn stale_since(&self, kind: TopologyKind, id: &NodeId) -> Option<Timestamp> {
        let _ = (kind, id);
        None
    }
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
    /// Nodes that differ from the previous snapshot, the removed ones included.
    pub changed: Arc<BTreeSet<(TopologyKind, NodeId)>>,
}

/// The sliding window.
#[derive(Debug)]
pub struct Window {
    span_ns: i64,
    seq: u64,
}

impl Window {
    /// A window that keeps what was said within the last `span_ns` nanoseconds.
    pub fn new(span_ns: i64) -> Self {
        Window { span_ns, seq: 0 }
    }

    /// Takes a report of a source in, received at `now`.
    pub fn take(&mut self, source: &SourceId, report: Report, completeness: Completeness, now: Timestamp) {
        let _ = (source, report, completeness, now, self.span_ns);
    }

    /// The source is gone: what it said is marked stale and ages out.
    pub fn forget(&mut self, source: &SourceId, now: Timestamp) {
        let _ = (source, now);
    }

    /// Drops what is older than the window.
    pub fn expire(&mut self, now: Timestamp) {
        let _ = now;
    }

    /// What is known at `now`. Cheap when nothing changed since the previous snapshot.
    pub fn snapshot(&mut self, now: Timestamp) -> Snapshot {
        Snapshot {
            at: now,
            seq: self.seq,
            report: Arc::default(),
            origins: Arc::default(),
            changed: Arc::default(),
        }
    }
}
