//! A node in short.

use std::collections::BTreeMap;
use std::sync::Arc;

use orrery_model::{MetadataTemplate, Metric, MetricTemplate, SmolStr, TableType};
use schemars::JsonSchema;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::card::tables::{TableRows, tables};
use crate::derive::templates::{Keyed, Templates};
use crate::derive::{Derivation, NodeKind, RenderNode};
use crate::labels::{Style, labels};
use crate::summary;
use crate::view::ParentRef;

/// A node as lists and children show it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Id.
    pub id: SmolStr,
    /// Major label.
    pub label: SmolStr,
    /// Minor label.
    pub label_minor: SmolStr,
    /// Key of its colour.
    pub rank: SmolStr,
    /// Shape name.
    #[serde(skip_serializing_if = "SmolStr::is_empty")]
    pub shape: SmolStr,
    /// Adornment of the shape.
    #[serde(skip_serializing_if = "SmolStr::is_empty")]
    pub tag: SmolStr,
    /// Stands for several.
    #[serde(skip_serializing_if = "is_false")]
    pub stack: bool,
    /// No report names it.
    #[serde(skip_serializing_if = "is_false")]
    pub pseudo: bool,
    /// Facts by priority.
    #[serde(skip_serializing_if = "Facts::is_empty")]
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub metadata: Facts,
    /// Links to parents.
    #[serde(skip_serializing_if = "is_none", serialize_with = "links")]
    #[schemars(with = "Vec<BTreeMap<String, String>>")]
    pub parents: Arc<[ParentRef]>,
    /// Metrics by priority.
    #[serde(skip_serializing_if = "MetricRows::is_empty")]
    #[schemars(with = "Vec<BTreeMap<String, serde_json::Value>>")]
    pub metrics: MetricRows,
    /// Tables by key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<Table>,
}

/// A node in short, with its edges.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Listed {
    /// The node.
    #[serde(flatten)]
    pub summary: Arc<Summary>,
    /// Ids of nodes it has edges to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub adjacency: Vec<SmolStr>,
}

/// Facts by priority, each as `{id, label, value, priority?, dataType?, truncate?}`.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    shown: Arc<Templates>,
    /// Places among the templates, and values.
    rows: Vec<(usize, SmolStr)>,
}

impl Facts {
    fn of(derivation: &Derivation, node: &RenderNode) -> Self {
        let NodeKind::Known(kind) = node.kind else {
            return Facts::default();
        };
        let shown = derivation.templates(kind).clone();
        // Nearly every node has nearly every fact: one allocation of the right size.
        let mut rows = Vec::with_capacity(shown.facts.len());
        summary::facts(&shown, node, |place, value| rows.push((place, value)));
        Facts { shown, rows }
    }

    fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl Serialize for Facts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows = self.rows.iter();
        serializer.collect_seq(rows.map(|(place, value)| Fact(&self.shown.facts[*place], value)))
    }
}

struct Fact<'a>(&'a Keyed<MetadataTemplate>, &'a SmolStr);

impl Serialize for Fact<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (Keyed { id, template }, value) = (self.0, self.1);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", id)?;
        map.serialize_entry("label", &template.label)?;
        map.serialize_entry("value", value)?;
        if template.priority != 0.0 {
            map.serialize_entry("priority", &template.priority)?;
        }
        if !template.data_type.is_empty() {
            map.serialize_entry("dataType", &template.data_type)?;
        }
        if template.truncate != 0 {
            map.serialize_entry("truncate", &template.truncate)?;
        }
        map.end()
    }
}

/// Links to parents, each as `{id, label, topologyId}`.
fn links<S: Serializer>(parents: &Arc<[ParentRef]>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Link<'a> {
        id: &'a SmolStr,
        label: &'a SmolStr,
        topology_id: &'a SmolStr,
    }
    serializer.collect_seq(parents.iter().map(|parent| Link {
        id: &parent.id,
        label: &parent.label,
        topology_id: &parent.topology,
    }))
}

fn is_none(parents: &Arc<[ParentRef]>) -> bool {
    parents.is_empty()
}

/// Metrics by priority, each as `{id, label, format?, group?, value, priority?, samples, min, max, url}`; readings
/// are null in lists, and the link is one that Orrery does not make.
#[derive(Debug, Clone, Default)]
pub struct MetricRows {
    shown: Arc<Templates>,
    rows: Vec<Reading>,
}

#[derive(Debug, Clone)]
struct Reading {
    /// Place among the templates.
    place: usize,
    /// Newest reading, cut to two decimals.
    value: f64,
    min: f64,
    max: f64,
    samples: Option<Box<[MetricSample]>>,
}

impl MetricRows {
    fn of(derivation: &Derivation, node: &RenderNode, which: Readings) -> Self {
        let NodeKind::Known(kind) = node.kind else {
            return MetricRows::default();
        };
        let shown = derivation.templates(kind).clone();
        let mut rows = Vec::with_capacity(node.node.metrics.len());
        summary::readings(&shown, node, |place, metric| {
            rows.push(Reading {
                place,
                value: metric.last().map_or(0.0, |s| two_decimals(s.value)),
                samples: (which == Readings::All).then(|| samples(metric)),
                min: metric.min,
                max: metric.max,
            });
        });
        MetricRows { shown, rows }
    }

    fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl Serialize for MetricRows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows = self.rows.iter();
        serializer.collect_seq(rows.map(|reading| Row(&self.shown.metrics[reading.place], reading)))
    }
}

struct Row<'a>(&'a Keyed<MetricTemplate>, &'a Reading);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (Keyed { id, template }, reading) = (self.0, self.1);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", id)?;
        map.serialize_entry("label", &template.label)?;
        if !template.format.is_empty() {
            map.serialize_entry("format", &template.format)?;
        }
        if !template.group.is_empty() {
            map.serialize_entry("group", &template.group)?;
        }
        map.serialize_entry("value", &reading.value)?;
        if template.priority != 0.0 {
            map.serialize_entry("priority", &template.priority)?;
        }
        map.serialize_entry("samples", &reading.samples)?;
        map.serialize_entry("min", &reading.min)?;
        map.serialize_entry("max", &reading.max)?;
        map.serialize_entry("url", "")?;
        map.end()
    }
}

/// One reading.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct MetricSample {
    /// RFC 3339.
    pub date: String,
    /// Reading.
    pub value: f64,
}

/// A table.
#[derive(Debug, Clone, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TableColumn {
    /// Key.
    pub id: String,
    /// Text shown.
    pub label: String,
    /// `number`, `ip`, `datetime`, `duration`, `link` or nothing.
    pub data_type: String,
}

/// A row of a table.
#[derive(Debug, Clone, Serialize, JsonSchema)]
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
    /// A node by itself. Groups have neither facts nor metrics.
    pub(super) fn of(derivation: &Derivation, node: &RenderNode, readings: Readings) -> Self {
        let report = &**derivation.report();
        let labels = labels(report, node, Style::Full);
        Summary {
            id: node.id.clone(),
            label: labels.label,
            label_minor: labels.minor,
            rank: labels.rank,
            shape: labels.shape,
            tag: labels.tag,
            stack: labels.stack,
            pseudo: node.kind.is_pseudo(),
            metadata: Facts::of(derivation, node),
            parents: summary::parents(derivation, node),
            metrics: MetricRows::of(derivation, node, readings),
            tables: tables(report, node).into_iter().map(Table::of).collect(),
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

fn samples(metric: &Metric) -> Box<[MetricSample]> {
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

fn is_none_u32(number: &u32) -> bool {
    *number == 0
}
