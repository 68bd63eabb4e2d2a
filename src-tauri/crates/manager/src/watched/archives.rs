//! Packages in watched directories: installed when they appear or change, remembered, never touched.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use orrery_store::{Change, WatchedRecord};
use semver::Version;

use super::scan::{Scan, Stamp};
use super::{accept, reject};
use crate::clock::now_ms;
use crate::error::Failure;
use crate::local;
use crate::manager::{Manager, Wait};
use crate::shared::Shared;
use crate::view::{OperationState, PackageSource, PluginOrder};
use crate::work;

/// Who orders what is found.
const USER: &str = "watched directory";

/// What was done about packages.
pub(super) struct Archives {
    /// As they were when they were dealt with.
    known: Arc<Mutex<BTreeMap<PathBuf, WatchedRecord>>>,
    /// Those being dealt with.
    busy: Arc<Mutex<BTreeSet<PathBuf>>>,
    /// Refused ones are tried once more when Orrery starts: keys and trust may be others.
    retried: BTreeSet<PathBuf>,
}

/// A package that may be installed.
struct Found {
    path: PathBuf,
    record: WatchedRecord,
    version: Version,
    /// It is a program without a manifest, whose version is not known before it runs.
    is_program: bool,
}

impl Archives {
    pub(super) fn new(shared: &Shared) -> Archives {
        let loaded = std::mem::take(&mut shared.book().watched);
        let known = loaded.into_iter().map(|record| (record.path.clone(), record));
        Archives {
            known: Arc::new(Mutex::new(known.collect())),
            busy: Arc::default(),
            retried: BTreeSet::new(),
        }
    }

    pub(super) async fn tend(
        &mut self,
        shared: &Arc<Shared>,
        scan: &Scan,
        settled: &BTreeMap<PathBuf, Stamp>,
    ) {
        let mut found: BTreeMap<String, Vec<Found>> = BTreeMap::new();
        for path in &scan.archives {
            let Some(stamp) = settled.get(path) else {
                continue;
            };
            if lock(&self.busy).contains(path) || !self.is_news(path, stamp) {
                continue;
            }
            match self.look(shared, path, *stamp).await {
                Ok(Some(one)) => found.entry(one.record.plugin.clone()).or_default().push(one),
                Ok(None) => accept(shared, path),
                Err((record, failure)) => self.refuse(shared, record, &failure).await,
            }
        }
        for (plugin, mut of_plugin) in found {
            of_plugin.sort_by(|a, b| a.version.cmp(&b.version));
            let Some(newest) = of_plugin.pop() else {
                continue;
            };
            for older in of_plugin {
                let failure = Failure::new(
                    "older",
                    format!("{} is a newer version of {plugin}", newest.path.display()),
                );
                self.refuse(shared, older.record, &failure).await;
            }
            match installed(shared, &plugin) {
                Some(version) if !newest.is_program && newest.version < version => {
                    let failure = Failure::new(
                        "older",
                        format!("{plugin} {version} is installed, and this is {}", newest.version),
                    );
                    self.refuse(shared, newest.record, &failure).await;
                }
                _ => self.install(shared, newest),
            }
        }
        self.forget_gone(shared, scan).await;
    }

    /// Whether a file is to be looked at.
    fn is_news(&mut self, path: &Path, stamp: &Stamp) -> bool {
        let known = lock(&self.known);
        match known.get(path) {
            Some(record) => {
                let changed = record.modified_ns != stamp.modified_ns || record.bytes != stamp.bytes;
                changed || (!record.reason.is_empty() && self.retried.insert(path.to_owned()))
            }
            None => {
                self.retried.insert(path.to_owned());
                true
            }
        }
    }

