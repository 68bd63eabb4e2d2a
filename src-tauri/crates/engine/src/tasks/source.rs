//! Values for tasks: what the catalog selects, out of the snapshot that everybody reads.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use orrery_catalog::{GroupRequest, PluginWant, Problem, ProblemKind, Query, Versions, Want};
use orrery_model::SmolStr;
use orrery_packages::manifest::Interface;
use orrery_tasks::built_in;
use orrery_tasks::manifest::{Fault, NodeRole, NodeSpec, TaskSpec};
use orrery_tasks::seams::{Collected, Later, PluginConfig, Subscribed, Subscriptions};
use serde_json::{Map, Value};
use tokio::sync::watch;

use super::bound::{Bound, Desk};
use super::unsent::{plugin_of, unsent};
use crate::engine::Engine;

/// Subscriptions through the engine's catalog.
pub(super) struct Source {
    engine: Engine,
    /// Why a task has no subscription, by its id.
    refused: Mutex<BTreeMap<String, String>>,
    desk: Arc<Desk>,
}

impl Source {
    pub(super) fn new(engine: Engine) -> Source {
        Source {
            desk: Arc::new(Desk::new(engine.clone())),
            engine,
            refused: Mutex::default(),
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
        faults.extend(view.problems.iter().filter_map(|problem| fault(spec, problem)));
        faults
    }

    fn unreadable(&self, spec: &TaskSpec) -> Vec<Fault> {
        asked("", spec).1
    }

    fn unsent(&self, task: &str, spec: &TaskSpec) -> Vec<Fault> {
        if spec.config.values().all(Map::is_empty) {
            return Vec::new();
        }
        match self.engine.subscription(task) {
            Ok(view) => unsent(spec, &view),
            Err(_) => unsent(spec, &self.engine.preview_subscription(asked(task, spec).0)),
        }
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
        Some(Arc::new(Bound::new(view, self.desk.clone())))
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

    fn asks(&self) -> bool {
        false
    }

    fn collect(&self, _: Duration) -> Later<'_, Collected> {
        Box::pin(std::future::ready(Collected::default()))
    }

    fn config(&self, _: &str) -> Option<PluginConfig> {
        None
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
        let held = all.entry(plugin_of(prefix).into()).or_default();
        held.extend(values.iter().map(|(k, v)| (k.clone(), v.clone())));
    }
    all
}

/// What is wrong with a task because of a problem; nothing when it can do without.
fn fault(spec: &TaskSpec, problem: &Problem) -> Option<Fault> {
    if problem.note {
        return None;
    }
    let (field, message) = match problem.kind {
        ProblemKind::NoMetric | ProblemKind::Away if problem.subject.starts_with('/') => {
            (format!("collect.{}", problem.subject), problem.message.clone())
        }
        ProblemKind::NoPlugin => {
            let nodes = spec.nodes();
            let node = nodes.iter().find(|(path, _)| *path == problem.subject);
            let message = match node.and_then(|(_, node)| built_in_elsewhere(node)) {
                Some(message) => message,
                None => {
                    let role = node.map_or(NodeRole::Publish, |(_, node)| node.role);
                    format!("{} Built in: {}.", problem.message, built_in(role).join(", "))
                }
            };
            (format!("{}.plugin", problem.subject), message)
        }
        ProblemKind::NoInterface => (format!("{}.plugin", problem.subject), problem.message.clone()),
        _ => (problem.subject.clone(), problem.message.clone()),
    };
    // What cannot be had at this moment is waited for.
    (!matches!(problem.kind, ProblemKind::Away | ProblemKind::Lease)).then_some(Fault { field, message })
}

/// What to do about a name that is built in for the other role.
fn built_in_elsewhere(node: &NodeSpec) -> Option<String> {
    let (other, does) = match node.role {
        NodeRole::Process => (NodeRole::Publish, "publishes"),
        NodeRole::Publish => (NodeRole::Process, "processes"),
    };
    let name = node.plugin.as_str();
    built_in(other)
        .contains(&name)
        .then(|| format!("{name} is built in and {does}: name it under {}.", other.key()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_that_is_built_in_for_the_other_role_is_told_where_it_belongs() {
        let text = "version: 2\nschedule: { type: manual }\ncollect: { /p/host/*/x: }\n\
                    process:\n  - plugin: file\n    publish: [{ plugin: rate }, { plugin: stdout }]\n";
        let spec = TaskSpec::read(text).unwrap_or_else(|faults| panic!("{faults:?}"));
        let told: Vec<_> = spec
            .nodes()
            .iter()
            .map(|(_, node)| built_in_elsewhere(node))
            .collect();
        assert_eq!(
            told,
            [
                Some("file is built in and publishes: name it under publish.".to_owned()),
                Some("rate is built in and processes: name it under process.".to_owned()),
                None
            ]
        );
    }

    #[test]
    fn what_is_said_deeper_in_a_name_wins() {
        let text = "version: 2\nschedule: { type: manual }\ncollect: { /p/host/*/x: }\nconfig:\n  \
                    /p/host: { rate: 3, name: deep }\n  /p: { rate: 2, every: 1s }\n  /: { rate: 1, site: lab }\n";
        let spec = TaskSpec::read(text).unwrap_or_else(|faults| panic!("{faults:?}"));
        let all = config(&spec);
        let said = |id: &str| all.get(id).cloned().map(Value::Object);
        assert_eq!(
            said("p"),
            Some(json!({ "rate": 3, "name": "deep", "every": "1s" }))
        );
        assert_eq!(
            said(""),
            Some(json!({ "rate": 1, "site": "lab" })),
            "for all that know the key"
        );
    }
}
