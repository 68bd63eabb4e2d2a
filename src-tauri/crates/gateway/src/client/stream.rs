//! Websockets to an instance: views and pipes.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::header;
use orrery_engine::PipeEnd;
use orrery_engine::api::{ApiError, Code};
use orrery_engine::topology::view::ViewRequest;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{Instance, Stream};
use crate::limits::CLIENT_MESSAGE_BYTES_MAX;

impl Instance {
    /// Opens a view channel and carries messages both ways until either side closes.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the instance cannot be reached or the connection breaks.
    pub async fn serve_view(
        &self,
        mut requests: mpsc::Receiver<ViewRequest>,
        messages: mpsc::Sender<Arc<str>>,
    ) -> Result<(), ApiError> {
        let (mut sink, mut source) = self.websocket("/api/view").await?.split();
        let broken = |error: Error| self.unreachable(&error);
        loop {
            tokio::select! {
                request = requests.recv() => {
                    let Some(request) = request else { return Ok(()) };
                    let text = serde_json::to_string(&request).map_err(ApiError::internal)?;
                    sink.send(Message::text(text)).await.map_err(broken)?;
                }
                message = source.next() => match message {
                    Some(Ok(Message::Text(text))) => {
                        if messages.send(text.as_str().into()).await.is_err() {
                            return Ok(());
                        }
                    }
                    Some(Ok(Message::Close(_))) | None => {
                        return Err(ApiError::new(Code::Unavailable, format!("{self} closed the view.")));
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(broken(error)),
                }
            }
        }
    }

    /// Takes hold of an end of a pipe and carries bytes both ways until either side closes.
    ///
    /// # Errors
    /// [`Code::NotFound`] for a closed pipe; [`Code::Unavailable`] when the instance cannot be reached or the
    /// connection breaks.
    pub async fn serve_pipe(
        &self,
        id: &str,
        end: PipeEnd,
        mut outgoing: mpsc::Receiver<Bytes>,
        incoming: mpsc::Sender<Bytes>,
    ) -> Result<(), ApiError> {
        let path = match end {
            PipeEnd::Client => format!("/api/pipe/{id}"),
            PipeEnd::Probe => format!("/api/pipe/{id}/probe"),
        };
        let (mut sink, mut source) = self.websocket(&path).await?.split();
        let broken = |error: Error| self.unreachable(&error);
        loop {
            tokio::select! {
                bytes = outgoing.recv() => {
                    let Some(bytes) = bytes else { return Ok(()) };
                    sink.send(Message::Binary(bytes)).await.map_err(broken)?;
                }
                message = source.next() => {
                    let bytes = match message {
                        Some(Ok(Message::Binary(bytes))) => bytes,
                        Some(Ok(Message::Text(text))) => Bytes::from(text),
                        Some(Ok(Message::Close(_))) | None => return Ok(()),
                        Some(Ok(_)) => continue,
                        Some(Err(error)) => return Err(broken(error)),
                    };
                    if incoming.send(bytes).await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn websocket(&self, path: &str) -> Result<WebSocketStream<Box<dyn Stream>>, ApiError> {
        let stream = self.connect().await?;
        let mut config = WebSocketConfig::default();
        config.max_message_size = Some(CLIENT_MESSAGE_BYTES_MAX);
        config.max_frame_size = Some(CLIENT_MESSAGE_BYTES_MAX);
        let mut upgrade = http::Request::builder()
            .uri(format!("ws://{}{path}", self.host()))
            .header(header::HOST, self.host())
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, generate_key());
        if let Some(value) = self.authorization() {
            upgrade = upgrade.header(header::AUTHORIZATION, value);
        }
        let upgrade = upgrade
            .body(())
            .map_err(|error| ApiError::bad_request(format!("{path} is no address: {error}.")))?;
        let dialled = tokio_tungstenite::client_async_with_config(upgrade, stream, Some(config)).await;
        match dialled {
            Ok((socket, _)) => Ok(socket),
            // The instance says why it refuses in the form that every answer has.
            Err(Error::Http(answer)) => {
                let said = answer
                    .body()
                    .as_ref()
                    .and_then(|b| serde_json::from_slice(b).ok());
                let status = answer.status();
                Err(said.unwrap_or_else(|| {
                    let code = if status == http::StatusCode::NOT_FOUND {
                        Code::NotFound
                    } else {
                        Code::Unavailable
                    };
                    ApiError::new(code, format!("{self} answered {status}."))
                }))
            }
            Err(error) => Err(self.unreachable(&error)),
        }
    }
}
