//! Config in layers: what is said for everything, for an interface, for a version of a plugin or for its process,
//! beside what is said for the plugin itself. Defaults < global < interface < plugin < revision < instance < task.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use orrery_catalog::{ConfigError, LayerKind, Layers, resolve};
use orrery_packages::Manifest;
use orrery_packages::manifest::Interface;
use orrery_packages::policy::PolicyError;
use orrery_store::{Change, Config, LayerRecord};
use semver::Version;
use serde_json::{Map, Value};

use crate::book::{Book, Plugin};
use crate::clock::now_ms;
use crate::error::OrderError;
use crate::event::Event;
use crate::limits;
use crate::manager::{Manager, Wait};
use crate::shared::Shared;
use crate::view::{ConfigChange, ConfigChanged, ConfigLayerView, ConfigScope, PluginOrder};

/// Parts of the config that stand in the configuration file. What is set at run time is laid over them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileLayers {
    /// For everything.
    pub global: Map<String, Value>,
    /// For everything with an interface.
    pub interfaces: BTreeMap<String, Map<String, Value>>,
}

/// Everything that a plugin is configured with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given {
    /// What is said for the plugin.
    own: Option<Config>,
    /// What is said elsewhere.
    others: Layers,
}

impl Given {
    /// The config with everything filled in and secrets as references; none when there is nothing to say. Text is the
    /// plugin's own business.
    pub(crate) fn resolved(&self, manifest: &Manifest) -> Result<Option<Value>, Vec<ConfigError>> {
        match &self.own {
            Some(Config::Text(text)) => Ok(Some(Value::String(text.clone()))),
            // Only a plugin without rules takes what is no table.
            Some(Config::Structured(value)) if !value.is_object() => {
                orrery_packages::policy::check(&manifest.policy, value)
                    .map(Some)
                    .map_err(|errors| errors.into_iter().map(of_plugin).collect())
            }
            _ => {
                let resolved = resolve(&manifest.policy, &self.layers())?;
                let says = self.own.is_some() || !manifest.policy.is_empty() || !resolved.values.is_empty();
                Ok(says.then_some(Value::Object(resolved.values)))
            }
        }
    }

    /// All layers; of text there is nothing to lay over.
    pub(crate) fn layers(&self) -> Layers {
        match &self.own {
            Some(Config::Structured(Value::Object(own))) => {
                self.others.clone().with(LayerKind::Plugin, own.clone())
            }
            _ => self.others.clone(),
        }
    }

    /// It is text.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self.own, Some(Config::Text(_)))
    }
}

fn of_plugin(error: PolicyError) -> ConfigError {
    ConfigError {
        key: error.key,
        message: error.message,
        layer: LayerKind::Plugin,
    }
}

/// A mistake with the layer that it stands in, where it stands anywhere.
pub(crate) fn told(error: ConfigError) -> PolicyError {
    PolicyError {
        message: match error.layer {
            // Whoever gives a plugin its config knows where that is.
            LayerKind::Default | LayerKind::Plugin => error.message,
            layer => format!("{} ({})", error.message, layer.as_str()),
        },
        key: error.key,
    }
}

/// Interfaces in the order in which they are laid over each other.
const INTERFACES: [Interface; 10] = [
    Interface::Reporter,
    Interface::Controller,
    Interface::Health,
    Interface::Describe,
    Interface::Config,
    Interface::Events,
    Interface::Processor,
    Interface::Publisher,
    Interface::Stream,
    Interface::Collector,
];

impl Shared {
    /// What a plugin with this manifest is configured with. `own` is what is said for the plugin itself.
    pub(crate) fn given(&self, manifest: &Manifest, own: Option<&Config>) -> Given {
        let book = self.book();
        self.given_by(&book, manifest, own)
    }

    pub(crate) fn given_by(&self, book: &Book, manifest: &Manifest, own: Option<&Config>) -> Given {
        let id = manifest.id.as_str();
        Given {
            own: own.cloned(),
            others: self.laid(book, id, Some(&manifest.version), &manifest.interfaces),
        }
    }

