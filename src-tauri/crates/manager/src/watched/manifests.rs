//! Local plugins: registered when their manifest appears, run anew when it changes, gone when it goes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use orrery_store::{Change, Config, Desired, Origin, PluginRecord};

use super::scan::{Scan, Stamp};
use super::{accept, reason_of, reject};
use crate::book::Plugin;
use crate::error::OrderError;
use crate::event::Event;
use crate::limits::PLUGINS;
use crate::local::{self, Local};
use crate::shared::Shared;

/// Looks after which a refused manifest is tried again: the file may be the same and its directory another.
const TRY_AGAIN: u32 = 10;

/// What was done about manifests.
#[derive(Default)]
pub(super) struct Manifests {
    /// Those that are registered, as they were then.
    taken: BTreeMap<PathBuf, Stamp>,
    looks: u32,
}

impl Manifests {
    pub(super) async fn tend(&mut self, shared: &Shared, scan: &Scan, settled: &BTreeMap<PathBuf, Stamp>) {
        self.looks = self.looks.wrapping_add(1);
        self.taken.retain(|path, _| scan.stamps.contains_key(path));
        for path in &scan.manifests {
            let Some(stamp) = settled.get(path) else {
                continue;
            };
            if self.taken.get(path) == Some(stamp) {
                continue;
            }
            let refused = shared.book().rejected.contains_key(path);
            if refused && !self.looks.is_multiple_of(TRY_AGAIN) {
                continue;
            }
            match take(shared, path).await {
                Ok(()) => {
                    self.taken.insert(path.clone(), *stamp);
                    accept(shared, path);
                }
                Err(OrderError::ShuttingDown) => return,
                Err(error) => {
                    let (code, reason) = reason_of(&error);
                    reject(shared, path, &code, &reason);
                }
            }
        }
        forget_gone(shared, scan).await;
    }
}

/// Registers a manifest, or takes over its change.
async fn take(shared: &Shared, path: &Path) -> Result<(), OrderError> {
    let local = local::read(path)?;
    let id = local.manifest.id.to_string();
    let known = shared.record(&id).and_then(|record| record.local);
    if known.as_deref() != Some(path) {
        return register(shared, path).await;
    }
    let _turn = turn(shared, &id).await?;
    let shown = shared.book().plugins.get(&id).and_then(|p| p.manifest.clone());
    let is_local = shared
        .record(&id)
        .is_some_and(|record| record.origin == Origin::Local);
    if is_local && shown.as_ref() != Some(&local.manifest) {
        run(shared, &id).await;
    }
    Ok(())
}

/// Registers a local plugin. Of several with one id, the first stays.
async fn register(shared: &Shared, path: &Path) -> Result<(), OrderError> {
    let local = local::read(path)?;
    let id = local.manifest.id.to_string();
    let _turn = turn(shared, &id).await?;
    let record = match shared.record(&id) {
        Some(record) => match &record.local {
            Some(first) if first.exists() => {
                return Err(OrderError::AlreadyRegistered {
                    plugin: id,
                    source_of_first: first.display().to_string(),
                });
            }
            _ => PluginRecord {
                local: Some(path.to_owned()),
                ..record
            },
        },
        None if shared.book().plugins.len() >= PLUGINS => {
            return Err(OrderError::TooMany(format!("{PLUGINS} plugins are registered")));
        }
        None => PluginRecord {
            source: path.display().to_string(),
            local: Some(path.to_owned()),
            ..PluginRecord::new(id.as_str(), Origin::Local)
        },
    };
    stage(shared, &record, local);
    let is_local = record.origin == Origin::Local;
    if let Err(failure) = shared.commit(vec![Change::PutPlugin(record)]).await {
        shared.book().staged.remove(&id);
        return Err(OrderError::Store(failure.text));
    }
    let text = match is_local {
        true => format!("The local plugin {id} was found: {}.", path.display()),
        false => format!(
            "A local plugin {id} was found: {}. The installed one goes before it.",
            path.display()
        ),
    };
    shared.events.tell(Event::new("plugin_found", id.as_str(), text));
    if is_local {
        run(shared, &id).await;
    }
    Ok(())
}

/// Whoever sees the record sees the manifest with it.
fn stage(shared: &Shared, record: &PluginRecord, local: Local) {
    let mut book = shared.book();
    if !book.plugins.contains_key(&record.id) {
        let mut plugin = Plugin::new(record.clone());
        plugin.manifest = Some(local.manifest);
        book.staged.insert(record.id.clone(), plugin);
    }
}

async fn run(shared: &Shared, id: &str) {
    if let Err(failure) = shared.run_as_recorded(id).await {
        tracing::warn!(plugin = id, %failure, "a local plugin cannot run");
    }
}

async fn turn(shared: &Shared, id: &str) -> Result<crate::lane::Turn, OrderError> {
    tokio::select! {
        biased;
        () = shared.closing.cancelled() => Err(OrderError::ShuttingDown),
        turn = shared.lanes.turn(id) => Ok(turn),
    }
}

/// A local plugin whose manifest is gone is gone; what the user wished of it is kept.
async fn forget_gone(shared: &Shared, scan: &Scan) {
    let gone: Vec<(String, PathBuf)> = {
        let book = shared.book();
        let with_manifest = book
            .plugins
            .values()
            .filter_map(|p| Some((p.record.id.clone(), p.record.local.clone()?)));
        // One of a directory that is not watched any more is still there.
        with_manifest
            .filter(|(_, path)| !scan.stamps.contains_key(path) && !path.exists())
            .collect()
    };
    for (id, path) in gone {
        let Some(_turn) = shared.lanes.turn_if_free(&id) else {
            continue;
        };
        let Some(record) = shared.record(&id).filter(|r| r.local.as_ref() == Some(&path)) else {
            continue;
        };
        if record.origin == Origin::Managed {
            let record = PluginRecord {
                local: None,
                ..record
            };
            note(shared, Change::PutPlugin(record)).await;
            continue;
        }
        let accepted: &Option<Config> = &record.config.accepted;
        let is_plain = record.desired == Desired::Automatic && accepted.is_none();
        if is_plain {
            shared.processes.forget(&id).await;
            note(shared, Change::DropPlugin { id: id.clone() }).await;
            let text = format!(
                "The local plugin {id} is gone: {} is not there any more.",
                path.display()
            );
            shared.events.tell(Event::new("plugin_gone", id.as_str(), text));
        } else if shared.processes.view(&id).is_some() {
            // Says why it does not run, and ends it.
            run(shared, &id).await;
        }
    }
}

async fn note(shared: &Shared, change: Change) {
    if let Err(failure) = shared.commit(vec![change]).await {
        tracing::warn!(%failure, "cannot record that a local plugin is gone");
    }
}
