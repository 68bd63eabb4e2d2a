//! What every reader sees: one immutable snapshot and what is derived from it.

use std::sync::Arc;

use orrery_model::window::{Origins, Snapshot, SourceId};
use orrery_model::{NodeId, Report, TopologyKind};
use orrery_topology::derive::{Derivation, OriginLookup};

/// A published snapshot. Derivations are made on first use and shared by all readers.
pub struct Published {
    /// When it was published, in milliseconds since the epoch.
    pub at_ms: i64,
    /// Number of the publication, rising.
    pub seq: u64,
    /// The merged report.
    pub report: Arc<Report>,
    /// Topologies derived from it.
    pub derivation: Derivation,
    /// Who says it; nobody is known of the past.
    origins: Option<Arc<Origins>>,
}

impl std::fmt::Debug for Published {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Published")
            .field("at_ms", &self.at_ms)
            .field("seq", &self.seq)
            .finish_non_exhaustive()
    }
}

impl Published {
    /// Of a window's snapshot.
    pub fn of(snapshot: &Snapshot, at_ms: i64) -> Self {
        let origins = SharedOrigins(snapshot.origins.clone());
        Published {
            at_ms,
            seq: snapshot.seq,
            report: snapshot.report.clone(),
            derivation: Derivation::new(snapshot.report.clone(), Some(Arc::new(origins))),
            origins: Some(snapshot.origins.clone()),
        }
    }

    /// Of a report from the past, whose sources are not known any more.
    pub fn of_past(report: Report, at_ms: i64) -> Self {
        let report = Arc::new(report);
        Published {
            at_ms,
            seq: 0,
            report: report.clone(),
            derivation: Derivation::new(report, None),
            origins: None,
        }
    }

    /// The kind and node with this id, in whichever topology has it.
    pub fn find(&self, id: &str) -> Option<(TopologyKind, &Arc<orrery_model::Node>)> {
        self.report
            .topologies
            .iter()
            .find_map(|(kind, t)| t.nodes.get(id).map(|n| (*kind, n)))
    }
}

impl Published {
    /// Whether this source names the node.
    pub(crate) fn names(&self, source: &SourceId, kind: TopologyKind, id: &NodeId) -> bool {
        self.origins
            .as_ref()
            .and_then(|origins| origins.get(kind, id))
            .is_some_and(|origin| origin.sources.contains(source))
    }
}

struct SharedOrigins(Arc<Origins>);

impl OriginLookup for SharedOrigins {
    fn sources(&self, kind: TopologyKind, id: &NodeId) -> Vec<String> {
        self.0.sources(kind, id)
    }

    fn stale_since_ms(&self, kind: TopologyKind, id: &NodeId) -> Option<i64> {
        self.0
            .stale_since(kind, id)
            .map(orrery_model::Timestamp::as_millis)
    }
}
