//! What the supervisor needs of whatever runs programs: the seam between life cycles and processes.

use std::collections::BTreeMap;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::calls::Later;
use crate::spec::LimitSpec;
use crate::view::{LimitView, LogPage};

/// Launches programs.
pub trait Launcher: Send + Sync + 'static {
    /// Makes the place where the output of all processes of a plugin goes.
    fn open_log(&self, file: Option<PathBuf>) -> Arc<dyn Log>;

    /// Launches a program.
    fn launch(&self, order: LaunchOrder) -> Later<'_, Result<Arc<dyn Program>, LaunchFailure>>;

    /// Ends everything that is left, within `deadline`, and launches nothing any more.
    fn shutdown(&self, deadline: Duration) -> Later<'_, ()>;
}

/// A program to launch.
pub struct LaunchOrder {
    /// Plugin id.
    pub name: String,
    /// Counts the processes of this plugin.
    pub generation: u64,
    /// Absolute path.
    pub program: PathBuf,
    /// Arguments.
    pub args: Vec<String>,
    /// Environment on top of the fixed one.
    pub env: BTreeMap<String, String>,
    /// Working directory.
    pub cwd: PathBuf,
    /// Account; none is ours.
    pub user: Option<String>,
    /// What it may use.
    pub limits: LimitSpec,
    /// Directory for its temporary files alone.
    pub private_tmp: Option<PathBuf>,
    /// Bound socket to hand over.
    pub listener: Option<UnixListener>,
    /// Where its output goes.
    pub log: Arc<dyn Log>,
}

/// Why a program could not be launched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchFailure {
    /// One sentence.
    pub text: String,
    /// Something must be changed first: it is tried again when a file changes, and now and then.
    pub lasting: bool,
}

/// A launched program.
pub trait Program: Send + Sync + 'static {
    /// Process id.
    fn pid(&self) -> u32;

    /// Whether a process is this one or one of its descendants.
    fn owns(&self, pid: u32) -> bool;

    /// How its limits are held.
    fn limits(&self) -> Vec<LimitView>;

    /// Waits for the end of the program and of all its descendants.
    fn ended(&self) -> Later<'static, Ended>;

    /// Asks it to end, and after `grace` kills it and all its descendants. Returns at once.
    fn stop(&self, grace: Duration);

    /// What it and its descendants use.
    fn usage(&self) -> Later<'_, Option<Used>>;

    /// The next time it hit a limit; never again after its end.
    fn violation(&self) -> Later<'_, Violated>;
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ended {
    /// Exit code, when it ended with one.
    pub code: Option<i32>,
    /// Signal name, when one ended it.
    pub signal: Option<String>,
    /// It used more memory than it may.
    pub oom: bool,
    /// It went down with what launched it; how is not known.
    pub lost: bool,
    /// Its last lines of output, oldest first.
    pub last_lines: Vec<String>,
}

/// What a program and its descendants use.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Used {
    /// CPU since the last question, in per cent of one core.
    pub cpu_percent: f64,
    /// Memory, in bytes.
    pub memory_bytes: u64,
    /// Largest memory so far, in bytes.
    pub memory_peak_bytes: u64,
    /// Processes.
    pub processes: u32,
    /// Open file descriptors of the main process.
    pub open_files: u32,
}

/// A limit that was hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violated {
    /// `memory`, `cpu`, `pids` or `open_files`.
    pub limit: String,
    /// How often since the last time it was told; at least 1.
    pub times: u64,
}

/// Output of all processes of a plugin.
pub trait Log: Send + Sync + 'static {
    /// Lines after a number, oldest first; at most `limit`.
    fn page(&self, after: u64, limit: usize) -> LogPage;

    /// Adds a line of our own.
    fn note(&self, text: &str);

    /// Changes with every new line.
    fn changes(&self) -> watch::Receiver<u64>;

    /// The thing itself, for whoever made it.
    fn as_any(&self) -> &dyn std::any::Any;
}
