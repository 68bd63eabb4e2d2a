//! What all parts of a manager share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use orrery_packages::Manifest;
use orrery_packages::manifest;
use orrery_store::{Change, LayerRecord, Origin, PluginRecord, RevisionRecord, Store};
use orrery_supervisor::Spec;
use orrery_supervisor::Want;
use orrery_supervisor::spec::Rest;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::book::{Book, Plugin};
use crate::clock::now_ms;
use crate::config::ManagerConfig;
use crate::error::Failure;
use crate::event::{Event, Events};
use crate::lane::Lanes;
use crate::layers::Given;
use crate::processes::Processes;
use crate::spec::{self, Ground};
use crate::view::ConfigScope;
use crate::{config_file, in_force, stamp, way};

/// What all parts of a manager share.
pub(crate) struct Shared {
    pub(crate) config: ManagerConfig,
    pub(crate) store: Store,
    pub(crate) processes: Arc<dyn Processes>,
    pub(crate) lanes: Lanes,
    pub(crate) downloads: Semaphore,
    pub(crate) unpackings: Semaphore,
    pub(crate) events: Events,
    pub(crate) tasks: TaskTracker,
    /// Whoever changes layers of the config.
    pub(crate) layers_turn: tokio::sync::Mutex<()>,
    /// Orrery is ending.
    pub(crate) closing: CancellationToken,
    book: Mutex<Book>,
    changed: watch::Sender<u64>,
}

impl Shared {
    pub(crate) fn new(
        config: ManagerConfig,
        store: Store,
        processes: Arc<dyn Processes>,
        events: Events,
        book: Book,
    ) -> Shared {
        Shared {
            config,
            store,
            processes,
            lanes: Lanes::default(),
            downloads: Semaphore::new(crate::limits::DOWNLOADS),
            unpackings: Semaphore::new(crate::limits::UNPACKINGS),
            events,
            tasks: TaskTracker::new(),
            layers_turn: tokio::sync::Mutex::new(()),
            closing: CancellationToken::new(),
            book: Mutex::new(book),
            changed: watch::Sender::new(0),
        }
    }

