//! Streams of events that a client follows: server-sent, or on a websocket when it asks for one.
//!
//! Events are read from, never pushed into: a client that reads too slowly delays nobody, and what the stream makes
//! of that is up to the stream. On a websocket each event is a message of text; one that has no number of its own in
//! it can be resumed from all the same, since the number is in the event itself.

use std::convert::Infallible;
use std::pin::pin;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt as _};
use http::HeaderMap;
use serde::Serialize;
use tokio::time::{Instant, interval_at, timeout};

use crate::limits::{PING_EVERY, PONG_WITHIN, SSE_KEEP_ALIVE, WS_MESSAGE_BYTES_MAX, WS_SEND_TIMEOUT};

/// A request for a websocket, if it is one.
pub(crate) type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// An event as it leaves.
pub(crate) struct Told {
    /// Number to go on after; none for one that is made for this client alone.
    id: Option<u64>,
    name: &'static str,
    json: String,
}

impl Told {
    pub(crate) fn of(id: Option<u64>, name: &'static str, event: &impl Serialize) -> Told {
        let json = serde_json::to_string(event).unwrap_or_else(|error| {
            tracing::error!(%error, name, "an event cannot be written");
            "null".to_owned()
        });
        Told { id, name, json }
    }
}

/// The number that a client goes on after, as browsers say it.
pub(crate) fn resumed(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get("last-event-id")?.to_str().ok()?;
    text.trim().parse().ok()
}

/// Serves events until they end or the client goes.
pub(crate) fn serve(upgrade: Upgrade, events: impl Stream<Item = Told> + Send + 'static) -> Response {
    match upgrade {
        Ok(upgrade) => upgrade
            .max_message_size(WS_MESSAGE_BYTES_MAX)
            .on_upgrade(|socket| send(socket, events)),
        Err(_) => {
            let events = events.map(|told| {
                let sent = match told.id {
                    Some(id) => Sent::default().id(id.to_string()),
                    None => Sent::default(),
                };
                Ok::<_, Infallible>(sent.event(told.name).data(told.json))
            });
            Sse::new(events)
                .keep_alive(KeepAlive::new().interval(SSE_KEEP_ALIVE))
                .into_response()
        }
    }
}

async fn send(mut socket: WebSocket, events: impl Stream<Item = Told> + Send) {
    let mut events = pin!(events);
    let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
    let mut heard = Instant::now();
    loop {
        let message = tokio::select! {
            told = events.next() => match told {
                Some(told) => Message::Text(told.json.into()),
                None => break,
            },
            said = socket.recv() => match said {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {
                    heard = Instant::now();
                    continue;
                }
            },
            _ = ping.tick() => {
                if heard.elapsed() > PONG_WITHIN {
                    return;
                }
                Message::Ping(Vec::new().into())
            }
        };
        // A client that takes nothing for so long is cut, so that it holds no memory.
        if !matches!(timeout(WS_SEND_TIMEOUT, socket.send(message)).await, Ok(Ok(()))) {
            return;
        }
    }
    let over = CloseFrame {
        code: close_code::NORMAL,
        reason: "nothing follows".into(),
    };
    // Whoever has gone already needs no farewell.
    let _ = timeout(WS_SEND_TIMEOUT, socket.send(Message::Close(Some(over)))).await;
}
