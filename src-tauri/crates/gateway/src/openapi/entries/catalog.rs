//! What can be measured.

use http::StatusCode;
use orrery_engine::api::{CatalogEntry, CatalogPage, MetricReading};
use serde_json::json;

use crate::catalog::{Asked, CatalogEvent, Followed, Named, Valued};
use crate::openapi::entry::Entry;
use crate::openapi::schemas::Schemas;

pub(super) fn all(s: &mut Schemas) -> Vec<Entry> {
    let event = s.written::<CatalogEvent>();
    vec![
        Entry::get("/api/catalog", "Metrics that can be had")
            .more("Those of plugins that do not run at the moment as well.")
            .query::<Asked>(s)
            .says::<CatalogPage>(s, StatusCode::OK, "Those that answer the query."),
        Entry::get("/api/catalog/metric", "One metric")
            .query::<Named>(s)
            .says::<CatalogEntry>(s, StatusCode::OK, "What is known of it, and its newest values.")
            .fails([StatusCode::NOT_FOUND]),
        Entry::get("/api/catalog/readings", "Newest values of metrics")
            .query::<Valued>(s)
            .says::<Vec<MetricReading>>(s, StatusCode::OK, "Values in order of metrics and nodes."),
        Entry::get("/api/catalog/watch", "Newest values of metrics, again and again")
            .more(
                "Each event `readings` holds all of them, and comes when there are newer ones. On a websocket each \
                 event is a message. A client that reads too slowly gets an event `lagged` with the number of those it \
                 missed.",
            )
            .query::<Followed>(s)
            .says_content(
                StatusCode::OK,
                "A stream.",
                &json!({ "text/event-stream": { "schema": { "type": "string" }, "x-event": event } }),
            ),
    ]
}
