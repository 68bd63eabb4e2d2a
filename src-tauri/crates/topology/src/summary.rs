//! A node's facts, metrics and parents, as templates of the report say.

use std::borrow::Cow;
use std::collections::BTreeMap;

use orrery_model::{
    MetadataSource, MetadataTemplate, Metric, MetricTemplate, Node, NodeId, Report, SmolStr, TopologyKind,
};

use crate::derive::TopologyKey;
use crate::derive::node::{NodeKind, RenderNode};
use crate::derive::stacks::summed;
use crate::labels::{Style, host_label, labels};
use crate::view::{MetadataRow, MetricInfo, ParentRef};

/// Limits from here on mean that there is none: a probe writes 2^64 − 1 for it.
const NO_LIMIT: f64 = 9e18;

/// Order of the parents row.
const PARENTS: [TopologyKind; 13] = [
    TopologyKind::Container,
    TopologyKind::ContainerImage,
    TopologyKind::Pod,
    TopologyKind::Deployment,
    TopologyKind::DaemonSet,
    TopologyKind::StatefulSet,
    TopologyKind::CronJob,
    TopologyKind::Job,
    TopologyKind::Service,
    TopologyKind::EcsTask,
    TopologyKind::EcsService,
    TopologyKind::SwarmService,
    TopologyKind::Host,
];

/// A metric of a node with how to show it.
#[derive(Debug)]
pub(crate) struct NodeMetric<'a> {
    pub(crate) id: &'a SmolStr,
    pub(crate) template: &'a MetricTemplate,
    pub(crate) metric: Cow<'a, Metric>,
}

/// Facts of a node, by priority. Groups and pseudo nodes have none.
pub(crate) fn metadata(report: &Report, node: &RenderNode) -> Vec<MetadataRow> {
    let NodeKind::Known(kind) = node.kind else {
        return Vec::new();
    };
    let templates = &report.topology(kind).metadata_templates;
    let mut rows: Vec<MetadataRow> = templates
        .iter()
        .filter_map(|(key, template)| {
            let key = if template.id.is_empty() { key } else { &template.id };
            let value = fact(node, key, template)?;
            Some(MetadataRow {
                id: key.to_string(),
                label: template.label.to_string(),
                value,
                priority: template.priority,
                data_type: template.data_type.to_string(),
                truncate: template.truncate,
            })
        })
        .collect();
    // Templates are in order of their keys, and the sort keeps it where priorities are equal.
    rows.sort_by(|a, b| a.priority.total_cmp(&b.priority));
    rows
}

fn fact(node: &RenderNode, key: &str, template: &MetadataTemplate) -> Option<String> {
    let latest = || node.node.latest(key).map(str::to_owned);
    match template.from {
        MetadataSource::Latest => latest(),
        MetadataSource::Sets => {
            let set = node.node.sets.get(key).filter(|s| !s.is_empty())?;
            Some(set.iter().map(SmolStr::as_str).collect::<Vec<_>>().join(", "))
        }
        // Counts of what is below a node are made here; a probe of long ago may have sent them.
        MetadataSource::Counters => match TopologyKind::from_tag(key).map(|k| node.count(k)) {
            Some(count) if count > 0 => Some(count.to_string()),
            _ => latest(),
        },
    }
}

/// Metrics of a node, by priority. Those of a group are what its members' newest readings add up to.
pub(crate) fn metrics<'a>(report: &'a Report, node: &'a RenderNode) -> Vec<NodeMetric<'a>> {
    let Some(kind) = node.kind.topology() else {
        return Vec::new();
    };
    let templates = &report.topology(kind).metric_templates;
    let mut out: Vec<NodeMetric<'a>> = match node.kind {
        NodeKind::Group(group) => {
            let members = node
                .children
                .iter()
                .filter(|c| c.kind == group.member())
                .map(|c| &*c.node);
            let mut sums: BTreeMap<SmolStr, Metric> = summed(members);
            templates
                .iter()
                .filter_map(|(key, template)| {
                    Some(NodeMetric {
                        id: key,
                        template,
                        metric: Cow::Owned(sums.remove(key)?),
                    })
                })
                .collect()
        }
        _ => templates
            .iter()
            .filter_map(|(key, template)| {
                Some(NodeMetric {
                    id: key,
                    template,
                    metric: Cow::Borrowed(node.node.metrics.get(key)?),
                })
            })
            .collect(),
    };
    out.sort_by(|a, b| a.template.priority.total_cmp(&b.template.priority));
    out
}

/// Limit or greatest value; 0 when there is none.
pub(crate) fn limit(max: f64) -> f64 {
    if max.is_finite() && max < NO_LIMIT {
        max
    } else {
        0.0
    }
}

/// How a metric is shown.
pub(crate) fn metric_info(id: &str, template: &MetricTemplate) -> MetricInfo {
    MetricInfo {
        id: id.to_owned(),
        label: template.label.to_string(),
        format: template.format.to_string(),
        group: template.group.to_string(),
        priority: template.priority,
    }
}

/// Links to parents, in the order of the parents row. A parent that no report describes is linked by id.
pub(crate) fn parents(report: &Report, node: &RenderNode) -> Vec<ParentRef> {
    if node.kind.is_pseudo() {
        return Vec::new();
    }
    let mut out = Vec::new();
    for kind in PARENTS {
        let Some(topology) = TopologyKey::primary(kind) else {
            continue;
        };
        for id in node
            .node
            .parents
            .get(kind.tag())
            .into_iter()
            .flatten()
            .filter(|id| **id != node.id)
        {
            let label = parent_label(report, kind, id);
            out.push(ParentRef {
                id: id.to_string(),
                label,
                topology: topology.id().to_owned(),
            });
        }
    }
    out
}

fn parent_label(report: &Report, kind: TopologyKind, id: &NodeId) -> String {
    // Nearly every node has a host, whose id says its name.
    if kind == TopologyKind::Host {
        return host_label(id);
    }
    let parent = match report.node(kind, id) {
        Some(node) => RenderNode::known(kind, id.clone(), node.clone()),
        None => RenderNode::stub(NodeKind::Known(kind), id.clone()),
    };
    labels(report, &parent, Style::Full).label
}

/// Start of this incarnation, in milliseconds since the epoch, where a probe says so.
pub(crate) fn started_ms(node: &Node) -> Option<i64> {
    node.latest(crate::derive::keys::STARTED_MS)?.parse().ok()
}

/// Plain nodes that a node stands for.
pub(crate) fn stands_for(node: &RenderNode) -> u32 {
    let count = match node.kind {
        NodeKind::Group(group) => node.count(group.member()),
        NodeKind::Known(TopologyKind::ContainerImage) => node.count(TopologyKind::Container),
        NodeKind::Known(
            TopologyKind::Service
            | TopologyKind::Deployment
            | TopologyKind::DaemonSet
            | TopologyKind::StatefulSet
            | TopologyKind::CronJob
            | TopologyKind::Job,
        ) => node.count(TopologyKind::Pod),
        _ => 1,
    };
    u32::try_from(count.max(1)).unwrap_or(u32::MAX)
}
