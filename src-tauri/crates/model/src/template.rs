//! How a reporter wants its facts, metrics, tables and controls shown.

use std::collections::BTreeMap;

use crate::{SmolStr, Timestamp};

/// Where a metadata row's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum MetadataSource {
    /// [`crate::Node::latest`].
    #[default]
    Latest,
    /// [`crate::Node::sets`], joined.
    Sets,
    /// Old integer counters; they decode into `latest`.
    Counters,
}

/// One metadata row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MetadataTemplate {
    /// Key of the fact.
    pub id: SmolStr,
    /// Text shown.
    pub label: SmolStr,
    /// Longest text shown, in characters; 0 is no limit.
    pub truncate: u32,
    /// `number`, `ip`, `datetime`, `duration`, `link` or empty.
    pub data_type: SmolStr,
    /// Rows are sorted by it; 10 and more are folded away.
    pub priority: f64,
    /// Where the value comes from.
    pub from: MetadataSource,
}

/// One metric.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MetricTemplate {
    /// Key of the metric.
    pub id: SmolStr,
    /// Text shown.
    pub label: SmolStr,
    /// `percent`, `filesize`, `integer`, `number`, `duration` or empty.
    pub format: SmolStr,
    /// Metrics of one group share an axis, such as `load`.
    pub group: SmolStr,
    /// Order of display.
    pub priority: f64,
}

/// Kind of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum TableType {
    /// Label and value.
    #[default]
    PropertyList,
    /// Rows and columns; cells stand in `latest["<prefix><row>___<column>"]`.
    Multicolumn,
}

/// A column of a multicolumn table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Column {
    /// Key of the column.
    pub id: SmolStr,
    /// Text shown.
    pub label: SmolStr,
    /// As in [`MetadataTemplate::data_type`].
    pub data_type: SmolStr,
}

/// Rows of a property list whose value is looked up under another key: row label by key.
pub type FixedRows = BTreeMap<SmolStr, SmolStr>;

/// One table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableTemplate {
    /// Key of the table.
    pub id: SmolStr,
    /// Text shown.
    pub label: SmolStr,
    /// Facts whose key starts with it are the table's cells.
    pub prefix: SmolStr,
    /// Property list or columns.
    pub table_type: TableType,
    /// Columns in order.
    pub columns: Vec<Column>,
    /// Rows read from fixed keys.
    pub fixed_rows: FixedRows,
}

/// A control that nodes of a topology may offer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Control {
    /// Key; outside the plugin it reads `<plugin>~<control>`.
    pub id: SmolStr,
    /// Text on the button.
    pub human: SmolStr,
    /// Font Awesome name, versions 4 to 6, such as `fa-futbol-o`.
    pub icon: SmolStr,
    /// Question asked before it runs; empty asks nothing.
    pub confirmation: SmolStr,
    /// Order of buttons.
    pub rank: i64,
    /// Probe that runs it, when the report names one.
    pub probe_id: SmolStr,
    /// When the report that declares it was made; the newest declaration wins when reports are merged.
    pub declared: Timestamp,
}
