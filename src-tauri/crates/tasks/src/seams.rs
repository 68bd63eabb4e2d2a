//! What tasks need of the world around them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use ts_rs::TS;

use crate::life::{Happened, Kept};
use crate::manifest::{Fault, NodeRole, TaskSpec};
use crate::sample::Sample;

/// An answer that comes later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a task's request comes to at this moment: its subscription.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct Subscription {
    /// Id of the task.
    pub task: String,
    /// Rises with every change.
    pub generation: u64,
    /// Queries that were asked for.
    pub requested: Vec<String>,
    /// Plugins that it needs.
    pub plugins: Vec<String>,
    /// Metrics that the queries come to, as namespaces.
    pub metrics: Vec<String>,
    /// Config by metric, what is secret left out.
    #[ts(type = "Record<string, unknown>")]
    pub config: std::collections::BTreeMap<String, serde_json::Value>,
    /// Why it cannot run; empty when it can.
    pub problems: Vec<String>,
    /// What is missing that it can do without.
    pub notes: Vec<String>,
}

/// What a run collected.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Collected {
    /// Values.
    pub samples: Vec<Sample>,
    /// What could not be had, and why.
    pub problems: Vec<String>,
}

/// Where values come from, and what has to run for them.
pub trait Subscriptions: Send + Sync + 'static {
    /// What is wrong with what a task asks for, if it were made now.
    fn check(&self, spec: &TaskSpec) -> Vec<Fault>;

    /// Begins to see to it that everything which a task asks for is there. Asked again, the new request takes the
    /// place of the one before.
    fn subscribe(&self, task: &str, spec: &TaskSpec);

    /// Gives everything back.
    fn unsubscribe(&self, task: &str);

    /// What a task's request comes to at this moment; none when it has none.
    fn subscription(&self, task: &str) -> Option<Arc<Subscription>>;

    /// Rises when a subscription may have changed.
    fn changed(&self) -> watch::Receiver<u64>;

    /// Rises when there are new values.
    fn arrived(&self) -> watch::Receiver<u64>;

    /// Values of a subscription. Asks nobody: they are there.
    fn collect(&self, subscription: &Subscription) -> Collected;
}

/// What is shown on the desktop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// A few words.
    pub title: String,
    /// A sentence.
    pub text: String,
}

/// Where built-in publishers lead inside of the application, and how plugins are reached.
pub trait Host: Send + Sync + 'static {
    /// The wall clock, in milliseconds since the epoch.
    fn wall_ms(&self) -> i64;

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

    /// Whether there is a plugin that can be such a node.
    fn has_plugin(&self, plugin: &str, role: NodeRole) -> bool;

    /// A secret by its name.
    fn secret(&self, name: &str) -> Option<String>;

    /// Told of what happens to tasks.
    fn happened(&self, task: &str, name: &str, happened: &Happened);
}

/// A task as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// Where it stood.
    pub kept: Kept,
}

/// Where tasks outlive the application.
pub trait Records: Send + Sync + 'static {
    /// Writes tasks down, all or none.
    fn put(&self, records: Vec<TaskRecord>) -> Later<'_, Result<(), String>>;

    /// Forgets a task.
    fn forget<'a>(&'a self, id: &'a str) -> Later<'a, Result<(), String>>;
}
