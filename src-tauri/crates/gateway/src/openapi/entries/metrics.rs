//! What Prometheus asks for.

use http::StatusCode;
use serde_json::{Value, json};

use crate::limits::NODE_SERIES_MAX;
use crate::openapi::entry::{Entry, JSON};

pub(super) fn all() -> Vec<Entry> {
    let targets = json!({ "type": "array", "items": {
        "type": "object", "required": ["targets", "labels"],
        "properties": {
            "targets": { "type": "array", "items": { "type": "string" } },
            "labels": { "type": "object", "additionalProperties": { "type": "string" } },
        },
    } });
    let raw = |path| {
        timed(Entry::get(path, "A plugin's own metrics, byte for byte"))
            .says_content(StatusCode::OK, "What it exposes.", &text())
            .fails([
                StatusCode::NOT_FOUND,
                StatusCode::PAYLOAD_TOO_LARGE,
                StatusCode::BAD_GATEWAY,
            ])
    };
    vec![
        timed(Entry::get(
            "/metrics",
            "Orrery's own metrics and every plugin's, joined by family",
        ))
        .parameter(
            "query",
            "plugins",
            "0 leaves the plugins out.",
            &json!({ "type": "integer", "minimum": 0, "maximum": 255 }),
        )
        .parameter(
            "query",
            "prefix",
            "What plugins' families are called with before their own name, `plugin_` when not given; nothing for \
             their own names alone.",
            &json!({ "type": "string" }),
        )
        .says_content(StatusCode::OK, "Families in order.", &text())
        .fails([StatusCode::BAD_REQUEST]),
        Entry::get(
            "/metrics/topology",
            "Every metric of every node, as the map shows it",
        )
        .parameter(
            "query",
            "topology",
            "Topologies of the map, such as `processes,hosts`; every one that is no variant of another when not given.",
            &json!({ "type": "string" }),
        )
        .parameter(
            "query",
            "q",
            "Query that nodes have to match.",
            &json!({ "type": "string" }),
        )
        .parameter(
            "query",
            "metric",
            "Id of a metric; all when not given.",
            &json!({ "type": "string" }),
        )
        .parameter(
            "query",
            "limit",
            &format!("At most this many series, {NODE_SERIES_MAX} when not given and at most."),
            &json!({ "type": "integer", "minimum": 0 }),
        )
        .says_content(
            StatusCode::OK,
            "One family for each metric, and how much was left out.",
            &text(),
        )
        .fails([StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND]),
        raw("/metrics/plugins/{id}"),
        raw("/api/plugins/{id}/metrics"),
        Entry::get(
            "/api/plugin-metrics/targets",
            "Plugins for Prometheus' HTTP service discovery",
        )
        .says_content(
            StatusCode::OK,
            "One group for each plugin.",
            &json!({ JSON: { "schema": targets } }),
        ),
    ]
}

fn text() -> Value {
    json!({
        "text/plain": { "schema": { "type": "string" } },
        "application/openmetrics-text": { "schema": { "type": "string" } },
    })
}

/// The scraper says how long it waits.
fn timed(entry: Entry) -> Entry {
    entry.parameter(
        "header",
        "X-Prometheus-Scrape-Timeout-Seconds",
        "How long the scraper waits, in seconds; the answer comes before.",
        &json!({ "type": "number" }),
    )
}
