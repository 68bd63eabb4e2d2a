//! Values for tasks: what the catalog selects, out of the snapshot that everybody reads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use orrery_catalog::{
    GroupRequest, Namespace, PluginWant, Problem, ProblemKind, Query, QueryElement, Reading, Versions, View,
    Want, readings,
};
use orrery_model::SmolStr;
use orrery_model::window::SourceId;
use orrery_packages::manifest::Interface;
use orrery_tasks::manifest::{Fault, NodeRole, TaskSpec};
use orrery_tasks::seams::{Collected, Subscribed, Subscriptions};
use orrery_tasks::{Sample, Series, built_in};
use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::engine::Engine;
use crate::limits::TASK_SAMPLES;
use crate::published::Published;

/// Subscriptions through the engine's catalog.
pub(super) struct Source {
    engine: Engine,
    /// Why a task has no subscription, by its id.
    refused: Mutex<BTreeMap<String, String>>,
    /// Rises when a task was refused, which changes nothing in the catalog.
    names: Arc<Names>,
}

impl Source {
    pub(super) fn new(engine: Engine) -> Source {
        Source {
            engine,
            refused: Mutex::default(),
            names: Arc::default(),
        }
    }

    fn refuse(&self, task: &str, why: Option<String>) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        match why {
            Some(why) => refused.insert(task.to_owned(), why),
            None => refused.remove(task),
        };
    }
}

impl Subscriptions for Source {
    fn check(&self, spec: &TaskSpec) -> Vec<Fault> {
        let (request, mut faults) = asked("", spec);
        let view = self.engine.preview_subscription(request);
        faults.extend(view.problems.iter().filter_map(fault));
        faults
    }

    fn unreadable(&self, spec: &TaskSpec) -> Vec<Fault> {
        asked("", spec).1
    }

    fn subscribe(&self, task: &str, spec: &TaskSpec) {
        let subscribed = request(task, spec)
            .map_err(|faults| {
                let told = faults.iter().map(|f| format!("{} {}", f.field, f.message));
                told.collect::<Vec<_>>().join("; ")
            })
            .and_then(|request| self.engine.subscribe(request).map_err(|error| error.to_string()));
        self.refuse(task, subscribed.err());
    }

    fn unsubscribe(&self, task: &str) {
        self.refuse(task, None);
        if let Err(error) = self.engine.unsubscribe(task) {
            tracing::debug!(%error, "a task had no subscription");
        }
    }

    fn subscription(&self, task: &str) -> Option<Arc<dyn Subscribed>> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = refused.get(task) {
            return Some(Arc::new(Refused(why.clone())));
        }
        drop(refused);
        let view = self.engine.subscription(task).ok()?;
        Some(Arc::new(Bound {
            view,
            engine: self.engine.clone(),
            names: self.names.clone(),
        }))
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.engine.subscription_changes()
    }

    fn arrived(&self) -> watch::Receiver<u64> {
        self.engine.publications()
    }
}

struct Refused(String);

impl Subscribed for Refused {
    fn lacks(&self) -> Option<String> {
        Some(self.0.clone())
    }

    fn collect(&self) -> Collected {
        Collected::default()
    }

    fn config(&self, _: &str) -> Option<Value> {
        None
    }
}

/// A view and where its values are.
struct Bound {
    view: Arc<View>,
    engine: Engine,
    names: Arc<Names>,
}

impl Subscribed for Bound {
    fn lacks(&self) -> Option<String> {
        let problems = self.view.problems.iter().filter(|problem| !problem.note);
        let told: Vec<&str> = problems.map(|problem| problem.message.as_str()).collect();
        if !told.is_empty() {
            return Some(told.join(" "));
        }
        // A plugin that was just started has nothing to tell yet: a run now would find nothing.
        let published = self.engine.published();
        let collectors = self.collectors();
        let silent = collectors.iter().copied();
        let silent: Vec<&str> = silent
            .filter(|id| !published.hears(&SourceId::plugin(id)))
            .collect();
        // Where any plugin will do, one that reports is enough.
        let is_all = silent.len() == collectors.len() && !self.has_built_in() && !self.is_optional();
        let waited_for = silent.into_iter().filter(|id| is_all || self.is_needed(id));
        let waited_for: Vec<&str> = waited_for.collect();
        (!waited_for.is_empty()).then(|| format!("the first report of {}", waited_for.join(", ")))
    }

    fn collect(&self) -> Collected {
        let published = self.engine.published();
        let values = readings(&self.view.metrics, &published.report, TASK_SAMPLES);
        let mut problems = Vec::new();
        // What a plugin said that has gone since is still shown for a while, and is no value of now.
        let mut gone = BTreeSet::new();
        for id in self.collectors() {
            if !published.hears(&SourceId::plugin(id)) {
                gone.insert(id);
                if self.is_needed(id) {
                    problems.push(format!("plugin {id} does not report"));
                }
            }
        }
        let mut samples = Vec::with_capacity(values.len());
        for value in &values {
            let id = value.entry.source.id.as_str();
            if gone.contains(id) || !self.is_from(&published, value) {
                continue;
            }
            let Some(series) = self.names.series(value) else {
                continue;
            };
            samples.push(Sample {
                series,
                at_ms: value.sample.date.as_millis(),
                value: value.sample.value,
            });
        }
        Collected { samples, problems }
    }

    fn config(&self, path: &str) -> Option<Value> {
        let resolved = self.view.config_at(path)?;
        Some(Value::Object(resolved.values.clone()))
    }
}

impl Bound {
    /// Plugins whose metrics are collected.
    fn collectors(&self) -> BTreeSet<&str> {
        let entries = self.view.metrics.iter().map(|selected| &selected.entry.source);
        entries
            .filter(|source| !source.built_in)
            .map(|source| source.id.as_str())
            .collect()
    }

