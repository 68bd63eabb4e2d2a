//! Keeps the catalog current, and on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use orrery_catalog::{Described, Layers, Namespace, Told};
use orrery_manager::view::ManagedPlugin;
use orrery_model::SmolStr;
use orrery_packages::Manifest;
use orrery_packages::policy::Rule;
use orrery_plugins::{PluginInfo, PluginState, once};
use orrery_store::{CatalogRecord, Change, Store};
use semver::Version;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::heard::{FirstWords, Metrics, News};
use super::stock::{Facts, NO_VERSION, Said, VersionKey, interfaces_of, stock};
use crate::clock;
use crate::engine::Shared;
use crate::limits::{CATALOG_SETTLE, CATALOG_SOURCES, DESCRIBE_BUDGET, DESCRIPTION_BYTES};
use crate::managed::Managed;

/// Makes the catalog anew whenever something changes, until `stop`.
pub(crate) async fn run(shared: Arc<Shared>, managed: Option<Arc<Managed>>, stop: CancellationToken) {
    let mut desk = Desk {
        store: managed.as_ref().map(|managed| managed.store.clone()),
        said: BTreeMap::new(),
        built_in: BTreeMap::new(),
        first: BTreeMap::new(),
        running: BTreeMap::new(),
        asked: BTreeSet::new(),
        early: BTreeMap::new(),
        shared,
        managed,
    };
    desk.read().await;
    let mut orders = desk.managed.as_ref().map(|managed| managed.manager.changes());
    let mut sockets = desk.shared.plugins_changed.subscribe();
    loop {
        desk.settle().await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = desk.shared.library.wake.notified() => {}
            () = changed(&mut orders) => {}
            _ = sockets.changed() => {}
        }
        // What comes together is dealt with together.
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(CATALOG_SETTLE) => {}
        }
    }
}

async fn changed(watched: &mut Option<watch::Receiver<u64>>) {
    let ended = match watched {
        Some(watched) => watched.changed().await.is_err(),
        None => true,
    };
    if ended {
        std::future::pending::<()>().await;
    }
}

struct Desk {
    shared: Arc<Shared>,
    managed: Option<Arc<Managed>>,
    store: Option<Store>,
    /// What every version said that is known.
    said: BTreeMap<VersionKey, Said>,
    built_in: BTreeMap<SmolStr, Metrics>,
    /// First words of processes of which it is not known yet what version they are.
    first: BTreeMap<SmolStr, FirstWords>,
    /// The version that was seen to run, by plugin.
    running: BTreeMap<SmolStr, Version>,
    /// Sockets that somebody else serves and that were asked to describe themselves.
    asked: BTreeSet<SmolStr>,
    /// What plugins reported of which it is not known yet what version they are.
    early: BTreeMap<SmolStr, Metrics>,
}

/// What is kept of what was said.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    reported: Vec<KeptMetric>,
    described: Vec<KeptMetric>,
    #[serde(default)]
    policy: Vec<Rule>,
}

#[derive(Serialize, Deserialize)]
struct KeptMetric {
    namespace: Namespace,
    #[serde(flatten)]
    told: Told,
}

impl Desk {
    /// Reads what was kept. Without it, plugins say it again as they run.
    async fn read(&mut self) {
        let Some(store) = &self.store else { return };
        let records = match store.catalog(clock::now_ms()).await {
            Ok(records) => records,
            Err(error) => {
                tracing::warn!(%error, "the catalog cannot be read");
                return;
            }
        };
        for record in records {
            let kept = serde_json::from_value::<Kept>(record.told);
            let (Ok(version), Ok(kept)) = (record.version.parse(), kept) else {
                tracing::warn!(
                    plugin = record.plugin,
                    "a record of the catalog is not understood"
                );
                continue;
            };
            let back =
                |metrics: Vec<KeptMetric>| metrics.into_iter().map(|m| (m.namespace, m.told)).collect();
            let said = Said {
                reported: back(kept.reported),
                described: Described {
                    metrics: back(kept.described),
                    policy: kept.policy,
                },
            };
            self.said.insert((record.plugin.into(), version), said);
        }
    }