    /// Layers beside the plugin's own.
    fn laid(&self, book: &Book, id: &str, version: Option<&Version>, interfaces: &[Interface]) -> Layers {
        let file = &self.config.layers;
        let set = |scope: ConfigScope| book.layers.get(&scope).cloned().unwrap_or_default();
        let mut layers = Layers::default()
            .with(LayerKind::Global, file.global.clone())
            .with(LayerKind::Global, set(ConfigScope::Global));
        for interface in INTERFACES
            .iter()
            .filter(|interface| interfaces.contains(interface))
        {
            let name = interface.as_str();
            let in_file = file.interfaces.get(name).cloned().unwrap_or_default();
            let scope = ConfigScope::Interface {
                name: name.to_owned(),
            };
            layers = layers
                .with(LayerKind::Interface, in_file)
                .with(LayerKind::Interface, set(scope));
        }
        if let Some(version) = version {
            let scope = ConfigScope::Revision {
                plugin: id.to_owned(),
                version: version.to_string(),
            };
            layers = layers.with(LayerKind::Revision, set(scope));
        }
        let scope = ConfigScope::Instance {
            plugin: id.to_owned(),
        };
        layers.with(LayerKind::Instance, set(scope))
    }
}

impl Manager {
    /// Plugins that something is being done to; those that are only being installed are not registered yet.
    pub fn under_way(&self) -> BTreeSet<String> {
        let book = self.shared().book();
        let plugins = book
            .open
            .values()
            .map(|operation| operation.record.plugin.clone());
        plugins.filter(|id| !id.is_empty()).collect()
    }

    /// All layers that a plugin is configured with, but the task's. One that somebody else runs has those for
    /// everything and for its interfaces.
    pub fn config_layers(&self, id: &str, interfaces: &[Interface]) -> Layers {
        let shared = self.shared();
        let book = shared.book();
        match book.plugins.get(id) {
            Some(Plugin {
                manifest: Some(manifest),
                record,
                ..
            }) => shared
                .given_by(&book, manifest, record.config.accepted.as_ref())
                .layers(),
            _ => shared.laid(&book, id, None, interfaces),
        }
    }

    /// Every layer that says something, the widest first; those of the configuration file before those set at run time.
    pub fn config(&self) -> Vec<ConfigLayerView> {
        let shared = self.shared();
        let file = &shared.config.layers;
        let mut all = Vec::new();
        let mut in_file = |scope: ConfigScope, values: &Map<String, Value>| {
            if !values.is_empty() {
                all.push(ConfigLayerView {
                    scope,
                    values: values.clone(),
                    in_file: true,
                });
            }
        };
        in_file(ConfigScope::Global, &file.global);
        for (name, values) in &file.interfaces {
            in_file(ConfigScope::Interface { name: name.clone() }, values);
        }
        let book = shared.book();
        all.extend(book.layers.iter().map(|(scope, values)| ConfigLayerView {
            scope: scope.clone(),
            values: values.clone(),
            in_file: false,
        }));
        all.sort_by(|a, b| (&a.scope, !a.in_file).cmp(&(&b.scope, !b.in_file)));
        all
    }

    /// What is set in a layer at run time.
    pub fn config_layer(&self, scope: &ConfigScope) -> ConfigLayerView {
        let values = self.shared().book().layers.get(scope).cloned();
        ConfigLayerView {
            scope: scope.clone(),
            values: values.unwrap_or_default(),
            in_file: false,
        }
    }