    /// What is known. Never held while anything is waited for.
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is shown has changed.
    pub(crate) fn bump(&self) {
        self.changed.send_modify(|n| *n = n.wrapping_add(1));
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Tells the hook that a point is passed.
    pub(crate) fn pass(&self, point: &str) {
        if let Some(hook) = &self.config.hook {
            hook(point);
        }
    }

    /// A plugin as it is recorded.
    pub(crate) fn record(&self, id: &str) -> Option<PluginRecord> {
        self.book().plugins.get(id).map(|plugin| plugin.record.clone())
    }

    /// Writes changes and, when they are on disk, takes them over into the book.
    pub(crate) async fn commit(&self, changes: Vec<Change>) -> Result<(), Failure> {
        self.store.commit(changes.clone()).await?;
        let touched: Vec<String> = changes.iter().filter_map(plugin_of).map(str::to_owned).collect();
        let mut book = self.book();
        for change in changes {
            match change {
                Change::PutPlugin(record) => {
                    let staged = book.staged.remove(&record.id);
                    match book.plugins.get_mut(&record.id) {
                        Some(plugin) => plugin.record = record,
                        None => {
                            let mut plugin = Plugin::new(record);
                            if let Some(staged) = staged {
                                plugin.see(&staged);
                            }
                            book.plugins.insert(plugin.record.id.clone(), plugin);
                        }
                    }
                }
                Change::DropPlugin { id } => {
                    book.plugins.remove(&id);
                }
                Change::PutRevision(revision) => {
                    let key = (revision.plugin.clone(), revision.sha256.clone());
                    book.revisions.insert(key, revision);
                }
                Change::DropRevision { plugin, sha256 } => {
                    book.revisions.remove(&(plugin, sha256));
                }
                Change::DropLayer { layer, subject } => {
                    let dropped = LayerRecord {
                        layer,
                        subject,
                        values: serde_json::Map::new(),
                        changed_ms: 0,
                        user: String::new(),
                    };
                    if let Some(scope) = ConfigScope::of_record(&dropped) {
                        book.layers.remove(&scope);
                    }
                }
                // Operations are kept up to date by who carries them out, files by who watches them, the rest by whose it
                // is.
                _ => {}
            }
        }
        let targets = in_force::targets(&book, touched.iter().map(String::as_str));
        drop(book);
        in_force::point(&self.config.dirs, &targets);
        self.bump();
        Ok(())
    }

    /// How a revision of a plugin is run with a config, its directories and files made ready.
    pub(crate) fn prepare(&self, order: &Prepare<'_>) -> Result<Prepared, Failure> {
        let id = order.manifest.id.as_str();
        let dirs = &self.config.dirs;
        let account = way::account(order.manifest)?;
        let ready = stamp::make_ready(&dirs.state(id), &self.config.machine_id, now_ms())
            .map_err(|error| Failure::file("make the directory", &dirs.state(id), &error))?;
        if let Some(aside) = &ready.set_aside {
            let text = format!(
                "The directory of another machine was set aside as {}.",
                aside.display()
            );
            self.events.tell(Event::new("state_set_aside", id, text));
        }
        let config_file = config_file::write(dirs, order.manifest, &order.config)?;
        if account.is_some() {
            way::open(dirs, id)?;
        }
        let spec = spec::spec(
            order.manifest,
            &Ground {
                dirs,
                package: order.package,
                program_sha256: order.program_sha256.clone(),
                config_file: config_file.as_deref(),
                has_worked: order.has_worked,
            },
        );
        Ok(Prepared { spec, config_file })
    }

    /// Makes a registered plugin's process follow its record: reads its manifest, and hands it to the supervisor.
    /// What stands in the way is noted and shown.
    pub(crate) async fn run_as_recorded(&self, id: &str) -> Result<(), Failure> {
        let Some(record) = self.record(id) else {
            return Ok(());
        };
        let made = self.make_of_record(&record);
        let mut obstacle = None;
        match made {
            Ok((manifest, prepared, lacking)) => {
                let want = match (self.want_of(&record, &manifest), lacking) {
                    (Want::Automatic | Want::Run, Some(why)) => Want::Rest(Rest::Inapplicable(why)),
                    (want, _) => want,
                };
                if let Want::Rest(Rest::Inapplicable(why)) = &want {
                    obstacle = Some(why.clone());
                }
                let config_file = prepared.config_file;
                {
                    let mut book = self.book();
                    let Some(plugin) = book.plugins.get_mut(id) else {
                        return Ok(());
                    };
                    plugin.manifest = Some(manifest);
                    plugin.config_file.clone_from(&config_file);
                    plugin.obstacle = obstacle;
                }
                self.bump();
                self.processes
                    .put(id, prepared.spec, want)
                    .await
                    .inspect_err(|failure| {
                        self.set_obstacle(id, &failure.text);
                    })?;
                // What it was run with before, or was to be run with, nobody needs any more.
                config_file::keep_only(&self.config.dirs, id, config_file.as_deref());
                Ok(())
            }
            Err(failure) => {
                self.set_obstacle(id, &failure.text);
                self.processes.forget(id).await;
                Err(failure)
            }
        }
    }

    fn set_obstacle(&self, id: &str, why: &str) {
        if let Some(plugin) = self.book().plugins.get_mut(id) {
            plugin.obstacle = Some(why.to_owned());
        }
        self.bump();
    }

    /// What is to be run, and why it cannot be, if it is only config that is lacking.
    fn make_of_record(&self, record: &PluginRecord) -> Result<(Manifest, Prepared, Option<String>), Failure> {
        let (package, manifest, program_sha256) = match record.origin {
            Origin::Managed => {
                let revision = self.book().current(record).cloned();
                let revision = revision.ok_or_else(|| {
                    Failure::new(
                        "quarantine",
                        "The record of its revision is lost; install it again.",
                    )
                })?;
                let manifest = read_manifest(&revision)?;
                let sum = Some(revision.program_sha256.clone()).filter(|sum| !sum.is_empty());
                (revision.dir, manifest, sum)
            }
            Origin::Local => {
                let path = record.local.clone().unwrap_or_default();
                let local = crate::local::read(&path)
                    .map_err(|error| Failure::new(error.code(), error.to_string()))?;
                (local.dir, local.manifest, None)
            }
        };
        let prepared = self.prepare(&Prepare {
            manifest: &manifest,
            package: &package,
            program_sha256,
            config: self.given(&manifest, record.config.accepted.as_ref()),
            has_worked: record.has_worked,
        });
        // A config that is missing is the user's to give; the plugin is there nevertheless.
        match prepared {
            Err(failure) if failure.code == "policy" => {
                let prepared = self.prepare_without_config(&manifest, &package)?;
                let lacking = format!("it needs config: {}", failure.text);
                Ok((manifest, prepared, Some(lacking)))
            }
            Err(failure) => Err(failure),
            Ok(prepared) => Ok((manifest, prepared, None)),
        }
    }

    fn prepare_without_config(
        &self,
        manifest: &Manifest,
        package: &std::path::Path,
    ) -> Result<Prepared, Failure> {
        let without_rules = Manifest {
            policy: Vec::new(),
            ..manifest.clone()
        };
        self.prepare(&Prepare {
            manifest: &without_rules,
            package,
            program_sha256: None,
            config: Given::default(),
            has_worked: false,
        })
    }

    /// Whether a plugin's process is to be there all the time.
    pub(crate) fn is_to_run(&self, record: &PluginRecord, manifest: &Manifest) -> bool {
        let activation = manifest.run.activation;
        match self.want_of(record, manifest) {
            Want::Run => activation != manifest::Activation::Trigger,
            Want::Automatic => activation == manifest::Activation::Always,
            Want::Rest(_) => false,
        }
    }

    /// What is wanted of a plugin's process: what the user wishes, unless something stands in the way.
    pub(crate) fn want_of(&self, record: &PluginRecord, manifest: &Manifest) -> Want {
        let wish = spec::want(record.desired);
        if matches!(wish, Want::Rest(_)) {
            return wish;
        }
        if let Err(why) = manifest.host.check(&self.config.machine) {
            return Want::Rest(Rest::Inapplicable(why.join("; ")));
        }
        match config_file::check(manifest, &self.given(manifest, record.config.accepted.as_ref())) {
            Ok(()) => wish,
            Err(failure) => Want::Rest(Rest::Inapplicable(format!("it needs config: {}", failure.text))),
        }
    }
}

/// The plugin whose record a change is about.
fn plugin_of(change: &Change) -> Option<&str> {
    match change {
        Change::PutPlugin(record) => Some(&record.id),
        Change::DropPlugin { id } => Some(id),
        _ => None,
    }
}

/// What [`Shared::prepare`] needs.
pub(crate) struct Prepare<'a> {
    pub(crate) manifest: &'a Manifest,
    /// Directory of the package or of the local manifest.
    pub(crate) package: &'a std::path::Path,
    pub(crate) program_sha256: Option<String>,
    /// What it is configured with.
    pub(crate) config: Given,
    pub(crate) has_worked: bool,
}

/// What can be handed to the supervisor.
pub(crate) struct Prepared {
    pub(crate) spec: Spec,
    pub(crate) config_file: Option<std::path::PathBuf>,
}

/// The manifest of an unpacked revision.
pub(crate) fn read_manifest(revision: &RevisionRecord) -> Result<Manifest, Failure> {
    Manifest::read(&revision.dir).map_err(Failure::package)
}
