//! Directories in which packages and manifests of local plugins are looked for. Packages stay where they are and are
//! remembered, so that a removed plugin does not come back from the same file; manifests are run where they are.

mod archives;
mod manifests;
mod scan;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use orrery_store::Change;
use orrery_supervisor::view::InstanceState;

use crate::clock::now_ms;
use crate::error::OrderError;
use crate::event::Event;
use crate::limits::{REJECTED_SHOWN, WATCH_BEAT};
use crate::shared::Shared;
use crate::uploads;
use crate::view::RejectedPackage;
use scan::{Scan, Stamp};

/// Looks into the directories until Orrery ends.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut before: Option<BTreeMap<PathBuf, Stamp>> = None;
    let mut archives = archives::Archives::new(&shared);
    let mut manifests = manifests::Manifests::default();
    loop {
        let dirs = shared.config.watched.clone();
        let scan = match tokio::task::spawn_blocking(move || scan::scan(&dirs)).await {
            Ok(scan) => scan,
            Err(error) => {
                tracing::error!(%error, "looking into watched directories failed");
                Scan::default()
            }
        };
        let settled = scan.settled(before.as_ref());
        note_unsafe(&shared, &scan);
        forget_gone(&shared, &scan);
        manifests.tend(&shared, &scan, &settled).await;
        archives.tend(&shared, &scan, &settled).await;
        before = Some(scan.stamps);
        note_first_work(&shared).await;
        uploads::forget_idle(&shared);
        tokio::select! {
            () = shared.closing.cancelled() => return,
            () = tokio::time::sleep(WATCH_BEAT) => {}
        }
    }
}

/// Notes that a file was not taken, and why. The same again is no news.
fn reject(shared: &Shared, path: &Path, code: &str, reason: &str) {
    let mut book = shared.book();
    let known = book.rejected.get(path);
    if known.is_some_and(|known| known.reason == reason) || book.rejected.len() >= REJECTED_SHOWN {
        return;
    }
    let shown = path.display().to_string();
    book.rejected.insert(
        path.to_owned(),
        RejectedPackage {
            path: shown.clone(),
            reason: reason.to_owned(),
            code: code.to_owned(),
            at_ms: now_ms(),
        },
    );
    drop(book);
    shared
        .events
        .tell(Event::new("package_rejected", "", format!("{shown}: {reason}")));
    shared.bump();
}

/// A file is taken, or is not there any more.
fn accept(shared: &Shared, path: &Path) {
    if shared.book().rejected.remove(path).is_some() {
        shared.bump();
    }
}

fn note_unsafe(shared: &Shared, scan: &Scan) {
    for dir in &shared.config.watched {
        match scan.unsafe_dirs.get(dir) {
            Some(why) => reject(shared, dir, why.code(), &why.to_string()),
            None => accept(shared, dir),
        }
    }
}

/// Refused files that are not there any more are not shown any more.
fn forget_gone(shared: &Shared, scan: &Scan) {
    let gone: Vec<PathBuf> = {
        let book = shared.book();
        let is_there = |path: &Path| scan.stamps.contains_key(path) || scan.unsafe_dirs.contains_key(path);
        book.rejected
            .keys()
            .filter(|path| !is_there(path))
            .cloned()
            .collect()
    };
    for path in gone {
        accept(shared, &path);
    }
}

/// Remembers of one-shots that fire once in their life that they have done so.
async fn note_first_work(shared: &Shared) {
    let new: Vec<String> = {
        let book = shared.book();
        let waiting = book.plugins.values().filter(|p| {
            let trigger = p.manifest.as_ref().and_then(|m| m.run.trigger.as_ref());
            !p.record.has_worked && trigger.is_some_and(|t| t.first_start)
        });
        waiting.map(|p| p.record.id.clone()).collect()
    };
    for id in new {
        let worked = shared
            .processes
            .view(&id)
            .is_some_and(|view| view.state == InstanceState::Completed);
        if !worked {
            continue;
        }
        // Not while an operation has it; there is time.
        let Some(_turn) = shared.lanes.turn_if_free(&id) else {
            continue;
        };
        if let Some(mut record) = shared.record(&id) {
            record.has_worked = true;
            if let Err(failure) = shared.commit(vec![Change::PutPlugin(record)]).await {
                tracing::warn!(plugin = id, %failure, "cannot remember that a one-shot has worked");
            }
        }
    }
}

/// Why a file is not taken, as it is shown.
fn reason_of(error: &OrderError) -> (String, String) {
    (error.code().to_owned(), error.to_string())
}
