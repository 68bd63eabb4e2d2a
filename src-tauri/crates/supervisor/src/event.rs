//! What happened to plugins' processes, in words.

use serde::{Deserialize, Serialize};

/// Something that happened to a plugin's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Plugin id.
    pub plugin: String,
    /// Which of its processes, counted from 1; 0 when it is about none.
    pub generation: u64,
    /// When, in milliseconds since the epoch; of the newest, when it stands for several.
    pub at_ms: i64,
    /// What.
    pub kind: EventKind,
    /// One sentence.
    pub text: String,
    /// How many equal ones in a row this stands for.
    pub count: u64,
    /// Last lines of output, where a process failed; oldest first.
    pub last_lines: Vec<String>,
}

impl Event {
    /// Takes in the next event of the same plugin if it says the same again.
    pub fn absorb(&mut self, next: &Event) -> bool {
        let same = self.plugin == next.plugin && self.kind == next.kind && self.text == next.text;
        if same {
            self.generation = next.generation;
            self.at_ms = next.at_ms;
            self.count = self.count.saturating_add(next.count);
            self.last_lines.clone_from(&next.last_lines);
        }
        same
    }
}

/// Kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A process is being started.
    Starting,
    /// Its first report was valid (or, for a one-shot, its work began).
    Running,
    /// The process ended.
    Exited,
    /// Several checks in a row failed.
    Unresponsive,
    /// It answers again.
    Recovered,
    /// It has run long enough for earlier failures to be forgotten.
    Settled,
    /// It is tried again after a wait.
    Backoff,
    /// It ended too often; it is tried again slowly.
    CrashLoop,
    /// It cannot be started until something is changed.
    NotStartable,
    /// It is at rest, as wanted.
    Stopped,
    /// It ended and its restart policy leaves it so.
    Left,
    /// A one-shot did its work.
    Completed,
    /// A one-shot failed.
    ExecutionFailed,
    /// It hit a limit.
    LimitExceeded,
    /// It was held back to its CPU limit.
    Throttled,
    /// Its health is another one.
    HealthChanged,
    /// A candidate is being started.
    CandidateStarting,
    /// A candidate is ready.
    CandidateReady,
    /// A candidate failed.
    CandidateFailed,
    /// A candidate became the instance.
    Promoted,
}

impl EventKind {
    /// A stable name for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::Starting => "starting",
            EventKind::Running => "running",
            EventKind::Exited => "exited",
            EventKind::Unresponsive => "unresponsive",
            EventKind::Recovered => "recovered",
            EventKind::Settled => "settled",
            EventKind::Backoff => "backoff",
            EventKind::CrashLoop => "crash_loop",
            EventKind::NotStartable => "not_startable",
            EventKind::Stopped => "stopped",
            EventKind::Left => "left",
            EventKind::Completed => "completed",
            EventKind::ExecutionFailed => "execution_failed",
            EventKind::LimitExceeded => "limit_exceeded",
            EventKind::Throttled => "throttled",
            EventKind::HealthChanged => "health_changed",
            EventKind::CandidateStarting => "candidate_starting",
            EventKind::CandidateReady => "candidate_ready",
            EventKind::CandidateFailed => "candidate_failed",
            EventKind::Promoted => "promoted",
        }
    }
}
