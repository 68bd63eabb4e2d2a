//! Nodes.

use std::collections::BTreeSet;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::{ListOf, MapOf, Wire, count};
use crate::decode::ACTIVE_CONTROLS;
use crate::{ControlState, Latest, Metric, Node, Sample, Timestamp};

impl Serialize for Wire<'_, Node> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let node = self.0;
        let facts = Facts {
            node,
            active: active_controls(node),
        };
        let optional = [
            !node.adjacency.is_empty(),
            facts.len() > 0,
            !node.metrics.is_empty(),
            !node.latest_controls.is_empty(),
        ];
        let mut map = serializer.serialize_map(Some(5 + count(&optional)))?;
        map.serialize_entry("id", &node.id)?;
        map.serialize_entry("topology", &node.topology)?;
        // Scope writes `null` for these three when there is nothing in them.
        map.serialize_entry("sets", &(!node.sets.is_empty()).then_some(&node.sets))?;
        if !node.adjacency.is_empty() {
            map.serialize_entry("adjacency", &node.adjacency)?;
        }
        if facts.len() > 0 {
            map.serialize_entry("latest", &facts)?;
        }
        if !node.metrics.is_empty() {
            map.serialize_entry(
                "metrics",
                &MapOf(node.metrics.iter().map(|(id, m)| (id, Wire(m)))),
            )?;
        }
        if !node.latest_controls.is_empty() {
            let controls = node.latest_controls.iter().map(|(id, state)| (id, Wire(state)));
            map.serialize_entry("latestControls", &MapOf(controls))?;
        }
        map.serialize_entry("parents", &(!node.parents.is_empty()).then_some(&node.parents))?;
        let children = ListOf(node.children.iter().map(|child| Wire(&**child)));
        map.serialize_entry("children", &(!node.children.is_empty()).then_some(children))?;
        map.end()
    }
}

/// Active controls of all owners, and when the newest of them spoke.
fn active_controls(node: &Node) -> Option<(Timestamp, String)> {
    let newest = node.active_controls.values().map(|(at, _)| *at).max()?;
    let ids: BTreeSet<&str> = node
        .active_controls
        .values()
        .flat_map(|(_, ids)| ids.iter().map(AsRef::as_ref))
        .collect();
    Some((newest, ids.into_iter().collect::<Vec<_>>().join(";")))
}

/// `latest`, with the active controls in their place among the facts.
struct Facts<'a> {
    node: &'a Node,
    active: Option<(Timestamp, String)>,
}

impl Facts<'_> {
    fn len(&self) -> usize {
        self.node.latest.len() + usize::from(self.active.is_some())
    }
}

impl Serialize for Facts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        if let Some((timestamp, value)) = &self.active {
            map.serialize_entry(
                ACTIVE_CONTROLS,
                &Stamped {
                    timestamp,
                    value: value.as_str(),
                },
            )?;
        }
        for (key, Latest { timestamp, value }) in &self.node.latest {
            map.serialize_entry(key, &Stamped { timestamp, value })?;
        }
        map.end()
    }
}

/// `{timestamp, value}`.
struct Stamped<'a, T> {
    timestamp: &'a Timestamp,
    value: T,
}

impl<T: Serialize> Serialize for Stamped<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("timestamp", &Wire(self.timestamp))?;
        map.serialize_entry("value", &self.value)?;
        map.end()
    }
}

impl Serialize for Wire<'_, ControlState> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let dead = MapOf(std::iter::once(("dead", self.0.dead)));
        Stamped {
            timestamp: &self.0.timestamp,
            value: dead,
        }
        .serialize(serializer)
    }
}

impl Serialize for Wire<'_, Metric> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        let samples = ListOf(self.0.samples.iter().map(Wire));
        map.serialize_entry("samples", &(!self.0.samples.is_empty()).then_some(samples))?;
        map.serialize_entry("min", &Finite(self.0.min))?;
        map.serialize_entry("max", &Finite(self.0.max))?;
        map.end()
    }
}

impl Serialize for Wire<'_, Sample> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("date", &Wire(&self.0.date))?;
        map.serialize_entry("value", &Finite(self.0.value))?;
        map.end()
    }
}

/// A number in the nearest form that JSON has: no limit is the largest number, no number is `null`.
pub(super) struct Finite(pub(super) f64);

impl Serialize for Finite {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_nan() {
            return serializer.serialize_unit();
        }
        serializer.serialize_f64(self.0.clamp(f64::MIN, f64::MAX))
    }
}
