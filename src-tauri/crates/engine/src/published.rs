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
    /// How far the time of day is ahead of the window's, in milliseconds.
    ahead_ms: i64,
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
        Published {
            at_ms,
            seq: snapshot.seq,
            report: snapshot.report.clone(),
            derivation: Derivation::new(snapshot.report.clone(), lookup(snapshot, at_ms)),
            origins: Some(snapshot.origins.clone()),
            ahead_ms: ahead_ms(snapshot, at_ms),
            hiding: Mutex::default(),
        }
    }

    /// Of the snapshot that follows: what is derived is taken over where nothing touches it.
    #[must_use]
    pub fn next(&self, snapshot: &Snapshot, at_ms: i64) -> Self {
        if snapshot.seq != self.seq + 1 {
            // What changed in between is not known.
            return Published {
                derivation: self
                    .derivation
                    .anew(snapshot.report.clone(), lookup(snapshot, at_ms)),
                ..Published::of(snapshot, at_ms)
            };
        }
        let report = snapshot.report.clone();
        Published {
            derivation: self
                .derivation
                .next(report, lookup(snapshot, at_ms), &snapshot.changed),
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
            ahead_ms: 0,
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
            let lookup = origins.clone().map(|origins| {
                let ahead_ms = self.ahead_ms;
                Arc::new(SharedOrigins { origins, ahead_ms }) as Arc<dyn OriginLookup>
            });
            Arc::new(Published {
                at_ms: self.at_ms,
                seq: self.seq,
                report: report.clone(),
                derivation: self.derivation.anew(report, lookup),
                origins,
                ahead_ms: self.ahead_ms,
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

    /// Whether any source but this one names the node.
    pub(crate) fn is_named_beside(&self, source: &SourceId, kind: TopologyKind, id: &NodeId) -> bool {
        self.origins
            .as_ref()
            .is_some_and(|origins| origins.any_source(kind, id, |named| named != source))
    }

    /// Whether this source names the node.
    pub(crate) fn names(&self, source: &SourceId, kind: TopologyKind, id: &NodeId) -> bool {
        self.origins
            .as_ref()
            .and_then(|origins| origins.get(kind, id))
            .is_some_and(|origin| origin.sources.contains(source))
    }
}

fn lookup(snapshot: &Snapshot, at_ms: i64) -> Option<Arc<dyn OriginLookup>> {
    Some(Arc::new(SharedOrigins {
        origins: snapshot.origins.clone(),
        ahead_ms: ahead_ms(snapshot, at_ms),
    }))
}

/// The window's time goes on when the machine's clock is set; what is told of it has to be the time of day. In whole
/// seconds, so that it stays the same from one publication to the next.
fn ahead_ms(snapshot: &Snapshot, at_ms: i64) -> i64 {
    let ahead = at_ms.saturating_sub(snapshot.at.as_millis());
    ahead.saturating_add(500).div_euclid(1_000).saturating_mul(1_000)
}

struct SharedOrigins {
    origins: Arc<Origins>,
    ahead_ms: i64,
}

impl OriginLookup for SharedOrigins {
    fn sources(&self, kind: TopologyKind, id: &NodeId) -> Vec<String> {
        self.origins.sources(kind, id)
    }

    fn stale_since_ms(&self, kind: TopologyKind, id: &NodeId) -> Option<i64> {
        let since = self.origins.stale_since(kind, id)?;
        Some(since.as_millis().saturating_add(self.ahead_ms))
    }

    fn by_plugin(&self, kind: TopologyKind, id: &NodeId) -> bool {
        self.origins.any_source(kind, id, is_plugin)
    }

    fn any_plugin(&self) -> bool {
        self.origins.all_sources().any(is_plugin)
    }
}

fn is_plugin(source: &SourceId) -> bool {
    source.as_str().starts_with(PLUGIN_SOURCE)
}

#[cfg(test)]
mod tests {
    use orrery_model::window::{Completeness, Window};
    use orrery_model::{Node, Timestamp};

    use super::*;

    const SECOND: i64 = 1_000_000_000;

    /// A window at 100 s by its own clock, with a host of a source that went away at 100 s.
    fn window() -> Window {
        let mut window = Window::new(15 * SECOND);
        let mut report = Report::default();
        report
            .topology_mut(TopologyKind::Host)
            .insert(Node::new("far;<host>", "host"));
        let far = SourceId::remote("far");
        window.take(&far, report, Completeness::Partial, Timestamp(100 * SECOND));
        window.forget(&far, Timestamp(100 * SECOND));
        window
    }

    #[test]
    fn what_is_stale_is_told_by_the_time_of_day() {
        let id = NodeId::from("far;<host>");
        let stale = |at_ms: i64| {
            let snapshot = window().snapshot(Timestamp(105 * SECOND));
            let published = Published::of(&snapshot, at_ms);
            let lookup = lookup(&snapshot, published.at_ms).unwrap();
            lookup.stale_since_ms(TopologyKind::Host, &id)
        };
        assert_eq!(stale(105_000), Some(100_000));
        assert_eq!(stale(105_003), Some(100_000), "no jitter");
        let day = 24 * 3_600_000;
        assert_eq!(
            stale(105_000 + day),
            Some(100_000 + day),
            "the clock was set forward"
        );
        assert_eq!(stale(105_000 - day), Some(100_000 - day), "and back");
    }

    #[test]
    fn a_node_that_tasks_alone_name_is_named_by_nobody_else() {
        let tasks = SourceId::probe("tasks");
        let id = NodeId::from("far;<host>");
        let mut window = window();
        let node = || {
            let mut report = Report::default();
            report
                .topology_mut(TopologyKind::Host)
                .insert(Node::new("far;<host>", "host"));
            report
        };
        window.take(&tasks, node(), Completeness::Partial, Timestamp(101 * SECOND));
        let both = Published::of(&window.snapshot(Timestamp(101 * SECOND)), 0);
        assert!(both.is_named_beside(&tasks, TopologyKind::Host, &id));
        window.expire(Timestamp(116 * SECOND));
        let alone = Published::of(&window.snapshot(Timestamp(116 * SECOND)), 0);
        assert!(alone.report.node(TopologyKind::Host, &id).is_some());
        assert!(!alone.is_named_beside(&tasks, TopologyKind::Host, &id));
    }
}
