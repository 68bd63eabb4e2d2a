//! The line to one plugin: its state, its connections, its places.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use crate::availability::{PluginState, Plugins, Slots};
use crate::limits;
use crate::object::{ConditionStatus, reason};
use crate::wire::Wire;

/// What is found about a plugin, as conditions say it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    pub(crate) status: ConditionStatus,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

/// The line to one plugin. It outlives the plugin's lives and changes of objects.
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) running: Slots,
    pub(crate) streams: Slots,
    standing: ArcSwap<Standing>,
    /// When it is to be probed next, and how long after a failure.
    probe: Mutex<Due>,
    nudge: Arc<Notify>,
    /// Told whenever it stands elsewhere.
    moved: Notify,
}

/// Everything that a request needs to know, in one load.
pub(crate) struct Standing {
    pub(crate) wire: Option<Arc<Wire>>,
    pub(crate) finding: Finding,
    /// It runs only while somebody needs it.
    pub(crate) on_demand: bool,
    /// It does not run, and starts when somebody needs it.
    pub(crate) asleep: bool,
    retry_at: Option<Instant>,
}

struct Due {
    at: Option<Instant>,
    pause: Duration,
    under_way: bool,
}

impl Standing {
    /// The way to the plugin, unless it is known to be unreachable. Nobody having looked yet is no obstacle.
    pub(crate) fn way(&self) -> Option<&Arc<Wire>> {
        self.wire
            .as_ref()
            .filter(|_| self.finding.status != ConditionStatus::False)
    }

    /// When to come back, in whole seconds.
    pub(crate) fn retry_after(&self) -> u64 {
        let left = self
            .retry_at
            .map(|at| at.saturating_duration_since(Instant::now()));
        left.map_or(limits::RETRY_AFTER_SECONDS, |left| {
            (left.as_millis() as u64).div_ceil(1000)
        })
        .max(limits::RETRY_AFTER_SECONDS)
    }

    fn closed(reason: &'static str, message: String, retry_after: Option<Duration>) -> Self {
        Standing {
            wire: None,
            finding: Finding {
                status: ConditionStatus::False,
                reason,
                message: message.chars().take(limits::MAX_MESSAGE_CHARS).collect(),
            },
            on_demand: false,
            asleep: false,
            retry_at: retry_after.map(|after| Instant::now() + after.min(limits::MAX_TIMEOUT)),
        }
    }

    fn of(state: PluginState, id: &str) -> Self {
        match state {
            PluginState::NotFound => {
                Standing::closed(reason::PLUGIN_NOT_FOUND, format!("no plugin {id} is known"), None)
            }
            PluginState::NotRunning { why, retry_after } => {
                Standing::closed(reason::PLUGIN_NOT_RUNNING, why, retry_after)
            }
            PluginState::Asleep { why, retry_after } => {
                let mut standing = Standing::closed(reason::ASLEEP, why, retry_after);
                standing.finding.status = ConditionStatus::Unknown;
                standing.on_demand = true;
                standing.asleep = true;
                standing
            }
            PluginState::CrashLoop { why, retry_after } => {
                Standing::closed(reason::CRASH_LOOP, why, retry_after)
            }
            PluginState::Draining => Standing::closed(reason::DRAINING, format!("{id} is being ended"), None),
            PluginState::Running {
                socket,
                generation,
                on_demand,
            } => Standing {
                on_demand,
                asleep: false,
                wire: Some(Arc::new(Wire::new(&socket, generation))),
                finding: Finding {
                    status: ConditionStatus::Unknown,
                    reason: reason::NOT_PROBED,
                    message: "it runs and has not been probed yet".to_owned(),
                },
                retry_at: None,
            },
        }
    }
}

impl Line {
    fn new(id: &str, state: PluginState, nudge: Arc<Notify>) -> Self {
        let standing = Standing::of(state, id);
        let line = Line {
            id: id.to_owned(),
            running: Slots::new(limits::RUNNING_PER_PLUGIN, limits::WAITING_PER_PLUGIN),
            streams: Slots::new(limits::STREAMS_PER_PLUGIN, 0),
            probe: Mutex::new(Due {
                at: standing.wire.is_some().then(Instant::now),
                pause: limits::PROBE_RETRY,
                under_way: false,
            }),
            standing: ArcSwap::from_pointee(standing),
            nudge,
            moved: Notify::new(),
        };
        line.nudge.notify_one();
        line
    }

    pub(crate) fn standing(&self) -> arc_swap::Guard<Arc<Standing>> {
        self.standing.load()
    }

