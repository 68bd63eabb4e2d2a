//! What is shown of tasks: plain data for the window, the command line and the API.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::life::{Counts, Phase};
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
    /// Where it stands.
    pub state: Phase,
    /// What it waits for; empty when it does not.
    pub waits_for: String,
    /// Kind of its schedule.
    pub schedule: String,
    /// When it was made, in milliseconds since the epoch.
    pub created_ms: i64,
    /// Who made it.
    pub user: String,
    /// When its next run is meant to be, in milliseconds since the epoch.
    pub next_run_ms: Option<i64>,
    /// What was counted.
    pub counts: Counts,
    /// Samples that wait for sinks that are down.
    pub held: u64,
    /// Samples that sinks did not get in the end, since the start of the application.
    pub dropped: u64,
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
