//! The engine as keeper of plugins, as the data plane sees it.

use orrery_engine::{Engine, Reach};
use orrery_services::{Lease, PluginState, Plugins};
use tokio::sync::watch;

pub(super) struct Keeper(pub(super) Engine);

impl Plugins for Keeper {
    fn state(&self, plugin: &str) -> PluginState {
        match self.0.reach(plugin) {
            Reach::Unknown => PluginState::NotFound,
            Reach::Resting { why, retry_after } => PluginState::NotRunning { why, retry_after },
            Reach::Asleep { why, retry_after } => PluginState::Asleep { why, retry_after },
            Reach::Crashing { why, retry_after } => PluginState::CrashLoop { why, retry_after },
            Reach::Ending => PluginState::Draining,
            Reach::At {
                socket,
                generation,
                on_demand,
            } => PluginState::Running {
                socket,
                generation,
                on_demand,
            },
        }
    }

    fn lease(&self, plugin: &str) -> Option<Lease> {
        self.0.lease(plugin).map(Lease::new)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.0.plugins_changed()
    }
}
