//! Weave Scope's addresses.

use std::collections::BTreeMap;

use http::StatusCode;
use orrery_engine::topology::scope_api::{NodeAnswer, TopologyAnswer, TopologyDesc};
use serde_json::{Value, json};

use crate::limits::{CALL_BYTES_MAX, REPORT_BYTES_MAX};
use crate::openapi::entry::{Entry, JSON};
use crate::openapi::schemas::Schemas;
use crate::scope::{Instance, Pressed, Probe, Taken};

const MSGPACK: &str = "application/msgpack";

pub(super) fn all(s: &mut Schemas) -> Vec<Entry> {
    let mut all = looks(s);
    all.extend(sends(s));
    all.extend(pipes());
    all
}

fn looks(s: &mut Schemas) -> Vec<Entry> {
    let flag = json!({ "type": "string", "example": "true" });
    let hiding = |entry: Entry| {
        entry
            .parameter(
                "query",
                "hideCommandLineArguments",
                "`true` leaves out what may hold secrets.",
                &flag,
            )
            .parameter(
                "query",
                "hideEnvironmentVariables",
                "`true` leaves out what may hold secrets.",
                &flag,
            )
    };
    let probes = s.written::<Vec<Probe>>();
    let options = "Any further parameter is an option of the topology. Without any parameter no filter applies, with \
                   one the defaults do.";
    vec![
        Entry::get("/api", "Id, version, hostname, plugins").says::<Instance>(
            s,
            StatusCode::OK,
            "The instance.",
        ),
        Entry::get("/api/probes", "Probes that report")
            .parameter(
                "query",
                "sparse",
                "When it is there: whether there is a probe at all.",
                &json!({ "type": "string" }),
            )
            .says_content(
                StatusCode::OK,
                "A list, or true or false.",
                &json!({ JSON: { "schema": { "anyOf": [probes, { "type": "boolean" }] } } }),
            )
            .fails([StatusCode::BAD_REQUEST]),
        past(Entry::get("/api/topology", "Topologies with options and counts"))
            .more(options)
            .says::<Vec<TopologyDesc>>(s, StatusCode::OK, "By name."),
        queried(hiding(past(Entry::get(
            "/api/topology/{topology}",
            "Nodes of a topology",
        ))))
        .more(options)
        .says::<TopologyAnswer>(s, StatusCode::OK, "Nodes by id."),
        hiding(past(Entry::get("/api/topology/{topology}/{*node}", "A node")))
            .more(options)
            .says::<NodeAnswer>(s, StatusCode::OK, "The node with what is around it."),
        queried(hiding(past(Entry::get(
            "/api/topology/{topology}/ws",
            "What changes in a topology, as a websocket",
        ))))
        .more(&format!(
            "{options} From a moment in the past on it shows what was then, and what changed since as fast as it did."
        ))
        .parameter(
            "query",
            "t",
            "Least time between two messages, such as `1s`.",
            &json!({ "type": "string" }),
        )
        .upgrades(
            &json!({ "type": "object", "properties": {
                "add": { "type": ["array", "null"] }, "update": { "type": ["array", "null"] },
                "remove": { "type": ["array", "null"] }, "reset": { "type": "boolean" },
            } }),
            &json!(false),
        )
        .fails([StatusCode::TOO_MANY_REQUESTS]),
        hiding(past(Entry::get("/api/report", "The merged report"))).says_content(
            StatusCode::OK,
            "JSON, or msgpack for those who accept it.",
            &report(&json!("object")),
        ),
    ]
}

/// `?timestamp=`.
fn past(entry: Entry) -> Entry {
    let moment = json!({ "anyOf": [{ "type": "string", "format": "date-time" }, { "type": "string", "maxLength": 0 }] });
    entry
        .parameter(
            "query",
            "timestamp",
            "A moment in the past, as RFC 3339; none, or an empty one, is live.",
            &moment,
        )
        .fails([StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND])
}

