//! What happened.

use crate::data::StoredEvent;
use crate::error::HistoryError;
use crate::history::Shared;
use crate::limits;

/// Answers [`crate::History::events`].
pub(crate) async fn events(
    shared: &Shared,
    from_ms: i64,
    to_ms: i64,
    limit: u32,
) -> Result<Vec<StoredEvent>, HistoryError> {
    let mut events: Vec<StoredEvent> = sqlx::query_as(
        "SELECT id, at_ms, kind, subject, label, text, user FROM event
         WHERE at_ms BETWEEN ? AND ? ORDER BY at_ms DESC, id DESC LIMIT ?",
    )
    .bind(from_ms)
    .bind(to_ms)
    .bind(limit.min(limits::MAX_EVENTS_READ))
    .fetch_all(&shared.readers)
    .await
    .map_err(HistoryError::database("read events"))?;
    events.reverse();
    Ok(events)
}
