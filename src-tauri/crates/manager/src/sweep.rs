//! Removing what belongs to nobody: revisions without a record, temporary files, sockets and configs of plugins that
//! are not there. Operations under way are left alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use orrery_store::Change;

use crate::shared::Shared;
use crate::view::{PackageSource, PluginOrder};
use crate::{in_force, uploads, work};

/// When it is swept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Before anything runs: everything temporary is of an earlier run.
    Start,
    /// While things are under way.
    Later,
}

/// Sweeps once a day, or as often as it is told to.
pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        tokio::select! {
            () = shared.closing.cancelled() => return,
            () = tokio::time::sleep(shared.config.sweep_every) => sweep(&shared, When::Later).await,
        }
    }
}

/// Removes what belongs to nobody.
pub(crate) async fn sweep(shared: &Arc<Shared>, when: When) {
    let quarantined = match shared.store.quarantine().await {
        Ok(rows) => rows
            .iter()
            .filter_map(|row| row.key.split(' ').next().map(str::to_owned))
            .collect(),
        Err(error) => {
            // Better too much is left than too little.
            tracing::warn!(%error, "cannot read the quarantine; nothing is swept");
            return;
        }
    };
    forget_revisions(shared).await;
    let shared = Arc::clone(shared);
    let swept = tokio::task::spawn_blocking(move || sweep_files(&shared, when, &quarantined)).await;
    if let Err(error) = swept {
        tracing::error!(%error, "sweeping failed");
    }
}

/// Forgets revisions that no plugin names.
async fn forget_revisions(shared: &Shared) {
    let changes: Vec<Change> = {
        let book = shared.book();
        let busy = busy(&book);
        let named = |plugin: &str, sum: &String| {
            book.plugins
                .get(plugin)
                .is_some_and(|p| p.record.current.as_ref() == Some(sum) || p.record.retained.contains(sum))
        };
        let unnamed = book
            .revisions
            .values()
            .filter(|r| !busy.contains(&r.plugin) && !named(&r.plugin, &r.sha256));
        unnamed
            .map(|r| Change::DropRevision {
                plugin: r.plugin.clone(),
                sha256: r.sha256.clone(),
            })
            .collect()
    };
    if !changes.is_empty()
        && let Err(failure) = shared.commit(changes).await
    {
        tracing::warn!(%failure, "cannot forget revisions that nobody names");
    }
}

fn busy(book: &crate::book::Book) -> BTreeSet<String> {
    book.open.values().map(|o| o.record.plugin.clone()).collect()
}

fn sweep_files(shared: &Shared, when: When, quarantined: &BTreeSet<String>) {
    let dirs = &shared.config.dirs;
    let (plugins, kept, mut busy, is_any_open, awaited) = {
        let book = shared.book();
        let plugins: BTreeSet<String> = book.plugins.keys().cloned().collect();
        let kept: BTreeSet<PathBuf> = book.revisions.values().map(|r| r.dir.clone()).collect();
        let mut awaited: BTreeSet<String> = book.uploads.keys().cloned().collect();
        awaited.extend(book.open.values().filter_map(|o| upload_of(&o.order)));
        (plugins, kept, busy(&book), !book.open.is_empty(), awaited)
    };
    if when == When::Start {
        // Nothing is under way yet, and what is gone on with has its revisions recorded.
        busy.clear();
    }
    // A plugin whose record cannot be read may still be mended by hand.
    busy.extend(quarantined.iter().cloned());
    for (id, dir) in entries(&dirs.revisions()) {
        // An install that has not told its plugin yet may be any.
        if busy.contains(&id) || (is_any_open && when == When::Later) {
            continue;
        }
        for (name, revision) in entries(&dir) {
            let leads = name == in_force::LINK && plugins.contains(&id);
            if !kept.contains(&revision) && !leads {
                work::remove_dir(&revision);
            }
        }
        // It stays when something is in it.
        let _ = std::fs::remove_dir(&dir);
    }
    if when == When::Start {
        for (name, file) in entries(&dirs.incoming()) {
            let awaited = uploads::handle_of(&name).is_some_and(|handle| awaited.contains(handle));
            if !awaited {
                remove(&file);
            }
        }
        for dir in ["staging", "config", "tmp"] {
            for (_, path) in entries(&dirs.runtime.join(dir)) {
                remove(&path);
            }
        }
        for (id, _) in entries(&dirs.runtime.join("plugins")) {
            // Only what nobody listens on: another program may have its socket here.
            work::remove_dead_socket(&dirs.socket(&id));
        }
    } else {
        for dir in ["staging", "config", "tmp"] {
            for (name, path) in entries(&dirs.runtime.join(dir)) {
                // A temporary directory is named for the process too.
                let id = name.split('.').next().unwrap_or_default().to_owned();
                if !plugins.contains(&id) && !busy.contains(&id) && !is_any_open {
                    remove(&path);
                }
            }
        }
    }
}

fn upload_of(order: &PluginOrder) -> Option<String> {
    match order {
        PluginOrder::Install {
            source: PackageSource::Upload { upload, .. },
            ..
        }
        | PluginOrder::Load {
            source: PackageSource::Upload { upload, .. },
            ..
        }
        | PluginOrder::Upgrade {
            source: PackageSource::Upload { upload, .. },
            ..
        } => Some(upload.clone()),
        _ => None,
    }
}

/// What is in a directory, by name.
fn entries(dir: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut all: Vec<(String, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
        .collect();
    all.sort();
    all
}

fn remove(path: &Path) {
    let removed = match path.is_dir() && !path.is_symlink() {
        true => std::fs::remove_dir_all(path),
        false => std::fs::remove_file(path),
    };
    if let Err(error) = removed {
        tracing::warn!(%error, path = %path.display(), "cannot remove what belongs to nobody");
    }
}