/// `?q=`.
fn queried(entry: Entry) -> Entry {
    let what =
        "Keeps the nodes that match a query; one that does not parse is 400 with the place of the fault.";
    entry.parameter("query", "q", what, &json!({ "type": "string" }))
}

fn report(kind: &Value) -> Value {
    let report = json!({
        "type": kind,
        "description": "A report in Scope's form: topologies by name, with nodes by id.",
        "properties": { "ID": { "type": "string" } },
    });
    json!({ JSON: { "schema": report }, MSGPACK: { "schema": { "type": "string", "format": "binary" } } })
}

fn sends(s: &mut Schemas) -> Vec<Entry> {
    let words = json!({ JSON: { "schema": { "anyOf": [
        { "type": "string" }, s.written::<orrery_engine::api::ApiError>(),
    ] } } });
    let arguments = s.read::<Option<BTreeMap<String, String>>>();
    let any = json!({ "type": "object" });
    vec![
        Entry::post("/api/report", "Send a report")
            .parameter(
                "header",
                "X-Scope-Probe-ID",
                "Who reports; the report's own ID otherwise.",
                &json!({ "type": "string" }),
            )
            // Nothing is an empty report, as it was for Scope.
            .takes_content(&report(&json!(["object", "null"])), REPORT_BYTES_MAX, true)
            .more("It ages out after 15 s. It may be compressed: `Content-Encoding: gzip`.")
            .says_nothing(
                StatusCode::OK,
                "It was taken in. Where something was odd about it there is a body, as `x-warnings` says.",
            )
            .extended("x-warnings", s.written::<Taken>()),
        Entry::get(
            "/api/control/ws",
            "Where a remote probe waits for controls, as a websocket",
        )
        .more("The form of Go's `net/rpc` in JSON; the probe is the server.")
        .parameter(
            "header",
            "X-Scope-Probe-ID",
            "Who waits.",
            &json!({ "type": "string" }),
        )
        .upgrades(&any, &any)
        .fails([StatusCode::TOO_MANY_REQUESTS]),
        Entry::post("/api/control/{probe}/{node}/{control}", "Press a control")
            .parameter(
                "query",
                "force",
                "1 presses it though it is not active on the node.",
                &json!({ "type": "string" }),
            )
            .takes_content(&json!({ JSON: { "schema": arguments } }), CALL_BYTES_MAX, false)
            .says::<Pressed>(s, StatusCode::OK, "What became of it.")
            .says_content(
                StatusCode::BAD_REQUEST,
                "A string with the words of the probe or plugin, as Scope sent them.",
                &words,
            )
            .says_content(StatusCode::CONFLICT, "It is not active on the node.", &words)
            .says_content(
                StatusCode::PAYLOAD_TOO_LARGE,
                "The arguments are too large.",
                &words,
            )
            .says_content(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many controls are under way.",
                &words,
            ),
    ]
}

fn pipes() -> Vec<Entry> {
    let bytes = json!({ "type": "string", "format": "binary" });
    let end = |path, summary| {
        Entry::get(path, summary)
            .upgrades(&bytes, &bytes)
            .fails([StatusCode::NOT_FOUND, StatusCode::TOO_MANY_REQUESTS])
    };
    let close = |method| {
        Entry::new(method, "/api/pipe/{pipe}", "Close a terminal for good")
            .says_nothing(StatusCode::OK, "It never opens again.")
            .fails([StatusCode::NOT_FOUND])
    };
    vec![
        end(
            "/api/pipe/{pipe}",
            "The window's end of a terminal, as a websocket",
        ),
        end(
            "/api/pipe/{pipe}/probe",
            "The probe's end of a terminal, as a websocket",
        ),
        close("DELETE"),
        close("POST").more("As Scope's clients do it."),
        Entry::get("/api/pipe/{pipe}/check", "Whether a terminal is open")
            .says_nothing(StatusCode::NO_CONTENT, "It is.")
            .fails([StatusCode::NOT_FOUND]),
    ]
}
