//! Prometheus' HTTP service discovery: one target for each plugin that runs, all behind this address.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, header};
use serde_json::{Value, json};

use crate::router::Gateway;

/// The targets. No plugin is asked: a list that depends on how quickly each answers would come and go.
pub(super) async fn targets(State(gateway): State<Gateway>, headers: HeaderMap) -> Response {
    let host = headers
        .get(header::HOST)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("localhost");
    let plugins = gateway.engine.answering_plugins();
    let list: Vec<Value> = plugins
        .iter()
        .map(|plugin| {
            json!({
                "targets": [host],
                "labels": {
                    "__metrics_path__": format!("/api/plugins/{}/metrics", plugin.id),
                    "plugin_id": plugin.id,
                },
            })
        })
        .collect();
    Json(list).into_response()
}
