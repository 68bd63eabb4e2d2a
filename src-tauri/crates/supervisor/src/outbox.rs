//! The way of events to their reader. Whoever has news never waits: behind a slow reader events queue here, equal
//! ones in a row become one, and the oldest are dropped.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{Notify, mpsc};

use crate::event::Event;
use crate::limits;

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<Event>,
    dropped: u64,
    closed: bool,
}

impl Outbox {
    /// Takes in an event.
    pub(crate) fn push(&self, event: Event) {
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let last = waiting
                .events
                .iter_mut()
                .rev()
                .find(|other| other.plugin == event.plugin);
            if last.is_some_and(|last| last.absorb(&event)) {
                return;
            }
            if waiting.events.len() >= limits::EVENTS_WAITING {
                waiting.events.pop_front();
                waiting.dropped += 1;
            }
            waiting.events.push_back(event);
        }
        self.wake.notify_one();
    }

    /// No more events come; what waits is still handed over.
    pub(crate) fn close(&self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.wake.notify_one();
    }

    /// Hands events over until it is closed or nobody reads.
    pub(crate) async fn pump(&self, reader: mpsc::Sender<Event>) {
        loop {
            let room = tokio::select! {
                room = reader.reserve() => room,
                () = reader.closed() => return,
            };
            let Ok(room) = room else { return };
            match self.next().await {
                Some(event) => room.send(event),
                None => return,
            }
        }
    }

    async fn next(&self) -> Option<Event> {
        loop {
            let woken = self.wake.notified();
            {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                if waiting.dropped > 0 {
                    tracing::warn!(
                        events = waiting.dropped,
                        "nobody fetched these events of plugins in time"
                    );
                    waiting.dropped = 0;
                }
                if let Some(event) = waiting.events.pop_front() {
                    return Some(event);
                }
                if waiting.closed {
                    return None;
                }
            }
            woken.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::EventKind;

    fn event(plugin: &str, text: &str, at_ms: i64) -> Event {
        Event {
            plugin: plugin.to_owned(),
            generation: 1,
            at_ms,
            kind: EventKind::Throttled,
            text: text.to_owned(),
            count: 1,
            last_lines: Vec::new(),
        }
    }

    #[tokio::test]
    async fn equal_news_in_a_row_are_one_and_the_oldest_are_dropped() {
        let outbox = Arc::new(Outbox::default());
        outbox.push(event("a", "x", 1));
        outbox.push(event("b", "x", 2));
        outbox.push(event("a", "x", 3));
        outbox.push(event("a", "y", 4));
        outbox.push(event("a", "x", 5));
        let (sender, mut reader) = mpsc::channel(1);
        let pump = tokio::spawn({
            let outbox = Arc::clone(&outbox);
            async move { outbox.pump(sender).await }
        });
        let mut told = Vec::new();
        for _ in 0..4 {
            let event = reader.recv().await.expect("comes");
            told.push((event.plugin, event.text, event.at_ms, event.count));
        }
        let expected = [
            ("a", "x", 3, 2),
            ("b", "x", 2, 1),
            ("a", "y", 4, 1),
            ("a", "x", 5, 1),
        ];
        assert_eq!(
            told,
            expected.map(|(p, t, at, n)| (p.to_owned(), t.to_owned(), at, n))
        );
        // Behind a reader that does not read, memory is bounded.
        for n in 0..3 * limits::EVENTS_WAITING {
            outbox.push(event("a", &n.to_string(), 0));
        }
        outbox.close();
        let mut left = Vec::new();
        while let Some(event) = reader.recv().await {
            left.push(event.text);
        }
        assert!(left.len() <= limits::EVENTS_WAITING + 2, "{}", left.len());
        assert_eq!(left.last().map(String::as_str), Some("3071"));
        pump.await.expect("ends");
    }
}
