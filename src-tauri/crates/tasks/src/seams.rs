//! What tasks need of the world around them.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use tokio::sync::watch;

use crate::life::{Happened, Kept};
use crate::manifest::{Fault, TaskSpec};
use crate::recent::Recent;
use crate::sample::{Sample, Series};

pub use crate::publish::{KeptSamples, KeptSeries};

/// An answer that comes later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a run collected.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Collected {
    /// Values.
    pub samples: Vec<Sample>,
    /// What could not be had, and why.
    pub problems: Vec<String>,
    /// What could not be had and the task does without, and why.
    pub notes: Vec<String>,
}

/// Config for a plugin.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PluginConfig {
    /// Values; a secret is where it is, such as `env:NAME`.
    pub values: serde_json::Value,
    /// Keys of the values that are secrets.
    pub secrets: Vec<String>,
}

impl PluginConfig {
    /// The values with the secrets themselves, for the plugin alone: send it and keep no copy.
    ///
    /// # Errors
    /// Every secret that cannot be read.
    pub fn revealed(&self, host: &dyn Host) -> Result<serde_json::Value, String> {
        let mut values = self.values.clone();
        let mut wrong = Vec::new();
        for key in &self.secrets {
            let Some(serde_json::Value::String(value)) = values.get_mut(key) else {
                continue;
            };
            match host.secret(value) {
                Ok(secret) => *value = secret,
                Err(why) => wrong.push(format!("{key}: {why}")),
            }
        }
        match wrong.is_empty() {
            true => Ok(values),
            false => Err(wrong.join("; ")),
        }
    }
}

/// Where values come from, and what has to run for them.
pub trait Subscriptions: Send + Sync + 'static {
    /// What is wrong with what a task asks for: what can never be had, and what is not there at present.
    fn check(&self, spec: &TaskSpec) -> Vec<Fault>;

    /// What is wrong with the request itself, whatever there is.
    fn unreadable(&self, spec: &TaskSpec) -> Vec<Fault>;

    /// Config that a task gives to plugins and that does not reach them, and what to do about it.
    fn unsent(&self, task: &str, spec: &TaskSpec) -> Vec<Fault>;

    /// Begins to see to it that everything which a task asks for is there. Asked again, the new request takes the
    /// place of the one before.
    fn subscribe(&self, task: &str, spec: &TaskSpec);

    /// Gives everything back.
    fn unsubscribe(&self, task: &str);

    /// What a task's request comes to at this moment; none when it has none.
    fn subscription(&self, task: &str) -> Option<Arc<dyn Subscribed>>;

    /// Rises when a subscription may have changed.
    fn changed(&self) -> watch::Receiver<u64>;

    /// Rises when there are new values.
    fn arrived(&self) -> watch::Receiver<u64>;
}

/// What a task's request came to at a moment. It never changes, so that a run has one throughout.
pub trait Subscribed: Send + Sync {
    /// What is missing for the task to run; none when it can.
    fn lacks(&self) -> Option<String>;

    /// Whether its values have to be asked for, because the task has a config of its own for a plugin. Otherwise they
    /// are there.
    fn asks(&self) -> bool;

    /// Its values. A plugin that is asked has `timeout` to answer.
    fn collect(&self, timeout: Duration) -> Later<'_, Collected>;

    /// Config of the processor or publisher plugin at a place of the workflow, with everything filled in; none when
    /// there is nothing to fill in.
    fn config(&self, path: &str) -> Option<PluginConfig>;
}

/// What is shown on the desktop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// A few words.
    pub title: String,
    /// A sentence.
    pub text: String,
    /// Id of the node that it is about; none when it is about several.
    pub node: Option<SmolStr>,
}

/// What a person calls what a value is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The node, such as `postgres (pid 41)`.
    pub node: String,
    /// The metric, such as `CPU`.
    pub metric: String,
}

/// Who sends what leaves the machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// Identity of the instance.
    pub instance: String,
    /// Name of the host.
    pub host: String,
}

/// Where built-in publishers lead inside of the application, and how plugins are reached.
pub trait Host: Send + Sync + 'static {
    /// The wall clock, in milliseconds since the epoch.
    fn wall_ms(&self) -> i64;

    /// Who this is.
    fn identity(&self) -> Identity;

    /// The directory in which relative paths of files lie.
    fn files(&self) -> PathBuf;

    /// Why notices appear on no desktop; none when they do.
    fn lacks_desktop(&self) -> Option<String>;

    /// What a person calls the node and the metric of a series; their ids where nothing better is known.
    fn names(&self, series: &Series) -> Names;

    /// Adds samples to history.
    ///
    /// # Errors
    /// Why not.
    fn to_history(&self, samples: &[Sample]) -> Result<(), String>;

    /// Shows samples as metrics on their nodes.
    ///
    /// # Errors
    /// Why not.
    fn to_topology(&self, samples: &[Sample]) -> Result<(), String>;

    /// Shows a notice on the desktop.
    ///
    /// # Errors
    /// Why not.
    fn notify(&self, notice: Notice) -> Result<(), String>;

    /// Sends a body to a plugin's socket and gives the body that it answers with.
    fn call<'a>(
        &'a self,
        plugin: &'a str,
        path: &'a str,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Later<'a, Result<Vec<u8>, String>>;

    /// A secret by where it is, such as `env:NAME`.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn secret(&self, reference: &str) -> Result<String, String>;

    /// Told of what happens to tasks.
    fn happened(&self, task: &str, name: &str, happened: &Happened);

    /// Told of a file that declares a task and cannot be taken as it is.
    fn refused(&self, file: &str, why: &str);
}

/// A task as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TaskRecord {
    /// Id.
    pub id: String,
    /// When it was made, in milliseconds since the epoch.
    pub created_ms: i64,
    /// Who made it.
    pub user: String,
    /// Rises with every change of its manifest.
    pub generation: u64,
    /// Its manifest, version 2.
    pub manifest: serde_json::Value,
    /// Name of the file that declares it; none for one that was made by an order.
    #[serde(default)]
    pub declared: Option<String>,
    /// What was lost when its manifest was read.
    #[serde(default)]
    pub warnings: Vec<Fault>,
    /// Where it stood.
    pub kept: Kept,
    /// Its last runs.
    #[serde(default)]
    pub recent: Recent,
    /// What waits for sinks that are down.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<KeptSamples>,
}

/// Where tasks outlive the application.
pub trait Records: Send + Sync + 'static {
    /// Writes tasks down, all or none.
    fn put(&self, records: Vec<TaskRecord>) -> Later<'_, Result<(), String>>;

    /// Forgets a task.
    fn forget<'a>(&'a self, id: &'a str) -> Later<'a, Result<(), String>>;
}
