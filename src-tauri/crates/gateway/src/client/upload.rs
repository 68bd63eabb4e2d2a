//! Sending a package to an instance.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::stream;
use http::{Method, header};
use http_body_util::{BodyExt as _, Limited, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::TokioIo;
use orrery_engine::api::{ApiError, Code};
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use super::Instance;
use crate::limits::{CALL_BYTES_MAX, CLIENT_TIMEOUT, UPLOAD_CHUNK_BYTES, UPLOAD_LOOK};

/// What the instance says of an upload that has arrived.
#[derive(Deserialize)]
struct Arrived {
    upload: String,
}

impl Instance {
    /// Sends a file and gives the handle that an install is ordered with. `progress` is told the bytes sent and
    /// the bytes there are.
    ///
    /// # Errors
    /// [`Code::NotFound`] when the file cannot be read; [`Code::Timeout`] when the instance takes nothing more;
    /// what the instance says.
    pub async fn upload(&self, path: &Path, mut progress: impl FnMut(u64, u64)) -> Result<String, ApiError> {
        let unreadable = |error: io::Error| {
            ApiError::not_found(format!("The package {} cannot be read: {error}.", path.display()))
        };
        let file = File::open(path).await.map_err(unreadable)?;
        let total = file.metadata().await.map_err(unreadable)?.len();
        let sent = Arc::new(AtomicU64::new(0));

        let stream = timeout(CLIENT_TIMEOUT, self.connect())
            .await
            .map_err(|_| self.takes_nothing())??;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.unreachable(&error))?;
        tokio::spawn(connection);
        let mut request = http::Request::builder()
            .method(Method::POST)
            .uri("/api/uploads")
            .header(header::HOST, self.host())
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::CONTENT_LENGTH, total);
        if let Some(value) = self.authorization() {
            request = request.header(header::AUTHORIZATION, value);
        }
        let request = request
            .body(StreamBody::new(chunks(file, Arc::clone(&sent))))
            .map_err(ApiError::internal)?;
        let answer = async {
            let response = sender
                .send_request(request)
                .await
                .map_err(|error| self.unreachable(&error))?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, CALL_BYTES_MAX)
                .collect()
                .await
                .map_err(|error| self.unreachable(&error))?;
            Ok::<_, ApiError>((parts.status, body.to_bytes()))
        };
        tokio::pin!(answer);
        let (mut before, mut silent) = (0, std::time::Duration::ZERO);
        let (status, body) = loop {
            if let Ok(answered) = timeout(UPLOAD_LOOK, &mut answer).await {
                break answered?;
            }
            let now = sent.load(Ordering::Relaxed);
            silent = if now == before {
                silent + UPLOAD_LOOK
            } else {
                std::time::Duration::ZERO
            };
            before = now;
            progress(now, total);
            if silent >= CLIENT_TIMEOUT {
                return Err(self.takes_nothing());
            }
        };
        if !status.is_success() {
            let said: Result<ApiError, _> = serde_json::from_slice(&body);
            return Err(said.unwrap_or_else(|_| {
                ApiError::new(
                    Code::Internal,
                    format!("{self} answered the upload with {status}."),
                )
            }));
        }
        progress(total, total);
        let Arrived { upload } = serde_json::from_slice(&body).map_err(ApiError::internal)?;
        Ok(upload)
    }

    fn takes_nothing(&self) -> ApiError {
        let message = format!(
            "{self} took nothing of the upload for {} s.",
            CLIENT_TIMEOUT.as_secs()
        );
        ApiError::new(Code::Timeout, message)
    }
}

/// A file in pieces.
fn chunks(file: File, sent: Arc<AtomicU64>) -> impl futures_util::Stream<Item = io::Result<Frame<Bytes>>> {
    stream::unfold(Some((file, sent)), |state| async move {
        let (mut file, sent) = state?;
        let mut chunk = vec![0; UPLOAD_CHUNK_BYTES];
        match file.read(&mut chunk).await {
            Ok(0) => None,
            Ok(read) => {
                chunk.truncate(read);
                sent.fetch_add(read as u64, Ordering::Relaxed);
                Some((Ok(Frame::data(chunk.into())), Some((file, sent))))
            }
            Err(error) => Some((Err(error), None)),
        }
    })
}
