//! The view protocol on a websocket: `GET /api/view`.

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use futures_util::{SinkExt as _, StreamExt as _};
use orrery_engine::api::Caller;
use orrery_engine::topology::view::ViewMessage;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::limits::{WS_MESSAGE_BYTES_MAX, WS_QUEUE, WS_SEND_TIMEOUT};
use crate::router::Gateway;

/// Opens a view channel.
pub(crate) async fn serve(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade
        .max_message_size(WS_MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| run(gateway, caller, socket))
}

async fn run(gateway: Gateway, caller: Caller, socket: WebSocket) {
    let (mut sink, mut stream) = socket.split();
    let (requests, requests_in) = mpsc::channel(WS_QUEUE);
    let (messages, mut messages_out) = mpsc::channel(WS_QUEUE);
    let refusals = messages.clone();
    let engine = gateway.engine.clone();
    let serving = tokio::spawn(async move { engine.serve_view(caller, requests_in, messages).await });
    let sending = tokio::spawn(async move {
        while let Some(message) = messages_out.recv().await {
            let text = Utf8Bytes::from(message.as_ref());
            // A client that takes nothing for so long is cut, so that it holds no memory.
            match timeout(WS_SEND_TIMEOUT, sink.send(Message::Text(text))).await {
                Ok(Ok(())) => {}
                _ => return,
            }
        }
    });
    while let Some(Ok(message)) = stream.next().await {
        let text = match message {
            Message::Text(text) => text,
            Message::Close(_) => break,
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) => continue,
        };
        match serde_json::from_str(&text) {
            Ok(request) => {
                if requests.send(request).await.is_err() {
                    break;
                }
            }
            Err(error) => {
                let message = format!("The message does not parse: {error}.");
                let failed = ViewMessage::Failed {
                    code: "bad_request".to_owned(),
                    message,
                };
                let text = serde_json::to_string(&failed).unwrap_or_default();
                if refusals.send(text.into()).await.is_err() {
                    break;
                }
            }
        }
    }
    drop(requests);
    drop(refusals);
    serving.abort();
    sending.abort();
}
