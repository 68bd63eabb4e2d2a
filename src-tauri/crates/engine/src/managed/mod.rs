//! The plugins that we run ourselves: guardian, supervisor and manager, started and stopped as one.

mod calls;
mod ears;
mod first;
mod guests;
mod news;
mod reach;
mod turns;

use std::hash::Hasher as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use orrery_manager::view::{PackageSource, PluginOrder};
use orrery_manager::{Manager, ManagerConfig, Wait};
use orrery_runner::{Runner, RunnerConfig};
use orrery_store::Store;
use orrery_supervisor::{Launcher, Supervisor};
use tokio::task::JoinHandle;

use crate::catalog::Library;
use crate::clock;
use crate::config::PluginRunning;
use crate::engine::Shared;
use crate::limits::{MANAGER_STOP, PLUGINS_STOP};

pub(crate) use ears::Ears;
pub use first::first_packages;
pub use guests::Guest;
pub(crate) use guests::Guests;
pub use reach::Reach;
pub(crate) use turns::Turns;
pub use turns::{Turn, TurnCount};

/// The one who orders what nobody ordered.
const SELF: &str = "orrery";

/// What runs plugins.
pub(crate) struct Managed {
    pub(crate) manager: Manager,
    pub(crate) supervisor: Supervisor,
    pub(crate) guests: Arc<Guests>,
    pub(crate) turns: Arc<Turns>,
    pub(crate) store: Store,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    runner: Runner,
}

/// Why plugins cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ManagedError {
    /// The guardian did not start.
    #[error("plugins cannot be run: {0}")]
    Runner(#[from] orrery_runner::StartError),
    /// The records cannot be read or a directory cannot be made.
    #[error("plugins cannot be run: {0}")]
    Manager(#[from] orrery_manager::StartError),
    /// The records cannot be opened.
    #[error("plugins cannot be run: {0}")]
    Store(#[from] orrery_store::StoreError),
}

impl Managed {
    /// Starts the guardian, reads the records and lets every plugin run that is meant to. Waits for none of them.
    pub(crate) async fn start(
        config: &PluginRunning,
        library: &Arc<Library>,
    ) -> Result<(Managed, News), ManagedError> {
        let dirs = &config.dirs;
        let state = dirs.data.join("state.db");
        let is_first_run = !state.exists();
        let mut runner = RunnerConfig::new(name_for(&dirs.data));
        if let Some(helper) = &config.helper {
            runner.helper.clone_from(helper);
        }
        runner.cgroups = config.control_groups;
        let runner = Runner::start(runner).await?;
        let guests = Arc::new(Guests::default());
        let launcher: Arc<dyn Launcher> = match &config.host_socket {
            Some(socket) => Arc::new(guests::Inviting {
                launcher: runner.clone(),
                guests: Arc::clone(&guests),
                socket: socket.clone(),
            }),
            None => Arc::new(runner.clone()),
        };
        let (supervisor, processes) =
            Supervisor::start(launcher, Arc::new(calls::OverSockets::new(Arc::clone(library))));
        library.run_by(&supervisor);
        let store = Store::open(&state, clock::now_ms()).await?;
        let manager = ManagerConfig {
            watched: config.watched.clone(),
            trust: config.trust,
            layers: config.layers.clone(),
            refuse_downgrades: config.refuse_downgrades,
            ..ManagerConfig::new(dirs.clone())
        };
        let manager = match &config.keys {
            Some(keys) => ManagerConfig {
                keys: keys.clone(),
                ..manager
            },
            None => manager,
        };
        let (manager, operations) = Manager::start(manager, store.clone(), supervisor.clone()).await?;
        let managed = Managed {
            manager,
            supervisor,
            store,
            guests,
            turns: Arc::default(),
            tasks: Mutex::default(),
            runner,
        };
        if is_first_run {
            managed.install_first(&config.first).await;
        }
        Ok((
            managed,
            News {
                processes,
                operations,
            },
        ))
    }

    /// Begins to tell what happens to plugins.
    pub(crate) fn tell(&self, shared: &Arc<Shared>, news: News) {
        let tasks = [
            tokio::spawn(news::processes(
                shared.clone(),
                self.turns.clone(),
                news.processes,
            )),
            tokio::spawn(news::operations(shared.clone(), news.operations)),
            tokio::spawn(news::changes(
                shared.clone(),
                self.supervisor.changes(),
                self.manager.changes(),
            )),
        ];
        self.tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(tasks);
    }

    /// Orders what a new installation begins with. That it cannot be had is told like any failed install.
    async fn install_first(&self, packages: &[std::path::PathBuf]) {
        for package in packages {
            let source = PackageSource::File {
                path: package.display().to_string(),
                name: None,
            };
            let order = PluginOrder::Install { source, force: false };
            if let Err(error) = self.manager.order(order, SELF, Wait::No).await {
                tracing::warn!(%error, package = %package.display(), "a first package is not installed");
            }
        }
    }

    /// Lets operations come to an end, stops every plugin, and the guardian last.
    pub(crate) async fn shutdown(&self) {
        self.manager.shutdown(MANAGER_STOP).await;
        self.supervisor.shutdown(PLUGINS_STOP).await;
        self.runner.shutdown(PLUGINS_STOP).await;
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            task.abort();
        }
    }
}

/// What happens to plugins, until somebody listens.
pub(crate) struct News {
    processes: tokio::sync::mpsc::Receiver<orrery_supervisor::Event>,
    operations: tokio::sync::mpsc::Receiver<orrery_manager::Event>,
}

/// The same for every run on a data directory and different for others, because what an earlier run of that name
/// left behind is ended.
fn name_for(data: &Path) -> String {
    let path = std::fs::canonicalize(data).unwrap_or_else(|_| data.to_owned());
    let mut hash = rustc_hash::FxHasher::default();
    hash.write(path.as_os_str().as_encoded_bytes());
    format!("orrery-{:016x}", hash.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_directory_has_one_name() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert_eq!(name_for(one.path()), name_for(&one.path().join(".")));
        assert_ne!(name_for(one.path()), name_for(other.path()));
    }
}
