//! A node in short.

use std::collections::BTreeMap;
use std::sync::Arc;

use orrery_model::{SmolStr, TableType};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::rows::{Facts, MetricRows, Readings};
use crate::card::tables::{TableRows, tables};
use crate::derive::{Derivation, RenderNode};
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

fn is_false(flag: &bool) -> bool {
    !*flag
}

fn is_none_u32(number: &u32) -> bool {
    *number == 0
}
