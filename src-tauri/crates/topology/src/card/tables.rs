//! Tables that templates make of a node's facts.

use std::collections::BTreeMap;

use orrery_model::{Node, Report, SmolStr, TableTemplate, TableType};

use crate::derive::limits::MAX_TABLE_ROWS;
use crate::derive::{NodeKind, RenderNode};
use crate::details::{DetailTable, TableColumn};
use crate::query::Cell;

/// Between a row's and a column's key in the name of a fact.
const CELL_SEPARATOR: &str = "___";
/// Facts under this prefix say how many rows a probe left out.
const TRUNCATED_PREFIX: &str = "table_truncation_count_";
const LABEL: &str = "label";
const VALUE: &str = "value";

/// A table's content.
#[derive(Debug)]
pub(crate) struct TableRows<'a> {
    pub(crate) template: &'a TableTemplate,
    /// Rows by key, cells by column.
    pub(crate) rows: BTreeMap<String, BTreeMap<String, String>>,
    /// Rows that the probe left out.
    pub(crate) left_out: u32,
}

/// Tables of a node by id, also those without rows.
pub(crate) fn tables<'a>(report: &'a Report, node: &RenderNode) -> Vec<TableRows<'a>> {
    let NodeKind::Known(kind) = node.kind else {
        return Vec::new();
    };
    let mut templates: Vec<&TableTemplate> = report.topology(kind).table_templates.values().collect();
    templates.sort_by(|a, b| a.id.cmp(&b.id));
    templates
        .into_iter()
        .map(|template| TableRows {
            template,
            rows: match template.table_type {
                TableType::PropertyList => properties(&node.node, template),
                TableType::Multicolumn => rows_of_cells(&node.node, template),
            },
            left_out: node
                .node
                .latest(&format!("{TRUNCATED_PREFIX}{}", template.prefix))
                .and_then(|n| n.parse().ok())
                .unwrap_or(0),
        })
        .collect()
}

/// Everything that stands in a node's tables, for searching.
pub(crate) fn cells(report: &Report, node: &RenderNode) -> Vec<Cell> {
    let mut out = Vec::new();
    for table in tables(report, node) {
        let property_list = table.template.table_type == TableType::PropertyList;
        for mut row in table.rows.into_values() {
            if property_list {
                let mut take = |key: &str| row.remove(key).map(SmolStr::from);
                out.extend(take(VALUE).map(|value| Cell {
                    label: take(LABEL),
                    value,
                }));
                continue;
            }
            let columns = table.template.columns.iter();
            out.extend(
                columns
                    .filter_map(|c| row.remove(c.id.as_str()))
                    .map(|value| Cell {
                        label: None,
                        value: value.into(),
                    }),
            );
        }
    }
    out
}

/// Facts under a prefix: what follows it, and the value.
fn under<'a>(node: &'a Node, prefix: &'a SmolStr) -> impl Iterator<Item = (&'a str, &'a str)> {
    node.latest
        .starting_with(prefix)
        .take_while(move |_| !prefix.is_empty())
        .filter_map(move |(key, fact)| Some((key.strip_prefix(prefix.as_str())?, fact.value.as_str())))
}

fn properties(node: &Node, template: &TableTemplate) -> BTreeMap<String, BTreeMap<String, String>> {
    let prefixed = under(node, &template.prefix).filter(|(rest, _)| {
        !template
            .fixed_rows
            .contains_key(format!("{}{rest}", template.prefix).as_str())
    });
    let fixed = template
        .fixed_rows
        .iter()
        .filter_map(|(key, label)| Some((label.as_str(), node.latest(key)?)));
    prefixed
        .chain(fixed)
        .map(|(label, value)| {
            let cells = [(LABEL, label), (VALUE, value)].map(|(k, v)| (k.to_owned(), v.to_owned()));
            (format!("label_{label}"), cells.into())
        })
        .collect()
}

fn rows_of_cells(node: &Node, template: &TableTemplate) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut rows: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (rest, value) in under(node, &template.prefix) {
        let mut parts = rest.split(CELL_SEPARATOR);
        if let (Some(row), Some(column)) = (parts.next(), parts.next()) {
            rows.entry(row.to_owned())
                .or_default()
                .insert(column.to_owned(), value.to_owned());
        }
    }
    rows
}

/// Tables with rows, for the card.
pub(super) fn detail_tables(report: &Report, node: &RenderNode) -> Vec<DetailTable> {
    tables(report, node)
        .into_iter()
        .filter(|t| !t.rows.is_empty())
        .map(detail_table)
        .collect()
}

fn detail_table(table: TableRows<'_>) -> DetailTable {
    let template = table.template;
    let property_list = template.table_type == TableType::PropertyList;
    let column = |id: &str, label: &str, data_type: &str| TableColumn {
        id: id.to_owned(),
        label: label.to_owned(),
        data_type: data_type.to_owned(),
    };
    let columns: Vec<TableColumn> = if property_list {
        vec![column(LABEL, "Name", ""), column(VALUE, "Value", "")]
    } else {
        template
            .columns
            .iter()
            .map(|c| column(&c.id, &c.label, &c.data_type))
            .collect()
    };
    let over = u32::try_from(table.rows.len().saturating_sub(MAX_TABLE_ROWS)).unwrap_or(u32::MAX);
    let rows = table
        .rows
        .into_values()
        .take(MAX_TABLE_ROWS)
        .map(|mut cells| {
            columns
                .iter()
                .map(|c| cells.remove(&c.id).unwrap_or_default())
                .collect()
        })
        .collect();
    DetailTable {
        id: template.id.to_string(),
        label: template.label.to_string(),
        property_list,
        columns,
        rows,
        truncated_rows: over.saturating_add(table.left_out),
    }
}
