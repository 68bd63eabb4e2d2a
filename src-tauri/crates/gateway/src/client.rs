//! The other end: how windows and commands reach an instance, over its socket or its address.

use std::future::Future;
use std::path::PathBuf;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use orrery_engine::api::{ApiError, Code, Request};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::limits::{ANSWER_BYTES_MAX, CLIENT_TIMEOUT};
use crate::uds;

mod lines;
mod open;
mod secure;
mod stream;
mod upload;

pub use open::{Opened, Sent};

/// Where an instance is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instance {
    /// Its socket on this machine.
    Socket(PathBuf),
    /// Its address, such as `http://127.0.0.1:4040` or `https://host:4040`, and the token that opens it.
    Address {
        /// Scheme, host and port.
        url: String,
        /// The token.
        token: String,
    },
}

/// An answer with its status, whatever it says.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Media type, empty when not said.
    pub media_type: String,
    /// The body.
    pub body: Bytes,
}

/// A connection of either kind.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl std::fmt::Display for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Instance::Socket(path) => path.display().fmt(f),
            Instance::Address { url, .. } => url.fmt(f),
        }
    }
}

impl Instance {
    /// Asks for an operation.
    ///
    /// # Errors
    /// What the operation says; [`Code::Unavailable`] when the instance cannot be reached.
    pub async fn call(&self, request: &Request) -> Result<serde_json::Value, ApiError> {
        let body = serde_json::to_vec(request).map_err(ApiError::internal)?;
        let answer = self
            .send(Method::POST, "/api/call", Some("application/json"), body.into())
            .await?;
        if answer.status.is_success() {
            return serde_json::from_slice(&answer.body).map_err(ApiError::internal);
        }
        Err(serde_json::from_slice(&answer.body).unwrap_or_else(|_| {
            let code = if answer.status == StatusCode::UNAUTHORIZED {
                Code::Forbidden
            } else {
                Code::Internal
            };
            ApiError::new(code, format!("{self} answered {}.", answer.status))
        }))
    }

    /// Sends any request and gives the answer as it is.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the instance cannot be reached, [`Code::Timeout`] when it does not answer.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: Option<&str>,
        body: Bytes,
    ) -> Result<Answer, ApiError> {
        let content_type = content_type.map(|c| (header::CONTENT_TYPE, c));
        self.within(self.exchange(method, path, content_type, body)).await
    }

    /// Gets `path` in the given encoding.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_accepting(&self, path: &str, media_type: &str) -> Result<Answer, ApiError> {
        let accept = Some((header::ACCEPT, media_type));
        self.within(self.exchange(Method::GET, path, accept, Bytes::new()))
            .await
    }

    async fn within(
        &self,
        exchange: impl Future<Output = Result<Answer, ApiError>>,
    ) -> Result<Answer, ApiError> {
        timeout(CLIENT_TIMEOUT, exchange).await.unwrap_or_else(|_| {
            Err(ApiError::new(
                Code::Timeout,
                format!("{self} did not answer within {CLIENT_TIMEOUT:?}."),
            ))
        })
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        extra: Option<(header::HeaderName, &str)>,
        body: Bytes,
    ) -> Result<Answer, ApiError> {
        let stream = self.connect().await?;
        let unreachable = |error: hyper::Error| self.unreachable(&error);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(unreachable)?;
        tokio::spawn(connection);
        let mut request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.host());
        if let Some((name, value)) = extra {
            request = request.header(name, value);
        }
        if let Some(value) = self.authorization() {
            request = request.header(header::AUTHORIZATION, value);
        }
        let request = request
            .body(Full::new(body))
            .map_err(|error| ApiError::bad_request(format!("{path} is no address: {error}.")))?;
        let response = sender.send_request(request).await.map_err(unreachable)?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(|error| {
                ApiError::new(
                    Code::Unavailable,
                    format!("The answer of {self} broke off: {error}."),
                )
            })?
            .to_bytes();
        let media_type = parts
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok());
        Ok(Answer {
            status: parts.status,
            media_type: media_type.unwrap_or_default().to_owned(),
            body,
        })
    }

    async fn connect(&self) -> Result<Box<dyn Stream>, ApiError> {
        match self {
            Instance::Socket(path) => {
                let stream = uds::connect(path)
                    .await
                    .map_err(|error| self.unreachable(&error))?;
                Ok(Box::new(stream))
            }
            Instance::Address { url, .. } => {
                let uri: Uri = url
                    .parse()
                    .map_err(|error| ApiError::bad_request(format!("{url} is no address: {error}.")))?;
                let secure = match uri.scheme_str() {
                    Some("http") => false,
                    Some("https") => true,
                    _ => {
                        return Err(ApiError::bad_request(format!(
                            "{url} is no address that begins with http:// or https://."
                        )));
                    }
                };
                let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
                let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
                let stream = TcpStream::connect((host, port))
                    .await
                    .map_err(|error| self.unreachable(&error))?;
                if !secure {
                    return Ok(Box::new(stream));
                }
                let stream = secure::dress(stream, host)
                    .await
                    .map_err(|error| self.unreachable(&error))?;
                Ok(Box::new(stream))
            }
        }
    }

    fn unreachable(&self, error: &dyn std::fmt::Display) -> ApiError {
        ApiError::new(
            Code::Unavailable,
            format!("No instance answers at {self}: {error}."),
        )
    }

    fn host(&self) -> String {
        match self {
            Instance::Socket(_) => "orrery".to_owned(),
            Instance::Address { url, .. } => url
                .parse::<Uri>()
                .ok()
                .and_then(|u| u.authority().map(ToString::to_string))
                .unwrap_or_default(),
        }
    }

    fn authorization(&self) -> Option<HeaderValue> {
        match self {
            Instance::Socket(_) => None,
            Instance::Address { token, .. } => {
                let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
                value.set_sensitive(true);
                Some(value)
            }
        }
    }
}
