//! What becomes of samples: processors and publishers, nested.
//!
//! Children of one node run at the same time. A node that fails fails alone: what follows it is left out, what
//! stands beside it is not.

pub(crate) mod process;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use crate::limits::RUN_SAMPLES_MAX;
use crate::manifest::{Fault, Faults, NodeRole, NodeSpec, Table, TaskSpec};
use crate::publish::{self, KeptSamples, Publisher, Room};
use crate::sample::Sample;
use crate::seams::{Host, Later, Subscribed};
use process::Processor;

/// A task's processors and publishers with what they remember.
pub(crate) struct Workflow {
    nodes: Vec<Node>,
}

struct Node {
    path: String,
    work: Work,
    then: Vec<Node>,
}

enum Work {
    BuiltIn(Mutex<Box<dyn Processor>>),
    Plugin { id: String, config: serde_json::Value },
    Publish(Publisher),
}

/// What a run has around it.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) host: &'a Arc<dyn Host>,
    pub(crate) subscription: Option<&'a dyn Subscribed>,
}

impl Around<'_> {
    /// Config of the plugin at a place, to be sent: as its rules fill it in, else as the task says.
    fn config(self, path: &str, said: &serde_json::Value) -> Result<serde_json::Value, String> {
        match self.subscription.and_then(|s| s.config(path)) {
            Some(filled) => filled.revealed(self.host.as_ref()),
            None => Ok(said.clone()),
        }
    }
}

/// What a run may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// When it has to be over.
    pub(crate) deadline: Instant,
    /// Time for one call.
    pub(crate) timeout: Duration,
}

impl Bounds {
    /// When a call that begins now has to be over.
    fn call_until(self) -> Instant {
        (Instant::now() + self.timeout).min(self.deadline)
    }
}

impl Workflow {
    /// Of a task, with everything that is wrong with it. Whether its plugins are there is not looked at.
    pub(crate) fn of(spec: &TaskSpec, host: &Arc<dyn Host>) -> Result<Workflow, Vec<Fault>> {
        let faults = Faults::default();
        let nodes = made("", &spec.then, host, &faults);
        if faults.is_empty() {
            Ok(Workflow { nodes })
        } else {
            Err(faults.into_all())
        }
    }

    /// Sends samples through, and gives what went wrong.
    pub(crate) async fn run(&self, samples: &[Sample], around: Around<'_>, bounds: Bounds) -> Vec<String> {
        run(&self.nodes, samples, around, bounds).await
    }

    /// What will not do all that it says.
    pub(crate) fn warnings(&self, host: &Arc<dyn Host>) -> Vec<Fault> {
        let mut found = Vec::new();
        if let Some(why) = host.lacks_desktop() {
            warn_of_notices(&self.nodes, &why, &mut found);
        }
        found
    }

    /// Takes the place of another workflow: what waits at a place that has the same publisher waits on.
    pub(crate) fn take_over(&mut self, other: &Workflow) {
        let before: HashMap<&str, &Publisher> = publishers(&other.nodes).into_iter().collect();
        each_publisher(&mut self.nodes, &mut |path, publisher| {
            if let Some(old) = before.get(path) {
                publisher.take_over(old);
            }
        });
    }

    /// The newest of what waits, at most so many samples, to be kept over a restart.
    pub(crate) fn kept(&self, most: usize) -> Vec<KeptSamples> {
        let mut room = Room::of_task(most);
        let all = publishers(&self.nodes).into_iter();
        all.filter_map(|(path, publisher)| publisher.kept(path, &mut room))
            .collect()
    }

    /// Takes back what was kept, as far as there is the publisher that it waited for.
    pub(crate) fn restore(&self, kept: &[KeptSamples]) {
        for (path, publisher) in publishers(&self.nodes) {
            if let Some(of_it) = kept.iter().find(|kept| kept.path == path) {
                publisher.restore(of_it);
            }
        }
    }

    /// Samples that its publishers hold for sinks that are down, and how many they had to drop.
    pub(crate) fn held(&self) -> (u64, u64) {
        held(&self.nodes)
    }
}

fn made(path: &str, specs: &[NodeSpec], host: &Arc<dyn Host>, faults: &Faults) -> Vec<Node> {
    let mut nodes = Vec::new();
    for role in [NodeRole::Process, NodeRole::Publish] {
        for (index, spec) in specs.iter().filter(|s| s.role == role).enumerate() {
            let place = match path {
                "" => format!("{}[{index}]", role.key()),
                path => format!("{path}.{}[{index}]", role.key()),
            };
            let then = made(&place, &spec.then, host, faults);
            let work = work(&place, spec, host, faults);
            nodes.extend(work.map(|work| Node {
                path: place,
                work,
                then,
            }));
        }
    }
    nodes
}

