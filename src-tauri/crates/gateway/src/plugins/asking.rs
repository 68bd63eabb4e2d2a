//! `POST /api/broadcast` and `POST /api/plugins/{id}/wait`: what plugins are told, and what is waited for.

use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use orrery_engine::api::Caller;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::error::Failure;
use crate::limits::CALL_BYTES_MAX;
use crate::params::Given;
use crate::router::Gateway;

/// The routes that answer when the plugins did.
pub(crate) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/api/broadcast", post(broadcast))
        .route("/api/plugins/{id}/wait", post(wait))
        .layer(DefaultBodyLimit::max(CALL_BYTES_MAX))
}

/// What plugins are told.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Broadcast {
    /// Its name: letters, digits, dots, dashes and underscores.
    event: String,
    /// What else there is to say.
    #[serde(default)]
    details: Value,
}

async fn broadcast(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Given(Broadcast { event, details }): Given<Broadcast>,
) -> Result<Response, Failure> {
    let told = gateway.engine.broadcast(&caller, &event, details).await?;
    Ok(Json(told).into_response())
}

/// A question, and the answer that is waited for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Patience {
    /// The question, as the plugin defines it.
    about: String,
    /// The code that ends the wait.
    #[serde(default)]
    code: i64,
    /// In seconds; 50 at most.
    timeout: u64,
}

async fn wait(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Path(plugin): Path<String>,
    Given(Patience { about, code, timeout }): Given<Patience>,
) -> Result<Response, Failure> {
    let time = Duration::from_secs(timeout);
    let waited = gateway
        .engine
        .wait_for_plugin(&caller, &plugin, &about, code, time);
    Ok(Json(waited.await?).into_response())
}
