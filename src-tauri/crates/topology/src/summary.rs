//! A node's facts, metrics and parents, as templates of the report say.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use orrery_model::{
    MetadataSource, MetadataTemplate, Metric, MetricTemplate, Node, NodeId, Report, SmolStr, TopologyKind,
};

use smol_str::format_smolstr;

use crate::derive::node::{NodeKind, RenderNode};
use crate::derive::stacks::summed;
use crate::derive::templates::Keyed;
use crate::derive::{Derivation, TopologyKey};
use crate::labels::{Style, labels};
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
    pub(crate) shown: &'a Arc<Keyed<MetricTemplate>>,
    pub(crate) metric: Cow<'a, Metric>,
}

/// A fact of a node with how to show it.
#[derive(Debug)]
pub(crate) struct Fact<'a> {
    pub(crate) shown: &'a Arc<Keyed<MetadataTemplate>>,
    pub(crate) value: SmolStr,
}

/// Facts of a node, by priority. Groups and pseudo nodes have none.
pub(crate) fn facts<'a>(derivation: &'a Derivation, node: &'a RenderNode) -> impl Iterator<Item = Fact<'a>> {
    let templates = match node.kind {
        NodeKind::Known(kind) => derivation.templates(kind).facts.as_slice(),
        _ => &[],
    };
    templates.iter().filter_map(|shown| {
        let value = fact(node, &shown.id, &shown.template)?;
        Some(Fact { shown, value })
    })
}

/// How many facts a node of this kind may have.
pub(crate) fn facts_possible(derivation: &Derivation, node: &RenderNode) -> usize {
    match node.kind {
        NodeKind::Known(kind) => derivation.templates(kind).facts.len(),
        _ => 0,
    }
}

/// The same as rows.
pub(crate) fn metadata(derivation: &Derivation, node: &RenderNode) -> Vec<MetadataRow> {
    facts(derivation, node)
        .map(|fact| MetadataRow {
            id: fact.shown.id.clone(),
            label: fact.shown.template.label.clone(),
            value: fact.value,
            priority: fact.shown.template.priority,
            data_type: fact.shown.template.data_type.clone(),
            truncate: fact.shown.template.truncate,
        })
        .collect()
}

fn fact(node: &RenderNode, key: &str, template: &MetadataTemplate) -> Option<SmolStr> {
    let latest = || node.node.latest.get(key).map(|l| l.value.clone());
    let set = || {
        let set = node.node.sets.get(key).filter(|s| !s.is_empty())?;
        let joined = set.iter().map(SmolStr::as_str).collect::<Vec<_>>().join(", ");
        Some(SmolStr::from(joined))
    };
    match template.from {
        // Where a template does not say, all are looked at.
        MetadataSource::Latest => latest().or_else(set),
        MetadataSource::Sets => set(),
        // Counts of what is below a node are made here; a probe of long ago may have sent them.
        MetadataSource::Counters => match TopologyKind::from_tag(key).map(|k| node.count(k)) {
            Some(count) if count > 0 => Some(format_smolstr!("{count}")),
            _ => latest(),
        },
    }
}

/// Metrics of a node, by priority. Those of a group are what its members' newest readings add up to.
pub(crate) fn metrics<'a>(derivation: &'a Derivation, node: &'a RenderNode) -> Vec<NodeMetric<'a>> {
    let Some(kind) = node.kind.topology() else {
        return Vec::new();
    };
    let templates = derivation.templates(kind).metrics.iter();
    match node.kind {
        NodeKind::Group(group) => {
            let members = node
                .children
                .iter()
                .filter(|c| c.kind == group.member())
                .map(|c| &*c.node);
            let mut sums: BTreeMap<SmolStr, Metric> = summed(members);
            templates
                .filter_map(|shown| {
                    let metric = Cow::Owned(sums.remove(&shown.id)?);
                    Some(NodeMetric { shown, metric })
                })
                .collect()
        }
        _ if node.node.metrics.is_empty() => Vec::new(),
        _ => templates
            .filter_map(|shown| {
                let metric = Cow::Borrowed(node.node.metrics.get(&shown.id)?);
                Some(NodeMetric { shown, metric })
            })
            .collect(),
    }
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
pub(crate) fn parents(derivation: &Derivation, node: &RenderNode) -> Vec<ParentRef> {
    if node.kind.is_pseudo() || node.node.parents.is_empty() {
        return Vec::new();
    }
    let report = &**derivation.report();
    // A node has one or two kinds of parents out of many possible ones.
    let mut kinds: Vec<(usize, TopologyKind, &SmolStr)> = node
        .node
        .parents
        .keys()
        .filter_map(|tag| {
            let kind = TopologyKind::from_tag(tag)?;
            Some((PARENTS.iter().position(|p| *p == kind)?, kind, tag))
        })
        .collect();
    kinds.sort_unstable();
    let mut out = Vec::new();
    for (_, kind, tag) in kinds {
        let Some(topology) = TopologyKey::primary(kind) else {
            continue;
        };
        let ids = node.node.parents.get(tag).into_iter().flatten();
        out.extend(ids.filter(|id| **id != node.id).map(|id| ParentRef {
            id: id.clone(),
            label: if kind == TopologyKind::Host {
                derivation.host_label(id)
            } else {
                parent_label(report, kind, id)
            },
            topology: SmolStr::new_static(topology.id()),
        }));
    }
    out
}

fn parent_label(report: &Report, kind: TopologyKind, id: &NodeId) -> SmolStr {
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
