//! The catalog: what everybody can measure, and who needs whom for it.
//!
//! Names, queries and views are the catalog crate's and pure. Here they meet what sources say: [`heard`] takes in
//! what reports and descriptions have, [`stock`] makes a catalog of it, and [`desk`] does that again whenever
//! something changes and keeps it on disk, so that it is known before anything has run.

mod desk;
mod heard;
mod stock;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use orrery_catalog::{Catalog, Changes, GroupError, GroupRequest, Lessor, Subscriptions, View};
use orrery_model::SmolStr;
use orrery_supervisor::{Lease, Supervisor};
use tokio::sync::{Notify, watch};

use crate::engine::Engine;

pub(crate) use desk::{DESCRIBE, description, run};
pub(crate) use heard::Heard;

/// Name under which what is built in stands in the catalog.
pub(crate) const BUILT_IN: &str = "orrery";

/// The catalog in force, and who goes by it.
pub(crate) struct Library {
    current: ArcSwap<Catalog>,
    subscriptions: Mutex<Subscriptions<Reasons>>,
    /// What was said since the catalog was last made.
    pub(crate) heard: Heard,
    /// Something was said.
    wake: Notify,
    changes: watch::Sender<u64>,
    views: watch::Sender<u64>,
    supervisor: Arc<OnceLock<Supervisor>>,
}

impl Default for Library {
    fn default() -> Self {
        let supervisor: Arc<OnceLock<Supervisor>> = Arc::default();
        Library {
            current: ArcSwap::default(),
            subscriptions: Mutex::new(Subscriptions::new(Reasons {
                supervisor: Arc::clone(&supervisor),
            })),
            heard: Heard::default(),
            wake: Notify::new(),
            changes: watch::Sender::new(0),
            views: watch::Sender::new(0),
            supervisor,
        }
    }
}

/// Reasons for plugins to run.
struct Reasons {
    supervisor: Arc<OnceLock<Supervisor>>,
}

impl Lessor for Reasons {
    /// None for a plugin that somebody else runs.
    type Lease = Option<Lease>;

    fn acquire(&self, plugin: &str) -> Result<Option<Lease>, String> {
        let ours = self.supervisor.get().filter(|s| s.view(plugin).is_some());
        ours.map(|supervisor| supervisor.acquire(plugin))
            .transpose()
            .map_err(|error| error.to_string())
    }

    fn holds(&self, plugin: &str, lease: &Option<Lease>) -> bool {
        let Some(supervisor) = self.supervisor.get() else {
            return true;
        };
        match lease {
            Some(lease) => supervisor.holds(plugin, lease),
            // Somebody else ran it; perhaps we do now.
            None => supervisor.view(plugin).is_none(),
        }
    }
}

impl Library {
    /// Makes plugins run through this supervisor from here on.
    pub(crate) fn run_by(&self, supervisor: &Supervisor) {
        // A second one is never made.
        let _ = self.supervisor.set(supervisor.clone());
    }

    /// Wakes whoever makes the catalog.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Goes by another catalog.
    fn replace(&self, catalog: Catalog) {
        let catalog = Arc::new(catalog);
        let differs = !catalog.differences(&self.current.load()).is_empty();
        // Who sees the catalog can subscribe to what is in it.
        let changes = self.subscriptions().update(Arc::clone(&catalog));
        self.current.store(catalog);
        self.tell(&changes);
        if differs {
            self.changes.send_modify(|n| *n += 1);
        }
    }

    fn subscriptions(&self) -> MutexGuard<'_, Subscriptions<Reasons>> {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, changes: &Changes) {
        if !changes.views.is_empty() || !changes.acquired.is_empty() || !changes.released.is_empty() {
            self.views.send_modify(|n| *n += 1);
        }
        for (group, plugin) in &changes.acquired {
            tracing::debug!(%group, %plugin, "subscribed");
        }
        for (group, plugin) in &changes.released {
            tracing::debug!(%group, %plugin, "unsubscribed");
        }
    }
}

/// Subscriptions, for whoever collects.
impl Engine {
    /// Everything that can be measured, as it is known now.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.shared.library.current.load_full()
    }

    /// Rises when the catalog changes.
    pub fn catalog_changes(&self) -> watch::Receiver<u64> {
        self.shared.library.changes.subscribe()
    }

    /// Takes in a subscription, or another request of one that is known, and gives its view. The plugins that it
    /// needs run from here on, if it has all that it asks for; otherwise it waits, and its view says for what.
    ///
    /// # Errors
    /// When it is too large or one too many.
    pub fn subscribe(&self, request: GroupRequest) -> Result<Arc<View>, GroupError> {
        let library = &self.shared.library;
        let id = request.id.clone();
        let mut all = library.subscriptions();
        let changes = all.put(request)?;
        let view = all.view(&id);
        drop(all);
        library.tell(&changes);
        view
    }

    /// Forgets a subscription. What only it needed is stopped when it has been idle for its time.
    ///
    /// # Errors
    /// When there is none of this id.
    pub fn unsubscribe(&self, id: &str) -> Result<(), GroupError> {
        let library = &self.shared.library;
        let changes = library.subscriptions().remove(id)?;
        library.views.send_modify(|n| *n += 1);
        library.tell(&changes);
        Ok(())
    }

    /// The view of a subscription. It never changes: a run that took one has it throughout.
    ///
    /// # Errors
    /// When there is none of this id.
    pub fn subscription(&self, id: &str) -> Result<Arc<View>, GroupError> {
        self.shared.library.subscriptions().view(id)
    }

    /// Rises when a view means something else than before, or a subscription comes or goes.
    pub fn subscription_changes(&self) -> watch::Receiver<u64> {
        self.shared.library.views.subscribe()
    }

    /// What a request would mean now. Changes nothing.
    pub fn preview_subscription(&self, request: GroupRequest) -> View {
        self.shared.library.subscriptions().preview(request)
    }

    /// Subscriptions that need a plugin, by id.
    pub fn subscribers(&self, plugin: &str) -> Vec<SmolStr> {
        self.shared.library.subscriptions().users_of(plugin)
    }

    /// Subscriptions that would lack something without a plugin and do not now, by id.
    pub(crate) fn losing(&self, plugin: &str) -> Vec<SmolStr> {
        self.shared.library.subscriptions().losing(plugin)
    }
}
