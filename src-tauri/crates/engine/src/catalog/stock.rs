//! Making the catalog of everything that is known. Asks nobody: same facts, same catalog.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use orrery_catalog::{
    Catalog, Described, Element, Layers, Namespace, Shelf, Source, Standing, Told, from_manifest,
};
use orrery_manager::view::{Activation, Desired, ManagedPlugin};
use orrery_model::SmolStr;
use orrery_packages::Manifest;
use orrery_packages::manifest::Interface;
use orrery_plugins::{PluginInfo, PluginState};
use orrery_supervisor::view::InstanceState;
use semver::Version;

use super::BUILT_IN;
use super::heard::Metrics;

/// A version of a plugin.
pub(crate) type VersionKey = (SmolStr, Version);

/// Version of a plugin that somebody else runs: its protocol has none.
pub(crate) const NO_VERSION: Version = Version::new(0, 0, 0);

/// What a version of a plugin said of its metrics.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Said {
    /// In its reports.
    pub(crate) reported: Metrics,
    /// When it was asked.
    pub(crate) described: Described,
}

/// Everything that the catalog is made of.
pub(crate) struct Facts<'a> {
    /// Plugins that we run.
    pub(crate) managed: &'a [ManagedPlugin],
    /// What they say of themselves, by plugin.
    pub(crate) manifests: &'a BTreeMap<String, Manifest>,
    /// Sockets.
    pub(crate) sockets: &'a [PluginInfo],
    /// What was said, by version.
    pub(crate) said: &'a BTreeMap<VersionKey, Said>,
    /// What plugins are configured with, by plugin.
    pub(crate) layers: &'a BTreeMap<String, Layers>,
    /// What is built in, by source.
    pub(crate) built_in: &'a BTreeMap<SmolStr, Metrics>,
}

/// The catalog of these facts. Shelves that stay as they were are those of the one before.
pub(crate) fn stock(facts: &Facts<'_>, before: &Catalog) -> Catalog {
    let mut catalog = Catalog::default();
    let mut put = |source: Source, metrics: Metrics| {
        if let Some(shelf) = shelf(source, metrics, before) {
            catalog = catalog.with(shelf);
        }
    };
    put(of_orrery(), facts.built_in.values().flatten().cloned().collect());
    let nothing = Said::default();
    let said = |id: &str, version: &Version| {
        let key = (SmolStr::from(id), version.clone());
        facts.said.get(&key).unwrap_or(&nothing)
    };
    let config = |id: &str| facts.layers.get(id).cloned().unwrap_or_default();
    let mut ours: BTreeSet<&str> = BTreeSet::from([BUILT_IN]);
    for plugin in facts.managed.iter().filter(|plugin| plugin.id != BUILT_IN) {
        ours.insert(&plugin.id);
        let Some(manifest) = facts.manifests.get(&plugin.id) else {
            continue;
        };
        let said_now = said(&plugin.id, &manifest.version);
        let declared = from_manifest(&plugin.id, &manifest.metric, 0);
        put(
            of_managed(plugin, manifest, &said_now.described, config(&plugin.id)),
            joined(&declared, said_now),
        );
        for revision in &plugin.retained {
            let Ok(version) = revision.version.parse::<Version>() else {
                continue;
            };
            if version != manifest.version {
                let source = Source {
                    standing: Standing::Away("it is kept for a rollback and does not run.".to_owned()),
                    ..Source::new(plugin.id.as_str(), version.clone())
                };
                put(source, joined(&[], said(&plugin.id, &version)));
            }
        }
    }
    for socket in facts.sockets {
        let is_one = !matches!(socket.state, PluginState::Rejected | PluginState::Conflict);
        if is_one && ours.insert(&socket.id) {
            let said_now = said(&socket.id, &NO_VERSION);
            put(
                of_socket(socket, &said_now.described, config(&socket.id)),
                joined(&[], said_now),
            );
        }
    }
    catalog
}

fn of_orrery() -> Source {
    let version = env!("CARGO_PKG_VERSION").parse().unwrap_or(NO_VERSION);
    Source {
        built_in: true,
        ..Source::new(BUILT_IN, version)
    }
}

