//! Coded errors as HTTP answers.

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use orrery_engine::api::{ApiError, Code};

use crate::limits::{HEAD_BYTES_MAX, REFUSAL_BYTES_MAX, RETRY_AFTER_S};

/// An error on its way out.
#[derive(Debug)]
pub(crate) struct Failure(pub ApiError);

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Failure(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = match self.0.code {
            // There is room again when what is under way has ended; what is too large stays so.
            Code::LimitExceeded if self.0.retryable => StatusCode::TOO_MANY_REQUESTS,
            code => status(code),
        };
        let again = status == StatusCode::TOO_MANY_REQUESTS
            || status == StatusCode::SERVICE_UNAVAILABLE && self.0.retryable;
        let mut response = (status, Json(self.0)).into_response();
        if again {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
        }
        response
    }
}

/// The status that a code travels under.
pub(crate) fn status(code: Code) -> StatusCode {
    match code {
        Code::BadRequest | Code::BadQuery | Code::Refused => StatusCode::BAD_REQUEST,
        Code::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::Forbidden => StatusCode::FORBIDDEN,
        Code::Conflict => StatusCode::CONFLICT,
        Code::Timeout => StatusCode::GATEWAY_TIMEOUT,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::LimitExceeded => StatusCode::PAYLOAD_TOO_LARGE,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Refuses a head that is longer than is taken. hyper's own bound is on what it buffers, which it may fill twice.
pub(crate) fn too_long<B>(request: &http::Request<B>) -> Option<Response> {
    let address = request
        .uri()
        .path_and_query()
        .map_or(0, |path| path.as_str().len());
    let headers = request.headers().iter();
    let bytes = headers.fold(address, |bytes, (name, value)| {
        bytes + name.as_str().len() + value.len()
    });
    (bytes > HEAD_BYTES_MAX).then(|| {
        let message = format!("The request's head is longer than {HEAD_BYTES_MAX} bytes.");
        let error = ApiError::new(Code::LimitExceeded, message);
        (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, Json(error)).into_response()
    })
}

/// Gives the form that every error has to what is refused before a handler sees it: another method, a body that is
/// too large, an address that cannot be decoded, a websocket that is none, an answer that took too long.
pub(crate) async fn in_form(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let failed = response.status().is_client_error() || response.status().is_server_error();
    let formed = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !failed || formed {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let said = to_bytes(body, REFUSAL_BYTES_MAX).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let error = refused(parts.status, said.trim());
    // A length or a kind that was told is that of the words, not of the form.
    parts.headers.remove(header::CONTENT_LENGTH);
    parts
        .headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = serde_json::to_vec(&error).unwrap_or_default();
    Response::from_parts(parts, Body::from(body))
}

fn refused(status: StatusCode, said: &str) -> ApiError {
    let (code, reason, otherwise) = match status {
        StatusCode::METHOD_NOT_ALLOWED => (
            Code::BadRequest,
            "method",
            "This address knows other methods; the header `Allow` names them.",
        ),
        StatusCode::UPGRADE_REQUIRED => (Code::BadRequest, "upgrade", "Only a websocket is spoken here."),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (
            Code::BadRequest,
            "media_type",
            "The body has a media type that is not taken here.",
        ),
        StatusCode::UNPROCESSABLE_ENTITY => (Code::Invalid, "", "What the request says cannot be."),
        StatusCode::PAYLOAD_TOO_LARGE => (Code::LimitExceeded, "", "The body is larger than is taken here."),
        StatusCode::NOT_FOUND => (Code::NotFound, "", "There is nothing at this address."),
        StatusCode::GATEWAY_TIMEOUT => (Code::Timeout, "", "The answer took too long."),
        status if status.is_client_error() => (Code::BadRequest, "", "The request cannot be used."),
        _ => (Code::Internal, "", "Something is wrong with Orrery."),
    };
    let message = if said.is_empty() {
        otherwise.to_owned()
    } else {
        format!("{}.", said.trim_end_matches('.'))
    };
    ApiError {
        reason: reason.to_owned(),
        ..ApiError::new(code, message)
    }
}
