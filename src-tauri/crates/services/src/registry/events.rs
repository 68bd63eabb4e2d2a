//! What changed: a bounded history that any number of watchers read at their own pace.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::watch;

use crate::limits;
use crate::object::DataPlaneService;

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum EventType {
    /// It is new, or was there when the watch began.
    Added,
    /// It is another than before; its status counts.
    Modified,
    /// It has gone; this is its last form.
    Deleted,
}

/// A change of one object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WatchEvent {
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// The object as it is since, with a `resourceVersion` that a later watch can begin after.
    pub object: Arc<DataPlaneService>,
}

/// The asked-for place in history has gone (410): list anew and watch from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("resourceVersion {asked} is too old; the oldest that a watch can begin after is {oldest}")]
pub struct Gone {
    /// What was asked for.
    pub asked: u64,
    /// The oldest possible.
    pub oldest: u64,
}

/// The history.
pub(crate) struct History {
    past: Mutex<Past>,
    newest: watch::Sender<u64>,
}

struct Past {
    events: VecDeque<(u64, WatchEvent)>,
    /// Everything after this revision is still here.
    complete_after: u64,
}

impl History {
    pub(crate) fn new(revision: u64) -> Self {
        History {
            past: Mutex::new(Past {
                events: VecDeque::new(),
                complete_after: revision,
            }),
            newest: watch::Sender::new(revision),
        }
    }

    pub(crate) fn append(&self, events: Vec<(u64, WatchEvent)>) {
        let Some((newest, _)) = events.last() else {
            return;
        };
        let newest = *newest;
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            if past.events.len() == limits::WATCH_HISTORY
                && let Some((forgotten, _)) = past.events.pop_front()
            {
                past.complete_after = forgotten;
            }
            past.events.push_back(event);
        }
        drop(past);
        self.newest.send_replace(newest);
    }

    fn after(&self, revision: u64) -> Result<Vec<(u64, WatchEvent)>, Gone> {
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        if revision < past.complete_after {
            return Err(Gone {
                asked: revision,
                oldest: past.complete_after,
            });
        }
        let from = past.events.partition_point(|(at, _)| *at <= revision);
        Ok(past.events.range(from..).cloned().collect())
    }
}

/// A watch on all objects. Dropping it ends it.
pub struct Watch {
    history: Arc<History>,
    newest: watch::Receiver<u64>,
    /// What is known already.
    at: u64,
    ready: VecDeque<WatchEvent>,
}

impl Watch {
    /// A watch that has seen everything up to `at`, and gives `first` before anything else.
    pub(crate) fn new(history: Arc<History>, at: u64, first: Vec<WatchEvent>) -> Result<Self, Gone> {
        let newest = history.newest.subscribe();
        history.after(at)?;
        Ok(Watch {
            history,
            newest,
            at,
            ready: first.into(),
        })
    }

    /// The next event. Safe to drop while it waits.
    ///
    /// # Errors
    /// When this watch was so slow that events have been forgotten.
    pub async fn next(&mut self) -> Result<WatchEvent, Gone> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            self.newest.borrow_and_update();
            for (at, event) in self.history.after(self.at)? {
                self.at = at;
                self.ready.push_back(event);
            }
            // The sender lives in the history, which is held here.
            if self.ready.is_empty() && self.newest.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
