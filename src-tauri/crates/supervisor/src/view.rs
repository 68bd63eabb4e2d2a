//! What is shown of a plugin's process: plain data for the window, the command line and the API.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Where a plugin's process stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InstanceState {
    /// Nothing is wanted, or nothing is ready to run.
    #[default]
    Absent,
    /// The manifest's host rules do not match this machine.
    Inapplicable,
    /// Switched off by the user.
    Disabled,
    /// Known and ready, with no reason to run: on-demand or manual.
    Idle,
    /// Started, no valid report yet.
    Starting,
    /// The last report was valid.
    Running,
    /// Alive, but several checks in a row failed.
    Unresponsive,
    /// Ended by itself or by a limit; the last exit says how.
    Crashed,
    /// Waiting for the next try.
    Backoff,
    /// Ended too often; tried again slowly.
    CrashLoop,
    /// Being ended: asked first, then killed.
    Stopping,
    /// Ended on request.
    Stopped,
    /// A one-shot that did its work.
    Completed,
    /// A one-shot that failed.
    ExecutionFailed,
}

/// A plugin's process as shown.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct InstanceView {
    /// Where it stands.
    pub state: InstanceState,
    /// Why, in one sentence; empty when there is nothing to say.
    pub reason: String,
    /// Since when, in milliseconds since the epoch.
    pub since_ms: i64,
    /// Process id while there is a process.
    pub pid: Option<u32>,
    /// Counts the processes of this plugin; the first is 1.
    pub generation: u64,
    /// When the present process was started, in milliseconds since the epoch.
    pub started_ms: Option<i64>,
    /// When it is tried next, in milliseconds since the epoch.
    pub next_try_ms: Option<i64>,
    /// Restarts after an unwanted end, since Orrery started.
    pub restarts: u64,
    /// How the last process ended.
    pub last_exit: Option<ExitView>,
    /// Path of its socket.
    pub socket: String,
    /// Limits and how each is held.
    pub limits: Vec<LimitView>,
    /// Health.
    pub health: HealthView,
    /// Its newest resource point.
    pub usage: Option<UsagePoint>,
}

/// Kind of an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExitKind {
    /// It could not be started at all.
    Spawn,
    /// It ended with a code.
    Code,
    /// A signal ended it.
    Signal,
    /// It used more memory than it may.
    OutOfMemory,
    /// No valid report came within the start timeout.
    StartTimeout,
    /// It answered, but not as a plugin must.
    Protocol,
    /// Too many checks failed in a row.
    Unresponsive,
    /// Ended on request.
    Requested,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct ExitView {
    /// In a word.
    pub kind: ExitKind,
    /// Exit code, when it ended with one.
    pub code: Option<i32>,
    /// Signal name such as `SIGKILL`, when one ended it.
    pub signal: Option<String>,
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
    /// How long it had run, in milliseconds.
    pub ran_ms: i64,
    /// One sentence that says it all.
    pub text: String,
    /// Its last lines of output, oldest first; at most 30.
    pub last_lines: Vec<String>,
}

/// A limit and how it is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct LimitView {
    /// `memory`, `cpu`, `pids` or `open_files`.
    pub id: String,
    /// The limit as the manifest writes it, such as `64MiB` or `50%`.
    pub value: String,
    /// How it is held, such as `cgroup v1`, `rlimit`, `sampling`.
    pub held_by: String,
    /// True when it is only watched, or not held at all.
    pub advisory: bool,
    /// How often it was hit.
    pub violations: u64,
}

/// How healthy a running plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthState {
    /// Not known yet, or not running.
    #[default]
    Unknown,
    /// All is well.
    Ok,
    /// It says itself that something is amiss; it is left running.
    Degraded,
    /// The last check failed.
    Failing,
}

/// Health and the checks behind it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct HealthView {
    /// In a word.
    pub state: HealthState,
    /// The last checks, oldest first; at most 20.
    pub checks: Vec<HealthCheck>,
    /// Equal results in a row, the last one included.
    pub streak: u32,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
pub struct HealthCheck {
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
    /// What it found.
    pub state: HealthState,
    /// Code that the plugin gave; 0 is good.
    pub code: i64,
    /// What it said; bounded.
    pub messages: Vec<String>,
    /// Where it comes from: `report`, `health` or `process`.
    pub source: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// What a plugin and all its descendants use.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct UsagePoint {
    /// Number, rising; readers go on from it.
    pub seq: u64,
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
    /// CPU over the last interval, in per cent of one core.
    pub cpu_percent: f64,
    /// Memory, in bytes.
    pub memory_bytes: u64,
    /// Largest memory so far, in bytes.
    pub memory_peak_bytes: u64,
    /// Processes.
    pub processes: u32,
    /// Open file descriptors of the main process.
    pub open_files: u32,
    /// Restarts so far.
    pub restarts: u64,
}

/// A line that a plugin wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct LogLine {
    /// Number, rising; readers go on from it.
    pub seq: u64,
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
    /// `stdout`, `stderr`, or `orrery` for what we say ourselves, such as a start or an end.
    pub stream: String,
    /// `error`, `warn`, `info`, `debug` or `trace`, as far as the line tells.
    pub level: String,
    /// The text, without control characters.
    pub text: String,
}

/// Lines of a plugin's log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct LogPage {
    /// Oldest first.
    pub lines: Vec<LogLine>,
    /// Ask for what comes after this.
    pub next: u64,
    /// Lines that were dropped because too many came, since the plugin was loaded.
    pub dropped: u64,
}
