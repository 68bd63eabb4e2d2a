//! The set of objects: who may change it and how, who serves what, what is said about each, who is told.
//!
//! There is one writer at a time. Readers take what was published last and never wait. A change is kept in the
//! store before it is published, and is finished even when the caller who ordered it goes away.

mod directory;
mod error;
mod events;
mod state;
mod store;

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

pub use directory::{DirectorySource, FileTrouble};
pub use error::RegistryError;
pub use events::{EventType, Gone, Watch, WatchEvent};
pub use store::{FileStore, Kept, NoStore, Origin, Store};

use crate::availability::Lines;
use crate::object::{self, DataPlaneService, FieldError, reason};
use crate::table::{Makings, Table, Tenures};
use crate::traffic::Meters;
use events::History;
use state::{Entries, Entry, Expects, Trouble};

/// The set of objects. Clones are the same set.
#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
}

struct Shared {
    state: tokio::sync::Mutex<State>,
    view: ArcSwap<List>,
    history: Arc<History>,
    store: Arc<dyn Store>,
    routes: Arc<Routing>,
}

/// What a table is made with, and the table in force.
pub(crate) struct Routing {
    pub(crate) table: ArcSwap<Table>,
    pub(crate) lines: Arc<Lines>,
    pub(crate) meters: Meters,
    pub(crate) tenures: Tenures,
}

struct State {
    entries: Entries,
    revision: u64,
    synced: bool,
}

/// Every object at one moment, by name.
#[derive(Debug, Clone, Default, Serialize)]
pub struct List {
    /// A watch that begins after this misses nothing.
    pub revision: u64,
    /// The objects.
    pub items: Vec<Arc<DataPlaneService>>,
}

/// A change to parts of an object.
#[derive(Debug, Clone)]
pub enum Patch {
    /// JSON Merge Patch, RFC 7386.
    Merge(Value),
    /// JSON Patch, RFC 6902.
    Json(json_patch::Patch),
}

/// One file or package says what it declares.
#[derive(Debug, Clone)]
pub struct Declared {
    /// The objects, as far as they could be read.
    pub objects: Vec<DataPlaneService>,
    /// What could not be read: the name, if it could be found out, and why. An object of that name stays as
    /// it was; without a name, everything that this origin declared stays.
    pub broken: Vec<Broken>,
}

/// A declaration that is not in force.
#[derive(Debug, Clone)]
pub struct Broken {
    /// Name of the object, if that can be read.
    pub name: Option<String>,
    /// What is wrong; for text that is no document at all, one error without a field.
    pub errors: Vec<FieldError>,
    /// Whether the text is no document at all.
    pub unreadable: bool,
}

/// What of a declaration could not be taken in.
#[derive(Debug)]
pub struct Refused {
    /// Whose declaration.
    pub origin: Origin,
    /// Why.
    pub error: RegistryError,
}

impl Registry {
    /// Reads what is kept and makes the first table.
    ///
    /// # Errors
    /// When nothing can be read from the store.
    pub(crate) async fn open(store: Arc<dyn Store>, routes: Arc<Routing>) -> Result<Self, RegistryError> {
        let loading = Arc::clone(&store);
        let kept = blocking(move || loading.load()).await?;
        let mut entries = Entries::new();
        // Never a revision that an earlier run gave to something else: it may have ended with a deletion, of
        // which nothing is kept, and gives out fewer than one in a millisecond.
        let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
        let mut revision = now;
        for kept in kept.into_iter().take(crate::limits::MAX_OBJECTS) {
            revision = revision.max(kept.revision + 1);
            match kept.revive() {
                Ok(object) => {
                    let entry = Entry {
                        object: Arc::new(object),
                        origin: kept.origin,
                        trouble: None,
                    };
                    entries.insert(entry.object.metadata.name.clone(), entry);
                }
                Err(errors) => tracing::warn!(?errors, "a kept object breaks a rule and is left out"),
            }
        }
        let registry = Registry {
            shared: Arc::new(Shared {
                history: Arc::new(History::new(revision)),
                state: tokio::sync::Mutex::new(State {
                    entries: Entries::new(),
                    revision,
                    synced: false,
                }),
                view: ArcSwap::default(),
                store,
                routes,
            }),
        };
        registry
            .change(move |now| {
                *now = entries;
                Ok(())
            })
            .await?;
        Ok(registry)
    }

    /// Says that every source has been read: from then on what is not served is nobody's.
    pub async fn set_synced(&self) {
        let mut state = self.shared.state.lock().await;
        state.synced = true;
        self.shared.publish(&state);
    }

    /// Every object.
    #[must_use]
    pub fn list(&self) -> Arc<List> {
        self.shared.view.load_full()
    }

