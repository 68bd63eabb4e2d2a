//! Errors: one shape, and what each status means here.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::entry::JSON;

/// Every status that an error has, its name in the document, and when it comes.
const ALL: &[(StatusCode, &str, &str)] = &[
    (
        StatusCode::BAD_REQUEST,
        "BadRequest",
        "Something in the address, the query or the body cannot be used; `fields` names what, where that is known.",
    ),
    (
        StatusCode::UNAUTHORIZED,
        "Unauthorized",
        "No token was sent, or one that opens nothing.",
    ),
    (
        StatusCode::FORBIDDEN,
        "Forbidden",
        "`reason` says why: `role`, `read_only`, or `origin` for what comes from a foreign page or names a foreign host.",
    ),
    (StatusCode::NOT_FOUND, "NotFound", "There is no such thing."),
    (
        StatusCode::METHOD_NOT_ALLOWED,
        "MethodNotAllowed",
        "The address knows other methods; the header `Allow` names them.",
    ),
    (
        StatusCode::CONFLICT,
        "Conflict",
        "It contradicts the present state; `reason` says how, and `operation` what is in the way.",
    ),
    (
        StatusCode::GONE,
        "Gone",
        "The version to go on after is too old; list anew.",
    ),
    (
        StatusCode::PAYLOAD_TOO_LARGE,
        "PayloadTooLarge",
        "More than is taken; the message names the limit.",
    ),
    (
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "UnsupportedMediaType",
        "The body has a media type that is not taken here.",
    ),
    (
        StatusCode::UNPROCESSABLE_ENTITY,
        "Unprocessable",
        "The body parses, and what it says is not possible; `fields` names every fault.",
    ),
    (
        StatusCode::UPGRADE_REQUIRED,
        "UpgradeRequired",
        "Only a websocket is spoken here.",
    ),
    (
        StatusCode::TOO_MANY_REQUESTS,
        "TooManyRequests",
        "As much of this as is possible is under way; the header `Retry-After` says when to try again, in seconds.",
    ),
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        "Internal",
        "A fault of Orrery, and worth a report.",
    ),
    (
        StatusCode::BAD_GATEWAY,
        "BadGateway",
        "The plugin answered with something that is no answer.",
    ),
    (
        StatusCode::SERVICE_UNAVAILABLE,
        "Unavailable",
        "Something that is needed is not there, or every connection is in use; the header `Retry-After` says when to \
         try again, in seconds, where that is known.",
    ),
    (
        StatusCode::GATEWAY_TIMEOUT,
        "Timeout",
        "A plugin or a probe did not answer in time.",
    ),
    (
        StatusCode::INSUFFICIENT_STORAGE,
        "Full",
        "There are as many as there may be.",
    ),
];

/// All of them, by name.
pub(super) fn shared(error: &Value) -> Value {
    let mut shared = Map::new();
    for (status, name, what) in ALL {
        let mut response = json!({
            "description": what,
            "content": { JSON: { "schema": error } },
        });
        if let Some(headers) = headers(*status) {
            response["headers"] = headers;
        }
        shared.insert((*name).to_owned(), response);
    }
    shared.into()
}

/// A reference to what is said of a status.
pub(super) fn reference(status: StatusCode) -> Option<Value> {
    let (_, name, _) = ALL.iter().find(|(known, ..)| *known == status)?;
    Some(json!({ "$ref": format!("#/components/responses/{name}") }))
}

fn headers(status: StatusCode) -> Option<Value> {
    let (name, schema) = match status {
        StatusCode::UNAUTHORIZED => ("WWW-Authenticate", json!({ "type": "string" })),
        StatusCode::METHOD_NOT_ALLOWED => ("Allow", json!({ "type": "string" })),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            ("Retry-After", json!({ "type": "integer", "minimum": 0 }))
        }
        _ => return None,
    };
    Some(json!({ name: { "schema": schema } }))
}
