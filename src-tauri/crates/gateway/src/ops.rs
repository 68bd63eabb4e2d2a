//! Operations over HTTP: one address that takes every request, and plain addresses for scripts.

use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use orrery_engine::api::{ApiError, Caller, Request};
use serde::Deserialize;

use crate::error::Failure;
use crate::limits::CALL_BYTES_MAX;
use crate::params::Params;
use crate::router::Gateway;
use crate::watch_events;

/// `POST /api/call` and its short forms.
pub(crate) fn routes() -> Router<Gateway> {
    Router::new()
        .route(
            "/api/call",
            post(call).layer(DefaultBodyLimit::max(CALL_BYTES_MAX)),
        )
        .route("/api/status", get(status))
        .route("/api/history", get(history))
}

/// A day, in milliseconds.
const DAY_MS: i64 = 24 * 3_600_000;

type Answer = Result<Response, Failure>;

async fn answer(gateway: &Gateway, caller: &Caller, request: Request) -> Answer {
    let response = gateway.engine.call(caller, request).await?;
    Ok(Json(response).into_response())
}

/// Takes a [`Request`] as JSON; the answer is the bare value that stands beside it.
async fn call(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    body: axum::body::Bytes,
) -> Answer {
    let request = serde_json::from_slice(&body)
        .map_err(|error| ApiError::bad_request(format!("The request does not parse: {error}.")))?;
    answer(&gateway, &caller, request).await
}

async fn status(State(gateway): State<Gateway>, Extension(caller): Extension<Caller>) -> Answer {
    answer(&gateway, &caller, Request::Status).await
}

/// Times are milliseconds since the epoch.
#[derive(Deserialize)]
struct HistoryQuery {
    node: String,
    metric: String,
    from: i64,
    to: i64,
    max_points: Option<u32>,
}

async fn history(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Params(q): Params<HistoryQuery>,
) -> Answer {
    let request = Request::History {
        node: q.node,
        metric: q.metric,
        from_ms: q.from,
        to_ms: q.to,
        max_points: q.max_points,
    };
    answer(&gateway, &caller, request).await
}

/// `GET /api/events`, which has no time limit: it may be a stream.
pub(crate) fn streams() -> Router<Gateway> {
    Router::new().route("/api/events", get(events))
}

/// Times are milliseconds since the epoch.
#[derive(Deserialize)]
struct EventsQuery {
    from: Option<i64>,
    to: Option<i64>,
    limit: Option<u32>,
    after: Option<i64>,
}

/// A list of what happened in a range, the last day when none is given; a stream for those who accept one.
async fn events(
    State(gateway): State<Gateway>,
    Extension(caller): Extension<Caller>,
    Params(q): Params<EventsQuery>,
    headers: http::HeaderMap,
) -> Answer {
    if watch_events::is_wanted(&headers) {
        return Ok(watch_events::serve(gateway.engine, &headers, q.after));
    }
    let to = q.to.unwrap_or_else(|| gateway.engine.now().as_millis());
    let from = q.from.unwrap_or(to - DAY_MS);
    answer(
        &gateway,
        &caller,
        Request::Events {
            from_ms: from,
            to_ms: to,
            limit: q.limit,
        },
    )
    .await
}
