//! What the supervisor needs of whatever runs programs: the seam between life cycles and processes.

use std::sync::Arc;
use std::time::Duration;

use orrery_runner::{Exit, Launch, LaunchError, LimitHeld, LimitKind, Process, Runner, Usage, Violation};
use tokio::sync::broadcast;

use crate::calls::Later;

/// Launches programs.
pub trait Launcher: Send + Sync + 'static {
    /// Launches a program.
    fn launch(&self, launch: Launch) -> Later<'_, Result<Arc<dyn Program>, LaunchError>>;

    /// Ends everything that is left, within `deadline`, and launches nothing any more.
    fn shutdown(&self, deadline: Duration) -> Later<'_, ()>;
}

/// A launched program. It is killed when the last handle on it goes.
pub trait Program: Send + Sync + 'static {
    /// Process id of its main process.
    fn pid(&self) -> u32;

    /// When it was started, in milliseconds since the epoch.
    fn started_ms(&self) -> i64;

    /// Whether a process is its main process or one of its descendants.
    fn owns(&self, pid: u32) -> bool;

    /// How its limits are held.
    fn limits(&self) -> Vec<LimitHeld>;

    /// How often a limit was hit so far.
    fn violated(&self, limit: LimitKind) -> u64;

    /// Limits that are hit from here on.
    fn violations(&self) -> broadcast::Receiver<Violation>;

    /// Waits until its main process ended and nothing of it is left.
    fn gone(&self) -> Later<'_, Exit>;

    /// Asks it to end, kills everything after `grace`, and waits until nothing is left.
    fn stop(&self, grace: Duration) -> Later<'_, Exit>;

    /// What it and all its descendants use now; `None` when it has ended.
    fn usage(&self) -> Later<'_, Option<Usage>>;
}

impl Launcher for Runner {
    fn launch(&self, launch: Launch) -> Later<'_, Result<Arc<dyn Program>, LaunchError>> {
        Box::pin(async move { Ok(Arc::new(Runner::launch(self, launch).await?) as Arc<dyn Program>) })
    }

    fn shutdown(&self, deadline: Duration) -> Later<'_, ()> {
        Box::pin(Runner::shutdown(self, deadline))
    }
}

impl Program for Process {
    fn pid(&self) -> u32 {
        Process::pid(self)
    }

    fn started_ms(&self) -> i64 {
        Process::started_ms(self)
    }

    fn owns(&self, pid: u32) -> bool {
        Process::owns(self, pid)
    }

    fn limits(&self) -> Vec<LimitHeld> {
        Process::limits(self).to_vec()
    }

    fn violated(&self, limit: LimitKind) -> u64 {
        Process::violated(self, limit)
    }

    fn violations(&self) -> broadcast::Receiver<Violation> {
        Process::violations(self)
    }

    fn gone(&self) -> Later<'_, Exit> {
        Box::pin(Process::gone(self))
    }

    fn stop(&self, grace: Duration) -> Later<'_, Exit> {
        Box::pin(Process::stop(self, grace))
    }

    fn usage(&self) -> Later<'_, Option<Usage>> {
        Box::pin(Process::usage(self))
    }
}
