//! Websockets whose messages are written once for many clients.
//!
//! The usual way copies a message as a whole for every client that is sent it, which for a topology of thousands of
//! nodes is megabytes each. Here a long message leaves in pieces of one text that all clients share, so that what
//! is on its way to a client is bounded whatever the message is.

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use orrery_engine::api::ApiError;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};

use crate::error::Failure;
use crate::limits::{WS_MESSAGE_BYTES_MAX, WS_PIECE_BYTES, WS_READ_BYTES, WS_SEND_TIMEOUT};

/// A websocket that sends texts.
pub(super) struct Socket(WebSocketStream<TokioIo<Upgraded>>);

/// Answers a request for a websocket, and serves that once the client has the answer.
pub(super) fn open<F>(request: Request, serve: impl FnOnce(Socket) -> F + Send + 'static) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    let (mut parts, _) = request.into_parts();
    let upgrade = parts.extensions.remove::<OnUpgrade>();
    let agreed = create_response_with_body(&http::Request::from_parts(parts, ()), Body::empty);
    let (response, upgrade) = match (agreed, upgrade) {
        (Ok(response), Some(upgrade)) => (response, upgrade),
        (Ok(_), None) => return refused("the connection cannot become one"),
        (Err(error), _) => return refused(error),
    };
    tokio::spawn(async move {
        match upgrade.await {
            Ok(upgraded) => serve(Socket::over(upgraded).await).await,
            Err(error) => tracing::debug!(%error, "a websocket did not come about"),
        }
    });
    response.into_response()
}

fn refused(why: impl std::fmt::Display) -> Response {
    let message =
        format!("This address answers with a websocket, and the request does not ask for one: {why}.");
    Failure(ApiError::bad_request(message)).into_response()
}

impl Socket {
    async fn over(upgraded: Upgraded) -> Self {
        let mut config = WebSocketConfig::default();
        config.max_message_size = Some(WS_MESSAGE_BYTES_MAX);
        config.max_frame_size = Some(WS_MESSAGE_BYTES_MAX);
        config.read_buffer_size = WS_READ_BYTES;
        config.write_buffer_size = 0;
        let stream = TokioIo::new(upgraded);
        Socket(WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await)
    }

    /// Sends a text, which is UTF-8. False when the client does not take it in time.
    pub(super) async fn send_text(&mut self, text: Bytes) -> bool {
        let all = async {
            for piece in pieces(text) {
                self.0.send(Message::Frame(piece)).await?;
            }
            Ok::<_, tokio_tungstenite::tungstenite::Error>(())
        };
        matches!(timeout(WS_SEND_TIMEOUT, all).await, Ok(Ok(())))
    }

    /// Asks for a sign of life. False when the client takes nothing.
    pub(super) async fn ping(&mut self) -> bool {
        let ping = self.0.send(Message::Ping(Bytes::new()));
        matches!(timeout(WS_SEND_TIMEOUT, ping).await, Ok(Ok(())))
    }

    /// Waits for anything that the client says. False when it has gone.
    pub(super) async fn heard(&mut self) -> bool {
        matches!(self.0.next().await, Some(Ok(_)))
    }
}

/// A text as frames, none longer than a piece. They may end within a character.
fn pieces(text: Bytes) -> impl Iterator<Item = Frame> {
    let count = text.len().div_ceil(WS_PIECE_BYTES).max(1);
    (0..count).map(move |n| {
        let begin = n * WS_PIECE_BYTES;
        let piece = text.slice(begin..text.len().min(begin + WS_PIECE_BYTES));
        let kind = if n == 0 { Data::Text } else { Data::Continue };
        Frame::message(piece, OpCode::Data(kind), n + 1 == count)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_and_never_copied() {
        for length in [0, 1, WS_PIECE_BYTES, WS_PIECE_BYTES + 1, 3 * WS_PIECE_BYTES] {
            let text = Bytes::from(vec![b'x'; length]);
            let all: Vec<Frame> = pieces(text.clone()).collect();
            let mut begin = 0;
            for (n, frame) in all.iter().enumerate() {
                let header = frame.header();
                assert_eq!(header.is_final, n + 1 == all.len());
                let kind = if n == 0 { Data::Text } else { Data::Continue };
                assert_eq!(header.opcode, OpCode::Data(kind));
                assert!(frame.payload().len() <= WS_PIECE_BYTES);
                let place = text.slice(begin..).as_ptr();
                assert!(length == 0 || std::ptr::eq(frame.payload().as_ptr(), place));
                begin += frame.payload().len();
            }
            assert_eq!(begin, length);
        }
    }
}
