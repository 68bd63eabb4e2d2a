//! One metric that can be had.

use std::sync::Arc;

use orrery_model::TopologyKind;
use semver::Version;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::namespace::Namespace;
use crate::shelf::Source;

/// What tells metrics apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MetricKey {
    /// Its name.
    pub namespace: Namespace,
    /// Version of the source that has it.
    pub version: Version,
}

/// A metric that a source has.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricEntry {
    /// Its name.
    pub namespace: Namespace,
    /// Who has it.
    pub source: Arc<Source>,
    /// What is known of it.
    pub told: Told,
}

impl MetricEntry {
    /// What tells it from others.
    #[must_use]
    pub fn key(&self) -> MetricKey {
        MetricKey {
            namespace: self.namespace.clone(),
            version: self.source.version.clone(),
        }
    }
}

/// What a source says of a metric. The stored form as well: fields are added with a default, never renamed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Told {
    /// Where its values stand in reports; none for what is in none.
    #[serde(default)]
    pub place: Option<Place>,
    /// Text shown.
    #[serde(default)]
    pub label: SmolStr,
    /// Unit, such as `bytes`; empty when it is not said.
    #[serde(default)]
    pub unit: SmolStr,
    /// What it is, in a sentence; may be empty.
    #[serde(default)]
    pub description: SmolStr,
    /// `percent`, `filesize`, `integer`, `number`, `duration` or empty.
    #[serde(default)]
    pub format: SmolStr,
    /// Metrics of one group share an axis.
    #[serde(default)]
    pub group: SmolStr,
    /// When the source last said so, in milliseconds since the epoch.
    #[serde(default)]
    pub advertised_ms: i64,
}

/// Where the values of a metric stand in reports.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Topology whose nodes have it.
    pub topology: TopologyKind,
    /// Its id there.
    pub metric: SmolStr,
}