fn work(path: &str, spec: &NodeSpec, host: &Arc<dyn Host>, faults: &Faults) -> Option<Work> {
    let name = spec.plugin.as_str();
    let known = built_in(spec.role);
    if known.contains(&name) {
        let config = Table::new(&spec.config, format!("{path}.config"), faults);
        return match spec.role {
            NodeRole::Process => Some(Work::BuiltIn(Mutex::new(process::built_in(name, &config)?))),
            NodeRole::Publish => Some(Work::Publish(Publisher::built_in(
                name,
                &config,
                spec.buffer,
                host,
            )?)),
        };
    }
    let place = format!("{path}.plugin");
    if !is_plugin_id(name) {
        faults.add(
            place,
            format!("is neither built in ({}) nor a plugin's id", known.join(", ")),
        );
        return None;
    }
    let config = serde_json::Value::Object(spec.config.clone());
    Some(match spec.role {
        NodeRole::Process => Work::Plugin {
            id: name.to_owned(),
            config,
        },
        NodeRole::Publish => Work::Publish(Publisher::plugin(name, config, spec.buffer, host)),
    })
}

/// Names of the processors or publishers that are built in.
#[must_use]
pub fn built_in(role: NodeRole) -> &'static [&'static str] {
    match role {
        NodeRole::Process => process::BUILT_IN,
        NodeRole::Publish => publish::BUILT_IN,
    }
}

fn is_plugin_id(name: &str) -> bool {
    let mut parts = name.split('-');
    parts.all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn run<'a>(
    nodes: &'a [Node],
    samples: &'a [Sample],
    around: Around<'a>,
    bounds: Bounds,
) -> Later<'a, Vec<String>> {
    Box::pin(async move {
        let each = nodes.iter().map(|node| run_node(node, samples, around, bounds));
        join_all(each).await.into_iter().flatten().collect()
    })
}

async fn run_node(node: &Node, samples: &[Sample], around: Around<'_>, bounds: Bounds) -> Vec<String> {
    let failed = |why: String| vec![format!("{}: {why}", node.path)];
    if Instant::now() >= bounds.deadline {
        return failed("the run's deadline had passed".to_owned());
    }
    let processed = match &node.work {
        Work::BuiltIn(processor) => {
            let mut processor = processor.lock().unwrap_or_else(PoisonError::into_inner);
            processor.process(samples)
        }
        Work::Plugin { id, config } => {
            let processed = match around.config(&node.path, config) {
                Ok(config) => call(around.host, id, &config, samples, bounds).await,
                Err(why) => Err(why),
            };
            match processed {
                Ok(samples) => samples,
                Err(why) => return failed(why),
            }
        }
        Work::Publish(publisher) => {
            if let Some(config) = around.subscription.and_then(|s| s.config(&node.path)) {
                publisher.configure(config);
            }
            let published = publisher.publish(samples, bounds.call_until()).await;
            return published.err().map(failed).unwrap_or_default();
        }
    };
    run(&node.then, &processed, around, bounds).await
}

/// Lets a plugin process samples.
async fn call(
    host: &Arc<dyn Host>,
    plugin: &str,
    config: &serde_json::Value,
    samples: &[Sample],
    bounds: Bounds,
) -> Result<Vec<Sample>, String> {
    /// What a processor answers with.
    #[derive(serde::Deserialize)]
    struct Answer {
        #[serde(default)]
        samples: Vec<Sample>,
        #[serde(default)]
        error: String,
    }
    let body = serde_json::json!({ "config": config, "samples": samples }).to_string();
    let until = bounds.call_until();
    let timeout = until.saturating_duration_since(Instant::now());
    let asked = timeout_at(until, host.call(plugin, "/process", body.into_bytes(), timeout)).await;
    let answer = asked.map_err(|_| format!("plugin {plugin} did not answer in time"))??;
    let answer: Answer = serde_json::from_slice(&answer)
        .map_err(|error| format!("plugin {plugin} answered with something else than samples: {error}"))?;
    if !answer.error.is_empty() {
        return Err(format!("plugin {plugin}: {}", answer.error));
    }
    if answer.samples.len() > RUN_SAMPLES_MAX {
        return Err(format!(
            "plugin {plugin} answered with more than {RUN_SAMPLES_MAX} samples"
        ));
    }
    Ok(answer.samples)
}

fn warn_of_notices(nodes: &[Node], why: &str, found: &mut Vec<Fault>) {
    for node in nodes {
        if let Work::Publish(publisher) = &node.work
            && publisher.is_notification()
        {
            found.push(Fault {
                field: format!("{}.plugin", node.path),
                message: format!("shows nothing on a desktop: {why}"),
            });
        }
        warn_of_notices(&node.then, why, found);
    }
}

fn publishers(nodes: &[Node]) -> Vec<(&str, &Publisher)> {
    let mut all = Vec::new();
    for node in nodes {
        if let Work::Publish(publisher) = &node.work {
            all.push((node.path.as_str(), publisher));
        }
        all.extend(publishers(&node.then));
    }
    all
}

fn each_publisher(nodes: &mut [Node], then: &mut dyn FnMut(&str, &mut Publisher)) {
    for node in nodes {
        if let Work::Publish(publisher) = &mut node.work {
            then(&node.path, publisher);
        }
        each_publisher(&mut node.then, then);
    }
}

fn held(nodes: &[Node]) -> (u64, u64) {
    nodes.iter().fold((0, 0), |(held_so_far, dropped_so_far), node| {
        let own = match &node.work {
            Work::Publish(publisher) => publisher.held(),
            _ => (0, 0),
        };
        let below = held(&node.then);
        (held_so_far + own.0 + below.0, dropped_so_far + own.1 + below.1)
    })
}
