//! What happened.

use super::history::range;
use crate::api::{ApiError, Event, PluginInfo};
use crate::engine::Engine;
use crate::limits::EVENTS;

impl Engine {
    /// Events of a range, oldest first, at most `limit` of the newest.
    ///
    /// # Errors
    /// When the range ends before it starts or the database cannot be read.
    pub async fn events(&self, from_ms: i64, to_ms: i64, limit: Option<u32>) -> Result<Vec<Event>, ApiError> {
        range(from_ms, to_ms)?;
        let limit = limit.unwrap_or(EVENTS.0).min(EVENTS.1);
        let events = self
            .shared
            .history
            .events(from_ms, to_ms, limit)
            .await
            .map_err(ApiError::internal)?;
        Ok(events
            .into_iter()
            .map(|e| Event {
                id: e.id,
                at_ms: e.at_ms,
                kind: e.kind,
                subject: e.subject,
                label: e.label,
                text: e.text,
                user: e.user,
            })
            .collect())
    }

    /// Events after the one with this number, oldest first, for watchers that go on from where they were: from
    /// memory, or from history where memory does not reach back so far.
    ///
    /// # Errors
    /// When history has to be read and cannot be.
    pub async fn events_after(&self, id: i64) -> Result<Vec<Event>, ApiError> {
        let limit = usize::try_from(EVENTS.1).unwrap_or(usize::MAX);
        let log = &self.shared.events;
        let reaches = log.oldest().is_some_and(|oldest| oldest <= id + 1) || id <= 0;
        if reaches || id >= *log.newest().borrow() {
            return Ok(log.after(id, limit));
        }
        let until = log.oldest().map_or(i64::MAX, crate::event_log::moment_of);
        let from = crate::event_log::moment_of(id).saturating_add(1);
        let mut events = if from < until {
            self.events(from, until - 1, Some(EVENTS.1)).await?
        } else {
            Vec::new()
        };
        for event in &mut events {
            event.id = event.at_ms.saturating_mul(1_000);
        }
        events.extend(log.after(id, limit));
        Ok(events)
    }

    /// Number of the newest event; changes with every new one.
    pub fn newest_event(&self) -> tokio::sync::watch::Receiver<i64> {
        self.shared.events.newest()
    }

    /// Calls a failing plugin at once instead of at its next attempt.
    ///
    /// # Errors
    /// [`crate::api::Code::NotFound`] when no socket has this path.
    pub fn retry_plugin(&self, path: &str) -> Result<Vec<PluginInfo>, ApiError> {
        if self.shared.registry.retry(path) {
            Ok(self.shared.registry.list())
        } else {
            Err(ApiError::not_found(format!(
                "No plugin socket is known at {path}."
            )))
        }
    }
}
