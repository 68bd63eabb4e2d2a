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
