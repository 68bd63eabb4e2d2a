//! What sources say of their metrics, until the catalog is made anew.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use orrery_catalog::{Described, Namespace, Told, describe, from_report};
use orrery_model::window::SourceId;
use orrery_model::{Report, SmolStr};
use rustc_hash::{FxHashMap, FxHasher};

use super::BUILT_IN;
use crate::clock;
use crate::limits::{CATALOG_AWAY, CATALOG_SOURCES};

/// Metrics and what is known of them.
pub(crate) type Metrics = Vec<(Namespace, Told)>;

/// What a plugin said before it was the plugin: as a candidate, or at its start.
#[derive(Debug, Clone, Default)]
pub(crate) struct FirstWords {
    /// What its first report has.
    pub(crate) metrics: Metrics,
    /// What it answered when it was asked to describe itself.
    pub(crate) described: Option<Described>,
}

/// What was said since it was last taken.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// By plugin, on its public socket.
    pub(crate) reported: BTreeMap<SmolStr, Metrics>,
    /// By plugin, on any socket.
    pub(crate) first: BTreeMap<SmolStr, FirstWords>,
    /// By source, of what is no plugin.
    pub(crate) built_in: BTreeMap<SmolStr, Metrics>,
}

/// What sources say.
#[derive(Debug, Default)]
pub(crate) struct Heard(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    news: News,
    /// By source, what its last report was about, so that the same is not said twice.
    marks: FxHashMap<SmolStr, Mark>,
}

#[derive(Debug)]
struct Mark {
    about: u64,
    /// When its last report came.
    at: Instant,
}

impl Heard {
    /// Takes in a report. Gives whether it says anything new; nearly none does, and costs next to nothing.
    pub(crate) fn report(&self, source: &SourceId, report: &Report) -> bool {
        let mark = mark_of(report);
        let mut state = self.state();
        let name = source.as_str();
        let at = Instant::now();
        if let Some(held) = state.marks.get_mut(name).filter(|held| held.about == mark) {
            held.at = at;
            return false;
        }
        if !state.marks.contains_key(name) && state.marks.len() >= CATALOG_SOURCES {
            tracing::debug!(%source, "too many sources for the catalog");
            return false;
        }
        state.marks.insert(name.into(), Mark { about: mark, at });
        let now = clock::now_ms();
        match name.strip_prefix("plugin:") {
            Some(plugin) => {
                let metrics = from_report(plugin, report, now);
                state.news.reported.insert(plugin.into(), metrics);
            }
            None => {
                let metrics = from_report(BUILT_IN, report, now);
                state.news.built_in.insert(name.into(), metrics);
            }
        }
        true
    }

    /// Takes in the first report of a process, and what it says of itself.
    pub(crate) fn first(&self, plugin: &str, report: &Report, description: Option<&[u8]>) {
        let now = clock::now_ms();
        let described = description.and_then(|body| match describe(plugin, body, now) {
            Ok(described) => Some(described),
            Err(errors) => {
                tracing::warn!(
                    plugin,
                    errors = errors.join("; "),
                    "a plugin describes itself badly"
                );
                None
            }
        });
        let words = FirstWords {
            metrics: from_report(plugin, report, now),
            described,
        };
        self.state().news.first.insert(plugin.into(), words);
    }

    /// Everything that was said since it was last taken.
    pub(crate) fn take(&self) -> News {
        std::mem::take(&mut self.state().news)
    }

    /// Forgets sources that are gone, so that they are heard anew when they come back: plugins that are not among
    /// these, and remote probes that have been silent for [`CATALOG_AWAY`]. A probe calls itself something else each
    /// time it starts, so that otherwise there would be more and more of them. Gives those.
    pub(crate) fn keep_only(&self, plugins: &BTreeSet<SmolStr>, now: Instant) -> Vec<SmolStr> {
        let mut away = Vec::new();
        self.state().marks.retain(|source, mark| {
            if let Some(plugin) = source.strip_prefix("plugin:") {
                return plugins.contains(plugin);
            }
            let stays =
                !source.starts_with("remote:") || now.saturating_duration_since(mark.at) < CATALOG_AWAY;
            if !stays {
                away.push(source.clone());
            }
            stays
        });
        away
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a report's metrics are, in a number. Nodes are looked at only where there are no templates.
fn mark_of(report: &Report) -> u64 {
    let mut hash = FxHasher::default();
    for (kind, topology) in &report.topologies {
        let templates = &topology.metric_templates;
        if templates.is_empty() {
            let mut ids: BTreeSet<&SmolStr> = BTreeSet::new();
            for node in topology.nodes.values() {
                ids.extend(node.metrics.keys());
            }
            if !ids.is_empty() {
                (kind, ids).hash(&mut hash);
            }
            continue;
        }
        kind.hash(&mut hash);
        for (id, template) in templates {
            (id, &template.label, &template.format, &template.group).hash(&mut hash);
        }
    }
    hash.finish()
}

#[cfg(test)]
mod tests {
    use orrery_model::{Metric, MetricTemplate, Node, Timestamp, TopologyKind};

    use super::*;

    fn report(templates: &[&str], node: &str) -> Report {
        let mut report = Report::default();
        let hosts = report.topology_mut(TopologyKind::Host);
        for id in templates {
            let template = MetricTemplate {
                id: (*id).into(),
                ..MetricTemplate::default()
            };
            hosts.metric_templates.insert((*id).into(), template);
        }
        let metric = Metric::of(Timestamp::default(), 1.0, 0.0, 1.0);
        hosts.insert(Node::new(node, "host").with_metric("load1", metric));
        report
    }

    #[test]
    fn the_same_is_heard_once() {
        let heard = Heard::default();
        let plugin = SourceId::plugin("iowait");
        assert!(heard.report(&plugin, &report(&["a"], "x;<host>")));
        assert!(
            !heard.report(&plugin, &report(&["a"], "y;<host>")),
            "another node, the same metrics"
        );
        assert!(heard.report(&plugin, &report(&["a", "b"], "x;<host>")));
        assert!(heard.report(&SourceId::probe("host"), &report(&[], "x;<host>")));
        let news = heard.take();
        assert_eq!(
            news.reported["iowait"].len(),
            3,
            "two with a template, and the node's"
        );
        assert_eq!(
            news.built_in["probe:host"][0].0.to_string(),
            "/orrery/host/*node/load1"
        );
        assert!(heard.take().reported.is_empty());
        heard.keep_only(&BTreeSet::new(), Instant::now());
        assert!(
            heard.report(&plugin, &report(&["a", "b"], "x;<host>")),
            "it was gone"
        );
    }

    #[test]
    fn remote_probes_that_went_away_make_room() {
        let heard = Heard::default();
        let (probe, far) = (SourceId::probe("host"), SourceId::remote("1a2b"));
        assert!(heard.report(&probe, &report(&["a"], "x;<host>")));
        assert!(heard.report(&far, &report(&["far"], "y;<host>")));
        let nobody = BTreeSet::new();
        assert!(
            heard.keep_only(&nobody, Instant::now()).is_empty(),
            "it may only be late"
        );
        let later = Instant::now() + CATALOG_AWAY;
        assert_eq!(heard.keep_only(&nobody, later), ["remote:1a2b"]);
        assert!(heard.keep_only(&nobody, later).is_empty());
        assert!(heard.report(&far, &report(&["far"], "y;<host>")), "it is back");
        assert!(!heard.report(&probe, &report(&["a"], "x;<host>")), "our own stay");
    }
}
