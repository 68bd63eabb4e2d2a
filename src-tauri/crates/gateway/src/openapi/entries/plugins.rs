//! Plugins and what was ordered.

use http::StatusCode;
use orrery_engine::Told;
use orrery_engine::api::{LogPage, OperationView, PluginConfig, PluginEntry, RejectedPackage, UsagePoint};
use serde_json::{Value, json};

use crate::limits::{CALL_BYTES_MAX, UPLOAD_BYTES_MAX};
use crate::openapi::entry::{Entry, JSON};
use crate::openapi::schemas::Schemas;
use crate::plugins::{
    After, Age, Back, Broadcast, Brought, Filter, Forced, Limit, Newest, Patience, Removal, Revisions, Wait,
};
use crate::uploads::Received;

pub(super) fn all(s: &mut Schemas) -> Vec<Entry> {
    let mut all = looks(s);
    all.extend(orders(s));
    all.extend(questions(s));
    all
}

fn looks(s: &mut Schemas) -> Vec<Entry> {
    vec![
        Entry::get("/api/plugins", "Every plugin and socket, by id")
            .query::<Filter>(s)
            .says::<Vec<PluginEntry>>(s, StatusCode::OK, "Those that match."),
        Entry::get(
            "/api/plugins/rejected",
            "What lies in a watched directory and was not taken",
        )
        .says::<Vec<RejectedPackage>>(s, StatusCode::OK, "Each with the reason."),
        Entry::get("/api/plugins/{id}", "One plugin")
            .says::<PluginEntry>(s, StatusCode::OK, "What is known of it.")
            .fails([StatusCode::NOT_FOUND]),
        Entry::get("/api/plugins/{id}/config", "A plugin's config")
            .says::<PluginConfig>(s, StatusCode::OK, "What it was given, and its rules.")
            .fails([StatusCode::NOT_FOUND]),
        Entry::get("/api/plugins/{id}/logs", "What a plugin wrote")
            .query::<After>(s)
            .says::<LogPage>(s, StatusCode::OK, "Lines, oldest first.")
            .fails([StatusCode::NOT_FOUND]),
        Entry::get("/api/plugins/{id}/usage", "What a plugin's processes use")
            .query::<Newest>(s)
            .says::<Vec<UsagePoint>>(s, StatusCode::OK, "Points, oldest first.")
            .fails([StatusCode::NOT_FOUND]),
        Entry::get("/api/plugins/{id}/revisions", "What is installed of a plugin")
            .says::<Revisions>(
                s,
                StatusCode::OK,
                "The one in force, one on its way, and those kept.",
            )
            .fails([StatusCode::NOT_FOUND]),
        Entry::get("/api/ops", "Operations, newest first")
            .query::<Limit>(s)
            .says::<Vec<OperationView>>(s, StatusCode::OK, "How each of them went or goes."),
        Entry::get("/api/ops/{id}", "One operation")
            .says::<OperationView>(s, StatusCode::OK, "How it went or goes.")
            .fails([StatusCode::NOT_FOUND]),
    ]
}

/// An operation under way, or how it ended.
fn ordered(entry: Entry, s: &mut Schemas) -> Entry {
    entry
        .says::<OperationView>(s, StatusCode::OK, "It is done.")
        .says::<OperationView>(
            s,
            StatusCode::ACCEPTED,
            "It goes on; `Location` says where to look.",
        )
        .says_content(
            StatusCode::CONFLICT,
            "It was cancelled; or it was not taken, because it contradicts the present state.",
            &either::<OperationView>(s),
        )
        .says_content(
            StatusCode::UNPROCESSABLE_ENTITY,
            "It failed; its steps say where and why.",
            &either::<OperationView>(s),
        )
        .fails([
            StatusCode::BAD_REQUEST,
            StatusCode::NOT_FOUND,
            StatusCode::TOO_MANY_REQUESTS,
        ])
}

/// A value or an error.
fn either<T: schemars::JsonSchema>(s: &mut Schemas) -> Value {
    let (value, error) = (s.written::<T>(), s.written::<orrery_engine::api::ApiError>());
    json!({ JSON: { "schema": { "anyOf": [value, error] } } })
}

