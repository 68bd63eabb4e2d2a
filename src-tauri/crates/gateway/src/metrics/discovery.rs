//! Prometheus' HTTP service discovery: one target for each plugin that exposes metrics, all behind this address.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, header};
use serde_json::{Value, json};

use super::{budget, every_plugin};
use crate::router::Gateway;

/// The targets. A plugin that does not answer is one too, so that its absence is seen; one that answers that it has
/// no metrics is none.
pub(super) async fn targets(State(gateway): State<Gateway>, headers: HeaderMap) -> Response {
    let host = headers
        .get(header::HOST)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("localhost");
    let plugins = every_plugin(&gateway, budget(&headers)).await;
    let exposing = plugins
        .iter()
        .filter(|(_, outcome)| !matches!(outcome.exposed, Ok(None)));
    let list: Vec<Value> = exposing
        .map(|(id, _)| {
            json!({
                "targets": [host],
                "labels": {
                    "__metrics_path__": format!("/api/plugins/{id}/metrics"),
                    "plugin_id": id,
                },
            })
        })
        .collect();
    Json(list).into_response()
}
