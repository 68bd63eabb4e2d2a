//! Controls and templates of a topology.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::{MapAccess, SeqAccess};

use super::context::Context;
use super::node::skip;
use super::scalar::{Id, Integer, Number, Text, Time};
use super::shape::{Each, Fill, List, Record};
use crate::{
    Column, Control, FixedRows, MetadataSource, MetadataTemplate, MetricTemplate, SmolStr, TableTemplate,
    TableType, Timestamp, limits,
};

/// Stands in [`Control::declared`] until the time of the report is known.
pub(super) const NOT_SAID: Timestamp = Timestamp(i64::MIN);

/// Something declared under a key that it repeats as its `id`.
pub(super) trait Declared: Record {
    fn blank() -> Self;
    fn id(&mut self) -> &mut SmolStr;
}

/// Declarations by key. One without an `id` takes its key.
pub(super) struct ByKey<'a, T>(pub(super) &'a mut BTreeMap<SmolStr, T>);

impl<T: Declared> Record for ByKey<'_, T> {
    const WHAT: &'static str = "a map of controls or templates";
    const ENTRIES: usize = limits::CONTROLS;

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        let mut declared = T::blank();
        map.next_value_seed(Fill(&mut declared, ctx))?;
        let key = ctx.share(&key);
        if declared.id().is_empty() {
            declared.id().clone_from(&key);
        }
        self.0.insert(key, declared);
        Ok(())
    }
}

impl Declared for Control {
    fn blank() -> Self {
        Control {
            declared: NOT_SAID,
            ..Control::default()
        }
    }

    fn id(&mut self) -> &mut SmolStr {
        &mut self.id
    }
}

impl Record for Control {
    const WHAT: &'static str = "a control";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        match &*key {
            "id" => self.id = map.next_value_seed(Id(ctx))?,
            "human" => self.human = map.next_value_seed(Text(ctx))?,
            "icon" => self.icon = map.next_value_seed(Text(ctx))?,
            "confirmation" => self.confirmation = map.next_value_seed(Text(ctx))?,
            "rank" => self.rank = map.next_value_seed(Integer(ctx))?.unwrap_or_default(),
            "probeId" => self.probe_id = map.next_value_seed(Text(ctx))?,
            "declared" => self.declared = map.next_value_seed(Time(ctx))?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Declared for MetadataTemplate {
    fn blank() -> Self {
        MetadataTemplate::default()
    }

    fn id(&mut self) -> &mut SmolStr {
        &mut self.id
    }
}

impl Record for MetadataTemplate {
    const WHAT: &'static str = "a metadata template";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        match &*key {
            "id" => self.id = map.next_value_seed(Id(ctx))?,
            "label" => self.label = map.next_value_seed(Text(ctx))?,
            "truncate" => {
                let truncate = map.next_value_seed(Integer(ctx))?.unwrap_or_default();
                self.truncate = u32::try_from(truncate.max(0)).unwrap_or(u32::MAX);
            }
            "dataType" => self.data_type = map.next_value_seed(Text(ctx))?,
            "priority" => self.priority = map.next_value_seed(Number(ctx))?.unwrap_or_default(),
            "from" => {
                self.from = match map.next_value_seed(Text(ctx))?.as_str() {
                    "sets" => MetadataSource::Sets,
                    "counters" => MetadataSource::Counters,
                    _ => MetadataSource::Latest,
                }
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Declared for MetricTemplate {
    fn blank() -> Self {
        MetricTemplate::default()
    }

    fn id(&mut self) -> &mut SmolStr {
        &mut self.id
    }
}

impl Record for MetricTemplate {
    const WHAT: &'static str = "a metric template";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        match &*key {
            "id" => self.id = map.next_value_seed(Id(ctx))?,
            "label" => self.label = map.next_value_seed(Text(ctx))?,
            "format" => self.format = map.next_value_seed(Text(ctx))?,
            "group" => self.group = map.next_value_seed(Text(ctx))?,
            "priority" => self.priority = map.next_value_seed(Number(ctx))?.unwrap_or_default(),
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Declared for TableTemplate {
    fn blank() -> Self {
        TableTemplate::default()
    }

    fn id(&mut self) -> &mut SmolStr {
        &mut self.id
    }
}

impl Record for TableTemplate {
    const WHAT: &'static str = "a table template";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        match &*key {
            "id" => self.id = map.next_value_seed(Id(ctx))?,
            "label" => self.label = map.next_value_seed(Text(ctx))?,
            "prefix" => self.prefix = map.next_value_seed(Text(ctx))?,
            "type" => {
                self.table_type = match map.next_value_seed(Text(ctx))?.as_str() {
                    "multicolumn-table" => TableType::Multicolumn,
                    _ => TableType::PropertyList,
                }
            }
            "columns" => map.next_value_seed(Each(&mut Columns(&mut self.columns), ctx))?,
            "fixedRows" => map.next_value_seed(Fill(&mut Rows(&mut self.fixed_rows), ctx))?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

struct Columns<'a>(&'a mut Vec<Column>);

impl List for Columns<'_> {
    const WHAT: &'static str = "a list of columns";

    fn item<'de, A: SeqAccess<'de>>(&mut self, seq: &mut A, ctx: &mut Context) -> Result<bool, A::Error> {
        let mut column = Column::default();
        if seq.next_element_seed(Fill(&mut column, ctx))?.is_none() {
            return Ok(false);
        }
        self.0.push(column);
        Ok(true)
    }
}

impl Record for Column {
    const WHAT: &'static str = "a column";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        match &*key {
            "id" => self.id = map.next_value_seed(Id(ctx))?,
            "label" => self.label = map.next_value_seed(Text(ctx))?,
            "dataType" => self.data_type = map.next_value_seed(Text(ctx))?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

struct Rows<'a>(&'a mut FixedRows);

impl Record for Rows<'_> {
    const WHAT: &'static str = "a map of row labels";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        let label = map.next_value_seed(Text(ctx))?;
        self.0.insert(ctx.share(&key), label);
        Ok(())
    }
}
