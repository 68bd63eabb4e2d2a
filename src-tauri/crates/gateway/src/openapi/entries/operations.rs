//! Operations, views, events.

use http::StatusCode;
use orrery_engine::api::{Event, HistorySeries, Request, Response, Status};
use orrery_engine::topology::view::{ViewMessage, ViewRequest};
use serde_json::json;

use crate::limits::CALL_BYTES_MAX;
use crate::openapi::entry::{Entry, JSON};
use crate::openapi::schemas::Schemas;
use crate::ops::{EventsQuery, HistoryQuery};

pub(super) fn all(s: &mut Schemas) -> Vec<Entry> {
    let (sends, takes) = (s.written::<ViewMessage>(), s.read::<ViewRequest>());
    let (events, event) = (s.written::<Vec<Event>>(), s.written::<Event>());
    vec![
        Entry::post("/api/call", "Any operation")
            .more(
                "The operation stands under `op`; its description says what it answers. It may ask for more than \
                 the role `view`.",
            )
            .takes::<Request>(s, CALL_BYTES_MAX, &json!({ "op": "status" }))
            .says::<Response>(s, StatusCode::OK, "The bare value that the operation answers.")
            .fails([
                StatusCode::NOT_FOUND,
                StatusCode::CONFLICT,
                StatusCode::UNPROCESSABLE_ENTITY,
                StatusCode::TOO_MANY_REQUESTS,
            ]),
        Entry::get("/api/view", "A view of a topology, as a websocket")
            .more("Send `open` with a spec; a `frame` comes, then `delta`s. `resync` asks for a frame again.")
            .upgrades(&sends, &takes),
        Entry::get("/api/status", "State of the instance").says::<Status>(s, StatusCode::OK, "How it does."),
        Entry::get("/api/history", "A metric's past on one node")
            .query::<HistoryQuery>(s)
            .says::<HistorySeries>(s, StatusCode::OK, "Points in time order."),
        Entry::get("/api/events", "What happened")
            .more(
                "The last day, when no range is given. With `Accept: text/event-stream` it is a stream that begins \
                 now, or after `Last-Event-ID` or `after`, and each of its events holds an `Event`.",
            )
            .query::<EventsQuery>(s)
            .parameter(
                "header",
                "Last-Event-ID",
                "Number of the last event that was seen.",
                &json!({ "type": "integer", "format": "int64" }),
            )
            .says_content(
                StatusCode::OK,
                "A list, or a stream for those who accept one.",
                &json!({
                    JSON: { "schema": events },
                    "text/event-stream": { "schema": { "type": "string" }, "x-event": event },
                }),
            ),
        Entry::post("/api/instance/raise", "Bring the window to the front")
            .says_nothing(StatusCode::NO_CONTENT, "It is in front.")
            .fails([StatusCode::NOT_FOUND]),
        Entry::get("/api/openapi.json", "This document").says_content(
            StatusCode::OK,
            "OpenAPI 3.1.",
            &json!({ JSON: { "schema": { "type": "object", "required": ["openapi", "info", "paths"] } } }),
        ),
    ]
}
