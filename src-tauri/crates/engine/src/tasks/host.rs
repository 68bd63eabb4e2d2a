//! Where built-in publishers lead, and the way to plugins that process or publish.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use orrery_history::{NewEvent, Sample as Point, SeriesSamples};
use orrery_model::window::{Completeness, SourceId};
use orrery_model::{Metric, MetricTemplate, Node, Report, SmolStr, Timestamp, TopologyKind};
use orrery_packages::policy::SecretRef;
use orrery_plugins::once;
use orrery_tasks::life::Happened;
use orrery_tasks::seams::{Host, Identity, Later, Names, Notice};
use orrery_tasks::{Sample, Series};

use crate::arrivals::Arrival;
use crate::clock;
use crate::engine::Engine;
use crate::limits::TASK_ANSWER_BYTES;
use crate::managed::Reach;

/// The application around tasks.
pub(super) struct InEngine {
    engine: Engine,
}

/// Source of what tasks show on nodes.
pub(super) const SOURCE: &str = "tasks";

impl InEngine {
    pub(super) fn new(engine: Engine) -> InEngine {
        InEngine { engine }
    }

    fn event(&self, kind: &'static str, subject: String, label: &str, text: String) {
        self.engine.shared.record(NewEvent {
            at_ms: clock::now_ms(),
            kind: SmolStr::new_static(kind),
            subject: subject.into(),
            label: label.into(),
            text,
            user: SmolStr::default(),
        });
    }
}

impl Host for InEngine {
    fn wall_ms(&self) -> i64 {
        clock::now_ms()
    }

    fn identity(&self) -> Identity {
        Identity {
            instance: self.engine.id().to_owned(),
            host: self.engine.hostname().to_owned(),
        }
    }

    fn files(&self) -> PathBuf {
        self.engine.shared.config.data_dir.join("published")
    }

    fn lacks_desktop(&self) -> Option<String> {
        let why = "this instance has no window of its own; alerts stand in Activity, and windows and pages that are \
                   open show them";
        (!self.engine.shared.config.desktop).then(|| why.to_owned())
    }

    fn refused(&self, file: &str, why: &str) {
        tracing::warn!(file, why, "the file of a task is not in force");
        let text = format!("is not in force: {why}");
        self.event("failed", format!("task-file:{file}"), file, text);
    }

    fn names(&self, series: &Series) -> Names {
        let published = self.engine.published();
        let kind = TopologyKind::from_tag(&series.topology);
        let template = kind.and_then(|kind| {
            published
                .report
                .topology(kind)
                .metric_templates
                .get(&series.metric)
        });
        let metric = template
            .map(|template| &template.label)
            .filter(|label| !label.is_empty());
        let mut node = self.engine.label_of(&series.node);
        // Processes of one name are many.
        let found = kind.and_then(|kind| published.report.node(kind, &series.node));
        if let Some(pid) = found.and_then(|found| found.latest("pid"))
            && kind == Some(TopologyKind::Process)
        {
            node = format!("{node} (pid {pid})");
        }
        Names {
            node,
            metric: metric.unwrap_or(&series.metric).to_string(),
        }
    }

    fn to_history(&self, samples: &[Sample]) -> Result<(), String> {
        let published = self.engine.published();
        let mut series: BTreeMap<(TopologyKind, SmolStr, SmolStr), SeriesSamples> = BTreeMap::new();
        for sample in samples {
            let of = &sample.series;
            let Some(kind) = TopologyKind::from_tag(&of.topology) else {
                continue;
            };
            let held = series
                .entry((kind, of.node.clone(), of.metric.clone()))
                .or_insert_with(|| {
                    let node = published.report.node(kind, &of.node);
                    let started = node.and_then(|node| node.latest("started_ms"));
                    SeriesSamples {
                        node: of.node.clone(),
                        kind,
                        incarnation_ms: started.and_then(|ms| ms.parse().ok()).unwrap_or(0),
                        metric: of.metric.clone(),
                        label: of.metric.clone(),
                        format: of.unit.clone(),
                        samples: Vec::new(),
                    }
                });
            held.samples.push(Point {
                t_ms: sample.at_ms,
                value: sample.value,
            });
        }
        self.engine.shared.history.append(series.into_values());
        Ok(())
    }

