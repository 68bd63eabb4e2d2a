//! Watching directories, so that a new socket is noticed at once. A scan stays the judge of what is there:
//! the watch only says when to look.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::ModifyKind;
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

pub(crate) struct Watch {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    /// Why some directory is not watched.
    trouble: Option<String>,
}

impl Watch {
    /// A watch that wakes `wake`. Where the system gives none, this one watches nothing and says why.
    pub(crate) fn new(roots: Vec<PathBuf>, wake: Arc<Notify>) -> Self {
        let made = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.is_err() || event.is_ok_and(|e| matters(&e, &roots)) {
                wake.notify_one();
            }
        });
        let (watcher, trouble) = match made {
            Ok(watcher) => (Some(watcher), None),
            Err(e) => (None, Some(e.to_string())),
        };
        Watch {
            watcher,
            watched: BTreeSet::new(),
            trouble,
        }
    }

    /// A watch that watches nothing.
    pub(crate) fn off() -> Self {
        Watch {
            watcher: None,
            watched: BTreeSet::new(),
            trouble: None,
        }
    }

    /// Whether anything can be watched at all.
    pub(crate) fn is_on(&self) -> bool {
        self.watcher.is_some()
    }

    /// Watches a directory, not what lies in its subdirectories. To be called before the directory is read:
    /// then nothing that appears later goes unnoticed. It is called anew at every scan, because a
    /// directory made anew under the same path loses its watch.
    pub(crate) fn add(&mut self, directory: &Path) {
        let Some(watcher) = &mut self.watcher else { return };
        match watcher.watch(directory, RecursiveMode::NonRecursive) {
            Ok(()) => {
                self.watched.insert(directory.to_owned());
            }
            // The scan that follows sees for itself that the directory is gone.
            Err(e) if matches!(e.kind, notify::ErrorKind::PathNotFound) => {}
            Err(e) => self.trouble = Some(e.to_string()),
        }
    }

    /// Ends the watch on every directory but these.
    pub(crate) fn keep_only(&mut self, directories: &BTreeSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else { return };
        for gone in self.watched.difference(directories) {
            // A directory that was removed has lost its watch already.
            let _ = watcher.unwatch(gone);
        }
        self.watched.retain(|d| directories.contains(d));
    }

    /// What went wrong since this was last asked.
    pub(crate) fn take_trouble(&mut self) -> Option<String> {
        match self.watcher {
            Some(_) => self.trouble.take(),
            None => self.trouble.clone(),
        }
    }
}

/// Whether an event may mean that a socket below a root came, went or changed. Reading directories and
/// writing files are left out: plugins log beside their sockets.
fn matters(event: &Event, roots: &[PathBuf]) -> bool {
    if event.need_rescan() {
        return true;
    }
    match event.kind {
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Data(_)) => false,
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => {
            let near = |path: &PathBuf| roots.iter().any(|r| path.starts_with(r) || r.starts_with(path));
            event.paths.is_empty() || event.paths.iter().any(near)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{AccessKind, CreateKind, DataChange, MetadataKind, RemoveKind};

    #[test]
    fn only_what_may_change_the_set_of_sockets_wakes() {
        let roots = [PathBuf::from("/run/scope/plugins")];
        let check = |kind, path: &str, want| {
            let event = Event::new(kind).add_path(PathBuf::from(path));
            assert_eq!(matters(&event, &roots), want, "{event:?}");
        };
        let create = EventKind::Create(CreateKind::File);
        check(create, "/run/scope/plugins/a/a.sock", true);
        check(create, "/run/scope", true);
        check(create, "/run/other", false);
        check(EventKind::Remove(RemoveKind::Folder), "/run/scope/plugins", true);
        check(
            EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any)),
            "/run/scope/plugins/a.sock",
            true,
        );
        check(
            EventKind::Modify(ModifyKind::Data(DataChange::Any)),
            "/run/scope/plugins/a.log",
            false,
        );
        check(EventKind::Access(AccessKind::Any), "/run/scope/plugins", false);
    }
}
