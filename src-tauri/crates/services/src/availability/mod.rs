//! Which plugins can be reached: what their keeper says, at once, and what a probe says, every
//! [`PROBE_EVERY`](crate::limits::PROBE_EVERY).

mod line;
mod monitor;
mod slots;

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;

pub(crate) use line::{Finding, Line, Lines};
pub(crate) use monitor::watch_over;
pub(crate) use slots::{Place, Slots};

/// Where a plugin stands, as its keeper sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginState {
    /// No plugin of this id is known.
    NotFound,
    /// It does not run.
    NotRunning {
        /// Why, for people.
        why: String,
        /// When it is tried next, if that is known.
        retry_after: Option<Duration>,
    },
    /// It ended too often and is tried slowly.
    CrashLoop {
        /// How it ended, for people.
        why: String,
        /// When it is tried next, if that is known.
        retry_after: Option<Duration>,
    },
    /// It is being ended.
    Draining,
    /// It runs.
    Running {
        /// Its socket.
        socket: PathBuf,
        /// Counts its lives. Another number means another process, to which no old connection leads.
        generation: u64,
    },
}

/// The keeper of plugins, as this crate needs it.
pub trait Plugins: Send + Sync + 'static {
    /// Where a plugin stands. Must answer from memory: it is called while routes are made.
    fn state(&self, plugin: &str) -> PluginState;

    /// Changes with every change of any state. The value itself has no meaning.
    fn changes(&self) -> watch::Receiver<u64>;

    /// Whether a plugin knows this data source. A keeper that has no list of data sources leaves that to the
    /// plugin.
    fn has_datasource(&self, _plugin: &str, _uid: &str) -> bool {
        true
    }
}
