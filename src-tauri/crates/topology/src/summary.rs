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
use crate::derive::templates::{Keyed, Templates};
use crate::derive::{Derivation, TopologyKey};
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
    pub(crate) shown: &'a Arc<Keyed<MetricTemplate>>,
    pub(crate) metric: Cow<'a, Metric>,
}

/// Tells the facts of a node by priority: place among the templates of its kind, and value. Groups and pseudo
/// nodes have none.
pub(crate) fn facts(templates: &Templates, node: &RenderNode, tell: impl FnMut(usize, SmolStr)) {
    facts_counting(templates, &node.node, |kind| node.count(kind), tell);
}

/// The same of a node that has nothing below it, or of which nothing is counted.
pub(crate) fn facts_alone(templates: &Templates, node: &Node, tell: impl FnMut(usize, SmolStr)) {
    facts_counting(templates, node, |_| 0, tell);
}

/// True when such a node has any facts.
pub(crate) fn has_facts(templates: &Templates, node: &Node) -> bool {
    templates
        .each_fact(node)
        .any(|(shown, latest)| fact(node, |_| 0, shown, latest.map(|l| &l.value)).is_some())
}

fn facts_counting(
    templates: &Templates,
    node: &Node,
    count: impl Fn(TopologyKind) -> usize,
    mut tell: impl FnMut(usize, SmolStr),
) {
    templates.facts_of(node, |found| {
        for (place, (shown, latest)) in templates.facts.iter().zip(found).enumerate() {
            if let Some(value) = fact(node, &count, shown, latest.map(|l| &l.value)) {
                tell(place, value);
            }
        }
    });
}

/// Facts of a node as rows, by priority.
pub(crate) fn metadata(derivation: &Derivation, node: &RenderNode) -> Vec<MetadataRow> {
    let NodeKind::Known(kind) = node.kind else {
        return Vec::new();
    };
    let templates = derivation.templates(kind);
    let mut rows = Vec::with_capacity(templates.facts.len());
    facts(templates, node, |place, value| {
        let Keyed { id, template } = &*templates.facts[place];
        rows.push(MetadataRow {
            id: id.clone(),
            label: template.label.clone(),
            value,
            priority: template.priority,
            data_type: template.data_type.clone(),
            truncate: template.truncate,
        });
    });
    rows
}

fn fact(
    node: &Node,
    count: impl Fn(TopologyKind) -> usize,
    shown: &Keyed<MetadataTemplate>,
    latest: Option<&SmolStr>,
) -> Option<SmolStr> {
    let set = || {
        let set = node.sets.get(&shown.id).filter(|s| !s.is_empty())?;
        let joined = set.iter().map(SmolStr::as_str).collect::<Vec<_>>().join(", ");
        Some(SmolStr::from(joined))
    };
    match shown.template.from {
        // Where a template does not say, all are looked at.
        MetadataSource::Latest => latest.cloned().or_else(set),
        MetadataSource::Sets => set(),
        // Counts of what is below a node are made here; a probe of long ago may have sent them.
        MetadataSource::Counters => match TopologyKind::from_tag(&shown.id).map(count) {
            Some(count) if count > 0 => Some(format_smolstr!("{count}")),
            _ => latest.cloned(),
        },
    }
}

/// Metrics of a node, by priority. Those of a group are what its members' newest readings add up to.
pub(crate) fn metrics<'a>(derivation: &'a Derivation, node: &'a RenderNode) -> Vec<NodeMetric<'a>> {
    let Some(kind) = node.kind.topology() else {
        return Vec::new();
    };
    let templates = derivation.templates(kind);
    let NodeKind::Group(group) = node.kind else {
        let mut out = Vec::with_capacity(node.node.metrics.len());
        readings(templates, &node.node, |place, metric| {
            out.push(NodeMetric {
                shown: &templates.metrics[place],
                metric: Cow::Borrowed(metric),
            });
        });
        return out;
    };
    let members = node
        .children
        .iter()
        .filter(|c| c.kind == group.member())
        .map(|c| &*c.node);
    let mut sums: BTreeMap<SmolStr, Metric> = summed(members);
    templates
        .metrics
        .iter()
        .filter_map(|shown| {
            let metric = Cow::Owned(sums.remove(&shown.id)?);
            Some(NodeMetric { shown, metric })
        })
        .collect()
}

/// Tells the metrics of a node itself by priority: place among the templates of its kind, and metric.
pub(crate) fn readings<'a>(templates: &Templates, node: &'a Node, mut tell: impl FnMut(usize, &'a Metric)) {
    if node.metrics.is_empty() {
        return;
    }
    templates.metrics_of(node, |found| {
        for (place, metric) in found.iter().enumerate() {
            if let Some(metric) = metric {
                tell(place, metric);
            }
        }
    });
}

/// True when a node itself has any of these metrics.
pub(crate) fn has_readings(templates: &Templates, node: &Node) -> bool {
    !node.metrics.is_empty() && templates.any_metric(node)
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
pub(crate) fn parents(derivation: &Derivation, node: &RenderNode) -> Arc<[ParentRef]> {
    let parents = &node.node.parents;
    if node.kind.is_pseudo() || parents.is_empty() {
        return Arc::default();
    }
    if let Some((tag, ids)) = parents.first_key_value()
        && parents.len() == 1
        && tag == TopologyKind::Host.tag()
        && let Some(id) = ids.first().filter(|id| ids.len() == 1 && **id != node.id)
    {
        return derivation.host_alone(id);
    }
    let report = &**derivation.report();
    // A node has one or two kinds of parents out of many possible ones.
    let mut kinds: Vec<(usize, TopologyKind, &SmolStr)> = parents
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
        let ids = parents.get(tag).into_iter().flatten();
        out.extend(ids.filter(|id| **id != node.id).map(|id| ParentRef {
            id: id.clone(),
            label: if kind == TopologyKind::Host {
                host_label(id)
            } else {
                parent_label(report, kind, id)
            },
            topology: SmolStr::new_static(topology.id()),
        }));
    }
    out.into()
}

/// Links to a host as the only parent, which is what nearly every node has.
pub(crate) fn only_host(id: &NodeId) -> Arc<[ParentRef]> {
    Arc::new([ParentRef {
        id: id.clone(),
        label: host_label(id),
        topology: SmolStr::new_static(TopologyKey::Hosts.id()),
    }])
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
