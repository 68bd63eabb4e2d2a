//! Declared services, and what is behind them.

use http::StatusCode;
use orrery_services::DataPlaneService;
use serde_json::{Value, json};

use crate::access::ANY;
use crate::openapi::entry::{Entry, JSON};
use crate::openapi::schemas::Schemas;

const ALL: &str = "/apis/aggregation.orrery/v1alpha1/dataplaneservices";
const ONE: &str = "/apis/aggregation.orrery/v1alpha1/dataplaneservices/{name}";

/// Body of a request that no route bounds otherwise, in bytes.
const OBJECT_BYTES_MAX: usize = 2 * 1024 * 1024;

pub(super) fn all(s: &mut Schemas) -> Vec<Entry> {
    let object = s.written::<DataPlaneService>();
    let shown = json!({ JSON: { "schema": object } });
    let list = json!({ "type": "object", "required": ["apiVersion", "kind", "items"], "properties": {
        "apiVersion": { "type": "string" }, "kind": { "const": "DataPlaneServiceList" },
        "metadata": { "type": "object" }, "items": { "type": "array", "items": object },
    } });
    let listed = json!({ JSON: { "schema": list } });
    let change = json!({ "type": "object", "required": ["type", "object"], "properties": {
        "type": { "enum": ["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"] }, "object": { "type": "object" },
    } });
    let watched = json!({
        JSON: { "schema": list },
        "application/json-seq": { "schema": { "type": "string" }, "x-line": change },
    });
    let faults = [StatusCode::CONFLICT, StatusCode::UNPROCESSABLE_ENTITY];
    let written = |entry: Entry| {
        entry
            .takes_content(&texts(), OBJECT_BYTES_MAX, true)
            .fails([StatusCode::CONFLICT, StatusCode::UNPROCESSABLE_ENTITY])
            .fails([StatusCode::INSUFFICIENT_STORAGE])
    };
    let version = json!({ "type": "string" });
    vec![
        Entry::get(ALL, "Every object, or what changes of them")
            .parameter("query", "watch", "1 asks for changes, one JSON document a line.", &version)
            .parameter(
                "query",
                "resourceVersion",
                "Where to go on watching.",
                &json!({ "type": "integer", "minimum": 0 }),
            )
            .says_content(StatusCode::OK, "The list, or a stream.", &watched)
            .fails([StatusCode::BAD_REQUEST, StatusCode::GONE]),
        written(Entry::post(ALL, "Create an object")).says_content(StatusCode::CREATED, "The object.", &shown),
        written(Entry::put(ALL, "Create or change every object of the body")).says_content(
            StatusCode::OK,
            "The objects.",
            &listed,
        ),
        Entry::get(ONE, "One object")
            .says_content(StatusCode::OK, "The object.", &shown)
            .fails([StatusCode::NOT_FOUND]),
        written(Entry::put(ONE, "Create or change an object"))
            .more("With `metadata.resourceVersion` it replaces that version alone; 409 when there is a newer one.")
            .says_content(StatusCode::OK, "The object.", &shown)
            .fails([StatusCode::NOT_FOUND]),
        Entry::new("PATCH", ONE, "Change parts of an object")
            .takes_content(&patches(), OBJECT_BYTES_MAX, true)
            .says_content(StatusCode::OK, "The object.", &shown)
            .fails([StatusCode::NOT_FOUND])
            .fails(faults),
        Entry::delete(ONE, "Delete an object")
            .parameter("query", "resourceVersion", "The version that is meant.", &version)
            .says_nothing(StatusCode::NO_CONTENT, "It is gone.")
            .fails([StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND])
            .fails(faults),
        Entry::new(ANY, "/apis", "Groups that are served")
            .more("Any method but GET and HEAD is answered by nobody.")
            .says_anything("The groups, in the form of Kubernetes."),
        Entry::new(ANY, "/apis/{*path}", "What a plugin serves")
            .more(
                "Below `/apis/GROUP/VERSION` requests go to the plugin whose object declares that group and version, \
                 with the role that the object asks for. `/apis/GROUP` and `/apis/GROUP/VERSION` list.",
            )
            .says_anything("What the plugin answers. An error of Orrery's own is an `ApiError`."),
    ]
}

/// An object as it is written. What is wrong with it is told by field.
fn texts() -> Value {
    let schema = json!({ "type": "object" });
    let example = json!({
        "apiVersion": "aggregation.orrery/v1alpha1", "kind": "DataPlaneService",
        "metadata": { "name": "http-stats" },
        "spec": {
            "pluginID": "http-stats", "pluginType": "app", "group": "http-stats.example", "version": "v1",
            "services": [{ "type": "route", "method": "GET", "path": "/report" }],
        },
    });
    json!({
        JSON: { "schema": schema, "example": example },
        "application/yaml": { "schema": { "type": "string" } },
        "application/toml": { "schema": { "type": "string" } },
    })
}

fn patches() -> Value {
    json!({
        "application/merge-patch+json": { "schema": { "type": "object" } },
        "application/json-patch+json": { "schema": { "type": "array", "items": {
            "type": "object", "required": ["op", "path"],
        } } },
    })
}