fn orders(s: &mut Schemas) -> Vec<Entry> {
    let source = json!({ "from": "file", "path": "/srv/iowait-1.2.0.orrery" });
    let config = json!({ "interval": "5s" });
    let config = json!({
        JSON: { "schema": {}, "example": config },
        "text/plain": { "schema": { "type": "string" }, "example": "interval = 5\n" },
    });
    let install = Entry::post("/api/plugins", "Install or upgrade a plugin")
        .query::<Forced>(s)
        .takes::<Brought>(s, CALL_BYTES_MAX, &source);
    let upgrade = Entry::post("/api/plugins/{id}/upgrade", "Upgrade a plugin that is there")
        .query::<Forced>(s)
        .takes::<Brought>(s, CALL_BYTES_MAX, &source);
    let back =
        Entry::post("/api/plugins/{id}/rollback", "Go back to a revision that is kept").query::<Back>(s);
    let remove = Entry::delete("/api/plugins/{id}", "Remove a plugin").query::<Removal>(s);
    let tell = Entry::post("/api/plugins/{id}/{order}", "Say what is wanted of a plugin").query::<Wait>(s);
    let configure = Entry::put("/api/plugins/{id}/config", "Give a plugin its config")
        .more("JSON is structured config; any other media type is text.")
        .query::<Wait>(s)
        .takes_content(&config, CALL_BYTES_MAX, true);
    let clear = Entry::delete("/api/plugins/{id}/config", "Take a plugin's config away").query::<Wait>(s);
    let mut all: Vec<Entry> = [install, upgrade, back, remove, tell, configure, clear]
        .into_iter()
        .map(|entry| ordered(entry, s))
        .collect();
    let cancelled = |entry: Entry, s: &mut Schemas| {
        entry
            .says::<OperationView>(s, StatusCode::OK, "As it stands; it ends as soon as it can.")
            .fails([StatusCode::NOT_FOUND, StatusCode::CONFLICT])
    };
    all.push(cancelled(
        Entry::delete("/api/ops/{id}", "Cancel an operation"),
        s,
    ));
    all.push(cancelled(
        Entry::post("/api/ops/{id}/cancel", "Cancel an operation"),
        s,
    ));
    let package =
        json!({ "application/octet-stream": { "schema": { "type": "string", "format": "binary" } } });
    all.push(
        Entry::post("/api/uploads", "Send a package as the body")
            .more("An upload that nobody orders is dropped after half an hour.")
            .takes_content(&package, UPLOAD_BYTES_MAX, true)
            .says::<Received>(
                s,
                StatusCode::CREATED,
                "The handle that an install is ordered with.",
            )
            .fails([StatusCode::TOO_MANY_REQUESTS]),
    );
    all
}

fn questions(s: &mut Schemas) -> Vec<Entry> {
    let health = json!({ JSON: { "schema": {
        "type": "object", "required": ["status"], "properties": { "status": { "type": "string" } },
    } } });
    let event = json!({ "event": "config-changed", "details": { "file": "/etc/app.toml" } });
    let wait = json!({ "about": "task-7", "code": 0, "timeout": 30 });
    vec![
        Entry::get("/api/plugins/{id}/health", "How a plugin does")
            .more("`about` asks the plugin a question that it defines itself.")
            .query::<Age>(s)
            .says_content(StatusCode::OK, "It is well, or what it answered.", &health)
            .says_content(
                StatusCode::NOT_FOUND,
                "There is no such plugin.",
                &health_or_error(s),
            )
            .says_content(
                StatusCode::SERVICE_UNAVAILABLE,
                "It is not well; `reason` says why, and the header `Retry-After` when to ask again.",
                &health_or_error(s),
            ),
        Entry::post(
            "/api/plugins/{id}/wait",
            "Ask a plugin until it answers with a code",
        )
        .takes::<Patience>(s, CALL_BYTES_MAX, &wait)
        .says_content(StatusCode::OK, "The answer with that code.", &health)
        .fails([StatusCode::NOT_FOUND]),
        Entry::post("/api/broadcast", "Tell every plugin that listens")
            .takes::<Broadcast>(s, CALL_BYTES_MAX, &event)
            .says::<Vec<Told>>(s, StatusCode::OK, "How each of them took it."),
    ]
}

fn health_or_error(s: &mut Schemas) -> Value {
    let error = s.written::<orrery_engine::api::ApiError>();
    json!({ JSON: { "schema": { "anyOf": [
        { "type": "object", "required": ["message"], "properties": { "message": { "type": "string" } } },
        error,
    ] } } })
}