    /// Makes the catalog of what is known now.
    async fn settle(&mut self) {
        // In this order: a socket that is there because of an install is seen with the install, or with what it made.
        let mut sockets = self.shared.registry.list();
        let manager = self.managed.as_ref().map(|managed| &managed.manager);
        let coming = manager
            .map(orrery_manager::Manager::under_way)
            .unwrap_or_default();
        let (managed, manifests) = match manager {
            Some(manager) => (manager.list(), manager.manifests()),
            None => Default::default(),
        };
        let manifests: BTreeMap<String, Manifest> = manifests.into_iter().collect();
        // One that is being installed is nobody else's, though its socket is there before it is registered.
        sockets.retain(|socket| {
            let is_ours = managed.iter().any(|plugin| plugin.id == socket.id);
            let was_there = self.said.contains_key(&(SmolStr::from(&socket.id), NO_VERSION));
            is_ours || was_there || !coming.contains(&socket.id)
        });
        let news = self.shared.library.heard.take();
        let mut fresh = self.hear(news, &managed, &manifests, &sockets, &coming);
        fresh.extend(self.forget(&managed, &manifests, &sockets));
        self.ask(&managed, &sockets);
        let layers = self.layers(&managed, &sockets);
        let facts = Facts {
            layers: &layers,
            managed: &managed,
            manifests: &manifests,
            sockets: &sockets,
            said: &self.said,
            built_in: &self.built_in,
        };
        let library = &self.shared.library;
        let before = library.current.load_full();
        let next = stock(&facts, &before);
        // What is shown is on disk.
        self.keep(fresh).await;
        self.shared.library.replace(next);
    }

    /// What plugins are configured with, by plugin: those that we run, and those that somebody else does.
    fn layers(&self, managed: &[ManagedPlugin], sockets: &[PluginInfo]) -> BTreeMap<String, Layers> {
        let Some(all) = self.managed.as_ref().map(|all| &all.manager) else {
            return BTreeMap::new();
        };
        let sockets = sockets.iter();
        let mut layers: BTreeMap<String, Layers> = sockets
            .map(|socket| {
                (
                    socket.id.clone(),
                    all.config_layers(&socket.id, &interfaces_of(socket)),
                )
            })
            .collect();
        let ours = managed.iter();
        layers.extend(ours.map(|plugin| (plugin.id.clone(), all.config_layers(&plugin.id, &[]))));
        layers
    }

    /// Finds out which version said what. Gives those that said something new.
    fn hear(
        &mut self,
        news: News,
        managed: &[ManagedPlugin],
        manifests: &BTreeMap<String, Manifest>,
        sockets: &[PluginInfo],
        coming: &BTreeSet<String>,
    ) -> BTreeSet<VersionKey> {
        let mut fresh = BTreeSet::new();
        self.built_in.extend(news.built_in);
        self.first.extend(news.first);
        // Those whose install failed are never asked for.
        while self.first.len() > CATALOG_SOURCES {
            self.first.pop_first();
        }
        let mut reported = std::mem::take(&mut self.early);
        reported.extend(news.reported);
        for (plugin, metrics) in reported {
            let version = manifests.get(plugin.as_str()).map(|m| m.version.clone());
            let is_ours = managed.iter().any(|known| plugin == known.id.as_str());
            let was_there = self.said.contains_key(&(plugin.clone(), NO_VERSION));
            if version.is_none() && !was_there && (is_ours || coming.contains(plugin.as_str())) {
                self.early.insert(plugin, metrics);
                continue;
            }
            let key = (plugin, version.unwrap_or(NO_VERSION));
            let said = self.said.entry(key.clone()).or_default();
            if said.reported != metrics {
                said.reported = metrics;
                fresh.insert(key);
            }
        }
        for plugin in managed {
            let id = SmolStr::from(&plugin.id);
            let Some(version) = manifests.get(&plugin.id).map(|m| m.version.clone()) else {
                continue;
            };
            let before = self.running.insert(id.clone(), version.clone());
            let Some(first) = self.first.get(&id) else {
                continue;
            };
            // While an order is carried out it may be a candidate that spoke, which is not this version.
            let became = before.as_ref() != Some(&version);
            if !became && plugin.operation.is_some() {
                continue;
            }
            let key = (id.clone(), version);
            let said = self.said.entry(key.clone()).or_default();
            // A report that came since says more than the first did.
            if became || said.reported.is_empty() {
                said.reported.clone_from(&first.metrics);
            }
            if let Some(described) = &first.described {
                said.described = described.clone();
            }
            self.first.remove(&id);
            fresh.insert(key);
        }
        let external: BTreeSet<&str> = sockets.iter().map(|socket| socket.id.as_str()).collect();
        let ours = |id: &str| manifests.contains_key(id);
        let theirs: Vec<SmolStr> = self
            .first
            .keys()
            .filter(|id| external.contains(id.as_str()) && !ours(id))
            .cloned()
            .collect();
        for id in theirs {
            if let Some(described) = self.first.remove(&id).and_then(|first| first.described) {
                self.said.entry((id, NO_VERSION)).or_default().described = described;
            }
        }
        fresh
    }

