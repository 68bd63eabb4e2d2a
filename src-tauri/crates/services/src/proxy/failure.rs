//! Answers that are not the plugin's: what went wrong, in a form for people and programs.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::Body;
use crate::availability::Line;
use crate::limits;
use crate::object::{Access, reason};
use crate::traffic::RequestResult;
use crate::wire::{DialError, SendError};

/// Why a request has no answer of a plugin.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    reason: &'static str,
    message: String,
    retry_after: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    code: u16,
    reason: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    plugin_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl Failure {
    pub(super) fn new(status: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        let message: String = message.into();
        Failure {
            status,
            reason,
            message: message.chars().take(limits::MAX_MESSAGE_CHARS).collect(),
            retry_after: None,
        }
    }

    fn retry(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// 400.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Failure::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// 502: the plugin's answer makes no sense.
    pub(super) fn bad_answer(message: impl Into<String>) -> Self {
        Failure::new(StatusCode::BAD_GATEWAY, "BadAnswer", message)
    }

    pub(super) fn unsynced() -> Self {
        Failure::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "NotSynced",
            "the services have not been read yet",
        )
        .retry(limits::RETRY_AFTER_SYNC_SECONDS)
    }

    pub(super) fn forbidden(needed: Access, has: Access) -> Self {
        let message = format!("this needs the role {}, not {}", needed.word(), has.word());
        Failure::new(StatusCode::FORBIDDEN, "Forbidden", message)
    }

    pub(super) fn too_large(most: u64) -> Self {
        let message = format!("the body is larger than {most} bytes");
        Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "TooLarge", message)
    }

    pub(super) fn head_too_large() -> Self {
        let message = format!(
            "the head is larger than {} bytes or has more than {} headers",
            limits::MAX_HEAD_BYTES,
            limits::MAX_HEADERS
        );
        Failure::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "HeadTooLarge",
            message,
        )
    }

    pub(super) fn client_stalled() -> Self {
        Failure::new(
            StatusCode::REQUEST_TIMEOUT,
            "BodyTimeout",
            "the body of the request does not come",
        )
    }

    pub(super) fn saturated(line: &Line) -> Self {
        let message = format!("{} is busy: too many requests are under way", line.id);
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, "Saturated", message).retry(limits::RETRY_AFTER_SECONDS)
    }

    /// The plugin is known to be unreachable.
    pub(super) fn unavailable(line: &Line) -> Self {
        let standing = line.standing();
        let finding = &standing.finding;
        Failure::new(
            StatusCode::SERVICE_UNAVAILABLE,
            finding.reason,
            finding.message.clone(),
        )
        .retry(standing.retry_after())
    }

    /// It sleeps, and did not wake in time.
    pub(super) fn not_awake(line: &Line) -> Self {
        let standing = line.standing();
        let message = format!(
            "{} was not started within {} s: {}",
            line.id,
            limits::WAKE.as_secs(),
            standing.finding.message
        );
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, standing.finding.reason, message)
            .retry(standing.retry_after())
    }

    pub(super) fn timeout(after: std::time::Duration) -> Self {
        let message = format!("no answer within {} ms", after.as_millis());
        Failure::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", message)
    }

    /// There was no connection, or it broke.
    pub(super) fn sending(error: &SendError) -> Self {
        let unreachable = |reason, message: String| {
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, reason, message).retry(limits::RETRY_AFTER_SECONDS)
        };
        match error {
            SendError::Dial(missing @ DialError::Missing(_)) => {
                unreachable(reason::SOCKET_MISSING, missing.to_string())
            }
            SendError::Dial(peer @ DialError::Peer(_)) => {
                unreachable(reason::PEER_MISMATCH, peer.to_string())
            }
            // To come back soon would not help.
            SendError::Dial(DialError::Untrusted(message)) => {
                Failure::new(StatusCode::BAD_GATEWAY, "Untrusted", message.clone())
            }
            SendError::Dial(other) => unreachable("Unreachable", other.to_string()),
            SendError::Broken(message) => Failure::bad_answer(message.clone()),
        }
    }

    /// Whether nobody took the connection, which is worth a probe.
    pub(super) fn is_dial(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE
    }

    pub(super) fn result(&self) -> RequestResult {
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE => RequestResult::Unavailable,
            StatusCode::GATEWAY_TIMEOUT => RequestResult::Timeout,
            status => RequestResult::of_status(status),
        }
    }

    pub(super) fn response(&self, plugin: &str) -> Response<Body> {
        let told = Told {
            code: self.status.as_u16(),
            reason: self.reason,
            message: &self.message,
            plugin_id: plugin,
            retry_after: self.retry_after,
        };
        let mut response = json(self.status, &told);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// A JSON answer of our own.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    // Plain data with text keys always becomes JSON.
    let text = serde_json::to_vec(value).unwrap_or_default();
    let mut response = Response::new(Body::full(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
