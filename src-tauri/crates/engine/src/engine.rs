//! The engine's parts and its life: started once, shared by every shell, stopped in order.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use arc_swap::ArcSwap;
use orrery_history::{History, NewEvent};
use orrery_model::SmolStr;
use orrery_model::window::Window;
use orrery_plugins::Registry;
use orrery_probes::{ConnectionProbe, HostProbe, OwnCost, Probe, ProcessProbe};
use orrery_tasks::Tasks;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::arrivals::Arrival;
use crate::audit::Audit;
use crate::catalog::{self, Library};
use crate::changes::Changes;
use crate::config::{Config, ProbeKind};
use crate::event_log::EventLog;
use crate::limits::ARRIVALS_MAX;
use crate::links::Links;
use crate::managed::{Ears, Guest, Managed};
use crate::moments::Moments;
use crate::pipes::Pipes;
use crate::published::Published;
use crate::rates::Rates;
use crate::remotes::Remotes;
use crate::sources::Sources;
use crate::views::Views;
use crate::{clock, collector, history_watch, probe_loop, tasks, views};

/// A running engine. Clones share it.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
    /// What runs plugins, or why none are run.
    pub(crate) managed: Result<Arc<Managed>, String>,
    /// What runs tasks, or why none are run.
    pub(crate) tasks: Result<Tasks, String>,
    running: Arc<Running>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("id", &self.shared.id)
            .finish_non_exhaustive()
    }
}

/// What operations and loops share.
pub(crate) struct Shared {
    pub(crate) id: String,
    pub(crate) probe_id: String,
    pub(crate) host: String,
    pub(crate) config: Config,
    pub(crate) started_ms: i64,
    pub(crate) history: History,
    pub(crate) registry: Registry,
    pub(crate) sources: Sources,
    pub(crate) rates: Rates,
    pub(crate) remotes: Remotes,
    pub(crate) events: EventLog,
    pub(crate) audit: Audit,
    pub(crate) links: Arc<Links>,
    pub(crate) pipes: Pipes,
    pub(crate) published: ArcSwap<Published>,
    pub(crate) changes: Arc<Changes>,
    pub(crate) publications: watch::Sender<u64>,
    pub(crate) shortcuts: watch::Sender<u64>,
    pub(crate) plugins_changed: watch::Sender<u64>,
    pub(crate) views: Views,
    pub(crate) moments: Moments,
    pub(crate) own_cost: Mutex<OwnCost>,
    pub(crate) arrivals: mpsc::Sender<Arrival>,
    pub(crate) library: Arc<Library>,
}

impl Shared {
    /// Notes an event for history and for everybody who watches.
    pub(crate) fn record(&self, event: NewEvent) {
        self.events.push(&event);
        self.history.record(event);
    }

    /// Makes a snapshot the one that everybody reads.
    pub(crate) fn publish(&self, published: Published) {
        let seq = published.seq;
        self.published.store(Arc::new(published));
        self.publications.send_replace(seq);
    }
}

