//! What a task is asked to be: its manifest, read from YAML or JSON.
//!
//! Version 2 is Orrery's own; version 1 is Snap's, which is read into the same [`TaskSpec`]. Whatever is wrong is
//! told at once, each fault with the path of its field.

mod faults;
mod places;
mod read;
mod snap;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use ts_rs::TS;

pub use faults::{Fault, Faults, Table};

use crate::life::{OnFailure, Rules};
use crate::limits::MANIFEST_BYTES_MAX;
use crate::schedule::Schedule;

/// What a task is asked to be.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskSpec {
    /// Its name; empty when it has none of its own.
    pub name: String,
    /// When it runs.
    pub schedule: Schedule,
    /// Time for one call to a plugin or sink.
    pub timeout: Duration,
    /// Time for a whole run.
    pub deadline: Duration,
    /// What is done when it fails.
    pub on_failure: OnFailure,
    /// Whether it wants to be started when it is made; none when the manifest does not say.
    pub start: Option<bool>,
    /// What it collects.
    pub collect: Vec<Wanted>,
    /// Config by prefix of namespaces.
    pub config: BTreeMap<String, Map<String, Value>>,
    /// Tags by prefix of namespaces.
    pub tags: BTreeMap<String, BTreeMap<String, String>>,
    /// What becomes of it.
    pub then: Vec<NodeSpec>,
    /// What was lost in reading it from another version.
    pub warnings: Vec<Fault>,
}

/// Metrics that a task wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Query in the catalog, such as `/http-stats/container/*/req_per_sec`.
    pub query: String,
    /// Versions of the plugin that will do; empty for the newest.
    pub version: String,
    /// Whether the task does without when there is none.
    pub optional: bool,
}

/// A node of a workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeSpec {
    /// What it does.
    pub role: NodeRole,
    /// Name of what is built in, or id of a plugin.
    pub plugin: String,
    /// Its config.
    pub config: Map<String, Value>,
    /// What a publisher keeps for a sink that is down.
    pub buffer: Option<BufferSpec>,
    /// What becomes of what it gives; nothing follows a publisher.
    pub then: Vec<NodeSpec>,
}

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeRole {
    /// It makes samples of samples.
    Process,
    /// It hands samples out.
    Publish,
}

/// What a publisher keeps for a sink that is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BufferSpec {
    /// At most so many samples.
    pub max: usize,
    /// Which go when there are more.
    pub drop: Dropped,
}

/// Which samples go when there are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// Those that have been there longest.
    Oldest,
    /// Those that come.
    Newest,
}

impl TaskSpec {
    /// Reads a manifest, in YAML or JSON, of version 2 or of Snap's version 1.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(text: &str) -> Result<TaskSpec, Vec<Fault>> {
        match TaskSpec::read_all(text) {
            (Some(spec), faults) if faults.is_empty() => Ok(spec),
            (_, faults) => Err(faults),
        }
    }

    /// As much of a manifest as can be read, and everything that is wrong with it: what was read can be held against
    /// what there is, so that a person learns of all faults at once.
    pub fn read_all(text: &str) -> (Option<TaskSpec>, Vec<Fault>) {
        let whole = |message: String| {
            let field = String::new();
            (None, vec![Fault { field, message }])
        };
        if text.len() > MANIFEST_BYTES_MAX {
            return whole(format!("is larger than {MANIFEST_BYTES_MAX} bytes"));
        }
        let options = serde_saphyr::options! { strict_booleans: true };
        match serde_saphyr::from_str_with_options::<Value>(text, options) {
            Ok(value) => TaskSpec::read_value(&value),
            Err(error) => whole(format!("is neither YAML nor JSON: {error}")),
        }
    }

    /// Reads a manifest that is a value already.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_value(value: &Value) -> Result<TaskSpec, Vec<Fault>> {
        match TaskSpec::read_value(value) {
            (Some(spec), faults) if faults.is_empty() => Ok(spec),
            (_, faults) => Err(faults),
        }
    }

    fn read_value(value: &Value) -> (Option<TaskSpec>, Vec<Fault>) {
        let is_snaps = match value.get("version").and_then(Value::as_i64) {
            Some(version) => version == 1,
            None => value.get("version").is_none() && value.get("workflow").is_some(),
        };
        let faults = Faults::of(match is_snaps {
            true => places::Version::One,
            false => places::Version::Two,
        });
        let Some(map) = value.as_object() else {
            faults.add("", "is not a mapping");
            return (None, faults.into_all());
        };
        let spec = match map.get("version").and_then(Value::as_i64) {
            Some(1) => snap::read(map, &faults),
            Some(2) => read::read(map, &faults),
            Some(other) => {
                faults.add(
                    "version",
                    format!("is {other}, and has to be 2, or 1 for a manifest of Snap"),
                );
                None
            }
            None if map.contains_key("workflow") => snap::read(map, &faults),
            None => {
                faults.add(
                    "version",
                    "is missing, and has to be 2, or 1 for a manifest of Snap",
                );
                read::read(map, &faults)
            }
        };
        let warnings = faults.lost();
        (spec.map(|spec| TaskSpec { warnings, ..spec }), faults.into_all())
    }

    /// The manifest of version 2 that says the same.
    pub fn to_value(&self) -> Value {
        write::value(self)
    }

    /// When it runs, in a few words such as `every 5s`.
    pub fn when(&self) -> String {
        write::words(&self.schedule)
    }

    /// What its life is held to. `id` decides its share of the jitter.
    pub fn rules(&self, id: &str) -> Rules {
        // FNV-1a: spread, and the same after every restart.
        let hash = id.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        Rules {
            schedule: self.schedule.clone(),
            on_failure: self.on_failure,
            share: f64::from(hash) / f64::from(u32::MAX),
        }
    }

    /// Every node of its workflow with its path, parents first.
    pub fn nodes(&self) -> Vec<(String, &NodeSpec)> {
        let mut found = Vec::new();
        walk("", &self.then, &mut found);
        found
    }
}

fn walk<'a>(path: &str, nodes: &'a [NodeSpec], found: &mut Vec<(String, &'a NodeSpec)>) {
    for role in [NodeRole::Process, NodeRole::Publish] {
        let name = role.key();
        for (index, node) in nodes.iter().filter(|n| n.role == role).enumerate() {
            let place = match path {
                "" => format!("{name}[{index}]"),
                path => format!("{path}.{name}[{index}]"),
            };
            found.push((place.clone(), node));
            walk(&place, &node.then, found);
        }
    }
}

impl NodeRole {
    /// Its key in a manifest.
    pub fn key(self) -> &'static str {
        match self {
            NodeRole::Process => "process",
            NodeRole::Publish => "publish",
        }
    }
}
