//! A node in short.

use std::collections::BTreeMap;

use orrery_model::{Metric, TableType};
use serde::Serialize;

use crate::card::tables::{TableRows, tables};
use crate::derive::{Derivation, Derived, RenderNode};
use crate::labels::{Style, labels};
use crate::summary;

/// A node as lists and children show it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Id.
    pub id: String,
    /// Major label.
    pub label: String,
    /// Minor label.
    pub label_minor: String,
    /// Key of its colour.
    pub rank: String,
    /// Shape name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub shape: String,
    /// Adornment of the shape.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tag: String,
    /// Stands for several.
    #[serde(skip_serializing_if = "is_false")]
    pub stack: bool,
    /// No report names it.
    #[serde(skip_serializing_if = "is_false")]
    pub pseudo: bool,
    /// Facts by priority.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<Metadata>,
    /// Links to parents.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<Parent>,
    /// Metrics by priority.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricRow>,
    /// Tables by key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<Table>,
    /// Ids of nodes it has edges to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub adjacency: Vec<String>,
}

/// One fact.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Key.
    pub id: String,
    /// Text shown.
    pub label: String,
    /// Value.
    pub value: String,
    /// Order.
    #[serde(skip_serializing_if = "is_zero")]
    pub priority: f64,
    /// `number`, `ip`, `datetime`, `duration`, `link`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub data_type: String,
    /// Longest text shown.
    #[serde(skip_serializing_if = "is_none_u32")]
    pub truncate: u32,
}

/// A link to a parent.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Parent {
    /// Id.
    pub id: String,
    /// Text shown.
    pub label: String,
    /// Topology that shows it.
    pub topology_id: String,
}

/// One metric.
#[derive(Debug, Clone, Serialize)]
pub struct MetricRow {
    /// Key.
    pub id: String,
    /// Text shown.
    pub label: String,
    /// `percent`, `filesize`, `integer`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub format: String,
    /// Metrics of one group share an axis.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Newest reading, cut to two decimals.
    pub value: f64,
    /// Order.
    #[serde(skip_serializing_if = "is_zero")]
    pub priority: f64,
    /// Readings; null in lists.
    pub samples: Option<Vec<MetricSample>>,
    /// Least value.
    pub min: f64,
    /// Greatest value.
    pub max: f64,
    /// Link of the metric, which Orrery does not make.
    pub url: String,
}

/// One reading.
#[derive(Debug, Clone, Serialize)]
pub struct MetricSample {
    /// RFC 3339.
    pub date: String,
    /// Reading.
    pub value: f64,
}

/// A table.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    /// Key.
    pub id: String,
    /// Text shown.
    pub label: String,
    /// `property-list` or `multicolumn-table`.
    #[serde(rename = "type")]
    pub table_type: &'static str,
    /// Columns; null for property lists.
    pub columns: Option<Vec<TableColumn>>,
    /// Rows by key.
    pub rows: Vec<TableRow>,
    /// Rows that the probe left out.
    #[serde(skip_serializing_if = "is_none_u32")]
    pub truncation_count: u32,
}

/// A column of a table.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TableColumn {
    /// Key.
    pub id: String,
    /// Text shown.
    pub label: String,
    /// As in [`Metadata::data_type`].
    pub data_type: String,
}

/// A row of a table.
#[derive(Debug, Clone, Serialize)]
pub struct TableRow {
    /// Key.
    pub id: String,
    /// Cells by column.
    pub entries: BTreeMap<String, String>,
}

/// Which readings of a metric are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readings {
    /// The newest alone, as lists have it.
    Newest,
    /// All of the report window.
    All,
}

impl Summary {
    /// A node of a topology, with its edges.
    pub(super) fn of_node(
        derivation: &Derivation,
        derived: &Derived,
        node: &RenderNode,
        readings: Readings,
    ) -> Self {
        let adjacency = derived
            .adjacency(&node.id)
            .into_iter()
            .map(ToString::to_string)
            .collect();
        Summary {
            adjacency,
            ..Self::of(derivation, node, readings)
        }
    }

    /// A node by itself. Groups have neither facts nor metrics.
    pub(super) fn of(derivation: &Derivation, node: &RenderNode, readings: Readings) -> Self {
        let report = &**derivation.report();
        let labels = labels(report, node, Style::Full);
        let known = matches!(node.kind, crate::derive::NodeKind::Known(_));
        let metrics = if known {
            summary::metrics(report, node)
        } else {
            Vec::new()
        };
        Summary {
            id: node.id.to_string(),
            label: labels.label,
            label_minor: labels.minor,
            rank: labels.rank,
            shape: labels.shape,
            tag: labels.tag,
            stack: labels.stack,
            pseudo: node.kind.is_pseudo(),
            metadata: summary::metadata(report, node)
                .into_iter()
                .map(|row| Metadata {
                    id: row.id,
                    label: row.label,
                    value: row.value,
                    priority: row.priority,
                    data_type: row.data_type,
                    truncate: row.truncate,
                })
                .collect(),
            parents: summary::parents(report, node)
                .into_iter()
                .map(|p| Parent {
                    id: p.id,
                    label: p.label,
                    topology_id: p.topology,
                })
                .collect(),
            metrics: metrics
                .into_iter()
                .map(|m| MetricRow {
                    id: m.id.to_string(),
                    label: m.template.label.to_string(),
                    format: m.template.format.to_string(),
                    group: m.template.group.to_string(),
                    value: m.metric.last().map_or(0.0, |s| two_decimals(s.value)),
                    priority: m.template.priority,
                    samples: (readings == Readings::All).then(|| samples(&m.metric)),
                    min: m.metric.min,
                    max: m.metric.max,
                    url: String::new(),
                })
                .collect(),
            tables: tables(report, node).into_iter().map(Table::of).collect(),
            adjacency: Vec::new(),
        }
    }
}

impl Table {
    fn of(table: TableRows<'_>) -> Self {
        let template = table.template;
        let columns = template.columns.iter().map(|c| TableColumn {
            id: c.id.to_string(),
            label: c.label.to_string(),
            data_type: c.data_type.to_string(),
        });
        let columns: Vec<TableColumn> = columns.collect();
        Table {
            id: template.id.to_string(),
            label: template.label.to_string(),
            table_type: match template.table_type {
                TableType::PropertyList => "property-list",
                TableType::Multicolumn => "multicolumn-table",
            },
            columns: (!columns.is_empty()).then_some(columns),
            rows: table
                .rows
                .into_iter()
                .map(|(id, entries)| TableRow { id, entries })
                .collect(),
            truncation_count: table.left_out,
        }
    }
}

fn samples(metric: &Metric) -> Vec<MetricSample> {
    metric
        .samples
        .iter()
        .map(|s| MetricSample {
            date: s.date.to_rfc3339(),
            value: s.value,
        })
        .collect()
}

/// Scope cuts, it does not round.
fn two_decimals(value: f64) -> f64 {
    (value * 100.0).trunc() / 100.0
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

fn is_none_u32(number: &u32) -> bool {
    *number == 0
}
