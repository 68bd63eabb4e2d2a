//! What happens to plugins, as events for history and for everybody who watches.

use std::sync::Arc;

use orrery_history::NewEvent;
use orrery_model::SmolStr;
use orrery_supervisor::EventKind;
use tokio::sync::{mpsc, watch};

use crate::engine::Shared;
use crate::limits::PLUGIN_CHANGES;
use crate::managed::Turns;

/// Tells what happens to processes.
pub(super) async fn processes(
    shared: Arc<Shared>,
    turns: Arc<Turns>,
    mut events: mpsc::Receiver<orrery_supervisor::Event>,
) {
    while let Some(event) = events.recv().await {
        turns.hear(&event.plugin, event.kind);
        if is_step(event.kind) {
            continue;
        }
        let mut text = event.text;
        if event.count > 1 {
            text = format!("{text} ({} times)", event.count);
        }
        for line in &event.last_lines {
            text.push('\n');
            text.push_str(line);
        }
        shared.record(NewEvent {
            at_ms: event.at_ms,
            kind: SmolStr::new_static(event.kind.as_str()),
            subject: SmolStr::from(format!("plugin:{}", event.plugin)),
            label: SmolStr::from(event.plugin),
            text,
            user: SmolStr::default(),
        });
    }
}

/// What happens on the way to something that is told anyway: it runs, it ended, an operation is done or failed.
fn is_step(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Starting
            | EventKind::Settled
            | EventKind::Stopped
            | EventKind::CandidateStarting
            | EventKind::CandidateReady
    )
}

/// Tells what is done to plugins.
pub(super) async fn operations(shared: Arc<Shared>, mut events: mpsc::Receiver<orrery_manager::Event>) {
    while let Some(event) = events.recv().await {
        let subject = match event.plugin.is_empty() {
            true => SmolStr::new_static("plugins"),
            false => SmolStr::from(format!("plugin:{}", event.plugin)),
        };
        let label = match event.plugin.is_empty() {
            true => SmolStr::new_static("Plugins"),
            false => SmolStr::from(event.plugin),
        };
        shared.record(NewEvent {
            at_ms: event.at_ms,
            kind: SmolStr::from(event.kind),
            subject,
            label,
            text: event.text,
            user: SmolStr::from(event.user),
        });
    }
}

/// Lets lists of plugins be looked at anew, not more often than eyes follow.
pub(super) async fn changes(
    shared: Arc<Shared>,
    mut processes: watch::Receiver<u64>,
    mut operations: watch::Receiver<u64>,
) {
    loop {
        let changed = tokio::select! {
            changed = processes.changed() => changed,
            changed = operations.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
        shared.plugins_changed.send_modify(|n| *n += 1);
        tokio::time::sleep(PLUGIN_CHANGES).await;
    }
}