fn of_managed(plugin: &ManagedPlugin, manifest: &Manifest, described: &Described, config: Layers) -> Source {
    Source {
        standing: standing(plugin),
        interfaces: manifest.interfaces.clone(),
        policy: match manifest.policy.is_empty() {
            true => described.policy.clone(),
            false => manifest.policy.clone(),
        },
        config,
        ..Source::new(plugin.id.as_str(), manifest.version.clone())
    }
}

/// Whether a plugin runs, or would as soon as somebody needs it. One that crashes now and then still counts.
fn standing(plugin: &ManagedPlugin) -> Standing {
    let away = |why: &str| Standing::Away(why.to_owned());
    match (plugin.desired, plugin.activation, plugin.instance.state) {
        (Desired::Disabled, _, _) => away("it is disabled."),
        (Desired::Stopped, _, _) => away("it was stopped."),
        (_, _, InstanceState::Inapplicable) => match plugin.instance.reason.is_empty() {
            true => away("it does not run on this machine."),
            false => away(&plugin.instance.reason),
        },
        (Desired::Automatic, Activation::Manual, _) => away("it runs once it is started by hand."),
        _ => Standing::Ready,
    }
}

fn of_socket(socket: &PluginInfo, described: &Described, config: Layers) -> Source {
    Source {
        standing: match socket.state {
            PluginState::Failing => Standing::Away("it does not answer.".to_owned()),
            _ => Standing::Ready,
        },
        interfaces: interfaces_of(socket),
        policy: described.policy.clone(),
        config,
        ..Source::new(socket.id.as_str(), NO_VERSION)
    }
}

/// The interfaces that a socket's report names, as far as they are known.
pub(crate) fn interfaces_of(socket: &PluginInfo) -> Vec<Interface> {
    let named = socket.interfaces.iter();
    named
        .filter_map(|word| serde_json::from_value::<Interface>(word.as_str().into()).ok())
        .collect()
}

/// What is declared, reported and described, as one: what is said later is more, and what it leaves open stays.
fn joined(declared: &[(Namespace, Told)], said: &Said) -> Metrics {
    let mut all: BTreeMap<Namespace, Told> = BTreeMap::new();
    let described = &said.described.metrics;
    for (name, told) in declared.iter().chain(&said.reported).chain(described) {
        let held = all.entry(name.clone()).or_default();
        held.place = told.place.clone().or(held.place.take());
        held.advertised_ms = held.advertised_ms.max(told.advertised_ms);
        for (held, told) in [
            (&mut held.label, &told.label),
            (&mut held.unit, &told.unit),
            (&mut held.description, &told.description),
            (&mut held.format, &told.format),
            (&mut held.group, &told.group),
        ] {
            if !told.is_empty() {
                held.clone_from(told);
            }
        }
    }
    for (name, told) in &mut all {
        if told.label.is_empty()
            && let Some(Element::Static(metric)) = name.elements().last()
        {
            told.label.clone_from(metric);
        }
    }
    all.into_iter().collect()
}

/// A shelf; the one before when nothing is different.
fn shelf(source: Source, mut metrics: Metrics, before: &Catalog) -> Option<Arc<Shelf>> {
    metrics.truncate(orrery_catalog::limits::METRICS_PER_SOURCE);
    let held = before
        .source(&source.id)
        .iter()
        .find(|shelf| shelf.source().version == source.version);
    if let Some(held) = held
        && **held.source() == source
        && is_same(held, &metrics)
    {
        return Some(Arc::clone(held));
    }
    match Shelf::new(Arc::new(source), metrics) {
        Ok(shelf) => Some(Arc::new(shelf)),
        Err(error) => {
            tracing::warn!(%error, "metrics that the catalog does not take");
            None
        }
    }
}

fn is_same(shelf: &Shelf, metrics: &[(Namespace, Told)]) -> bool {
    let mut known: Vec<&(Namespace, Told)> = metrics.iter().collect();
    known.sort_by(|(a, _), (b, _)| a.cmp(b));
    let entries = shelf.entries();
    entries.len() == known.len()
        && entries
            .iter()
            .zip(known)
            .all(|(entry, (name, told))| entry.namespace == *name && entry.told == *told)
}
