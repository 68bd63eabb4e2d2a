//! The OpenAPI document: what every route takes and answers, for people, generators and tests.
//!
//! Methods, paths and roles come from the table of access, and shapes from the types that are decoded and encoded
//! (`schemars`, which also writes the schema of a plugin's manifest). What no type tells, such as the statuses of a
//! route, stands in `entries`; a route without an entry fails a test, and so does an entry without a route.

mod document;
mod entries;
mod entry;
mod responses;
mod samples;
mod schemas;

use std::sync::OnceLock;

use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::get;
use bytes::Bytes;
use http::header;
use serde_json::Value;

use crate::router::Gateway;

/// The document, OpenAPI 3.1.
#[must_use]
pub fn document() -> Value {
    document::written()
}

/// The route that serves it.
pub(crate) fn routes() -> Router<Gateway> {
    Router::new().route("/api/openapi.json", get(serve))
}

async fn serve() -> axum::response::Response {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    let text = TEXT.get_or_init(|| document().to_string().into());
    ([(header::CONTENT_TYPE, "application/json")], text.clone()).into_response()
}

#[cfg(test)]
mod tests;
