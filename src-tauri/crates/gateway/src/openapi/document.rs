//! The document as a whole.

use http::StatusCode;
use orrery_engine::api::ApiError;
use serde_json::{Map, Value, json};

use super::entries;
use super::entry::Entry;
use super::responses;
use super::samples;
use super::schemas::Schemas;
use crate::access::{self, ANY, Found, Rule};
use crate::auth::COOKIE;
use crate::limits::{CONNECTIONS_MAX, CONNECTIONS_PER_GROUP_MAX, HEAD_BYTES_MAX, REQUEST_TIMEOUT};

/// Methods that stand for every method.
const METHODS: [&str; 6] = ["GET", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"];

/// What path parameters mean.
const PARAMETERS: &[(&str, &str)] = &[
    ("topology", "Key of a topology, such as `hosts`."),
    ("node", "Id of a node, such as `web-1;<host>`."),
    ("probe", "Id of a probe."),
    ("control", "Id of a control."),
    ("pipe", "Id of a pipe, as the control that opened it answered."),
    ("id", "Id of a plugin, an operation or a task."),
    ("name", "Name of a token or of an object."),
    ("order", "What is wanted of the plugin or task."),
    ("path", "Group, version and what follows; may hold slashes."),
];

pub(super) fn written() -> Value {
    let mut schemas = Schemas::new();
    let error = schemas.written::<ApiError>();
    let mut paths = Map::new();
    for entry in entries::all(&mut schemas) {
        let methods = if entry.method == ANY {
            &METHODS[..]
        } else {
            &[entry.method]
        };
        let path = paths
            .entry(shown(entry.path))
            .or_insert_with(|| json!({ "parameters": parameters(entry.path) }));
        for method in methods {
            path[method.to_lowercase()] = operation(method, &entry);
        }
    }
    let (schemas, paths) = schemas.finish(paths.into());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Orrery",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "What runs on a machine, as a live topology.",
            "description": preface(),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "The instance that serves this document." }],
        "security": [{ "bearer": [] }, { "basic": [] }, { "cookie": [] }],
        "tags": tags(),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": responses::shared(&error),
            "securitySchemes": {
                "bearer": {
                    "type": "http", "scheme": "bearer",
                    "description": "A token, as `orrery token` shows and makes them.",
                },
                "basic": {
                    "type": "http", "scheme": "basic",
                    "description": "A token as the password; the user does not matter.",
                },
                "cookie": {
                    "type": "apiKey", "in": "cookie", "name": COOKIE,
                    "description": "What `POST /api/session` sets, or a link that opens once.",
                },
            },
        },
    })
}

fn preface() -> String {
    format!(
        "Every error has the shape `ApiError`. `x-role` is the least role that an operation asks for, and \
         `x-changes` says that read-only mode refuses it.\n\n\
         A head of more than {HEAD_BYTES_MAX} bytes is 431. Of {CONNECTIONS_MAX} connections, \
         {CONNECTIONS_PER_GROUP_MAX} may be of one address; one more than can be served is told 503 with \
         `Retry-After`. What neither streams nor waits answers within {} s, or with 504.",
        REQUEST_TIMEOUT.as_secs()
    )
}

fn tags() -> Value {
    let all = entries::TAGS.iter();
    all.map(|(name, description)| json!({ "name": name, "description": description }))
        .collect()
}

/// A path as OpenAPI writes it, which has no word for "and everything after".
fn shown(path: &str) -> String {
    path.replace("{*", "{")
}

fn parameters(path: &str) -> Value {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{'));
    names
        .map(|name| {
            let name = name.trim_end_matches('}').trim_start_matches('*');
            let known = PARAMETERS.iter().find(|(known, _)| *known == name);
            let schema = if name == "order" {
                let orders = match path.starts_with("/api/tasks") {
                    true => &crate::tasks::ORDERS[..],
                    false => &crate::plugins::ORDERS[..],
                };
                json!({ "type": "string", "enum": orders })
            } else {
                json!({ "type": "string", "minLength": 1 })
            };
            json!({
                "name": name, "in": "path", "required": true,
                "description": known.map_or("", |(_, what)| what), "schema": schema,
            })
        })
        .collect()
}

fn operation(method: &str, entry: &Entry) -> Value {
    let mut operation = json!({
        "operationId": name(method, entry.path),
        "summary": entry.summary,
        "tags": [entries::tag(entry.path)],
        "responses": answers(entry),
        "x-codeSamples": samples::of(method, entry),
    });
    if !entry.description.is_empty() {
        operation["description"] = entry.description.clone().into();
    }
    if !entry.parameters.is_empty() {
        operation["parameters"] = entry.parameters.clone().into();
    }
    if let Some(body) = &entry.body {
        operation["requestBody"] = body.clone();
    }
    for (key, value) in &entry.extensions {
        operation[key] = value.clone();
    }
    if let Some(rule) = rule(method, entry.path) {
        operation["x-role"] = json!(rule.role);
        operation["x-changes"] = rule.changes.into();
    }
    operation
}

fn rule(method: &str, path: &str) -> Option<&'static Rule> {
    let method = method.parse().ok()?;
    match access::rule(&method, path) {
        Found::Rule(rule) => Some(rule),
        Found::OtherMethod | Found::Nothing => None,
    }
}

/// Such as `getApiPluginsIdLogs`.
fn name(method: &str, path: &str) -> String {
    let words = path
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|w| !w.is_empty());
    let mut name = method.to_lowercase();
    for word in words {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

fn answers(entry: &Entry) -> Value {
    let mut answers = Map::new();
    for (status, answer) in &entry.answers {
        answers.insert(status.clone(), answer.clone());
    }
    let everywhere = [
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
        StatusCode::INTERNAL_SERVER_ERROR,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    // An address that cannot be decoded.
    let named = entry.path.contains('{').then_some(StatusCode::BAD_REQUEST);
    for status in everywhere.iter().chain(&named).chain(&entry.errors) {
        if let Some(reference) = responses::reference(*status) {
            answers.entry(status.as_str()).or_insert(reference);
        }
    }
    answers.into()
}