    /// One object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<DataPlaneService>> {
        let view = self.shared.view.load();
        let at = view
            .items
            .binary_search_by(|object| object.metadata.name.as_str().cmp(name));
        at.ok().and_then(|at| view.items.get(at).cloned())
    }

    /// Watches all objects: after a revision, or from the beginning with an [`EventType::Added`] for each.
    ///
    /// # Errors
    /// When events after that revision have been forgotten.
    pub fn watch(&self, after: Option<u64>) -> Result<Watch, Gone> {
        let view = self.list();
        let first = match after {
            Some(_) => Vec::new(),
            None => view
                .items
                .iter()
                .map(|object| WatchEvent {
                    kind: EventType::Added,
                    object: Arc::clone(object),
                })
                .collect(),
        };
        Watch::new(
            Arc::clone(&self.shared.history),
            after.unwrap_or(view.revision),
            first,
        )
    }

    /// Makes a new object.
    ///
    /// # Errors
    /// When there is one of this name, or the change cannot be made.
    pub async fn create(&self, object: DataPlaneService) -> Result<Arc<DataPlaneService>, RegistryError> {
        self.put(object, Expects::Nothing).await
    }

    /// Makes an object or changes it to this; to what the caller last saw, if it says a `resourceVersion`.
    ///
    /// # Errors
    /// When the object has changed since, is declared elsewhere, or the change cannot be made.
    pub async fn apply(&self, object: DataPlaneService) -> Result<Arc<DataPlaneService>, RegistryError> {
        self.put(object, Expects::Anything).await
    }

    /// Changes an object that the caller has read before to this; its `resourceVersion` says what was read.
    ///
    /// # Errors
    /// As for [`Registry::apply`], and when there is none of this name.
    pub async fn replace(&self, object: DataPlaneService) -> Result<Arc<DataPlaneService>, RegistryError> {
        if object.metadata.resource_version.is_empty() {
            let error = FieldError {
                field: "metadata.resourceVersion".to_owned(),
                message: "is required: it says which version is replaced".to_owned(),
            };
            return Err(RegistryError::Invalid(vec![error]));
        }
        self.put(object, Expects::Something).await
    }

    /// Changes parts of an object. `status` cannot be changed.
    ///
    /// # Errors
    /// When the patch cannot be applied, its result breaks a rule, or as for [`Registry::apply`].
    pub async fn patch(&self, name: &str, patch: Patch) -> Result<Arc<DataPlaneService>, RegistryError> {
        let name = name.to_owned();
        let changed = name.clone();
        self.change(move |entries| {
            let known = entries
                .get(&name)
                .ok_or_else(|| RegistryError::NotFound(name.clone()))?;
            let mut document = known.object.to_json();
            // Without a word about it in the patch, it is about what is there.
            if let Some(Value::Object(metadata)) = document.get_mut("metadata") {
                metadata.remove("resourceVersion");
            }
            match &patch {
                Patch::Merge(change) => json_patch::merge(&mut document, change),
                Patch::Json(change) => step_by_step(&mut document, change)?,
            }
            let wished = object::read(&document).map_err(RegistryError::Invalid)?;
            if wished.metadata.name != name {
                return Err(RegistryError::Patch("the name cannot be changed".to_owned()));
            }
            state::put(
                entries,
                wished,
                &Origin::Api,
                Expects::Something,
                Timestamp::now(),
            )
        })
        .await?;
        self.get(&changed).ok_or(RegistryError::NotFound(changed))
    }

    /// Removes an object; only that version, if one is given.
    ///
    /// # Errors
    /// When there is none, it has changed since or is declared elsewhere, or the change cannot be kept.
    pub async fn delete(&self, name: &str, resource_version: Option<&str>) -> Result<(), RegistryError> {
        let name = name.to_owned();
        let given = resource_version.unwrap_or_default().to_owned();
        self.change(move |entries| state::delete(entries, &name, &Origin::Api, &given))
            .await
    }

    /// Makes what an origin declares so, in one step: what it no longer declares goes, what is broken stays as
    /// it was. What somebody else declares is not touched.
    ///
    /// # Errors
    /// What could not be taken in, for each object; the others were.
    pub async fn declare(&self, all: Vec<(Origin, Declared)>) -> Result<(), Vec<Refused>> {
        let origins: Vec<Origin> = all.iter().map(|(origin, _)| origin.clone()).collect();
        let (tell, told) = std::sync::mpsc::channel();
        let changed = self
            .change(move |entries| {
                let now = Timestamp::now();
                for (origin, declared) in all {
                    for error in declare(entries, &origin, declared, now) {
                        let origin = origin.clone();
                        // The receiver waits for the end of this.
                        let _ = tell.send(Refused { origin, error });
                    }
                }
                Ok(())
            })
            .await;
        let mut refused: Vec<_> = told.try_iter().collect();
        if let Err(error) = changed {
            let message = error.to_string();
            refused.extend(origins.into_iter().map(|origin| Refused {
                origin,
                error: RegistryError::Store(message.clone()),
            }));
        }
        if refused.is_empty() { Ok(()) } else { Err(refused) }
    }

    /// Makes the services of a plugin's package so: those of `[[service]]`, or none when it was removed.
    ///
    /// # Errors
    /// What could not be taken in.
    pub async fn declare_package(
        &self,
        plugin: &str,
        services: &[serde_json::Map<String, Value>],
    ) -> Result<(), Vec<RegistryError>> {
        let mut declared = Declared {
            objects: Vec::new(),
            broken: Vec::new(),
        };
        let mut refused = Vec::new();
        for service in services {
            match object::from_manifest(plugin, service) {
                Ok(object) => declared.objects.push(object),
                Err(errors) => {
                    let name = service.get("name").and_then(Value::as_str).map(str::to_owned);
                    refused.push(RegistryError::Invalid(errors.clone()));
                    declared.broken.push(Broken {
                        name,
                        errors,
                        unreadable: false,
                    });
                }
            }
        }
        let origin = Origin::Package(plugin.to_owned());
        if let Err(more) = self.declare(vec![(origin, declared)]).await {
            refused.extend(more.into_iter().map(|refused| refused.error));
        }
        if refused.is_empty() { Ok(()) } else { Err(refused) }
    }

    /// The files that declare anything, as far as is kept.
    pub(crate) async fn declaring_files(&self) -> BTreeSet<String> {
        let state = self.shared.state.lock().await;
        let files = state.entries.values().filter_map(|entry| match &entry.origin {
            Origin::File(file) => Some(file.clone()),
            Origin::Api | Origin::Package(_) => None,
        });
        files.collect()
    }

    /// Plugins whose packages declare something.
    pub async fn declaring_packages(&self) -> BTreeSet<String> {
        let state = self.shared.state.lock().await;
        let plugins = state.entries.values().filter_map(|entry| match &entry.origin {
            Origin::Package(plugin) => Some(plugin.clone()),
            Origin::Api | Origin::File(_) => None,
        });
        plugins.collect()
    }

    /// Says anew what is available.
    pub(crate) async fn refresh(&self) {
        if let Err(error) = self.change(|_| Ok(())).await {
            tracing::warn!(%error, "conditions could not be brought up to date");
        }
    }

    async fn put(
        &self,
        object: DataPlaneService,
        expects: Expects,
    ) -> Result<Arc<DataPlaneService>, RegistryError> {
        let name = object.metadata.name.clone();
        self.change(move |entries| state::put(entries, object, &Origin::Api, expects, Timestamp::now()))
            .await?;
        self.get(&name).ok_or(RegistryError::NotFound(name))
    }

    /// Does a change in a task of its own, so that it is finished whether or not the caller waits.
    async fn change(
        &self,
        change: impl FnOnce(&mut Entries) -> Result<(), RegistryError> + Send + 'static,
    ) -> Result<(), RegistryError> {
        let shared = Arc::clone(&self.shared);
        let done = tokio::spawn(async move { shared.change(change).await }).await;
        done.unwrap_or_else(|error| Err(RegistryError::Store(error.to_string())))
    }
}

