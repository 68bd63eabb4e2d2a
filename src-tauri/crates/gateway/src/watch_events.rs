//! `GET /api/events` as server-sent events: what happened since, and what happens from here on.

use std::collections::VecDeque;
use std::convert::Infallible;

use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::HeaderMap;
use orrery_engine::Engine;
use orrery_engine::api::Event;
use tokio::sync::watch;

use crate::limits::SSE_KEEP_ALIVE;

/// Whether the client asks for a stream rather than for a list.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    let accept = headers.get(http::header::ACCEPT);
    accept.is_some_and(|v| v.as_bytes().starts_with(b"text/event-stream"))
}

/// Goes on after the header `Last-Event-ID` or `after`; from now on when there is neither. The stream is read
/// from, never pushed into: a slow client delays nobody and finds what it missed in memory or in history.
pub(crate) fn serve(engine: Engine, headers: &HeaderMap, after: Option<i64>) -> Response {
    let resumed = headers
        .get("last-event-id")
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.trim().parse().ok());
    let newest = engine.newest_event();
    let at = resumed.or(after).unwrap_or(*newest.borrow());
    let state = State {
        engine,
        newest,
        at,
        ready: VecDeque::new(),
    };
    let events = stream::unfold(state, |mut state| async {
        let event = state.next().await?;
        let sent = Sent::default()
            .id(event.id.to_string())
            .event(event.kind.clone())
            .json_data(&event);
        Some((Ok::<_, Infallible>(sent.unwrap_or_default()), state))
    });
    Sse::new(events)
        .keep_alive(KeepAlive::new().interval(SSE_KEEP_ALIVE))
        .into_response()
}

struct State {
    engine: Engine,
    newest: watch::Receiver<i64>,
    /// Number of the last event given.
    at: i64,
    ready: VecDeque<Event>,
}

impl State {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.at = event.id;
                return Some(event);
            }
            self.newest.borrow_and_update();
            match self.engine.events_after(self.at).await {
                Ok(events) if !events.is_empty() => self.ready = events.into(),
                Ok(_) => self.newest.changed().await.ok()?,
                Err(error) => {
                    tracing::warn!(%error, "a watcher of events is cut");
                    return None;
                }
            }
        }
    }
}
