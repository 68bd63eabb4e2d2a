//! What happened, for whoever listens.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use crate::clock::now_ms;
use crate::limits::EVENTS_WAITING;

/// Something that happened to a plugin's files, records or wishes. What happens to its process the supervisor tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
    /// What, such as `upgrade_failed`: an operation and `requested`, `done`, `failed` or `cancelled`; or
    /// `quarantine`, `package_rejected`, `plugin_found`, `plugin_gone`, `state_set_aside`.
    pub kind: String,
    /// Plugin id; empty where it is not known.
    pub plugin: String,
    /// Version that it is about; may be empty.
    pub revision: String,
    /// Operation; may be empty.
    pub operation: String,
    /// A sentence.
    pub text: String,
    /// Who is behind it; empty when nobody is.
    pub user: String,
}

impl Event {
    pub(crate) fn new(kind: impl Into<String>, plugin: impl Into<String>, text: impl Into<String>) -> Self {
        Event {
            at_ms: now_ms(),
            kind: kind.into(),
            plugin: plugin.into(),
            revision: String::new(),
            operation: String::new(),
            text: text.into(),
            user: String::new(),
        }
    }
}

/// Where events go. A reader that is too slow loses some; nobody waits for it.
pub(crate) struct Events {
    sender: mpsc::Sender<Event>,
    lost: AtomicU64,
}

impl Events {
    pub(crate) fn new() -> (Events, mpsc::Receiver<Event>) {
        let (sender, receiver) = mpsc::channel(EVENTS_WAITING);
        let lost = AtomicU64::new(0);
        (Events { sender, lost }, receiver)
    }

    pub(crate) fn tell(&self, event: Event) {
        tracing::info!(
            kind = event.kind,
            plugin = event.plugin,
            operation = event.operation,
            "{}",
            event.text
        );
        if self.sender.try_send(event).is_err() {
            let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
            tracing::debug!(lost, "nobody takes the events of plugins");
        }
    }
}
