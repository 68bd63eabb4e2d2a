//! What is counted of a task.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::limits::{ERROR_BYTES_MAX, ERRORS_KEPT};

/// What is counted of a task, since it was made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS, JsonSchema)]
#[serde(default)]
pub struct Counts {
    /// Runs begun.
    pub runs: u64,
    /// Runs in which everything was done.
    pub ok: u64,
    /// Runs in which some of it was not.
    pub partial: u64,
    /// Runs that failed.
    pub failed: u64,
    /// Slots without a run.
    pub missed: Missed,
    /// When the last run began, in milliseconds since the epoch.
    pub last_run_ms: Option<i64>,
    /// The last errors, oldest first.
    pub errors: Vec<PastError>,
}

/// Slots without a run, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS, JsonSchema)]
#[serde(default)]
pub struct Missed {
    /// The run before was not over.
    pub busy: u64,
    /// The machine slept, or its clock was set.
    pub late: u64,
    /// It failed again and again, and was left alone for a while.
    pub slow: u64,
    /// Something that it needs was not there.
    pub waiting: u64,
    /// There was nothing to collect.
    pub empty: u64,
}

impl Missed {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.busy + self.late + self.slow + self.waiting + self.empty
    }
}

/// What went wrong in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct PastError {
    /// When it did last, in milliseconds since the epoch.
    pub at_ms: i64,
    /// What.
    pub text: String,
    /// How many times in a row.
    pub times: u64,
}

impl Counts {
    /// Keeps an error; the same one again is counted.
    pub(crate) fn note(&mut self, at_ms: i64, text: &str) {
        let end = text.floor_char_boundary(ERROR_BYTES_MAX);
        let text = &text[..end];
        match self.errors.last_mut() {
            Some(last) if last.text == text => {
                last.at_ms = at_ms;
                last.times += 1;
            }
            _ => self.errors.push(PastError {
                at_ms,
                text: text.to_owned(),
                times: 1,
            }),
        }
        let beyond = self.errors.len().saturating_sub(ERRORS_KEPT);
        self.errors.drain(..beyond);
    }
}
