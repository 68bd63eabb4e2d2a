//! The top level and the topologies.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::template::{DeclaredControl, text};
use super::{ListOf, MapOf, Wire, count};
use crate::{DnsRecord, PluginSpec, Report, Sampling, Timestamp, Topology, TopologyKind};

impl Serialize for Wire<'_, Report> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let report = self.0;
        let entries = TopologyKind::ALL.len() + 6 + usize::from(!report.dns.is_empty());
        let mut map = serializer.serialize_map(Some(entries))?;
        map.serialize_entry("TS", &Wire(&report.ts))?;
        for kind in TopologyKind::ALL {
            match report.topologies.get(&kind) {
                Some(topology) => {
                    map.serialize_entry(
                        kind.key(),
                        &WireTopology {
                            topology,
                            report_ts: report.ts,
                        },
                    )?;
                }
                None => {
                    let topology = &blank(kind);
                    map.serialize_entry(
                        kind.key(),
                        &WireTopology {
                            topology,
                            report_ts: report.ts,
                        },
                    )?;
                }
            }
        }
        if !report.dns.is_empty() {
            map.serialize_entry(
                "DNS",
                &MapOf(report.dns.iter().map(|(address, r)| (address, Wire(r)))),
            )?;
        }
        map.serialize_entry("Sampling", &Wire(&report.sampling))?;
        map.serialize_entry("Window", &report.window_ns)?;
        map.serialize_entry("Shortcut", &report.shortcut)?;
        map.serialize_entry("Plugins", &ListOf(report.plugins.iter().map(Wire)))?;
        map.serialize_entry("ID", &report.id)?;
        map.end()
    }
}

/// What Scope writes for a topology that holds nothing; reading it gives none.
pub(crate) fn blank(kind: TopologyKind) -> Topology {
    let tag = match kind {
        TopologyKind::VolumeSnapshot | TopologyKind::VolumeSnapshotData => "camera",
        _ => "",
    };
    Topology {
        shape: kind.shape().into(),
        tag: tag.into(),
        label: kind.label().into(),
        label_plural: kind.label_plural().into(),
        ..Topology::default()
    }
}

struct WireTopology<'a> {
    topology: &'a Topology,
    report_ts: Timestamp,
}

impl Serialize for WireTopology<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let WireTopology { topology, report_ts } = *self;
        let optional = [
            !topology.shape.is_empty(),
            !topology.tag.is_empty(),
            !topology.label.is_empty(),
            !topology.label_plural.is_empty(),
            !topology.nodes.is_empty(),
            !topology.controls.is_empty(),
            !topology.metadata_templates.is_empty(),
            !topology.metric_templates.is_empty(),
            !topology.table_templates.is_empty(),
        ];
        let mut map = serializer.serialize_map(Some(count(&optional)))?;
        text(&mut map, "shape", &topology.shape)?;
        text(&mut map, "tag", &topology.tag)?;
        text(&mut map, "label", &topology.label)?;
        text(&mut map, "label_plural", &topology.label_plural)?;
        if !topology.nodes.is_empty() {
            map.serialize_entry(
                "nodes",
                &MapOf(topology.nodes.iter().map(|(id, n)| (id, Wire(&**n)))),
            )?;
        }
        if !topology.controls.is_empty() {
            let controls = topology
                .controls
                .iter()
                .map(|(id, control)| (id, DeclaredControl { control, report_ts }));
            map.serialize_entry("controls", &MapOf(controls))?;
        }
        if !topology.metadata_templates.is_empty() {
            let templates = topology.metadata_templates.iter().map(|(id, t)| (id, Wire(t)));
            map.serialize_entry("metadata_templates", &MapOf(templates))?;
        }
        if !topology.metric_templates.is_empty() {
            let templates = topology.metric_templates.iter().map(|(id, t)| (id, Wire(t)));
            map.serialize_entry("metric_templates", &MapOf(templates))?;
        }
        if !topology.table_templates.is_empty() {
            let templates = topology.table_templates.iter().map(|(id, t)| (id, Wire(t)));
            map.serialize_entry("table_templates", &MapOf(templates))?;
        }
        map.end()
    }
}

impl Serialize for Wire<'_, DnsRecord> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let optional = [!self.0.forward.is_empty(), !self.0.reverse.is_empty()];
        let mut map = serializer.serialize_map(Some(count(&optional)))?;
        if !self.0.forward.is_empty() {
            map.serialize_entry("forward", &self.0.forward)?;
        }
        if !self.0.reverse.is_empty() {
            map.serialize_entry("reverse", &self.0.reverse)?;
        }
        map.end()
    }
}

impl Serialize for Wire<'_, Sampling> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("Count", &self.0.count)?;
        map.serialize_entry("Total", &self.0.total)?;
        map.end()
    }
}

impl Serialize for Wire<'_, PluginSpec> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(6))?;
        map.serialize_entry("id", &self.0.id)?;
        map.serialize_entry("label", &self.0.label)?;
        map.serialize_entry("description", &self.0.description)?;
        map.serialize_entry("interfaces", &self.0.interfaces)?;
        map.serialize_entry("api_version", &self.0.api_version)?;
        map.serialize_entry("status", &self.0.status)?;
        map.end()
    }
}
