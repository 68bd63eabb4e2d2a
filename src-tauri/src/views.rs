//! View channels that pages hold open.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use orrery_engine::topology::view::ViewRequest;
use tokio::sync::mpsc;

/// Channels a page may hold open at a time; a page that forgets to close them is refused more.
const OPEN_MAX: usize = 64;

/// Where to send a page's requests, by channel number.
#[derive(Default)]
pub(crate) struct OpenViews {
    next: AtomicU32,
    open: Mutex<BTreeMap<u32, mpsc::Sender<ViewRequest>>>,
}

impl OpenViews {
    /// Notes a channel; nothing when too many are open.
    pub(crate) fn add(&self, requests: mpsc::Sender<ViewRequest>) -> Option<u32> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, sender| !sender.is_closed());
        if open.len() >= OPEN_MAX {
            return None;
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        open.insert(id, requests);
        Some(id)
    }

    /// Where to send requests of a channel.
    pub(crate) fn get(&self, id: u32) -> Option<mpsc::Sender<ViewRequest>> {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .cloned()
    }

    /// Closes a channel.
    pub(crate) fn remove(&self, id: u32) {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id);
    }
}
