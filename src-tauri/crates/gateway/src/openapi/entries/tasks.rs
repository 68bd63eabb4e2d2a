//! What is collected, when, and where it goes.

use http::StatusCode;
use orrery_engine::TaskEvent;
use orrery_engine::api::{SubscriptionView, TaskCheck, TaskDetails, TaskFile, TaskInfo};
use serde_json::{Value, json};

use crate::limits::MANIFEST_BYTES_MAX;
use crate::openapi::entry::Entry;
use crate::openapi::schemas::Schemas;
use crate::tasks::{Changing, Making, ORDERS, Since};

pub(super) fn all(s: &mut Schemas) -> Vec<Entry> {
    let manifest = json!({ "*/*": { "schema": { "type": "string" }, "example": EXAMPLE } });
    let event = s.written::<TaskEvent>();
    let missing = [StatusCode::NOT_FOUND, StatusCode::CONFLICT];
    let invalid = [StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY];
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    vec![
        Entry::get("/api/tasks", "Every task, those first that were made first")
            .says::<Vec<TaskInfo>>(s, StatusCode::OK, "Tasks.")
            .fails([unavailable]),
        Entry::post("/api/tasks", "Make a task")
            .more("The body is a manifest in YAML or JSON: version 2, or version 1 as Snap has it.")
            .query::<Making>(s)
            .takes_content(&manifest, MANIFEST_BYTES_MAX, true)
            .says::<TaskInfo>(s, StatusCode::CREATED, "The task.")
            .fails(invalid)
            .fails([unavailable]),
        Entry::post("/api/tasks/dry-run", "See what is wrong with a manifest")
            .more("Nothing is made. It becomes a task when there are no faults; warnings are for a person to read.")
            .takes_content(&manifest, MANIFEST_BYTES_MAX, true)
            .says::<TaskCheck>(s, StatusCode::OK, "Everything that is wrong.")
            .fails([unavailable]),
        Entry::get("/api/tasks/files", "Files that declare tasks")
            .says::<Vec<TaskFile>>(s, StatusCode::OK, "Each with its task, and why it is not in force.")
            .fails([unavailable]),
        Entry::get("/api/tasks/{id}", "One task, by id or name")
            .says::<TaskDetails>(s, StatusCode::OK, "The task with its manifest and last values.")
            .fails(missing),
        Entry::put("/api/tasks/{id}", "Give a task another manifest")
            .more("Its id, counts and history stay; a run under way ends as it began.")
            .query::<Changing>(s)
            .takes_content(&manifest, MANIFEST_BYTES_MAX, true)
            .says::<TaskInfo>(s, StatusCode::OK, "The task.")
            .fails(invalid)
            .fails(missing),
        Entry::delete("/api/tasks/{id}", "Remove a task that is not started")
            .says_nothing(StatusCode::NO_CONTENT, "It is gone.")
            .fails(missing),
        Entry::get("/api/tasks/{id}/export", "A task's manifest, version 2")
            .says::<Value>(s, StatusCode::OK, "The manifest.")
            .fails(missing),
        Entry::get("/api/tasks/{id}/subscription", "What a task's queries come to")
            .says::<SubscriptionView>(
                s,
                StatusCode::OK,
                "What it has, or would have if it were started.",
            )
            .fails(missing),
        Entry::post("/api/tasks/{id}/{order}", "Start, stop, enable or run a task")
            .more(&format!(
                "The order is one of {}. `run` answers when the run is over, with how it went.",
                ORDERS.join(", ")
            ))
            .says::<TaskInfo>(s, StatusCode::OK, "The task.")
            .fails(missing),
        Entry::get(
            "/api/tasks/{id}/watch",
            "What a task does, until it comes to rest",
        )
        .more(
            "On a websocket each event is a message. Goes on after the header `Last-Event-ID`. A client that reads too slowly gets an event `lagged` \
                 with the number of those it missed.",
        )
        .query::<Since>(s)
        .says_content(
            StatusCode::OK,
            "A stream.",
            &json!({ "text/event-stream": { "schema": { "type": "string" }, "x-event": event } }),
        )
        .fails(missing),
    ]
}

const EXAMPLE: &str = "version: 2\nname: load\nschedule: { type: simple, interval: 5s }\n\
                       collect:\n  /orrery/host/*/load1: {}\npublish:\n  - plugin: stdout\n";