    /// Whether the task asks for this very plugin and cannot do without.
    fn is_needed(&self, plugin: &str) -> bool {
        self.view.request.wants.iter().any(|want| {
            let names_it = !matches!(want.query.elements().first(), None | Some(QueryElement::Any));
            !want.optional && names_it && want.query.concerns(plugin)
        })
    }

    /// Whether some of its metrics are there anyway.
    fn has_built_in(&self) -> bool {
        let mut all = self.view.metrics.iter();
        all.any(|selected| selected.entry.source.built_in)
    }

    /// Whether it can do without everything that it asks for.
    fn is_optional(&self) -> bool {
        self.view.request.wants.iter().all(|want| want.optional)
    }

    /// Whether the node is one that the metric's plugin names: another source may have a metric of the same id.
    fn is_from(&self, published: &Published, value: &Reading) -> bool {
        let source = &value.entry.source;
        let Some(place) = &value.entry.told.place else {
            return false;
        };
        source.built_in || published.names(&SourceId::plugin(&source.id), place.topology, &value.node)
    }
}

/// Series by plugin, metric and node, made once and shared by all tasks and runs.
#[derive(Default)]
struct Names(Mutex<BTreeMap<(Namespace, SmolStr), Arc<Series>>>);

/// Series remembered; beyond it they are made anew.
const NAMES_MAX: usize = 200_000;

impl Names {
    fn series(&self, value: &Reading) -> Option<Arc<Series>> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (value.entry.namespace.clone(), value.node.clone());
        if let Some(series) = names.get(&key) {
            return Some(series.clone());
        }
        let place = value.entry.told.place.as_ref()?;
        let told = &value.entry.told;
        let series = Arc::new(Series {
            namespace: value.namespace().to_string().into(),
            plugin: value.entry.source.id.clone(),
            topology: place.topology.tag().into(),
            node: value.node.clone(),
            metric: place.metric.clone(),
            unit: if told.unit.is_empty() {
                told.format.clone()
            } else {
                told.unit.clone()
            },
            tags: BTreeMap::new(),
        });
        if names.len() >= NAMES_MAX {
            names.clear();
        }
        names.insert(key, series.clone());
        Some(series)
    }
}

/// What a task asks of the catalog.
///
/// # Errors
/// Queries and versions that cannot be read.
pub(crate) fn request(task: &str, spec: &TaskSpec) -> Result<GroupRequest, Vec<Fault>> {
    match asked(task, spec) {
        (request, faults) if faults.is_empty() => Ok(request),
        (_, faults) => Err(faults),
    }
}

/// What a task asks with those of its queries that can be read, and what is wrong with the others.
fn asked(task: &str, spec: &TaskSpec) -> (GroupRequest, Vec<Fault>) {
    let mut faults = Vec::new();
    let mut wants = Vec::new();
    for wanted in &spec.collect {
        let field = format!("collect.{}", wanted.query);
        let query = wanted.query.parse::<Query>();
        let versions = wanted.version.parse::<Versions>();
        match (query, versions) {
            (Ok(query), Ok(versions)) => wants.push(Want {
                query,
                versions,
                optional: wanted.optional,
            }),
            (query, versions) => {
                faults.extend(query.err().map(|error| Fault {
                    field: field.clone(),
                    message: format!("is no query: {error}"),
                }));
                faults.extend(versions.err().map(|why| Fault {
                    field: format!("{field}.version"),
                    message: format!("is {why}"),
                }));
            }
        }
    }
    let request = GroupRequest {
        id: task.into(),
        wants,
        plugins: plugins(spec),
        config: config(spec),
    };
    (request, faults)
}

fn plugins(spec: &TaskSpec) -> Vec<PluginWant> {
    let nodes = spec.nodes().into_iter();
    let plugins = nodes.filter(|(_, node)| !built_in(node.role).contains(&node.plugin.as_str()));
    plugins
        .map(|(path, node)| PluginWant {
            path,
            plugin: node.plugin.as_str().into(),
            versions: Versions::Latest,
            interface: match node.role {
                NodeRole::Process => Interface::Processor,
                NodeRole::Publish => Interface::Publisher,
            },
            config: node.config.clone(),
        })
        .collect()
}

/// Config by plugin; what stands under `/` is for all.
fn config(spec: &TaskSpec) -> BTreeMap<SmolStr, Map<String, Value>> {
    let mut all: BTreeMap<SmolStr, Map<String, Value>> = BTreeMap::new();
    for (prefix, values) in &spec.config {
        let source = prefix
            .trim_start_matches('/')
            .split('/')
            .next()
            .unwrap_or_default();
        let held = all.entry(source.into()).or_default();
        held.extend(values.iter().map(|(k, v)| (k.clone(), v.clone())));
    }
    all
}

/// What is wrong with a task because of a problem; nothing when it can do without.
fn fault(problem: &Problem) -> Option<Fault> {
    if problem.note {
        return None;
    }
    let (field, message) = match problem.kind {
        ProblemKind::NoMetric | ProblemKind::Away if problem.subject.starts_with('/') => {
            (format!("collect.{}", problem.subject), problem.message.clone())
        }
        ProblemKind::NoPlugin | ProblemKind::NoInterface => {
            let role = if problem.subject.contains("publish") {
                NodeRole::Publish
            } else {
                NodeRole::Process
            };
            let message = format!("{} Built in: {}.", problem.message, built_in(role).join(", "));
            (format!("{}.plugin", problem.subject), message)
        }
        _ => (problem.subject.clone(), problem.message.clone()),
    };
    // What cannot be had at this moment is waited for.
    (!matches!(problem.kind, ProblemKind::Away | ProblemKind::Lease)).then_some(Fault { field, message })
}
