//! Metrics that a manifest names, so that they are known before anything has run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[[metric]]`: a metric that the plugin's reports give to nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclaredMetric {
    /// Topology whose nodes have it, such as `host`, `process` or `container`.
    pub topology: String,
    /// Its id in reports.
    pub id: String,
    /// Name shown; the id when not given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// Unit, such as `bytes` or `requests/s`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// What it is, in a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}
