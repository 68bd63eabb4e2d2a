//! Queries and bodies, whose faults are told in the form that every error has, with the field at fault.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use orrery_engine::api::{ApiError, Code, FieldError};
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use crate::error::Failure;

/// The query of a request as `T`.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let pairs = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let query = serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs));
        query.map(Params).map_err(|error| {
            let place = format!("The query of {}", parts.uri.path());
            Failure(unreadable(
                &place,
                &error.path().to_string(),
                &error.inner().to_string(),
            ))
        })
    }
}

/// Parameters by name, as Weave Scope reads them: of one that is given twice the first counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(from = "Vec<(String, String)>")]
pub(crate) struct FirstGiven(BTreeMap<String, String>);

impl From<Vec<(String, String)>> for FirstGiven {
    fn from(pairs: Vec<(String, String)>) -> Self {
        let mut out = BTreeMap::new();
        for (name, value) in pairs {
            out.entry(name).or_insert(value);
        }
        FirstGiven(out)
    }
}

impl std::ops::Deref for FirstGiven {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// A body of JSON as `T`.
#[derive(Debug)]
pub(crate) struct Given<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Given<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        if !is_json(request.headers()) {
            return Err(unsupported());
        }
        let body = Bytes::from_request(request, state)
            .await
            .map_err(axum::response::IntoResponse::into_response)?;
        json(&body)
            .map(Given)
            .map_err(axum::response::IntoResponse::into_response)
    }
}

/// JSON as `T`.
pub(crate) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    let mut text = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut text)
        .map_err(|error| unreadable("The body", &error.path().to_string(), &error.inner().to_string()))?;
    text.end()
        .map_err(|error| unreadable("The body", ".", &error.to_string()))?;
    Ok(value)
}

/// A value as `T`.
pub(crate) fn value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Failure> {
    let read = serde_path_to_error::deserialize(value);
    Ok(read.map_err(|error| unreadable("The body", &error.path().to_string(), &error.inner().to_string()))?)
}

/// Whether a body may be JSON: it says so, or it says nothing. What `curl --data` says, whatever it sends, is
/// nothing; pages of other sites, which may say it too, are kept out at the door.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else {
        return true;
    };
    let kind = kind.to_str().unwrap_or_default().to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind == "application/json"
        || kind == "application/x-www-form-urlencoded"
        || kind.starts_with("application/") && kind.ends_with("+json")
}

/// A body of another media type than is taken.
pub(crate) fn unsupported() -> Response {
    let error = ApiError {
        reason: "media_type".to_owned(),
        ..ApiError::bad_request("The body has to be JSON: send it with `Content-Type: application/json`.")
    };
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, axum::Json(error)).into_response()
}

/// What cannot be read, and where. `.` is the whole.
fn unreadable(what: &str, field: &str, why: &str) -> ApiError {
    let why = why.trim_end_matches('.');
    let mut error = ApiError::new(Code::BadRequest, format!("{what} does not parse: {why}."));
    if field != "." {
        error.message = format!("{what} does not parse: {field}: {why}.");
        error.fields.push(FieldError {
            field: field.to_owned(),
            message: why.to_owned(),
        });
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[expect(dead_code, reason = "it is read to see what cannot be")]
    struct Query {
        node: String,
        limit: Option<u32>,
    }

    async fn query(text: &str) -> Result<Query, ApiError> {
        let request = http::Request::builder().uri(format!("/api/x?{text}")).body(());
        let (mut parts, ()) = request.unwrap().into_parts();
        let read = Params::<Query>::from_request_parts(&mut parts, &()).await;
        read.map(|params| params.0).map_err(|failure| failure.0)
    }

    #[tokio::test]
    async fn the_field_at_fault_is_named() {
        assert_eq!(query("node=a%3Bb&limit=3").await.unwrap().node, "a;b");
        let error = query("node=a&limit=many").await.unwrap_err();
        assert_eq!(error.fields[0].field, "limit");
        assert!(error.message.contains("limit"), "{error}");
        let error = query("limit=3").await.unwrap_err();
        assert!(error.message.contains("`node`"), "{error}");
        let error = query("node=a&node=b").await.unwrap_err();
        assert!(error.message.contains("duplicate"), "{error}");
        let error = json::<Vec<Query>>(br#"[{"node": "a"}, {"node": 3}]"#)
            .unwrap_err()
            .0;
        assert_eq!(error.fields[0].field, "[1].node");
        assert!(json::<u32>(b"3 4").is_err(), "what follows is not overlooked");
    }

    #[tokio::test]
    async fn of_a_parameter_given_twice_the_first_counts() {
        let request = http::Request::builder()
            .uri("/api/topology/processes?a=1&b=&a=2&t")
            .body(());
        let (mut parts, ()) = request.unwrap().into_parts();
        let read = Params::<FirstGiven>::from_request_parts(&mut parts, &()).await;
        let pairs: Vec<_> = read.unwrap().0.0.into_iter().collect();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(pairs, [pair("a", "1"), pair("b", ""), pair("t", "")]);
    }

    #[test]
    fn a_body_of_another_kind_is_not_taken_for_json() {
        let is = |kind: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            is_json(&headers)
        };
        assert!(is_json(&HeaderMap::new()));
        assert!(is("application/json") && is("Application/JSON; charset=utf-8"));
        assert!(is("application/merge-patch+json") && is("application/x-www-form-urlencoded"));
        assert!(!is("text/plain") && !is("text/json+html") && !is("multipart/form-data; boundary=x"));
    }
}
