//! What every reader sees: one immutable snapshot and what is derived from it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use orrery_model::window::{Origins, Snapshot, SourceId};
use orrery_model::{NodeId, Report, TopologyKind};
use orrery_topology::censor::{self, Hide};
use orrery_topology::derive::{ChangeLookup, Derivation, OriginLookup, PLUGIN_SOURCE, Settings};

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
    /// The same without what somebody asked not to see.
    hiding: Mutex<BTreeMap<Hide, Arc<Published>>>,
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
            hiding: Mutex::default(),
        }
    }

    /// Of the snapshot that follows: what is derived is taken over where nothing touches it.
    #[must_use]
    pub fn next(&self, snapshot: &Snapshot, at_ms: i64) -> Self {
        if snapshot.seq != self.seq + 1 {
            // What changed in between is not known.
            return Published {
                derivation: self.derivation.anew(snapshot.report.clone(), lookup(snapshot)),
                ..Published::of(snapshot, at_ms)
            };
        }
        let report = snapshot.report.clone();
        Published {
            derivation: self.derivation.next(report, lookup(snapshot), &snapshot.changed),
            ..Published::of(snapshot, at_ms)
        }
    }

    /// The same with what is derived under settings.
    #[must_use]
    pub fn with_settings(self, settings: Arc<Settings>) -> Self {
        Published {
            derivation: self.derivation.with_settings(settings),
            ..self
        }
    }

    /// The same where it is known what changed; so is what follows.
    #[must_use]
    pub fn with_changes(self, changes: Arc<dyn ChangeLookup>) -> Self {
        Published {
            derivation: self.derivation.with_changes(changes),
            ..self
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
            hiding: Mutex::default(),
        }
    }

    /// The same without what is hidden, made once for all who ask. Its report is for deriving from.
    pub fn hiding(self: &Arc<Self>, hide: Hide) -> Arc<Published> {
        if hide.nothing() {
            return self.clone();
        }
        // There are three ways to hide something, so this holds three entries at most.
        let mut held = self.hiding.lock().unwrap_or_else(PoisonError::into_inner);
        let made = held.entry(hide).or_insert_with(|| {
            let report = Arc::new(censor::derivable(&self.report, hide));
            let origins = self.origins.clone();
            let lookup = origins
                .clone()
                .map(|o| Arc::new(SharedOrigins(o)) as Arc<dyn OriginLookup>);
            Arc::new(Published {
                at_ms: self.at_ms,
                seq: self.seq,
                report: report.clone(),
                derivation: self.derivation.anew(report, lookup),
                origins,
                hiding: Mutex::default(),
            })
        });
        made.clone()
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
    /// Whether this source has reported and has not gone since.
    pub(crate) fn hears(&self, source: &SourceId) -> bool {
        self.origins
            .as_ref()
            .is_some_and(|origins| origins.is_present(source))
    }

    /// Whether this source names the node.
    pub(crate) fn names(&self, source: &SourceId, kind: TopologyKind, id: &NodeId) -> bool {
        self.origins
            .as_ref()
            .and_then(|origins| origins.get(kind, id))
            .is_some_and(|origin| origin.sources.contains(source))
    }
}

fn lookup(snapshot: &Snapshot) -> Option<Arc<dyn OriginLookup>> {
    Some(Arc::new(SharedOrigins(snapshot.origins.clone())))
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

    fn by_plugin(&self, kind: TopologyKind, id: &NodeId) -> bool {
        self.0.any_source(kind, id, is_plugin)
    }

    fn any_plugin(&self) -> bool {
        self.0.all_sources().any(is_plugin)
    }
}

fn is_plugin(source: &SourceId) -> bool {
    source.as_str().starts_with(PLUGIN_SOURCE)
}
