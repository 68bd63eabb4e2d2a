//! The newest events in memory, for watchers that go on from where they were.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use orrery_history::NewEvent;
use tokio::sync::watch;

use crate::api::Event;
use crate::limits::EVENTS_KEPT;

/// Microseconds in a millisecond.
const US: i64 = 1_000;

/// Events by their number, which rises and is about the time in microseconds since the epoch: so a watcher of an
/// earlier run can go on too.
pub(crate) struct EventLog {
    ring: Mutex<VecDeque<Event>>,
    newest: watch::Sender<i64>,
}

impl Default for EventLog {
    fn default() -> Self {
        EventLog {
            ring: Mutex::default(),
            newest: watch::Sender::new(0),
        }
    }
}

impl EventLog {
    /// Notes an event and gives it its number.
    pub(crate) fn push(&self, event: &NewEvent) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let last = *self.newest.borrow();
        let id = (last + 1).max(event.at_ms.saturating_mul(US));
        if ring.len() >= EVENTS_KEPT {
            ring.pop_front();
        }
        ring.push_back(Event {
            id,
            at_ms: event.at_ms,
            kind: event.kind.to_string(),
            subject: event.subject.to_string(),
            label: event.label.to_string(),
            text: event.text.clone(),
            user: event.user.to_string(),
        });
        // Under the lock, so that numbers and order agree.
        self.newest.send_replace(id);
    }

    /// At most `limit` events after a number, oldest first.
    pub(crate) fn after(&self, id: i64, limit: usize) -> Vec<Event> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let from = ring.partition_point(|e| e.id <= id);
        ring.range(from..).take(limit).cloned().collect()
    }

    /// Number of the oldest event kept; what is older is known to history alone.
    pub(crate) fn oldest(&self) -> Option<i64> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.front().map(|e| e.id)
    }

    /// Number of the newest event, and word of every newer one.
    pub(crate) fn newest(&self) -> watch::Receiver<i64> {
        self.newest.subscribe()
    }
}

/// The moment, in milliseconds since the epoch, of the event with this number or shortly before.
pub(crate) fn moment_of(id: i64) -> i64 {
    id.div_euclid(US)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_even_when_the_clock_does_not() {
        let log = EventLog::default();
        let event = |at_ms| NewEvent {
            at_ms,
            kind: "info".into(),
            subject: "s".into(),
            label: "s".into(),
            text: String::new(),
            user: "".into(),
        };
        for at in [5, 5, 3, 9] {
            log.push(&event(at));
        }
        let ids: Vec<i64> = log.after(0, 10).iter().map(|e| e.id).collect();
        assert_eq!(ids, [5_000, 5_001, 5_002, 9_000]);
        assert_eq!(log.after(5_000, 2).len(), 2);
        assert_eq!(*log.newest().borrow(), 9_000);
        assert_eq!(moment_of(9_000), 9);
        for at in 0..i64::try_from(EVENTS_KEPT).unwrap() {
            log.push(&event(at));
        }
        assert_eq!(log.after(0, usize::MAX).len(), EVENTS_KEPT);
        assert!(log.oldest() > Some(9_000));
    }
}
