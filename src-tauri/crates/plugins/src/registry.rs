//! The registry: which plugins there are, how they do, and the way to them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use orrery_model::SmolStr;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::book::{Book, Standing};
use crate::control;
use crate::discovery;
use crate::limits;
use crate::outbox::Outbox;
use crate::plugin::Plugin;
use crate::transport::{self, Trust};
use crate::{
    Config, ControlAnswer, ControlError, PluginEvent, PluginInfo, PluginState, RootInfo, StartError,
};

/// Starts looking for plugins and calling them, on the current tokio runtime.
///
/// It goes on until [`Registry::shutdown`], until the last [`Registry`] is dropped, or until the receiver is.
///
/// # Errors
/// When there is no runtime or the configuration is out of range.
pub fn start(config: Config) -> Result<(Registry, mpsc::Receiver<PluginEvent>), StartError> {
    let runtime = tokio::runtime::Handle::try_current().map_err(|_| StartError::NoRuntime)?;
    let config = checked(config)?;
    let trust = if config.allow_foreign_owners {
        Trust::Anyone
    } else {
        Trust::RootAnd(rustix::process::geteuid().as_raw())
    };
    let (sender, receiver) = mpsc::channel(limits::CHANNEL_EVENTS);
    let shared = Arc::new(Shared {
        config,
        trust,
        outbox: Arc::new(Outbox::new(sender)),
        bodies: transport::body_pool(),
        look_again: Arc::new(Notify::new()),
        cancel: CancellationToken::new(),
        tasks: TaskTracker::new(),
        state: Mutex::default(),
    });
    let tasks = &shared.tasks;
    tasks.spawn_on(pump(Arc::clone(&shared)), &runtime);
    tasks.spawn_on(discovery::run(Arc::clone(&shared)), &runtime);
    let stop_when_dropped = shared.cancel.clone().drop_guard();
    let registry = Registry {
        inner: Arc::new(Inner {
            shared,
            _stop_when_dropped: stop_when_dropped,
        }),
    };
    Ok((registry, receiver))
}

/// Handle on the running registry. Clones share it.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    _stop_when_dropped: DropGuard,
}

/// What the tasks share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) trust: Trust,
    pub(crate) outbox: Arc<Outbox>,
    /// Pool of body bytes.
    pub(crate) bodies: Arc<Semaphore>,
    /// Wakes the search for sockets.
    pub(crate) look_again: Arc<Notify>,
    pub(crate) cancel: CancellationToken,
    pub(crate) tasks: TaskTracker,
    state: Mutex<State>,
}

/// What was found.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) book: Book,
    /// Plugins that are called, by id.
    pub(crate) plugins: BTreeMap<SmolStr, Arc<Plugin>>,
    pub(crate) roots: Vec<RootInfo>,
}

impl Registry {
    /// Every socket found, by id and path, those that are not called included. The status of a plugin is empty
    /// until its first call ended.
    pub fn list(&self) -> Vec<PluginInfo> {
        let state = self.inner.shared.state();
        let mut list: Vec<PluginInfo> = state
            .book
            .entries()
            .filter_map(|(path, standing)| {
                let path = path.display().to_string();
                match standing {
                    Standing::Holds(id) => state.plugins.get(id).map(|p| p.info()),
                    Standing::Conflict { id, with } => {
                        let with = with.display().to_string();
                        let why = format!("plugin id {id:?} is in use by {with}");
                        Some(not_called(id, path, PluginState::Conflict, &why, Some(with)))
                    }
                    Standing::Rejected { name, reason } => {
                        Some(not_called(name, path, PluginState::Rejected, reason, None))
                    }
                }
            })
            .collect();
        list.sort_by(|a, b| (&a.id, &a.path).cmp(&(&b.id, &b.path)));
        list
    }

    /// The configured roots, in order; empty until the first look at them.
    pub fn roots(&self) -> Vec<RootInfo> {
        self.inner.shared.state().roots.clone()
    }

    /// Calls the plugin with this socket at once and forgets its back-off. False when no plugin that is
    /// called has this socket; then sockets are looked for anew.
    pub fn retry(&self, path: &str) -> bool {
        let shared = &self.inner.shared;
        let state = shared.state();
        let plugin = state.plugins.values().find(|p| p.path.to_string_lossy() == path);
        match plugin {
            Some(plugin) => plugin.retry(),
            None => shared.look_again.notify_one(),
        }
        plugin.is_some()
    }

    /// Presses a control, by its name without the `<plugin>~` prefix. Once under way it is seen through, even
    /// when the caller stops waiting.
    ///
    /// # Errors
    /// See [`ControlError`]. Success or not, it ends within [`limits::CALL_BUDGET`].
    pub async fn control(
        &self,
        plugin: &str,
        node: &str,
        control: &str,
        args: &BTreeMap<String, String>,
    ) -> Result<ControlAnswer, ControlError> {
        let shared = Arc::clone(&self.inner.shared);
        let Some(found) = shared.state().plugins.get(plugin).cloned() else {
            return Err(ControlError::UnknownPlugin(plugin.to_owned()));
        };
        let (node, control, args) = (node.to_owned(), control.to_owned(), args.clone());
        let tasks = shared.tasks.clone();
        let pressed = tasks.spawn(async move {
            control::press(&found, &shared.config.app_id, &node, &control, &args).await
        });
        pressed
            .await
            .unwrap_or_else(|e| Err(ControlError::Io(e.to_string())))
    }

    /// Ends every task and waits for them, for at most [`limits::SHUTDOWN_GRACE`].
    pub async fn shutdown(self) {
        let shared = &self.inner.shared;
        shared.cancel.cancel();
        shared.tasks.close();
        if tokio::time::timeout(limits::SHUTDOWN_GRACE, shared.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(left = shared.tasks.len(), "plugin tasks did not end in time");
        }
    }
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves the consumer, and ends everything when the consumer is gone.
async fn pump(shared: Arc<Shared>) {
    tokio::select! {
        () = shared.cancel.cancelled() => {}
        () = shared.outbox.pump() => shared.cancel.cancel(),
    }
}

fn checked(mut config: Config) -> Result<Config, StartError> {
    if !(limits::MIN_INTERVAL..=limits::MAX_INTERVAL).contains(&config.interval) {
        return Err(StartError::Interval(config.interval));
    }
    if config.roots.len() > limits::MAX_ROOTS {
        return Err(StartError::TooManyRoots(config.roots.len()));
    }
    for root in &mut config.roots {
        *root = std::path::absolute(&*root).map_err(|e| StartError::Root {
            path: root.clone(),
            reason: e.to_string(),
        })?;
    }
    Ok(config)
}

fn not_called(id: &str, path: String, state: PluginState, why: &str, with: Option<String>) -> PluginInfo {
    PluginInfo {
        id: id.to_owned(),
        path,
        state,
        status: format!("error: {}", crate::text::clean(why, limits::STATUS_CHARS)),
        label: id.to_owned(),
        description: String::new(),
        interfaces: Vec::new(),
        api_version: String::new(),
        last_report_ms: None,
        latency_us: None,
        report_bytes: None,
        report_nodes: None,
        failures: 0,
        next_attempt_ms: None,
        warnings: Vec::new(),
        conflicts_with: with,
    }
}
