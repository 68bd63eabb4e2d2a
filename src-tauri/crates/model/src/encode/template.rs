//! Controls and templates. Keys that say nothing are left out, as Scope does.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::node::Finite;
use super::{ListOf, Wire, count};
use crate::{
    Column, Control, MetadataSource, MetadataTemplate, MetricTemplate, SmolStr, TableTemplate, TableType,
    Timestamp,
};

/// Writes a text unless it is empty.
pub(super) fn text<M: SerializeMap>(map: &mut M, key: &'static str, text: &SmolStr) -> Result<(), M::Error> {
    if text.is_empty() {
        Ok(())
    } else {
        map.serialize_entry(key, text)
    }
}

/// A control, with the time of its declaration where that is not the report's own.
pub(super) struct DeclaredControl<'a> {
    pub(super) control: &'a Control,
    pub(super) report_ts: Timestamp,
}

impl Serialize for DeclaredControl<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let declared = self.control.declared;
        write_control(
            self.control,
            (declared != self.report_ts).then_some(declared),
            serializer,
        )
    }
}

impl Serialize for Wire<'_, Control> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write_control(self.0, None, serializer)
    }
}

fn write_control<S: Serializer>(
    control: &Control,
    declared: Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let optional = [
        !control.confirmation.is_empty(),
        !control.probe_id.is_empty(),
        declared.is_some(),
    ];
    let mut map = serializer.serialize_map(Some(4 + count(&optional)))?;
    map.serialize_entry("id", &control.id)?;
    map.serialize_entry("human", &control.human)?;
    map.serialize_entry("icon", &control.icon)?;
    text(&mut map, "confirmation", &control.confirmation)?;
    map.serialize_entry("rank", &control.rank)?;
    text(&mut map, "probeId", &control.probe_id)?;
    if let Some(declared) = declared {
        map.serialize_entry("declared", &Wire(&declared))?;
    }
    map.end()
}

impl Serialize for Wire<'_, MetadataTemplate> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let template = self.0;
        let optional = [
            template.truncate != 0,
            !template.data_type.is_empty(),
            template.priority != 0.0,
        ];
        let mut map = serializer.serialize_map(Some(3 + count(&optional)))?;
        map.serialize_entry("id", &template.id)?;
        map.serialize_entry("label", &template.label)?;
        if template.truncate != 0 {
            map.serialize_entry("truncate", &template.truncate)?;
        }
        text(&mut map, "dataType", &template.data_type)?;
        if template.priority != 0.0 {
            map.serialize_entry("priority", &Finite(template.priority))?;
        }
        let from = match template.from {
            MetadataSource::Latest => "latest",
            MetadataSource::Sets => "sets",
            MetadataSource::Counters => "counters",
        };
        map.serialize_entry("from", from)?;
        map.end()
    }
}

impl Serialize for Wire<'_, MetricTemplate> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let template = self.0;
        let optional = [
            !template.format.is_empty(),
            !template.group.is_empty(),
            template.priority != 0.0,
        ];
        let mut map = serializer.serialize_map(Some(2 + count(&optional)))?;
        map.serialize_entry("id", &template.id)?;
        map.serialize_entry("label", &template.label)?;
        text(&mut map, "format", &template.format)?;
        text(&mut map, "group", &template.group)?;
        if template.priority != 0.0 {
            map.serialize_entry("priority", &Finite(template.priority))?;
        }
        map.end()
    }
}

impl Serialize for Wire<'_, TableTemplate> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let template = self.0;
        let multicolumn = template.table_type == TableType::Multicolumn;
        let optional = [
            multicolumn,
            !template.columns.is_empty(),
            !template.fixed_rows.is_empty(),
        ];
        let mut map = serializer.serialize_map(Some(3 + count(&optional)))?;
        map.serialize_entry("id", &template.id)?;
        map.serialize_entry("label", &template.label)?;
        map.serialize_entry("prefix", &template.prefix)?;
        if multicolumn {
            map.serialize_entry("type", "multicolumn-table")?;
        }
        if !template.columns.is_empty() {
            map.serialize_entry("columns", &ListOf(template.columns.iter().map(Wire)))?;
        }
        if !template.fixed_rows.is_empty() {
            map.serialize_entry("fixedRows", &template.fixed_rows)?;
        }
        map.end()
    }
}

impl Serialize for Wire<'_, Column> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("id", &self.0.id)?;
        map.serialize_entry("label", &self.0.label)?;
        map.serialize_entry("dataType", &self.0.data_type)?;
        map.end()
    }
}