    fn to_topology(&self, samples: &[Sample]) -> Result<(), String> {
        let (published, tasks) = (self.engine.published(), SourceId::probe(SOURCE));
        let mut report = Report {
            ts: clock::now(),
            ..Report::default()
        };
        for sample in samples {
            let of = &sample.series;
            let Some(kind) = TopologyKind::from_tag(&of.topology) else {
                continue;
            };
            // What is gone must not come back, or stay for ever, because of what it was.
            if !published.is_named_beside(&tasks, kind, &of.node) {
                continue;
            }
            let topology = report.topology_mut(kind);
            topology
                .metric_templates
                .entry(of.metric.clone())
                .or_insert_with(|| MetricTemplate {
                    id: of.metric.clone(),
                    label: of.metric.clone(),
                    format: of.unit.clone(),
                    ..MetricTemplate::default()
                });
            let mut node = match topology.nodes.get(&of.node) {
                Some(held) => (**held).clone(),
                None => Node::new(of.node.clone(), kind.tag()),
            };
            let at = Timestamp(sample.at_ms.saturating_mul(1_000_000));
            node = node.with_metric(
                &of.metric,
                Metric::of(at, sample.value, sample.value, sample.value),
            );
            topology.insert(node);
        }
        let arrival = Arrival::Report {
            source: tasks,
            report,
            completeness: Completeness::Partial,
            bytes: 0,
        };
        let sent = self.engine.shared.arrivals.try_send(arrival);
        sent.map_err(|_| "the engine has too much to take in at the moment".to_owned())
    }

    fn notify(&self, notice: Notice) -> Result<(), String> {
        let subject = notice.node.map_or_else(|| "alert".to_owned(), String::from);
        self.event("alert", subject, &notice.title, notice.text);
        Ok(())
    }

    fn call<'a>(
        &'a self,
        plugin: &'a str,
        path: &'a str,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Later<'a, Result<Vec<u8>, String>> {
        Box::pin(async move {
            let socket = match self.engine.reach(plugin) {
                Reach::At { socket, .. } => socket,
                Reach::Unknown => return Err(format!("there is no plugin {plugin}")),
                Reach::Ending => return Err(format!("plugin {plugin} is being ended")),
                Reach::Resting { why, .. } | Reach::Asleep { why, .. } | Reach::Crashing { why, .. } => {
                    return Err(format!("plugin {plugin} does not run: {why}"));
                }
            };
            let body = Bytes::from(body);
            let asked = once::ask(&socket, Method::POST, path, body, timeout, TASK_ANSWER_BYTES).await;
            match asked {
                Ok((status, answer)) if status.is_success() => Ok(answer),
                Ok((status, _)) => Err(format!("plugin {plugin} answered with {status}")),
                Err(error) => Err(format!("plugin {plugin}: {error}")),
            }
        })
    }

    fn secret(&self, reference: &str) -> Result<String, String> {
        reference.parse::<SecretRef>().and_then(|secret| secret.read())
    }

    fn happened(&self, task: &str, name: &str, happened: &Happened) {
        let (kind, text) = match happened {
            Happened::Started => ("started", "started".to_owned()),
            Happened::Waiting(why) => ("waiting", format!("waits: {why}")),
            Happened::Ready => ("started", "has what it needs".to_owned()),
            Happened::Failing(why) => ("failed", format!("fails, and is tried more rarely: {why}")),
            Happened::Recovered => ("started", "works again".to_owned()),
            Happened::Stopped => ("stopped", "stopped".to_owned()),
            Happened::Ended => ("stopped", "ended: its schedule is over".to_owned()),
            Happened::Disabled(why) => ("failed", format!("disabled: {why}")),
            Happened::Enabled => ("changed", "enabled".to_owned()),
            Happened::Changed => ("changed", "changed".to_owned()),
            Happened::Removed => ("removed", "removed".to_owned()),
        };
        self.event(kind, format!("task:{task}"), name, text);
    }
}
