//! What a task does, for whoever looks on.
//!
//! Events are kept for a while and read by number: nobody is ever waited for, and who comes back goes on where they
//! were. Who reads too slowly is told how many events they missed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use ts_rs::TS;

use crate::life::Happened;
use crate::limits::{WATCH_EVENTS, WATCH_SAMPLES};
use crate::recent::RunOutcome;
use crate::sample::Sample;

/// Something that a task did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
pub struct TaskEvent {
    /// Number, rising; 0 for one that is made for a single watcher.
    pub id: u64,
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
    /// What.
    #[serde(flatten)]
    pub what: TaskDid,
}

/// What a task did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum TaskDid {
    /// It collected values.
    Metrics {
        /// They.
        samples: Vec<Sample>,
    },
    /// A run ended.
    Run(RunReport),
    /// It stands elsewhere.
    State {
        /// Where and why.
        state: Happened,
    },
    /// The watcher was too slow.
    Lagged {
        /// Events that it missed.
        missed: u64,
    },
}

/// How a run went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct RunReport {
    /// How it went.
    pub outcome: RunOutcome,
    /// Why it is not `ok`.
    pub why: String,
    /// Samples that were collected.
    pub samples: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

impl TaskDid {
    /// Whether nothing follows.
    pub fn is_last(&self) -> bool {
        let TaskDid::State { state } = self else {
            return false;
        };
        matches!(
            state,
            Happened::Stopped | Happened::Ended | Happened::Disabled(_) | Happened::Removed
        )
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            TaskDid::Metrics { .. } => "metrics",
            TaskDid::Run(_) => "run",
            TaskDid::State { .. } => "state",
            TaskDid::Lagged { .. } => "lagged",
        }
    }

    fn samples(&self) -> usize {
        match self {
            TaskDid::Metrics { samples } => samples.len(),
            _ => 0,
        }
    }
}

/// Events of one task.
pub(crate) struct Events {
    kept: Mutex<VecDeque<Arc<TaskEvent>>>,
    newest: watch::Sender<u64>,
}

impl Default for Events {
    fn default() -> Self {
        Events {
            kept: Mutex::default(),
            newest: watch::Sender::new(0),
        }
    }
}

impl Events {
    /// Keeps an event and wakes whoever waits for it.
    pub(crate) fn push(&self, at_ms: i64, what: TaskDid) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let id = *self.newest.borrow() + 1;
        kept.push_back(Arc::new(TaskEvent { id, at_ms, what }));
        let mut samples: usize = kept.iter().map(|event| event.what.samples()).sum();
        // The newest stays, however large.
        while kept.len() > 1 && (kept.len() > WATCH_EVENTS || samples > WATCH_SAMPLES) {
            samples -= kept.pop_front().map_or(0, |event| event.what.samples());
        }
        drop(kept);
        self.newest.send_replace(id);
    }

    /// From the event after this one on; from the next one on when none is named.
    pub(crate) fn watch(self: &Arc<Self>, after: Option<u64>) -> Watcher {
        let newest = self.newest.subscribe();
        let at = after.unwrap_or_else(|| *newest.borrow());
        Watcher {
            events: self.clone(),
            newest,
            at,
            is_over: false,
        }
    }
}

/// Reads a task's events.
pub struct Watcher {
    events: Arc<Events>,
    newest: watch::Receiver<u64>,
    at: u64,
    is_over: bool,
}

impl Watcher {
    /// The next event, once there is one. None after the one with which the task came to rest.
    pub async fn next(&mut self) -> Option<Arc<TaskEvent>> {
        while !self.is_over {
            let newest = *self.newest.borrow_and_update();
            if let Some(event) = self.read() {
                // One that was started again since goes on.
                self.is_over = event.id == newest && event.what.is_last();
                return Some(event);
            }
            self.newest.changed().await.ok()?;
        }
        None
    }

    fn read(&mut self) -> Option<Arc<TaskEvent>> {
        let kept = self.events.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = kept.front()?;
        let newest = kept.back()?;
        if self.at > newest.id {
            // A number from before a restart.
            self.at = oldest.id - 1;
        }
        if self.at + 1 < oldest.id {
            let missed = oldest.id - self.at - 1;
            self.at = oldest.id - 1;
            return Some(Arc::new(TaskEvent {
                id: 0,
                at_ms: oldest.at_ms,
                what: TaskDid::Lagged { missed },
            }));
        }
        let event = kept.iter().find(|event| event.id > self.at)?.clone();
        self.at = event.id;
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::tests::sample;

    fn metrics(count: usize) -> TaskDid {
        TaskDid::Metrics {
            samples: vec![sample("a", "x", 0, 1.0); count],
        }
    }

    #[tokio::test]
    async fn watchers_are_independent_and_resume() {
        let events = Arc::new(Events::default());
        let (mut one, mut other) = (events.watch(None), events.watch(None));
        for _ in 0..3 {
            events.push(0, metrics(1));
        }
        for id in 1..=3 {
            assert_eq!(one.next().await.unwrap().id, id);
        }
        assert_eq!(other.next().await.unwrap().id, 1);
        drop(other);
        let mut resumed = events.watch(Some(1));
        assert_eq!(resumed.next().await.unwrap().id, 2);
        events.push(0, metrics(1));
        assert_eq!(one.next().await.unwrap().id, 4);
    }

    #[tokio::test]
    async fn it_ends_where_the_task_came_to_rest() {
        let events = Arc::new(Events::default());
        let state = |state| TaskDid::State { state };
        for what in [
            state(Happened::Stopped),
            state(Happened::Started),
            state(Happened::Ended),
        ] {
            events.push(0, what);
        }
        let mut watcher = events.watch(Some(0));
        for id in 1..=3 {
            assert_eq!(watcher.next().await.unwrap().id, id);
        }
        assert!(watcher.next().await.is_none());
    }

    #[tokio::test]
    async fn who_never_reads_costs_nothing_but_events() {
        let events = Arc::new(Events::default());
        let mut slow = events.watch(None);
        for _ in 0..1000 {
            events.push(0, metrics(1));
        }
        let lagged = slow.next().await.unwrap();
        let missed = 1000 - WATCH_EVENTS as u64;
        assert_eq!(lagged.what, TaskDid::Lagged { missed });
        assert_eq!(slow.next().await.unwrap().id, missed + 1);
    }

    #[tokio::test]
    async fn what_is_kept_is_bounded_by_samples_too() {
        let events = Arc::new(Events::default());
        for _ in 0..10 {
            events.push(0, metrics(WATCH_SAMPLES));
        }
        assert_eq!(events.kept.lock().unwrap().len(), 1);
        assert_eq!(events.watch(Some(9)).next().await.unwrap().id, 10);
    }

    #[tokio::test]
    async fn a_number_from_another_time_begins_anew() {
        let events = Arc::new(Events::default());
        events.push(0, metrics(1));
        assert_eq!(events.watch(Some(500)).next().await.unwrap().id, 1);
    }
}
