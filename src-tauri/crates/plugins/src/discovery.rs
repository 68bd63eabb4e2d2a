//! The loop that looks for sockets and starts and ends the tasks of plugins.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::NoteKind;
use crate::book::Change;
use crate::call::Line;
use crate::limits;
use crate::plugin::Plugin;
use crate::registry::{Shared, State};
use crate::scan::{self, Scan};
use crate::transport::Transport;
use crate::watch::Watch;

/// A scan may take this part of the time at most: one in so many.
const SCAN_SHARE: u32 = 5;

/// Looks for sockets until the registry ends; then forgets them, which closes the connections to them.
pub(crate) async fn run(shared: Arc<Shared>) {
    look(&shared).await;
    *shared.state() = State::default();
}

async fn look(shared: &Arc<Shared>) {
    let roots: Arc<[PathBuf]> = shared.config.roots.as_slice().into();
    let watch = if shared.config.watch {
        Watch::new(roots.to_vec(), Arc::clone(&shared.look_again))
    } else {
        Watch::off()
    };
    let pause_unseen = if watch.is_on() || !shared.config.watch {
        shared.config.rescan
    } else {
        shared.config.rescan.min(limits::UNWATCHED_RESCAN)
    };
    let watch = Arc::new(Mutex::new(watch));
    loop {
        let began = Instant::now();
        let known = shared.state().book.known();
        let looked = tokio::task::spawn_blocking({
            let (roots, watch) = (Arc::clone(&roots), Arc::clone(&watch));
            move || {
                let mut watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
                scan::scan(&roots, &mut watch, &known)
            }
        });
        tokio::select! {
            biased;
            () = shared.cancel.cancelled() => return,
            looked = looked => match looked {
                Ok(scan) => take_in(shared, scan),
                Err(e) => tracing::error!(error = %e, "looking for plugin sockets failed"),
            },
        }
        let gap = (began.elapsed() * (SCAN_SHARE - 1)).clamp(limits::MIN_SCAN_GAP, limits::RESCAN);
        tokio::select! {
            biased;
            () = shared.cancel.cancelled() => return,
            () = wait_for_change(shared, gap, pause_unseen) => {}
        }
    }
}

/// At least `gap`, then until something changes, at most `pause`.
async fn wait_for_change(shared: &Shared, gap: Duration, pause: Duration) {
    tokio::time::sleep(gap).await;
    // Time out or change, both mean to look again.
    let _ = tokio::time::timeout(pause, shared.look_again.notified()).await;
}

fn take_in(shared: &Arc<Shared>, mut scan: Scan) {
    let mut guard = shared.state();
    let state = &mut *guard;
    for plugin in state.plugins.values() {
        state.book.note_dead(&plugin.path, plugin.is_dead());
    }
    let (mut changes, left_out) = state.book.reconcile(scan.sockets, shared.trust);
    if left_out > 0 {
        let warning = format!(
            "{left_out} sockets are left out: {} are possible",
            limits::MAX_SOCKETS
        );
        for root in scan.roots.iter_mut().filter(|r| r.exists) {
            root.warning = Some(match root.warning.take() {
                Some(other) => format!("{other}; {warning}"),
                None => warning.clone(),
            });
        }
    }
    if state.roots != scan.roots {
        state.roots = scan.roots;
        changes.push(Change::List);
    }
    for change in &changes {
        match change {
            Change::Stop { id, path } => {
                if let Some(plugin) = state.plugins.remove(id) {
                    plugin.close();
                    shared.outbox.gone(id);
                    tracing::debug!(plugin = %id, path = %path.display(), "plugin socket is gone");
                    let text = format!("Plugin {} is gone: its socket was removed.", plugin.label());
                    shared.outbox.note(id, NoteKind::Gone, text);
                }
            }
            Change::Start { id, path } | Change::Restart { id, path } => {
                if let Some(replaced) = state.plugins.remove(id) {
                    replaced.close();
                }
                tracing::debug!(plugin = %id, path = %path.display(), "plugin socket found");
                let transport = Transport::new(path, shared.trust, Arc::clone(&shared.bodies));
                let line = Line::new(id.clone(), path, &shared.config.probe_id, transport);
                let stop = shared.cancel.child_token();
                let plugin = Arc::new(Plugin::new(line, path, Arc::clone(&shared.outbox), stop));
                state.plugins.insert(id.clone(), Arc::clone(&plugin));
                let interval = shared.config.interval;
                shared.tasks.spawn(async move { plugin.run(interval).await });
            }
            Change::List => {}
        }
    }
    drop(guard);
    if !changes.is_empty() {
        shared.outbox.changed();
    }
}
