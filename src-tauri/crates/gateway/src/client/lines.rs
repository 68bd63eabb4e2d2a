//! An answer that goes on: line by line, for as long as the caller listens.

use bytes::{Bytes, BytesMut};
use http::{Method, header};
use http_body_util::{BodyExt as _, Collected, Empty, Limited};
use hyper_util::rt::TokioIo;
use orrery_engine::api::{ApiError, Code};
use tokio::time::timeout;

use super::Instance;
use crate::limits::{CALL_BYTES_MAX, CLIENT_LINE_BYTES_MAX, CLIENT_TIMEOUT};

impl Instance {
    /// Gets an address and gives `each` line of the answer as it comes, until it says false or the answer ends.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the instance is not there or goes; [`Code::LimitExceeded`] for a line that is too
    /// long; what the instance says instead of a good answer.
    pub async fn lines(&self, path: &str, mut each: impl FnMut(&str) -> bool) -> Result<(), ApiError> {
        let answering = async {
            let stream = self.connect().await?;
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream))
                    .await
                    .map_err(|error| self.unreachable(&error))?;
            tokio::spawn(connection);
            let mut request = http::Request::builder()
                .method(Method::GET)
                .uri(path)
                .header(header::ACCEPT, "text/event-stream, application/json, */*")
                .header(header::HOST, self.host());
            if let Some(value) = self.authorization() {
                request = request.header(header::AUTHORIZATION, value);
            }
            let request = request
                .body(Empty::new())
                .map_err(|error| ApiError::bad_request(format!("{path} is no address: {error}.")))?;
            let response = sender.send_request(request).await;
            Ok::<_, ApiError>((sender, response.map_err(|error| self.unreachable(&error))?))
        };
        let late = || {
            ApiError::new(
                Code::Timeout,
                format!("{self} did not answer within {CLIENT_TIMEOUT:?}."),
            )
        };
        let (_sender, response) = timeout(CLIENT_TIMEOUT, answering).await.map_err(|_| late())??;
        let status = response.status();
        if !status.is_success() {
            let body = Limited::new(response.into_body(), CALL_BYTES_MAX).collect().await;
            let body = body.map(Collected::to_bytes).unwrap_or_default();
            let said = serde_json::from_slice(&body);
            return Err(said.unwrap_or_else(|_| {
                ApiError::new(Code::Unavailable, format!("{self} answered with {status}."))
            }));
        }
        let mut body = response.into_body();
        let mut pending = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.unreachable(&error))?;
            let Ok(bytes) = frame.into_data() else { continue };
            pending.extend_from_slice(&bytes);
            while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
                let line = pending.split_to(end + 1);
                let text = String::from_utf8_lossy(&line);
                if !each(text.trim_end()) {
                    return Ok(());
                }
            }
            if pending.len() > CLIENT_LINE_BYTES_MAX {
                let message = format!("{self} sent a line of more than {CLIENT_LINE_BYTES_MAX} bytes.");
                return Err(ApiError::new(Code::LimitExceeded, message));
            }
        }
        Ok(())
    }
}