impl Shared {
    async fn change(
        self: &Arc<Self>,
        change: impl FnOnce(&mut Entries) -> Result<(), RegistryError>,
    ) -> Result<(), RegistryError> {
        let mut state = self.state.lock().await;
        let mut after = state.entries.clone();
        change(&mut after)?;
        let mut revision = state.revision;
        let finding = |plugin: &str| self.routes.lines.line(plugin).standing().finding.clone();
        state::judge(&mut after, Timestamp::now(), finding);
        let events = state::number(&state.entries, &mut after, &mut revision);
        self.keep(&state.entries, &after).await?;
        if events.is_empty() && self.view.load().revision == revision {
            // Troubles and origins may differ all the same.
            state.entries = after;
            return Ok(());
        }
        state.entries = after;
        state.revision = revision;
        self.publish(&state);
        self.history.append(events);
        Ok(())
    }

    /// Writes down what differs in more than its status.
    async fn keep(&self, before: &Entries, after: &Entries) -> Result<(), RegistryError> {
        let differs = |entry: &&Entry| {
            let known = before.get(&entry.object.metadata.name);
            known.is_none_or(|known| {
                let (old, new) = (&known.object.metadata, &entry.object.metadata);
                known.origin != entry.origin
                    || (&old.uid, old.generation) != (&new.uid, new.generation)
                    || (&old.labels, &old.annotations) != (&new.labels, &new.annotations)
            })
        };
        let puts: Vec<_> = after
            .values()
            .filter(differs)
            .map(|entry| {
                let created = entry.object.metadata.creation_timestamp.unwrap_or_default();
                let name = entry.object.metadata.name.clone();
                (name, Kept::of(&entry.object, &entry.origin, created))
            })
            .collect();
        let gone: Vec<_> = before
            .keys()
            .filter(|name| !after.contains_key(*name))
            .cloned()
            .collect();
        if puts.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let store = Arc::clone(&self.store);
        blocking(move || {
            puts.iter().try_for_each(|(name, kept)| store.put(name, kept))?;
            gone.iter().try_for_each(|name| store.delete(name))
        })
        .await
    }

