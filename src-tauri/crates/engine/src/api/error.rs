//! What is said when a request is not carried out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Stable codes that clients may switch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The request is malformed or a value is out of range.
    BadRequest,
    /// The request can be read, and what it says breaks rules: `fields` has everything that does.
    Invalid,
    /// The query does not parse; `at` says where.
    BadQuery,
    /// No such topology, node, metric, plugin or moment.
    NotFound,
    /// The caller's role, or read-only mode, forbids it.
    Forbidden,
    /// It contradicts the present state, such as a dead control.
    Conflict,
    /// The plugin or probe answered with an error.
    Refused,
    /// The plugin or probe did not answer in time.
    Timeout,
    /// Something needed is not there (a probe not connected, a socket gone).
    Unavailable,
    /// A limit was reached; the message names it.
    LimitExceeded,
    /// A fault of ours.
    Internal,
}

/// An error as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// Stable code.
    pub code: Code,
    /// What, why, and what to do next, in one or two sentences.
    pub message: String,
    /// For [`Code::BadQuery`]: byte range of the fault in the query.
    pub at: Option<(u32, u32)>,
    /// Every field at fault, where there may be several, as of [`Code::Invalid`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<FieldError>>")]
    pub fields: Vec<FieldError>,
    /// Operation that stands in the way, or that failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[ts(optional, as = "Option<String>")]
    pub operation: String,
    /// Stable code of what went wrong below, such as `checksum`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[ts(optional, as = "Option<String>")]
    pub reason: String,
    /// Whether the same request may succeed later.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(optional, as = "Option<bool>")]
    pub retryable: bool,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct FieldError {
    /// Its key or path.
    pub field: String,
    /// What is wrong, and what is possible.
    pub message: String,
}