    /// Lets go of plugins and versions that are gone, and gives the versions.
    fn forget(
        &mut self,
        managed: &[ManagedPlugin],
        manifests: &BTreeMap<String, Manifest>,
        sockets: &[PluginInfo],
    ) -> Vec<VersionKey> {
        let mut unread: BTreeSet<&str> = BTreeSet::new();
        let mut versions: BTreeSet<(&str, String)> = BTreeSet::new();
        let mut plugins: BTreeSet<SmolStr> = BTreeSet::new();
        for plugin in managed {
            plugins.insert(SmolStr::from(&plugin.id));
            let current = manifests.get(&plugin.id).map(|m| m.version.to_string());
            if current.is_none() {
                // Its manifest has not been read yet, or not this time.
                unread.insert(&plugin.id);
            }
            let kept = plugin.retained.iter().map(|r| r.version.clone());
            versions.extend(kept.chain(current).map(|version| (plugin.id.as_str(), version)));
        }
        for socket in sockets.iter().filter(|s| s.state != PluginState::Rejected) {
            plugins.insert(SmolStr::from(&socket.id));
            versions.insert((&socket.id, NO_VERSION.to_string()));
        }
        let is_known = |(id, version): &VersionKey| {
            unread.contains(id.as_str()) || versions.contains(&(id.as_str(), version.to_string()))
        };
        let gone: Vec<VersionKey> = self.said.keys().filter(|key| !is_known(key)).cloned().collect();
        for key in &gone {
            self.said.remove(key);
        }
        self.running.retain(|id, _| plugins.contains(id));
        self.asked.retain(|id| plugins.contains(id));
        for away in self.shared.library.heard.keep_only(&plugins, Instant::now()) {
            self.built_in.remove(&away);
        }
        gone
    }

    /// Asks sockets that somebody else serves to describe themselves, once each, if they say that they can.
    fn ask(&mut self, managed: &[ManagedPlugin], sockets: &[PluginInfo]) {
        for socket in sockets {
            let ours = managed.iter().any(|plugin| plugin.id == socket.id);
            let can = socket.state == PluginState::Ok && socket.interfaces.iter().any(|i| i == DESCRIBE);
            let id = SmolStr::from(&socket.id);
            if ours || !can || !self.asked.insert(id.clone()) {
                continue;
            }
            let (shared, path) = (Arc::clone(&self.shared), socket.path.clone());
            tokio::spawn(async move {
                if let Some(body) = description(std::path::Path::new(&path)).await {
                    let nothing = orrery_model::Report::default();
                    shared.library.heard.first(&id, &nothing, Some(&body));
                    shared.library.wake();
                }
            });
        }
    }

    /// Writes what versions said that is new, and forgets what is not known any more.
    async fn keep(&self, fresh: BTreeSet<VersionKey>) {
        let Some(store) = &self.store else { return };
        for key in fresh {
            let (id, version) = &key;
            if *version == NO_VERSION {
                continue;
            }
            let change = match self.said.get(&key) {
                Some(said) => record(id, version, said),
                None => Some(Change::DropCatalog {
                    plugin: id.to_string(),
                    version: version.to_string(),
                }),
            };
            let Some(change) = change else { continue };
            if let Err(error) = store.commit(vec![change]).await {
                tracing::warn!(%error, plugin = %id, "what a plugin has is not kept");
            }
        }
    }
}

fn record(id: &str, version: &Version, said: &Said) -> Option<Change> {
    let kept = |metrics: &Metrics| {
        let all = metrics.iter().map(|(namespace, told)| KeptMetric {
            namespace: namespace.clone(),
            told: told.clone(),
        });
        all.collect()
    };
    let told = serde_json::to_value(Kept {
        reported: kept(&said.reported),
        described: kept(&said.described.metrics),
        policy: said.described.policy.clone(),
    });
    told.ok().map(|told| {
        Change::PutCatalog(CatalogRecord {
            plugin: id.to_owned(),
            version: version.to_string(),
            told_ms: clock::now_ms(),
            told,
        })
    })
}

/// The interface of plugins that describe themselves.
pub(crate) const DESCRIBE: &str = "describe";

/// What a plugin says of itself when it is asked; none when it does not say.
pub(crate) async fn description(socket: &std::path::Path) -> Option<Vec<u8>> {
    let asked = once::ask(
        socket,
        http::Method::GET,
        "/describe",
        Bytes::new(),
        DESCRIBE_BUDGET,
        DESCRIPTION_BYTES,
    );
    match asked.await {
        Ok((status, body)) if status.is_success() => Some(body),
        Ok((status, _)) => {
            tracing::debug!(%status, socket = %socket.display(), "a plugin does not describe itself");
            None
        }
        Err(error) => {
            tracing::debug!(%error, socket = %socket.display(), "a plugin does not describe itself");
            None
        }
    }
}