    /// Makes the new state the one that everybody sees: objects, then routes.
    fn publish(&self, state: &State) {
        let items: Vec<_> = state
            .entries
            .values()
            .map(|entry| Arc::clone(&entry.object))
            .collect();
        let routes = &self.routes;
        let serving: Vec<_> = state::in_force(&state.entries).into_values().cloned().collect();
        let makings = Makings {
            lines: &routes.lines,
            meters: &routes.meters,
            tenures: &routes.tenures,
        };
        let table = Table::build(&serving, state.synced, &routes.table.load(), &makings);
        routes.table.store(Arc::new(table));
        self.view.store(Arc::new(List {
            revision: state.revision,
            items,
        }));
        let named: BTreeSet<&str> = state
            .entries
            .values()
            .map(|e| e.object.spec.plugin_id.as_str())
            .collect();
        routes.lines.retain(|plugin| named.contains(plugin));
        let uids: BTreeSet<&str> = state
            .entries
            .values()
            .map(|e| e.object.metadata.uid.as_str())
            .collect();
        routes.tenures.retain(|uid| uids.contains(uid));
        let metered: BTreeSet<_> = state
            .entries
            .values()
            .flat_map(|entry| {
                let spec = &entry.object.spec;
                spec.services
                    .iter()
                    .map(|s| (spec.plugin_id.as_str(), spec.group.as_str(), s.kind))
            })
            .collect();
        routes
            .meters
            .retain(|plugin, group, kind| metered.contains(&(plugin, group, kind)));
    }
}

/// Applies a JSON Patch with a look at the size after each step: a few copies of copies could fill the memory.
fn step_by_step(document: &mut Value, patch: &json_patch::Patch) -> Result<(), RegistryError> {
    for step in &patch.0 {
        json_patch::patch(document, std::slice::from_ref(step))
            .map_err(|error| RegistryError::Patch(error.to_string()))?;
        let copies = matches!(step, json_patch::PatchOperation::Copy(_));
        if copies && document.to_string().len() > crate::limits::MAX_OBJECT_BYTES {
            return Err(RegistryError::Patch("the object grows too large".to_owned()));
        }
    }
    Ok(())
}

/// Makes what one origin declares so.
fn declare(entries: &mut Entries, origin: &Origin, declared: Declared, now: Timestamp) -> Vec<RegistryError> {
    let mut errors = Vec::new();
    let anonymous = declared.broken.iter().any(|broken| broken.name.is_none());
    let mut named: BTreeSet<String> = declared.broken.iter().filter_map(|b| b.name.clone()).collect();
    named.extend(declared.objects.iter().map(|object| object.metadata.name.clone()));
    if !anonymous {
        entries.retain(|name, entry| entry.origin != *origin || named.contains(name));
    }
    for mut object in declared.objects {
        // A declaration says what is to be, whatever was.
        object.metadata.resource_version.clear();
        if let Err(error) = state::put(entries, object, origin, Expects::Anything, now) {
            errors.push(error);
        }
    }
    for broken in declared.broken {
        let trouble = Trouble {
            reason: if broken.unreadable {
                reason::PARSE_ERROR
            } else {
                reason::INVALID
            },
            message: trouble(&broken.errors),
        };
        for (name, entry) in entries.iter_mut().filter(|(_, entry)| entry.origin == *origin) {
            if broken.name.as_ref().is_none_or(|broken| broken == name) {
                entry.trouble = Some(trouble.clone());
            }
        }
    }
    errors
}

fn trouble(errors: &[FieldError]) -> String {
    let words: Vec<_> = errors
        .iter()
        .map(|error| {
            if error.field.is_empty() {
                error.message.clone()
            } else {
                error.to_string()
            }
        })
        .collect();
    let text = format!("the version before stays in force: {}", words.join("; "));
    text.chars().take(crate::limits::MAX_MESSAGE_CHARS).collect()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, RegistryError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(RegistryError::Store(error.to_string())),
        Err(error) => Err(RegistryError::Store(error.to_string())),
    }
}