    /// Changes a layer, and has every plugin that it means something to take its new config. Each of them tries it, as
    /// it tries a config of its own; one that refuses goes on with what it has, and its operation says why.
    ///
    /// # Errors
    /// When what it says breaks the rules of a plugin: everything that is wrong, with plugin, key and layer. Nothing
    /// is changed then.
    pub async fn configure(
        &self,
        scope: ConfigScope,
        change: ConfigChange,
        user: &str,
    ) -> Result<ConfigChanged, OrderError> {
        let shared = Arc::clone(self.shared());
        // One after the other: what is checked is what is written.
        let _turn = shared.layers_turn.lock().await;
        let (values, concerned) = {
            let book = shared.book();
            check_scope(&book, &scope)?;
            let before = book.layers.get(&scope).cloned().unwrap_or_default();
            let values = change.applied_to(before);
            check_size(&values)?;
            let concerned = shared.concerned(&book, &scope, &values)?;
            (values, concerned)
        };
        let (layer, subject) = scope.key();
        let record = match values.is_empty() {
            true => Change::DropLayer { layer, subject },
            false => Change::PutLayer(LayerRecord {
                layer,
                subject,
                values: values.clone(),
                changed_ms: now_ms(),
                user: user.to_owned(),
            }),
        };
        let written = shared.store.commit(vec![record]).await;
        written.map_err(|error| OrderError::Store(error.to_string()))?;
        {
            let mut book = shared.book();
            match values.is_empty() {
                true => drop(book.layers.remove(&scope)),
                false => drop(book.layers.insert(scope.clone(), values.clone())),
            }
        }
        shared.bump();
        let text = format!("The config {scope} was changed.");
        let mut event = Event::new("config_changed", scope.plugin().unwrap_or_default(), text);
        user.clone_into(&mut event.user);
        shared.events.tell(event);
        let mut operations = Vec::new();
        for plugin in concerned {
            match self
                .order(PluginOrder::Reconfigure { plugin }, user, Wait::No)
                .await
            {
                Ok(operation) => operations.push(operation),
                // It was removed at this moment, or everything ends: it has the config at its next start.
                Err(error) => tracing::warn!(%error, "a plugin is not told of its config"),
            }
        }
        let layer = ConfigLayerView {
            scope,
            values,
            in_file: false,
        };
        Ok(ConfigChanged { layer, operations })
    }
}

impl Shared {
    /// Plugins whose config would be another with this layer.
    ///
    /// # Errors
    /// Everything that would be wrong then and is not now.
    fn concerned(
        &self,
        book: &Book,
        scope: &ConfigScope,
        values: &Map<String, Value>,
    ) -> Result<Vec<String>, OrderError> {
        let (mut concerned, mut wrong) = (Vec::new(), Vec::new());
        for (id, plugin) in &book.plugins {
            let Some(manifest) = &plugin.manifest else {
                continue;
            };
            if !scope.concerns(manifest) {
                continue;
            }
            let own = plugin.record.config.accepted.as_ref();
            let before = self.given_by(book, manifest, own);
            if before.is_text() {
                continue;
            }
            let after = Given {
                others: replaced(self, book, manifest, scope, values),
                ..before.clone()
            };
            match (before.resolved(manifest), after.resolved(manifest)) {
                (before, Ok(after)) if before.as_ref() != Ok(&after) => concerned.push(id.clone()),
                (_, Ok(_)) => {}
                (before, Err(errors)) => {
                    let known = before.err().unwrap_or_default();
                    let new = errors.into_iter().filter(|error| !known.contains(error));
                    wrong.extend(new.map(|error| {
                        let error = told(error);
                        PolicyError {
                            message: format!("{}, says {id}", error.message),
                            ..error
                        }
                    }));
                }
            }
        }
        match wrong.is_empty() {
            true => Ok(concerned),
            false => Err(OrderError::Policy(wrong)),
        }
    }
}

/// The layers of a plugin as they would be with other values in one of them.
fn replaced(
    shared: &Shared,
    book: &Book,
    manifest: &Manifest,
    scope: &ConfigScope,
    values: &Map<String, Value>,
) -> Layers {
    let mut trial = Book {
        layers: book.layers.clone(),
        ..Book::default()
    };
    trial.layers.insert(scope.clone(), values.clone());
    let id = manifest.id.as_str();
    shared.laid(&trial, id, Some(&manifest.version), &manifest.interfaces)
}

fn check_scope(book: &Book, scope: &ConfigScope) -> Result<(), OrderError> {
    match scope {
        ConfigScope::Global => Ok(()),
        ConfigScope::Interface { name } => {
            match INTERFACES.iter().any(|interface| interface.as_str() == name) {
                true => Ok(()),
                false => Err(OrderError::Invalid(format!(
                    "there is no interface {name}; there are {}",
                    INTERFACES.map(Interface::as_str).join(", ")
                ))),
            }
        }
        ConfigScope::Instance { plugin } => match book.plugins.contains_key(plugin) {
            true => Ok(()),
            false => Err(OrderError::NotRegistered {
                plugin: plugin.clone(),
            }),
        },
        ConfigScope::Revision { plugin, version } => {
            let Some(found) = book.plugins.get(plugin) else {
                return Err(OrderError::NotRegistered {
                    plugin: plugin.clone(),
                });
            };
            let current = found
                .manifest
                .as_ref()
                .map(|manifest| manifest.version.to_string());
            let record = &found.record;
            let kept = record
                .retained
                .iter()
                .filter_map(|sum| book.revision(plugin, sum));
            let known = kept.map(|revision| revision.version.clone()).chain(current);
            match known.into_iter().any(|known| known == *version) {
                true => Ok(()),
                false => Err(OrderError::NoRevision {
                    plugin: plugin.clone(),
                    version: Some(version.clone()),
                }),
            }
        }
    }
}

