//! Requests and answers that are read whole, because something in them is looked at.

use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;

use super::Ask;
use super::failure::Failure;
use super::pass::{exchange, path_of, plugin_uri};
use crate::availability::Place;
use crate::limits;
use crate::wire::{Answer, BoxError};

impl<B> Ask<'_, B>
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    /// The body of the request, which must say that it is JSON.
    pub(super) async fn json_body(&mut self) -> Result<(Bytes, Value), Failure> {
        let content_type = self.request.headers().get(header::CONTENT_TYPE);
        let content_type = content_type
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            let message = "the body must be application/json";
            return Err(Failure::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UnsupportedMediaType",
                message,
            ));
        }
        let most = self.most().min(limits::MAX_WHOLE_BODY_BYTES);
        let Some(body) = self.request.body_mut().take() else {
            return Err(Failure::bad_request("the body is required"));
        };
        let body = Box::pin(body);
        let bytes = collect(body, most, limits::HEADER_TIMEOUT)
            .await
            .map_err(|cut| match cut {
                Cut::TooLarge => Failure::too_large(most),
                Cut::Stalled => Failure::client_stalled(),
                Cut::Broken(message) => Failure::bad_request(message),
            })?;
        self.hit.target.meter.add_request_bytes(bytes.len());
        let value = serde_json::from_slice(&bytes)
            .map_err(|error| Failure::bad_request(format!("the body is not JSON: {error}")))?;
        Ok((bytes, value))
    }

    /// Posts JSON to the plugin, at the service's path or this one.
    pub(super) async fn post(&mut self, path: &str, body: Bytes) -> Result<(Answer, Place), Failure> {
        let (wire, place) = self.way(false).await?;
        let mut headers = self.to_plugin();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        let body = Full::new(body).map_err(|never| match never {}).boxed_unsync();
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = plugin_uri(path_of(Bytes::copy_from_slice(path.as_bytes()))?);
        *request.headers_mut() = headers;
        let sent = pin!(wire.send(request));
        let answer = exchange(sent, &self.hit.mount.line, None, self.patience(), u64::MAX).await?;
        Ok((answer, place))
    }

    /// Posts JSON to the plugin and reads what it answers.
    pub(super) async fn post_for_json(&mut self, path: &str, body: Bytes) -> Result<Value, Failure> {
        let (answer, _place) = self.post(path, body).await?;
        let status = answer.status();
        if status == StatusCode::NOT_FOUND {
            let message = format!("the plugin has no {path}");
            return Err(Failure::new(
                StatusCode::NOT_IMPLEMENTED,
                "NotImplemented",
                message,
            ));
        }
        if !status.is_success() {
            return Err(Failure::bad_answer(format!("the plugin answered {status}")));
        }
        let timeout = self.service().timeout.unwrap_or(limits::HEADER_TIMEOUT);
        let body = Box::pin(answer.into_body());
        let bytes = collect(body, limits::MAX_WHOLE_BODY_BYTES, timeout)
            .await
            .map_err(|cut| match cut {
                Cut::TooLarge => Failure::bad_answer("the plugin's answer is too large"),
                Cut::Stalled => Failure::timeout(timeout),
                Cut::Broken(message) => Failure::bad_answer(message),
            })?;
        self.hit.target.meter.add_response_bytes(bytes.len());
        serde_json::from_slice(&bytes)
            .map_err(|error| Failure::bad_answer(format!("the plugin's answer is not JSON: {error}")))
    }
}

/// Why a body could not be read whole.
enum Cut {
    TooLarge,
    Stalled,
    Broken(String),
}

/// Reads a body whole, if it is not too large and never stands still for too long.
async fn collect<B>(mut body: B, most: u64, idle: Duration) -> Result<Bytes, Cut>
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    let mut whole = BytesMut::new();
    loop {
        let next = tokio::time::timeout(idle, body.frame())
            .await
            .map_err(|_| Cut::Stalled)?;
        let Some(frame) = next else {
            return Ok(whole.freeze());
        };
        let frame = frame.map_err(|error| Cut::Broken(error.into().to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        if (whole.len() + data.len()) as u64 > most {
            return Err(Cut::TooLarge);
        }
        whole.extend_from_slice(&data);
    }
}
