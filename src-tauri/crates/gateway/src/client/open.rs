//! Any request, and its answer piece by piece, for as long as it goes on.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};
use hyper_util::rt::TokioIo;
use orrery_engine::api::{ApiError, Code};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::timeout;

use super::Instance;
use crate::limits::{CLIENT_TIMEOUT, UPLOAD_CHUNK_BYTES};

/// What is sent.
pub struct Sent(UnsyncBoxBody<Bytes, std::io::Error>);

impl Sent {
    /// What is there already.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Sent(
            Full::new(bytes.into())
                .map_err(|never| match never {})
                .boxed_unsync(),
        )
    }

    /// What is read while it is sent.
    pub fn read(reader: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let pieces = stream::unfold(Some(reader), |reader| async move {
            let mut reader = reader?;
            let mut piece = vec![0; UPLOAD_CHUNK_BYTES];
            match reader.read(&mut piece).await {
                Ok(0) => None,
                Ok(read) => {
                    piece.truncate(read);
                    Some((Ok(Frame::data(piece.into())), Some(reader)))
                }
                Err(error) => Some((Err(error), None)),
            }
        });
        Sent(StreamBody::new(pieces).boxed_unsync())
    }
}

impl hyper::body::Body for Sent {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.0.size_hint()
    }
}

/// An answer whose body is still to come.
pub struct Opened {
    /// HTTP status.
    pub status: StatusCode,
    /// What goes before the body.
    pub headers: HeaderMap,
    body: Incoming,
    instance: Instance,
}

impl Opened {
    /// The next piece of the body; none at its end. It waits for as long as the instance has nothing to say.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the connection breaks.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, ApiError> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| {
                let message = format!("The answer of {} broke off: {error}.", self.instance);
                ApiError::new(Code::Unavailable, message)
            })?;
            if let Ok(piece) = frame.into_data() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }
}

impl Instance {
    /// Sends any request, with the token where one is needed, and waits for the head of its answer: 60 s from when
    /// what was there already is sent, and for as long as something is read for it.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the instance cannot be reached, [`Code::Timeout`] when it does not answer.
    pub async fn open(&self, mut request: Request<Sent>) -> Result<Opened, ApiError> {
        let patient = request.body().0.size_hint().exact().is_none();
        let host = self.host().parse().map_err(ApiError::internal)?;
        request.headers_mut().entry(header::HOST).or_insert(host);
        if let Some(value) = self.authorization() {
            request
                .headers_mut()
                .entry(header::AUTHORIZATION)
                .or_insert(value);
        }
        let unreachable = |error: hyper::Error| self.unreachable(&error);
        let stream = self.soon(self.connect()).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(unreachable)?;
        // It ends with the body of the answer.
        tokio::spawn(connection);
        let answering = async { sender.send_request(request).await.map_err(unreachable) };
        let response = if patient {
            answering.await?
        } else {
            self.soon(answering).await?
        };
        let (parts, body) = response.into_parts();
        Ok(Opened {
            status: parts.status,
            headers: parts.headers,
            body,
            instance: self.clone(),
        })
    }

    async fn soon<T>(&self, work: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
        let late = |_| {
            let message = format!("{self} did not answer within {CLIENT_TIMEOUT:?}.");
            ApiError::new(Code::Timeout, message)
        };
        timeout(CLIENT_TIMEOUT, work).await.map_err(late)?
    }
}