fn check_size(values: &Map<String, Value>) -> Result<(), OrderError> {
    let bytes = Value::Object(values.clone()).to_string().len();
    match bytes > limits::CONFIG_BYTES {
        true => Err(OrderError::Invalid(format!(
            "a config has at most {} bytes",
            limits::CONFIG_BYTES
        ))),
        false => Ok(()),
    }
}

impl ConfigChange {
    /// The values of a layer after the change.
    fn applied_to(self, before: Map<String, Value>) -> Map<String, Value> {
        let mut values = if self.replace { Map::new() } else { before };
        for (key, value) in self.set {
            match value.is_null() {
                true => drop(values.remove(&key)),
                false => drop(values.insert(key, value)),
            }
        }
        for key in &self.unset {
            values.remove(key);
        }
        values
    }
}

impl ConfigScope {
    /// How it is kept: layer and subject.
    fn key(&self) -> (String, String) {
        let (layer, subject) = match self {
            ConfigScope::Global => (LayerKind::Global, String::new()),
            ConfigScope::Interface { name } => (LayerKind::Interface, name.clone()),
            ConfigScope::Revision { plugin, version } => (LayerKind::Revision, format!("{plugin} {version}")),
            ConfigScope::Instance { plugin } => (LayerKind::Instance, plugin.clone()),
        };
        (layer.as_str().to_owned(), subject)
    }

    /// The scope of a record; none when it is not understood.
    pub(crate) fn of_record(record: &LayerRecord) -> Option<ConfigScope> {
        let subject = record.subject.clone();
        Some(match record.layer.as_str() {
            "global" => ConfigScope::Global,
            "interface" => ConfigScope::Interface { name: subject },
            "revision" => {
                let (plugin, version) = subject.split_once(' ')?;
                ConfigScope::Revision {
                    plugin: plugin.to_owned(),
                    version: version.to_owned(),
                }
            }
            "instance" => ConfigScope::Instance { plugin: subject },
            _ => return None,
        })
    }

    fn concerns(&self, manifest: &Manifest) -> bool {
        match self {
            ConfigScope::Global => true,
            ConfigScope::Interface { name } => manifest.interfaces.iter().any(|i| i.as_str() == name),
            ConfigScope::Revision { plugin, version } => {
                manifest.id == plugin.as_str() && manifest.version.to_string() == *version
            }
            ConfigScope::Instance { plugin } => manifest.id == plugin.as_str(),
        }
    }

    /// The plugin that it is about; none for what is wider.
    #[must_use]
    pub fn plugin(&self) -> Option<&str> {
        match self {
            ConfigScope::Global | ConfigScope::Interface { .. } => None,
            ConfigScope::Revision { plugin, .. } | ConfigScope::Instance { plugin } => Some(plugin),
        }
    }
}

impl std::fmt::Display for ConfigScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ConfigScope::Global => f.write_str("for everything"),
            ConfigScope::Interface { name } => write!(f, "for the interface {name}"),
            ConfigScope::Revision { plugin, version } => write!(f, "for {plugin} {version}"),
            ConfigScope::Instance { plugin } => write!(f, "for the process of {plugin}"),
        }
    }
}

/// The layers of a plugin that go with it.
pub(crate) fn dropped_with(book: &Book, plugin: &str) -> Vec<Change> {
    let its = book.layers.keys().filter(|scope| scope.plugin() == Some(plugin));
    its.map(|scope| {
        let (layer, subject) = scope.key();
        Change::DropLayer { layer, subject }
    })
    .collect()
}
