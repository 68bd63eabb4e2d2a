//! `/api/pipe/{id}`: terminals. The window's end, the probe's end under `/probe`, `/check`, and DELETE.

use axum::Extension;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::StatusCode;
use orrery_engine::api::{ApiError, Caller};
use orrery_engine::{PipeEnd, PipeIo};
use tokio::time::{Instant, interval, timeout};

use crate::error::Failure;
use crate::limits::{PING_EVERY, PIPE_MESSAGE_BYTES_MAX, PONG_WITHIN, WS_SEND_TIMEOUT};
use crate::router::Gateway;

/// The end of the terminal in a window.
pub(crate) async fn client(
    state: State<Gateway>,
    caller: Extension<Caller>,
    pipe: Path<String>,
    upgrade: WebSocketUpgrade,
) -> Response {
    open(state, caller, pipe, upgrade, PipeEnd::Client).await
}

/// The end of the probe or plugin.
pub(crate) async fn probe(
    state: State<Gateway>,
    caller: Extension<Caller>,
    pipe: Path<String>,
    upgrade: WebSocketUpgrade,
) -> Response {
    open(state, caller, pipe, upgrade, PipeEnd::Probe).await
}

/// 204 while the pipe is open.
pub(crate) async fn check(State(gateway): State<Gateway>, Path(pipe): Path<String>) -> Response {
    if gateway.engine.pipe_open(&pipe) {
        StatusCode::NO_CONTENT.into_response()
    } else {
        Failure(ApiError::not_found(format!("There is no pipe {pipe}."))).into_response()
    }
}

/// Closes the pipe for good.
pub(crate) async fn close(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Path(pipe): Path<String>,
) -> Response {
    match gateway.engine.close_pipe(&caller, &pipe) {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => Failure(error).into_response(),
    }
}

async fn open(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Path(pipe): Path<String>,
    upgrade: WebSocketUpgrade,
    end: PipeEnd,
) -> Response {
    match gateway.engine.pipe(&caller, &pipe, end).await {
        Ok(io) => upgrade
            .max_message_size(PIPE_MESSAGE_BYTES_MAX)
            .on_upgrade(move |socket| copy(io, socket)),
        Err(error) => Failure(error).into_response(),
    }
}

/// Copies both ways until either side ends. Bytes travel in binary messages; text is taken too.
async fn copy(mut io: PipeIo, socket: WebSocket) {
    let (mut sink, mut stream) = socket.split();
    let outgoing = io.sender();
    let heard = std::sync::Mutex::new(Instant::now());
    let inward = async {
        while let Some(Ok(message)) = stream.next().await {
            *heard.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Instant::now();
            let bytes = match message {
                Message::Binary(bytes) => bytes,
                Message::Text(text) => Bytes::from(text),
                Message::Close(_) => return,
                Message::Ping(_) | Message::Pong(_) => continue,
            };
            if !outgoing.send(bytes).await {
                return;
            }
        }
    };
    let outward = async {
        let mut ping = interval(PING_EVERY);
        loop {
            let message = tokio::select! {
                bytes = io.recv() => match bytes {
                    Some(bytes) => Message::Binary(bytes),
                    None => break,
                },
                _ = ping.tick() => {
                    let last = *heard.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    if last.elapsed() > PONG_WITHIN {
                        return;
                    }
                    Message::Ping(Bytes::new())
                }
            };
            if !matches!(timeout(WS_SEND_TIMEOUT, sink.send(message)).await, Ok(Ok(()))) {
                return;
            }
        }
        // The peer learns that this is the end; if it is gone already, so much the better.
        let _ = timeout(WS_SEND_TIMEOUT, sink.send(Message::Close(None))).await;
    };
    tokio::select! {
        () = inward => {}
        () = outward => {}
    }
}
