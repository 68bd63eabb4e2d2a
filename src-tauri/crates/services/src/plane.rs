//! The whole data plane, running.

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::HeaderMap;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::availability::{self, Lines, Plugins};
use crate::proxy::{AppGroup, Proxy, Upstream};
use crate::registry::{FileStore, NoStore, Registry, RegistryError, Routing, Store};
use crate::table::Table;
use crate::traffic::{Meters, Traffic};

/// What a data plane is started with.
#[derive(Default)]
pub struct Config {
    /// Where objects are kept; nowhere when absent.
    pub store: Option<Arc<dyn Store>>,
    /// Groups that the application itself serves below `/apis`.
    pub app_groups: Vec<AppGroup>,
    /// What datasource proxies may reach; they are off when this is empty.
    pub upstreams: Vec<Upstream>,
    /// Headers of every answer below `/apis`, whatever the plugin says.
    pub always: HeaderMap,
    /// Headers of every answer whose plugin says nothing of them.
    pub otherwise: HeaderMap,
}

impl Config {
    /// Keeps objects as files in this directory.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn keep_in(mut self, directory: impl Into<std::path::PathBuf>) -> std::io::Result<Self> {
        self.store = Some(Arc::new(FileStore::open(directory)?));
        Ok(self)
    }
}

/// The data plane. Clones are the same; when the last one goes, its tasks end.
#[derive(Clone)]
pub struct DataPlane {
    registry: Registry,
    proxy: Proxy,
    routing: Arc<Routing>,
    _tasks: Arc<DropGuard>,
}

impl DataPlane {
    /// Reads the kept objects and begins to look after plugins.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn start(mut config: Config, plugins: Arc<dyn Plugins>) -> Result<Self, RegistryError> {
        let routing = Arc::new(Routing {
            table: ArcSwap::from_pointee(Table::empty()),
            lines: Arc::new(Lines::new(plugins)),
            meters: Meters::default(),
            tenures: crate::table::Tenures::default(),
        });
        let store = config.store.take().unwrap_or_else(|| Arc::new(NoStore));
        let registry = Registry::open(store, Arc::clone(&routing)).await?;
        let ended = CancellationToken::new();
        keep_up(&registry, &routing, &ended);
        let proxy = Proxy::new(Arc::clone(&routing), config);
        Ok(DataPlane {
            registry,
            proxy,
            routing,
            _tasks: Arc::new(ended.drop_guard()),
        })
    }

    /// The objects.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The way to plugins.
    #[must_use]
    pub fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// Requests so far.
    #[must_use]
    pub fn traffic(&self) -> Vec<Traffic> {
        self.routing.meters.read()
    }
}

/// Looks after plugins, and has conditions said anew whenever something was found.
fn keep_up(registry: &Registry, routing: &Arc<Routing>, ended: &CancellationToken) {
    let found = Arc::new(Notify::new());
    let monitor = {
        let (lines, found) = (Arc::clone(&routing.lines), Arc::clone(&found));
        availability::watch_over(lines, TaskTracker::new(), move || found.notify_one())
    };
    tokio::spawn(ended.clone().run_until_cancelled_owned(monitor));
    let registry = registry.clone();
    tokio::spawn(ended.clone().run_until_cancelled_owned(async move {
        loop {
            found.notified().await;
            registry.refresh().await;
        }
    }));
}
