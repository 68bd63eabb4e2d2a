//! `plugin.toml`: what a plugin says of itself and how it wants to be run.

mod check;
mod error;
mod example;
mod host;
mod metric;
mod parse;
mod place;
mod program;
mod run;
mod schema;
mod supervision;
pub mod units;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use error::{ManifestError, ManifestFault};
pub use host::{Host, Machine};
pub use metric::DeclaredMetric;
pub use place::Places;
pub use run::{Activation, Handover, Run, Trigger};
pub use schema::schema;
pub use supervision::{Backoff, Enforce, Health, Limits, Metrics, Restart, RestartPolicy, Start, Stop};

use crate::id::PluginId;
use crate::policy::Rule;

/// Name of the manifest's file, in a package and in a directory of a local plugin.
pub const MANIFEST_FILE: &str = "plugin.toml";

/// The one form of manifests that is understood.
pub const MANIFEST_FORM: u32 = 1;

/// What a plugin says of itself. Only id, version and `run.entry` have to be there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Form of this file; 1.
    #[serde(default = "form")]
    #[schemars(range(min = 1, max = 1))]
    pub manifest: u32,
    /// Id of the plugin: also the name of its socket and what its report says.
    pub id: PluginId,
    /// Version, such as 1.4.0.
    #[schemars(with = "String")]
    pub version: semver::Version,
    /// Name shown; the id when not given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// What it does, in a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Version of Scope's report protocol.
    #[serde(default = "api_version")]
    pub api_version: String,
    /// What it offers.
    #[serde(default = "reporter")]
    pub interfaces: Vec<Interface>,
    /// How it is run.
    pub run: Run,
    /// Until its first report.
    #[serde(default, skip_serializing_if = "is_default")]
    pub start: Start,
    /// How it is ended.
    #[serde(default, skip_serializing_if = "is_default")]
    pub stop: Stop,
    /// How its health is looked at.
    #[serde(default, skip_serializing_if = "is_default")]
    pub health: Health,
    /// What happens when it ends by itself.
    #[serde(default, skip_serializing_if = "is_default")]
    pub restart: Restart,
    /// What it may use.
    #[serde(default, skip_serializing_if = "is_default")]
    pub limits: Limits,
    /// How its own use of resources is recorded.
    #[serde(default, skip_serializing_if = "is_default")]
    pub metrics: Metrics,
    /// Machines that it runs on; all rules must match.
    #[serde(default, skip_serializing_if = "is_default")]
    pub host: Host,
    /// Rules for its config.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy: Vec<Rule>,
    /// Metrics that its reports have, for the catalog.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metric: Vec<DeclaredMetric>,
    /// Services that it offers, as they are written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// What a plugin offers besides running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Interface {
    /// `GET /report`.
    Reporter,
    /// `POST /control`.
    Controller,
    /// `GET /health`.
    Health,
    /// `GET /describe`.
    Describe,
    /// `POST /config`.
    Config,
    /// Broadcast events.
    Events,
    /// Works on collected values.
    Processor,
    /// Takes collected values elsewhere.
    Publisher,
    /// Sends values by itself.
    Stream,
    /// `POST /collect`: a report for a config of its own.
    Collector,
}

impl Interface {
    /// The word in the manifest.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reporter => "reporter",
            Self::Controller => "controller",
            Self::Health => "health",
            Self::Describe => "describe",
            Self::Config => "config",
            Self::Events => "events",
            Self::Processor => "processor",
            Self::Publisher => "publisher",
            Self::Stream => "stream",
            Self::Collector => "collector",
        }
    }
}

fn form() -> u32 {
    MANIFEST_FORM
}

fn api_version() -> String {
    "1".to_owned()
}

fn reporter() -> Vec<Interface> {
    vec![Interface::Reporter]
}

pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
