//! Which plugins can be reached: what their keeper says, at once, and what a probe says, every
//! [`PROBE_EVERY`](crate::limits::PROBE_EVERY).

mod line;
mod monitor;
mod slots;

use std::any::Any;
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
    /// It does not run, and is started when somebody needs it; see [`Plugins::lease`].
    Asleep {
        /// Why it does not run, for people.
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
        /// It runs only while somebody needs it; see [`Plugins::lease`].
        on_demand: bool,
    },
}

/// A reason for a plugin to run, for as long as it is held. What it is, the keeper knows.
pub struct Lease(#[expect(dead_code, reason = "held for what dropping it does")] Box<dyn Any + Send + Sync>);

impl Lease {
    /// A lease that lasts as long as this value.
    pub fn new(held: impl Any + Send + Sync) -> Self {
        Lease(Box::new(held))
    }
}

/// The keeper of plugins, as this crate needs it.
pub trait Plugins: Send + Sync + 'static {
    /// Where a plugin stands. Must answer from memory: it is called while routes are made.
    fn state(&self, plugin: &str) -> PluginState;

    /// Changes with every change of any state. The value itself has no meaning.
    fn changes(&self) -> watch::Receiver<u64>;

    /// A reason for a plugin to run that runs on demand. Every request to such a plugin holds one until the last byte
    /// of its answer. None when the keeper has nothing to give.
    fn lease(&self, _plugin: &str) -> Option<Lease> {
        None
    }

    /// Whether a plugin knows this data source. A keeper that has no list of data sources leaves that to the
    /// plugin.
    fn has_datasource(&self, _plugin: &str, _uid: &str) -> bool {
        true
    }
}
