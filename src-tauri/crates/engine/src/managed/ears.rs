//! Reports are asked for anyway; how that went is told to the supervisor, so that it need not ask again.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use orrery_plugins::{PluginEvent, PluginInfo, PluginState, Registry};
use orrery_supervisor::{CallError, Heard, Supervisor};

/// Listens to what the registry of sockets hears.
pub(crate) struct Ears {
    supervisor: Supervisor,
    registry: Registry,
    /// Failed calls in a row that were told, by plugin.
    told: BTreeMap<String, u32>,
}

impl Ears {
    pub(crate) fn new(supervisor: Supervisor, registry: Registry) -> Self {
        Ears {
            supervisor,
            registry,
            told: BTreeMap::new(),
        }
    }

    pub(crate) fn hear(&mut self, event: &PluginEvent) {
        match event {
            PluginEvent::Report { plugin, .. } => {
                self.told.remove(plugin.as_str());
                if let Some(info) = self.ours().into_iter().find(|info| info.id == plugin.as_str()) {
                    let took = Duration::from_micros(info.latency_us.unwrap_or_default());
                    self.supervisor
                        .heard(&info.id, Path::new(&info.path), Heard::Good { took });
                }
            }
            PluginEvent::Changed => {
                let ours = self.ours();
                for info in ours.iter().filter(|info| info.state == PluginState::Failing) {
                    self.failed(info);
                }
            }
            PluginEvent::Gone { plugin } => {
                self.told.remove(plugin.as_str());
            }
            PluginEvent::Note { .. } => {}
        }
    }

    fn failed(&mut self, info: &PluginInfo) {
        let told = self.told.entry(info.id.clone()).or_default();
        if *told == info.failures {
            return;
        }
        *told = info.failures;
        let error = CallError::Protocol(info.status.clone());
        self.supervisor
            .heard(&info.id, Path::new(&info.path), Heard::Bad { error });
    }

    /// Sockets that hold the id of a plugin that we run.
    fn ours(&self) -> Vec<PluginInfo> {
        let ids = self.supervisor.ids();
        let holds = |info: &PluginInfo| !matches!(info.state, PluginState::Rejected | PluginState::Conflict);
        let mut all = self.registry.list();
        all.retain(|info| holds(info) && ids.binary_search(&info.id).is_ok());
        all
    }
}
