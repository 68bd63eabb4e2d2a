//! What an object is: identity, wish (`spec`) and finding (`status`).
//!
//! Objects come from text ([`text`]), become a checked value ([`read`]), and are never changed afterwards but
//! by the registry.

mod checks;
mod conditions;
mod read;
mod service;
#[cfg(test)]
mod tests;
pub mod text;

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

pub use checks::{is_group, is_plugin_id, is_version};
pub use conditions::{Condition, ConditionStatus, Status, reason};
pub use read::{from_manifest, read};
pub use service::{Access, PathMode, Protocol, Service, ServiceType};

/// Group of the objects themselves. No plugin may serve it.
pub const OBJECT_GROUP: &str = "aggregation.orrery";

/// The `apiVersion` that objects are written with.
pub const API_VERSION: &str = "aggregation.orrery/v1alpha1";

/// Every `apiVersion` that is read.
pub const API_VERSIONS: &[&str] = &[API_VERSION, "aggregation.grafana.app/v0alpha1"];

/// The `kind` of objects.
pub const KIND: &str = "DataPlaneService";

/// A declared service of a plugin: where it is reached and how.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataPlaneService {
    /// One of [`API_VERSIONS`].
    pub api_version: &'static str,
    /// [`KIND`].
    pub kind: &'static str,
    /// Name, versions, labels.
    pub metadata: Metadata,
    /// What is wanted.
    pub spec: Spec,
    /// What was found.
    pub status: Status,
}

/// Who an object is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Its name. The identity of what is served is group and version, not this.
    pub name: String,
    /// Names this life of the object; another object of the same name later has another one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// Changes with every change of the object. A number as text; empty when not known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resource_version: String,
    /// Counts the changes of `spec`; the first is 1, 0 is not known.
    pub generation: u64,
    /// When it was created, as RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<jiff::Timestamp>,
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// What is wanted: a plugin's services under a group and version.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// The plugin.
    #[serde(rename = "pluginID")]
    pub plugin_id: String,
    /// Its kind.
    pub plugin_type: PluginType,
    /// First half of the address, a DNS name.
    pub group: String,
    /// Second half of the address, such as `v1`.
    pub version: String,
    /// What is served there.
    pub services: Vec<Service>,
}

impl Spec {
    /// `/apis/{group}/{version}`.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("/apis/{}/{}", self.group, self.version)
    }
}

/// Kind of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PluginType {
    /// A plugin with routes of its own.
    #[default]
    App,
    /// A plugin that answers queries.
    Datasource,
}

/// One thing that is wrong with an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FieldError {
    /// Where, such as `spec.services[2].method`.
    pub field: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl DataPlaneService {
    /// The object as JSON, as it is shown.
    #[must_use]
    pub fn to_json(&self) -> Value {
        // Plain data with text keys always becomes JSON.
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// The number in `metadata.resourceVersion`; 0 when there is none.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.metadata.resource_version.parse().unwrap_or_default()
    }
}
