//! How a plugin can be reached, for whoever hands requests on to it.

use std::path::PathBuf;
use std::time::Duration;

use orrery_plugins::PluginState;
use orrery_supervisor::Lease;
use orrery_supervisor::view::{InstanceState, InstanceView};
use serde_json::{Map, Value};

use crate::clock;
use crate::engine::Engine;

/// How a plugin can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// There is no such plugin.
    Unknown,
    /// It does not run.
    Resting {
        /// Why, in a sentence.
        why: String,
        /// When it is tried next, where that is known.
        retry_after: Option<Duration>,
    },
    /// It does not run, and is started when somebody holds a [`Lease`](orrery_supervisor::Lease).
    Asleep {
        /// Why, in a sentence.
        why: String,
        /// When it is tried next, where that is known.
        retry_after: Option<Duration>,
    },
    /// It ended too often, and is tried slowly.
    Crashing {
        /// How it ended, in a sentence.
        why: String,
        /// When it is tried next, where that is known.
        retry_after: Option<Duration>,
    },
    /// It is being ended.
    Ending,
    /// It runs.
    At {
        /// Its socket.
        socket: PathBuf,
        /// Counts its processes: another number means another process.
        generation: u64,
        /// It runs only while somebody holds a lease.
        on_demand: bool,
    },
}

impl Engine {
    /// How a plugin can be reached, from memory.
    pub fn reach(&self, plugin: &str) -> Reach {
        let managed = self.managed.as_ref().ok();
        if let Some((managed, view)) = managed.and_then(|m| Some((m, m.supervisor.view(plugin)?))) {
            return of_process(view, managed.supervisor.is_on_demand(plugin));
        }
        let sockets = self.shared.registry.list();
        let holds = |state| !matches!(state, PluginState::Rejected | PluginState::Conflict);
        let Some(info) = sockets.into_iter().find(|s| s.id == plugin && holds(s.state)) else {
            return Reach::Unknown;
        };
        match info.state {
            PluginState::Failing => Reach::Resting {
                why: info.status,
                retry_after: info.next_attempt_ms.map(until),
            },
            _ => Reach::At {
                socket: info.path.into(),
                generation: 0,
                on_demand: false,
            },
        }
    }

    /// A reason for a plugin that sleeps until somebody needs it to run. It ends with the value. None when there is
    /// no such plugin.
    pub fn lease(&self, plugin: &str) -> Option<Lease> {
        let managed = self.managed.as_ref().ok()?;
        managed.supervisor.acquire(plugin).ok()
    }

    /// The services that packages declare, by plugin: the tables of `[[service]]` of the revision in force.
    pub fn package_services(&self) -> Vec<(String, Vec<Map<String, Value>>)> {
        let managed = self.managed.as_ref().ok();
        managed
            .map(|managed| managed.manager.services())
            .unwrap_or_default()
    }
}

fn of_process(view: InstanceView, on_demand: bool) -> Reach {
    let retry_after = view.next_try_ms.map(until);
    let why = if view.reason.is_empty() {
        "it does not run".to_owned()
    } else {
        view.reason
    };
    match view.state {
        // One that misses checks may still answer others: whoever asks finds out.
        InstanceState::Running | InstanceState::Unresponsive => Reach::At {
            socket: view.socket.into(),
            generation: view.generation,
            on_demand,
        },
        InstanceState::CrashLoop => Reach::Crashing { why, retry_after },
        _ if on_demand => Reach::Asleep { why, retry_after },
        InstanceState::Stopping => Reach::Ending,
        InstanceState::Absent
        | InstanceState::Inapplicable
        | InstanceState::Disabled
        | InstanceState::Idle
        | InstanceState::Starting
        | InstanceState::Crashed
        | InstanceState::Backoff
        | InstanceState::Stopped
        | InstanceState::Completed
        | InstanceState::ExecutionFailed => Reach::Resting { why, retry_after },
    }
}

/// Time from now to a moment in milliseconds since the epoch.
fn until(at_ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(at_ms - clock::now_ms()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(state: InstanceState) -> Reach {
        of(state, false)
    }

    fn of(state: InstanceState, on_demand: bool) -> Reach {
        let view = InstanceView {
            state,
            generation: 3,
            socket: "/s".to_owned(),
            ..InstanceView::default()
        };
        of_process(view, on_demand)
    }

    #[test]
    fn only_what_runs_is_reached() {
        let at = Reach::At {
            socket: "/s".into(),
            generation: 3,
            on_demand: false,
        };
        assert_eq!(process(InstanceState::Running), at);
        assert_eq!(process(InstanceState::Stopping), Reach::Ending);
        let why = "it does not run".to_owned();
        assert_eq!(
            process(InstanceState::Backoff),
            Reach::Resting {
                why,
                retry_after: None
            }
        );
        assert!(matches!(
            process(InstanceState::CrashLoop),
            Reach::Crashing { .. }
        ));
    }

    #[test]
    fn what_runs_on_demand_sleeps_whenever_it_does_not_run() {
        for state in [
            InstanceState::Idle,
            InstanceState::Starting,
            InstanceState::Backoff,
            InstanceState::Stopping,
            InstanceState::Crashed,
        ] {
            let reach = of(state, true);
            assert!(matches!(reach, Reach::Asleep { .. }), "{state:?}: {reach:?}");
        }
        let running = of(InstanceState::Running, true);
        assert!(
            matches!(running, Reach::At { on_demand: true, .. }),
            "{running:?}"
        );
        let looping = of(InstanceState::CrashLoop, true);
        assert!(matches!(looping, Reach::Crashing { .. }), "{looping:?}");
    }
}
