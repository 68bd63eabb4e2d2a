//! What goes into a task's life and what comes out.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::life::Counts;
use crate::limits::FAILURES_MAX;
use crate::schedule::Schedule;

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Made or stopped.
    Stopped,
    /// Started, and something that it needs is not there.
    Waiting,
    /// Started, until its next run.
    Scheduled,
    /// It runs.
    Firing,
    /// Stop was asked for, and the run may finish.
    Stopping,
    /// Its schedule is over.
    Ended,
    /// It failed again and again, and is tried more rarely until it works.
    Failing,
    /// It failed too often, and runs no more until it is enabled.
    Disabled,
}

/// What is done about a task that fails again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// It is tried at growing intervals.
    Slow,
    /// It runs no more until it is enabled.
    Disable,
    /// Nothing.
    Ignore,
}

/// From how many failed runs in a row on something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnFailure {
    /// Failed runs in a row.
    pub after: u32,
    /// What is done.
    pub then: Then,
}

impl Default for OnFailure {
    fn default() -> Self {
        OnFailure {
            after: FAILURES_MAX,
            then: Then::Slow,
        }
    }
}

/// What a task is held to.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// When it runs.
    pub schedule: Schedule,
    /// What is done when it fails.
    pub on_failure: OnFailure,
    /// Its share of the jitter, from 0 to 1.
    pub share: f64,
}

/// How a run went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was done.
    Ok,
    /// Some of it was not, and the rest went through.
    Partial(String),
    /// It failed.
    Failed(String),
    /// There was nothing to do it with: it counts as no run.
    Skipped(String),
}

/// What happens to a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Somebody starts it.
    Start,
    /// Somebody stops it.
    Stop,
    /// Somebody takes back that it is disabled.
    Enable,
    /// Somebody removes it.
    Remove,
    /// Somebody wants one run now.
    RunNow,
    /// It is held to something else from here on.
    Replace(Rules),
    /// What it needs is there, or is not, and why.
    Bound(Result<(), String>),
    /// The moment that it wanted to be woken at came.
    Tick,
    /// What it streams brought something new.
    Arrived,
    /// Its run ended.
    RunEnded(Outcome),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Ask for what it needs, and go on telling whether that is there.
    Subscribe,
    /// Give that back.
    Unsubscribe,
    /// Wake it at this monotonic moment, and at no other.
    Wake(Option<Duration>),
    /// Run it.
    Fire,
    /// Tell everybody.
    Tell(Happened),
}

/// What everybody may know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(tag = "kind", content = "why", rename_all = "snake_case")]
pub enum Happened {
    /// It was started.
    Started,
    /// It waits for something.
    Waiting(String),
    /// What it waited for is there.
    Ready,
    /// It fails again and again.
    Failing(String),
    /// It works again.
    Recovered,
    /// It was stopped.
    Stopped,
    /// Its schedule is over.
    Ended,
    /// It failed too often.
    Disabled(String),
    /// It is no more disabled.
    Enabled,
    /// It was changed.
    Changed,
    /// It was removed.
    Removed,
}

/// What outlives the application.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Where it stood.
    pub phase: Phase,
    /// Planned runs since it was started.
    #[serde(default)]
    pub runs: u64,
    /// What was counted.
    #[serde(default)]
    pub counts: Counts,
}
