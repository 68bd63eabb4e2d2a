//! What is below a node, one table per kind.

use orrery_model::{Report, TopologyKind};

use crate::derive::limits::MAX_CHILD_ROWS;
use crate::derive::{Derivation, NodeKind, RenderNode, TopologyKey};
use crate::details::{ChildRow, ChildTable, TableColumn};
use crate::labels::{Style, labels};

/// A column of a child table: key of a fact or metric, text shown, data type.
pub(crate) type ChildColumn = (&'static str, &'static str, &'static str);

/// Children of one kind.
#[derive(Debug)]
pub(crate) struct ChildGroup {
    pub(crate) kind: TopologyKind,
    pub(crate) label: String,
    pub(crate) topology: TopologyKey,
    pub(crate) columns: &'static [ChildColumn],
    /// By id.
    pub(crate) nodes: Vec<RenderNode>,
}

/// Kinds in the order of their tables; any other kind follows by report order.
const TABLES: [(TopologyKind, &str, &[ChildColumn]); 10] = [
    (
        TopologyKind::Pod,
        "Pods",
        &[
            ("kubernetes_state", "State", ""),
            ("container", "# Containers", "number"),
            ("kubernetes_ip", "IP", "ip"),
        ],
    ),
    (
        TopologyKind::EcsTask,
        "Tasks",
        &[("ecs_created_at", "Created At", "datetime")],
    ),
    (
        TopologyKind::Container,
        "Containers",
        &[
            ("docker_cpu_total_usage", "CPU", "number"),
            ("docker_memory_usage", "Memory", "number"),
        ],
    ),
    (
        TopologyKind::Process,
        "Processes",
        &[
            ("pid", "PID", "number"),
            ("process_cpu_usage_percent", "CPU", "number"),
            ("process_memory_usage_bytes", "Memory", "number"),
        ],
    ),
    (TopologyKind::ContainerImage, "Container images", &[]),
    (TopologyKind::PersistentVolume, "Persistent Volumes", &[]),
    (
        TopologyKind::PersistentVolumeClaim,
        "Persistent Volume Claims",
        &[],
    ),
    (TopologyKind::StorageClass, "Storage Classes", &[]),
    (TopologyKind::VolumeSnapshot, "Volume Snapshots", &[]),
    (TopologyKind::VolumeSnapshotData, "Volume Snapshot Data", &[]),
];

/// Children of a node by kind. Endpoints are never listed.
pub(crate) fn groups(derivation: &Derivation, node: &RenderNode) -> Vec<ChildGroup> {
    let report = &**derivation.report();
    let known = TABLES
        .iter()
        .map(|(kind, label, columns)| (*kind, (*label).to_owned(), *columns));
    let others = TopologyKind::ALL
        .into_iter()
        .filter(|k| TABLES.iter().all(|(known, ..)| known != k));
    let others = others.map(|kind| (kind, plural_label(report, kind), [].as_slice()));
    known
        .chain(others)
        .filter_map(|(kind, label, columns)| {
            let topology = TopologyKey::primary(kind)?;
            let nodes: Vec<RenderNode> = node
                .children
                .iter()
                .filter(|c| c.kind == kind)
                .map(|c| derivation.full(c))
                .collect();
            (!nodes.is_empty()).then_some(ChildGroup {
                kind,
                label,
                topology,
                columns,
                nodes,
            })
        })
        .collect()
}

fn plural_label(report: &Report, kind: TopologyKind) -> String {
    let topology = report.topology(kind);
    if topology.label_plural.is_empty() {
        kind.label_plural().to_owned()
    } else {
        topology.label_plural.to_string()
    }
}

pub(super) fn detail_tables(derivation: &Derivation, node: &RenderNode) -> Vec<ChildTable> {
    groups(derivation, node)
        .into_iter()
        .map(|g| detail_table(derivation.report(), node, &g))
        .collect()
}

/// Order by the last readings of the metrics among the columns, greatest first; those without come last.
fn busier(
    columns: &[(&'static str, &'static str, &'static str)],
    a: &RenderNode,
    b: &RenderNode,
) -> std::cmp::Ordering {
    let reading = |node: &RenderNode, id: &str| {
        node.node
            .metrics
            .get(id)
            .and_then(orrery_model::Metric::last)
            .map_or(f64::NEG_INFINITY, |s| s.value)
    };
    let each = columns
        .iter()
        .map(|(id, ..)| reading(b, id).total_cmp(&reading(a, id)));
    each.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
}

/// Two tags of an image are one node, so its containers say which one they run.
const TAG: ChildColumn = ("docker_image_tag", "Tag", "");

fn detail_table(report: &Report, parent: &RenderNode, group: &ChildGroup) -> ChildTable {
    let of_image = parent.kind == NodeKind::Known(TopologyKind::ContainerImage);
    let extra = (of_image && group.kind == TopologyKind::Container).then_some(&TAG);
    let columns: Vec<TableColumn> = group
        .columns
        .iter()
        .chain(extra)
        .map(|(id, label, data_type)| TableColumn {
            id: (*id).to_owned(),
            label: (*label).to_owned(),
            data_type: (*data_type).to_owned(),
        })
        .collect();
    // The busiest first: a card shows few rows of many.
    let mut nodes: Vec<&RenderNode> = group.nodes.iter().collect();
    nodes.sort_by(|a, b| busier(group.columns, a, b));
    let rows = nodes.into_iter().take(MAX_CHILD_ROWS).map(|child| {
        let labels = labels(report, child, Style::Full);
        let cells = group
            .columns
            .iter()
            .chain(extra)
            .map(|(id, ..)| cell(child, id))
            .collect();
        ChildRow {
            id: child.id.to_string(),
            label: labels.label.to_string(),
            label_minor: labels.minor.to_string(),
            cells,
        }
    });
    ChildTable {
        kind: group.kind.tag().to_owned(),
        label: group.label.clone(),
        topology: group.topology.id().to_owned(),
        columns,
        rows: rows.collect(),
    }
}

/// A fact, a metric's newest reading, or a count of what is below.
fn cell(node: &RenderNode, key: &str) -> String {
    if let Some(metric) = node.node.metrics.get(key).and_then(orrery_model::Metric::last) {
        return metric.value.to_string();
    }
    if let Some(fact) = node.node.latest(key) {
        return fact.to_owned();
    }
    TopologyKind::from_tag(key)
        .map(|kind| node.count(kind).to_string())
        .unwrap_or_default()
}
