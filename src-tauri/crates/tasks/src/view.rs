//! What is shown of tasks: plain data for the window, the command line and the API.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::life::{Counts, Phase};
use crate::limits::QUERIES_SHOWN;
use crate::manifest::{Fault, NodeRole, NodeSpec, TaskSpec};
use crate::recent::PastRun;
use crate::sample::Sample;

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct TaskInfo {
    /// Id.
    pub id: String,
    /// Its name, or its id when it has none.
    pub name: String,
    /// Rises with every change of its manifest.
    pub generation: u64,
    /// Where it stands. Never `firing`: a run comes and goes, and the task stands where it stood.
    pub state: Phase,
    /// A run is under way.
    pub firing: bool,
    /// What it waits for; empty when it does not.
    pub waits_for: String,
    /// Kind of its schedule.
    pub schedule: String,
    /// When it runs, in a few words such as `every 5s`.
    pub when: String,
    /// What it collects: the first few of its queries.
    pub collect: Vec<String>,
    /// How many queries it has.
    pub queries: usize,
    /// What becomes of what it collects, each step before those that follow it.
    pub then: Vec<WorkflowStep>,
    /// When it was made, in milliseconds since the epoch.
    pub created_ms: i64,
    /// Who made it.
    pub user: String,
    /// When its next run is meant to be, in milliseconds since the epoch.
    pub next_run_ms: Option<i64>,
    /// Its last runs, oldest first.
    pub recent: Vec<PastRun>,
    /// Failed runs in a row, up to now.
    pub failures: u32,
    /// The pause that it is given after those, in milliseconds; none while it is tried as often as planned.
    pub slowed_to_ms: Option<u64>,
    /// What was counted.
    pub counts: Counts,
    /// Samples that wait for sinks that are down.
    pub held: u64,
    /// Samples that sinks did not get in the end, since the start of the application.
    pub dropped: u64,
    /// The file that declares it; none for one that was made by an order.
    pub declared: Option<Declared>,
    /// What was lost when its manifest was read, and what of it does not do all that it says.
    pub warnings: Vec<Fault>,
}

/// The file that declares a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct Declared {
    /// Its path.
    pub file: String,
    /// Why its newest text is not in force; empty when it is.
    pub problem: String,
}

impl Declared {
    /// By a file that is in force.
    pub(crate) fn by(file: &str) -> Declared {
        Declared {
            file: file.to_owned(),
            problem: String::new(),
        }
    }
}

/// A step of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct WorkflowStep {
    /// What it does.
    pub role: NodeRole,
    /// Name of what is built in, or id of a plugin.
    pub plugin: String,
    /// Where a publisher sends to: a path, or a host with its port; empty when it has no such thing.
    pub target: String,
    /// Steps above it.
    pub depth: usize,
}

/// The first few queries of a task.
pub(crate) fn queries(spec: &TaskSpec) -> Vec<String> {
    let first = spec.collect.iter().take(QUERIES_SHOWN);
    first.map(|wanted| wanted.query.clone()).collect()
}

/// The steps of a task, each before those that follow it.
pub(crate) fn steps(spec: &TaskSpec) -> Vec<WorkflowStep> {
    let mut found = Vec::new();
    add_steps(&spec.then, 0, &mut found);
    found
}

fn add_steps(nodes: &[NodeSpec], depth: usize, found: &mut Vec<WorkflowStep>) {
    for node in nodes {
        found.push(WorkflowStep {
            role: node.role,
            plugin: node.plugin.clone(),
            target: target(node),
            depth,
        });
        add_steps(&node.then, depth + 1, found);
    }
}

fn target(node: &NodeSpec) -> String {
    if node.role == NodeRole::Process {
        return String::new();
    }
    let text = |key: &str| node.config.get(key).and_then(serde_json::Value::as_str);
    if let Some(path) = text("path") {
        return path.to_owned();
    }
    let url = text("url").and_then(|url| url::Url::parse(url).ok());
    // What else stands in an address may be secret.
    url.and_then(|url| {
        let host = url.host_str()?;
        Some(match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        })
    })
    .unwrap_or_default()
}

/// A task with everything that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
pub struct TaskDetails {
    /// What a list shows.
    #[serde(flatten)]
    pub info: TaskInfo,
    /// Its manifest, version 2.
    #[ts(type = "Record<string, unknown>")]
    pub manifest: serde_json::Value,
    /// Values of its last run, some of them when there are many.
    pub values: Vec<Sample>,
    /// How many there were.
    pub values_total: usize,
}