    /// What a file is; none when it has been dealt with in this very form.
    async fn look(
        &self,
        shared: &Shared,
        path: &Path,
        stamp: Stamp,
    ) -> Result<Option<Found>, (WatchedRecord, Failure)> {
        let mut record = WatchedRecord {
            path: path.to_owned(),
            modified_ns: stamp.modified_ns,
            bytes: stamp.bytes,
            sha256: String::new(),
            plugin: String::new(),
            reason: String::new(),
            code: String::new(),
            at_ms: now_ms(),
        };
        let max = shared.config.fetch.max_bytes;
        if stamp.bytes > max {
            let failure = Failure::new("fetch.too_large", format!("it is larger than {max} bytes"));
            return Err((record, failure));
        }
        let to_sum = path.to_owned();
        let sum = tokio::task::spawn_blocking(move || work::sum_of(&to_sum)).await;
        match sum {
            Ok(Ok(sum)) => record.sha256 = sum,
            Ok(Err(error)) => {
                let failure = Failure::file("read", path, &error);
                return Err((record, failure));
            }
            Err(error) => return Err((record, Failure::new("internal", error.to_string()))),
        }
        let same = lock(&self.known)
            .get(path)
            .filter(|known| known.sha256 == record.sha256 && known.reason.is_empty())
            .cloned();
        if let Some(same) = same {
            // Touched, but with the same content: what was done about it holds.
            self.remember(
                shared,
                WatchedRecord {
                    modified_ns: stamp.modified_ns,
                    ..same
                },
            )
            .await;
            return Ok(None);
        }
        match work::verified(shared, path, &record.sha256, &work::file_id(path)).await {
            Ok((verified, is_program)) => {
                record.plugin = verified.manifest.id.to_string();
                if is_program && let Err(error) = local::is_safe(path) {
                    return Err((record, Failure::new(error.code(), error.to_string())));
                }
                Ok(Some(Found {
                    path: path.to_owned(),
                    record,
                    version: verified.manifest.version,
                    is_program,
                }))
            }
            Err(failure) => Err((record, failure)),
        }
    }

    /// Orders the install and remembers how it ended.
    fn install(&self, shared: &Arc<Shared>, found: Found) {
        let Found { path, record, .. } = found;
        // A file that was taken before and has changed may well hold the same version.
        let force = lock(&self.known).contains_key(&path);
        lock(&self.busy).insert(path.clone());
        let manager = Manager::of(Arc::clone(shared));
        let shared = Arc::clone(shared);
        let this = Archives {
            known: Arc::clone(&self.known),
            busy: Arc::clone(&self.busy),
            retried: BTreeSet::new(),
        };
        let tasks = shared.tasks.clone();
        tasks.spawn(async move {
            let order = PluginOrder::Install {
                source: PackageSource::File {
                    path: path.display().to_string(),
                    name: None,
                },
                force,
            };
            let ended = tokio::select! {
                biased;
                () = shared.closing.cancelled() => return,
                ended = manager.order(order, USER, Wait::Ended) => ended,
            };
            match ended {
                Ok(operation) if operation.state == OperationState::Done => {
                    this.remember(&shared, record).await;
                    accept(&shared, &path);
                }
                // Somebody wanted it not to be installed: that is an answer too.
                Ok(operation) => {
                    let failure = Failure::new(operation.code, operation.outcome);
                    this.refuse(&shared, record, &failure).await;
                }
                Err(error) => {
                    let failure = Failure::new(error.code(), error.to_string());
                    this.refuse(&shared, record, &failure).await;
                }
            }
            lock(&this.busy).remove(&path);
        });
    }

    async fn refuse(&self, shared: &Shared, record: WatchedRecord, failure: &Failure) {
        reject(shared, &record.path, &failure.code, &failure.text);
        self.remember(
            shared,
            WatchedRecord {
                reason: failure.text.clone(),
                code: failure.code.clone(),
                at_ms: now_ms(),
                ..record
            },
        )
        .await;
    }

    async fn remember(&self, shared: &Shared, record: WatchedRecord) {
        lock(&self.known).insert(record.path.clone(), record.clone());
        if let Err(error) = shared.store.commit(vec![Change::PutWatched(record)]).await {
            tracing::warn!(%error, "cannot remember what was done about a file");
        }
    }

    /// What is not there any more may be new when it comes again.
    async fn forget_gone(&mut self, shared: &Shared, scan: &Scan) {
        let gone: Vec<PathBuf> = {
            let known = lock(&self.known);
            let missing = known.keys().filter(|path| !scan.stamps.contains_key(*path));
            // Only when the directory itself can be read: a disk that is not mounted has not lost its files.
            missing
                .filter(|path| path.parent().is_some_and(Path::exists))
                .cloned()
                .collect()
        };
        for path in gone {
            lock(&self.known).remove(&path);
            self.retried.remove(&path);
            if let Err(error) = shared.store.commit(vec![Change::DropWatched { path }]).await {
                tracing::warn!(%error, "cannot forget a file that is gone");
            }
        }
    }
}

/// Version of the revision in force.
fn installed(shared: &Shared, plugin: &str) -> Option<Version> {
    let record = shared.record(plugin)?;
    let version = shared.book().current(&record)?.version.clone();
    version.parse().ok()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