    /// Takes over what the keeper says. Whether anything changed.
    pub(crate) fn refresh(&self, state: PluginState) -> bool {
        // Held to the end: what a probe finds meanwhile must not be stored over this.
        let mut due = self.due();
        let known = self.standing.load();
        if let (
            PluginState::Running {
                socket,
                generation,
                on_demand,
            },
            Some(wire),
        ) = (&state, &known.wire)
            && wire.socket == *socket
            && wire.generation == *generation
            && known.on_demand == *on_demand
        {
            return false;
        }
        let next = Standing::of(state, &self.id);
        let same = known.wire.is_none() && next.wire.is_none() && known.finding == next.finding;
        due.at = next.wire.is_some().then(Instant::now);
        due.pause = limits::PROBE_RETRY;
        due.under_way = false;
        // Also when the words are the same, the time of the next try may be another.
        self.standing.store(Arc::new(next));
        self.moved.notify_waiters();
        !same
    }

    /// Waits until it is awake, or known not to wake. Whoever waits holds a lease.
    pub(crate) async fn awake(&self) {
        let wait = async {
            loop {
                let mut moved = pin!(self.moved.notified());
                // From here on no news is missed.
                moved.as_mut().enable();
                if !self.standing().asleep {
                    return;
                }
                moved.await;
            }
        };
        // Whether it took too long shows in where it stands.
        let _ = tokio::time::timeout(limits::WAKE, wait).await;
    }

    /// Has the plugin probed soon: a request could not reach it.
    pub(crate) fn suspect(&self) {
        let mut due = self.due();
        if due.at.is_some() {
            due.at = Some(Instant::now());
            drop(due);
            self.nudge.notify_one();
        }
    }

    /// The connections to probe, if that is due; the caller owes a [`Line::probed`].
    pub(super) fn to_probe(&self, now: Instant) -> Option<Arc<Wire>> {
        let wire = self.standing.load().wire.clone()?;
        let mut due = self.due();
        if due.under_way || due.at.is_none_or(|at| at > now) {
            return None;
        }
        due.under_way = true;
        Some(wire)
    }

    /// Takes over what a probe of these connections found. Whether anything changed.
    pub(super) fn probed(&self, wire: &Arc<Wire>, found: Finding) -> bool {
        let mut due = self.due();
        let known = self.standing.load();
        if !known.wire.as_ref().is_some_and(|now| Arc::ptr_eq(now, wire)) {
            // News of an earlier life.
            return false;
        }
        due.under_way = false;
        if found.status == ConditionStatus::True {
            due.pause = limits::PROBE_RETRY;
            due.at = Some(Instant::now() + limits::PROBE_EVERY);
        } else {
            due.at = Some(Instant::now() + due.pause);
            due.pause = (due.pause * 2).min(limits::PROBE_EVERY);
        }
        let retry_at = due.at;
        let changed = known.finding != found;
        self.standing.store(Arc::new(Standing {
            wire: Some(Arc::clone(wire)),
            finding: found,
            on_demand: known.on_demand,
            asleep: false,
            retry_at,
        }));
        changed
    }

    /// When it is to be probed next.
    pub(super) fn next_probe(&self) -> Option<Instant> {
        let due = self.due();
        due.at.filter(|_| !due.under_way)
    }

    fn due(&self) -> std::sync::MutexGuard<'_, Due> {
        self.probe.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every line, by plugin.
pub(crate) struct Lines {
    plugins: Arc<dyn Plugins>,
    all: Mutex<BTreeMap<String, Arc<Line>>>,
    pub(super) nudge: Arc<Notify>,
}

impl Lines {
    pub(crate) fn new(plugins: Arc<dyn Plugins>) -> Self {
        Lines {
            plugins,
            all: Mutex::default(),
            nudge: Arc::default(),
        }
    }

    pub(crate) fn plugins(&self) -> &Arc<dyn Plugins> {
        &self.plugins
    }

    /// The line to a plugin, made when there is none.
    pub(crate) fn line(&self, plugin: &str) -> Arc<Line> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = all.get(plugin) {
            return Arc::clone(line);
        }
        let line = Arc::new(Line::new(
            plugin,
            self.plugins.state(plugin),
            Arc::clone(&self.nudge),
        ));
        all.insert(plugin.to_owned(), Arc::clone(&line));
        line
    }

    /// Forgets lines to plugins that nothing names.
    pub(crate) fn retain(&self, named: impl Fn(&str) -> bool) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|id, _| named(id));
    }

    pub(super) fn all(&self) -> Vec<Arc<Line>> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().cloned().collect()
    }
}
