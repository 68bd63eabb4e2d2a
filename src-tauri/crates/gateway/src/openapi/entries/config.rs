//! Config that is said for more or for less than a plugin.

use http::StatusCode;
use orrery_engine::api::{ConfigChanged, ConfigLayerView};
use serde_json::json;

use super::super::entry::Entry;
use super::super::schemas::Schemas;
use crate::limits::CALL_BYTES_MAX;

/// Places, with what is said there in words.
const PLACES: [(&str, &str); 4] = [
    ("/api/config/global", "for everything"),
    (
        "/api/config/interfaces/{name}",
        "for an interface, such as publisher",
    ),
    (
        "/api/config/revisions/{id}/{version}",
        "for a version of a plugin",
    ),
    ("/api/config/instances/{id}", "for the process of a plugin"),
];

pub(super) fn all(s: &mut Schemas) -> Vec<Entry> {
    let mut all = vec![
        Entry::get("/api/config", "Config in layers").says::<Vec<ConfigLayerView>>(
            s,
            StatusCode::OK,
            "Every layer that says something, the widest first.",
        ),
    ];
    let values = json!({ "application/json": {
        "schema": { "type": "object", "additionalProperties": true },
        "example": { "sample_rate": 5 },
    } });
    for (path, what) in PLACES {
        all.push(
            Entry::get(path, "Config of a layer")
                .more(&format!("What is set {what}."))
                .says::<ConfigLayerView>(s, StatusCode::OK, "What is set there at run time."),
        );
        for (method, summary, more) in [
            ("PUT", "Set the config of a layer", "Whatever else is set goes."),
            (
                "PATCH",
                "Change the config of a layer",
                "Other keys stay, and null takes one away.",
            ),
            (
                "DELETE",
                "Take the config of a layer away",
                "What stands in the configuration file stays.",
            ),
        ] {
            let mut entry = Entry::new(method, path, summary).more(&format!("Set {what}. {more}"));
            if method != "DELETE" {
                entry = entry.takes_content(&values, CALL_BYTES_MAX, true);
            }
            all.push(
                entry
                    .says::<ConfigChanged>(
                        s,
                        StatusCode::OK,
                        "What is set now, and the plugins that take it over.",
                    )
                    .fails([
                        StatusCode::BAD_REQUEST,
                        StatusCode::NOT_FOUND,
                        StatusCode::CONFLICT,
                        StatusCode::UNPROCESSABLE_ENTITY,
                    ]),
            );
        }
    }
    all
}