struct Running {
    stop: CancellationToken,
    tasks: Mutex<Vec<tokio::task::JoinHandle<()>>>,
    threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// History cannot be opened.
    #[error(transparent)]
    History(#[from] orrery_history::HistoryError),
    /// The plugin registry cannot start.
    #[error(transparent)]
    Plugins(#[from] orrery_plugins::StartError),
    /// The audit log cannot be opened.
    #[error("cannot use the audit log: {0}")]
    Audit(#[source] std::io::Error),
    /// A probe's thread cannot start.
    #[error("cannot start the thread of a probe: {0}")]
    Thread(#[from] std::io::Error),
}

impl Engine {
    /// Opens history, starts the probes, the plugin registry and the loops. Must be called inside a
    /// multi-threaded tokio runtime.
    ///
    /// # Errors
    /// When the data directory cannot be used or another instance holds it.
    pub async fn start(config: Config) -> Result<Engine, StartError> {
        let history = History::open(orrery_history::Config {
            max_age: config.history_max_age,
            max_bytes: config.history_max_bytes,
            ..orrery_history::Config::new(config.data_dir.join("history.db"))
        })
        .await?;
        let audit = Audit::open(&config.data_dir).map_err(StartError::Audit)?;
        let id = hex_id();
        let probe_id = hex_id();
        let host = orrery_probes::host_id();
        let mut config = config;
        if let Some(running) = &config.plugins {
            let own = running.dirs.runtime.join("plugins");
            if !config.plugin_roots.contains(&own) {
                config.plugin_roots.push(own);
            }
        }
        let (registry, plugin_events) = orrery_plugins::start(orrery_plugins::Config {
            roots: config.plugin_roots.clone(),
            interval: config.interval,
            probe_id: probe_id.clone(),
            app_id: id.clone(),
            allow_foreign_owners: config.allow_foreign_owners,
            ..orrery_plugins::Config::default()
        })?;
        let (arrivals, inbox) = mpsc::channel(ARRIVALS_MAX);
        let empty = Window::new(1).snapshot(clock::now());
        let changes = Arc::new(Changes::default());
        let shared = Arc::new(Shared {
            id,
            probe_id,
            host,
            started_ms: clock::now_ms(),
            history,
            registry,
            sources: Sources::default(),
            rates: Rates::default(),
            remotes: Remotes::default(),
            events: EventLog::default(),
            audit,
            links: Arc::default(),
            pipes: Pipes::default(),
            published: ArcSwap::from_pointee(
                Published::of(&empty, clock::now_ms())
                    .with_settings(config.derive.clone())
                    .with_changes(changes.clone()),
            ),
            changes,
            publications: watch::Sender::new(0),
            shortcuts: watch::Sender::new(0),
            plugins_changed: watch::Sender::new(0),
            views: Views::default(),
            moments: Moments::default(),
            own_cost: Mutex::new(OwnCost::default()),
            arrivals: arrivals.clone(),
            library: Arc::default(),
            config,
        });
        if let Some(path) = shared.history.set_aside() {
            let text = format!(
                "History could not be read. It was set aside as {} and a new one begun.",
                path.display()
            );
            tracing::error!("{text}");
            shared.record(NewEvent {
                at_ms: clock::now_ms(),
                kind: SmolStr::new_static("failed"),
                subject: SmolStr::new_static("history"),
                label: SmolStr::new_static("History"),
                text,
                user: SmolStr::default(),
            });
        }
        let running = Running {
            stop: CancellationToken::new(),
            tasks: Mutex::default(),
            threads: Mutex::default(),
        };
        let managed = run_plugins(&shared).await;
        let engine = Engine {
            shared,
            managed,
            tasks: Err("Tasks are being taken up.".to_owned()),
            running: Arc::new(running),
        };
        engine.start_loops(inbox, plugin_events);
        engine.start_probes(&arrivals)?;
        // Tasks hold an engine without tasks, so that neither keeps the other.
        let tasks = tasks::start(&engine).await;
        Ok(Engine { tasks, ..engine })
    }

    fn start_loops(
        &self,
        inbox: mpsc::Receiver<Arrival>,
        mut plugin_events: mpsc::Receiver<orrery_plugins::PluginEvent>,
    ) {
        let stop = &self.running.stop;
        let arrivals = self.shared.arrivals.clone();
        let managed = self.managed.as_ref().ok();
        let mut ears = managed.map(|m| Ears::new(m.supervisor.clone(), self.shared.registry.clone()));
        let forward = async move {
            while let Some(event) = plugin_events.recv().await {
                if let Some(ears) = &mut ears {
                    ears.hear(&event);
                }
                if arrivals.send(Arrival::Plugin(event)).await.is_err() {
                    return;
                }
            }
        };
        let tasks = [
            tokio::spawn(collector::run(self.shared.clone(), inbox, stop.clone())),
            tokio::spawn(views::run(self.shared.clone(), stop.clone())),
            tokio::spawn(history_watch::run(self.shared.clone(), stop.clone())),
            tokio::spawn(forward),
            tokio::spawn(catalog::run(
                self.shared.clone(),
                self.managed.as_ref().ok().cloned(),
                stop.clone(),
            )),
        ];
        self.running
            .tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(tasks);
    }

    fn start_probes(&self, arrivals: &mpsc::Sender<Arrival>) -> Result<(), StartError> {
        let shared = &self.shared;
        let mut kinds = shared.config.probes.clone();
        kinds.sort_unstable();
        kinds.dedup();
        for kind in kinds {
            let (host, probe_id) = (shared.host.clone(), shared.probe_id.clone());
            let (probe, label): (Box<dyn Probe>, _) = match kind {
                ProbeKind::Host => (
                    Box::new(HostProbe::new(
                        host,
                        probe_id,
                        env!("CARGO_PKG_VERSION").to_owned(),
                    )),
                    "This machine",
                ),
                ProbeKind::Process => (Box::new(ProcessProbe::new(host, probe_id)), "Processes"),
                ProbeKind::Connections => (Box::new(ConnectionProbe::new(host, probe_id)), "Connections"),
            };
            let thread = probe_loop::spawn(
                probe,
                label,
                shared.config.interval,
                shared.clone(),
                arrivals.clone(),
                self.running.stop.clone(),
            )?;
            self.running
                .threads
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(thread);
        }
        Ok(())
    }

    /// Stops plugins and loops, waits for them, and closes history with everything written.
    pub async fn shutdown(&self) {
        if let Ok(tasks) = &self.tasks {
            tasks.shutdown().await;
        }
        if let Ok(managed) = &self.managed {
            managed.shutdown().await;
        }
        self.running.stop.cancel();
        self.shared.registry.clone().shutdown().await;
        let tasks = std::mem::take(&mut *self.running.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            task.abort();
            if let Err(error) = task.await
                && error.is_panic()
            {
                tracing::error!(%error, "a loop ended in a panic");
            }
        }
        let threads = std::mem::take(
            &mut *self
                .running
                .threads
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().all(|t| t.join().is_ok())).await;
        if !matches!(joined, Ok(true)) {
            tracing::error!("a probe's thread ended in a panic");
        }
        if let Err(error) = self.shared.history.clone().close().await {
            tracing::error!(%error, "history was not closed cleanly");
        }
    }

    /// The snapshot in force.
    pub fn published(&self) -> Arc<Published> {
        self.shared.published.load_full()
    }

    /// Rises with every publication.
    pub fn publications(&self) -> watch::Receiver<u64> {
        self.shared.publications.subscribe()
    }

    /// Rises with every publication that holds what a shortcut report brought: somebody waits to see it.
    pub fn shortcuts(&self) -> watch::Receiver<u64> {
        self.shared.shortcuts.subscribe()
    }

    /// Rises when the list of plugins or the status of one changes.
    pub fn plugins_changed(&self) -> watch::Receiver<u64> {
        self.shared.plugins_changed.subscribe()
    }

    /// The process of a plugin whose token for calling us this is; none when it has ended.
    pub fn guest(&self, token: &str) -> Option<Guest> {
        let managed = self.managed.as_ref().ok()?;
        managed.guests.find(token)
    }

    /// Identity of this instance, as `GET /api` gives it.
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    /// When it started, in milliseconds since the epoch.
    pub fn started_ms(&self) -> i64 {
        self.shared.started_ms
    }

    /// Identity of the built-in probe, as controls name it.
    pub fn probe_id(&self) -> &str {
        &self.shared.probe_id
    }

    /// Name of the host it runs on.
    pub fn hostname(&self) -> &str {
        &self.shared.host
    }
}

/// Begins to run plugins. Everything else works without, so a failure is told and not the end.
async fn run_plugins(shared: &Arc<Shared>) -> Result<Arc<Managed>, String> {
    let Some(running) = &shared.config.plugins else {
        return Err(
            "This instance runs no plugins of its own: it talks to the sockets that it finds.".to_owned(),
        );
    };
    match Managed::start(running, &shared.library).await {
        Ok((managed, news)) => {
            managed.tell(shared, news);
            Ok(Arc::new(managed))
        }
        Err(error) => {
            tracing::error!(%error, "plugins are not run");
            shared.record(NewEvent {
                at_ms: clock::now_ms(),
                kind: SmolStr::new_static("failed"),
                subject: SmolStr::new_static("plugins"),
                label: SmolStr::new_static("Plugins"),
                text: error.to_string(),
                user: SmolStr::default(),
            });
            Err(error.to_string())
        }
    }
}

/// Sixteen hex digits, different for every instance.
fn hex_id() -> String {
    let (_, low) = uuid::Uuid::now_v7().as_u64_pair();
    format!("{low:016x}")
}
