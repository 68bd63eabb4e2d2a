//! Operations over HTTP: one address that takes every request, and plain addresses for scripts.

use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use orrery_engine::api::{ApiError, Caller, Request};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::Failure;
use crate::limits::CALL_BYTES_MAX;
use crate::params::{self, Given, Params};
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
    Given(body): Given<Map<String, Value>>,
) -> Answer {
    let given = Value::Object(body);
    let request: Request = params::value(given.clone())?;
    let read = serde_json::to_value(&request).map_err(ApiError::internal)?;
    if !is_meant(&given, &read) {
        let message = "The body does not parse: it has parameters that the operation does not take.";
        return Err(ApiError::bad_request(message).into());
    }
    answer(&gateway, &caller, request).await
}

/// Whether a request was read as it was written. Operations without parameters overlook what is sent beside their
/// name, and a number is taken for the name at its place: what nobody reads is a mistake.
fn is_meant(given: &Value, read: &Value) -> bool {
    match (given, read) {
        (Value::Object(given), Value::Object(read)) => {
            let overlooked = read.len() == 1 && given.len() > 1;
            let mut both = given
                .iter()
                .filter_map(|(key, given)| Some((given, read.get(key)?)));
            !overlooked && both.all(|(given, read)| is_meant(given, read))
        }
        (Value::Number(_), Value::String(_)) => false,
        _ => true,
    }
}

async fn status(State(gateway): State<Gateway>, Extension(caller): Extension<Caller>) -> Answer {
    answer(&gateway, &caller, Request::Status).await
}

/// Which part of which series.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct HistoryQuery {
    /// Node id.
    node: String,
    /// Metric id.
    metric: String,
    /// Start, in milliseconds since the epoch.
    from: i64,
    /// End, in milliseconds since the epoch.
    to: i64,
    /// At most this many points; 600 when not given, 10 000 at most.
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

/// Which events.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct EventsQuery {
    /// Start, in milliseconds since the epoch; a day before the end when not given.
    from: Option<i64>,
    /// End, in milliseconds since the epoch; now when not given.
    to: Option<i64>,
    /// At most this many, the newest; 500 when not given, 5 000 at most.
    limit: Option<u32>,
    /// For a stream: go on after this event.
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
    let from = q.from.unwrap_or(to.saturating_sub(DAY_MS));
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(given: &Value, meant: bool) {
        let read: Request = serde_json::from_value(given.clone()).unwrap();
        assert_eq!(
            is_meant(given, &serde_json::to_value(read).unwrap()),
            meant,
            "{given}"
        );
    }

    #[test]
    fn what_nobody_reads_is_told() {
        check(&json!({ "op": "status" }), true);
        check(&json!({ "op": "status", "more": 1 }), false);
        check(&json!({ "op": "topologies" }), true);
        check(&json!({ "op": "events", "from_ms": 0, "to_ms": 1 }), true);
        let order =
            |order: Value| json!({ "op": "plugin_order", "order": { "order": order, "plugin": "a" } });
        check(&order(json!("start")), true);
        let numbered = json!({ "op": "plugin_order", "order": {
            "order": 0, "source": { "from": "file", "path": "/a" }, "force": false,
        } });
        check(&numbered, false);
    }
}
