//! Metrics: most of the bytes of a report are samples.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::{MapAccess, SeqAccess};

use super::context::{Context, Oddity};
use super::node::skip;
use super::scalar::{Number, Time};
use super::shape::{Each, Fill, List, Record};
use crate::{Metric, Sample, SmolStr, Timestamp};

/// `metrics`: readings by metric id.
pub(super) struct Metrics<'a>(pub(super) &'a mut BTreeMap<SmolStr, Metric>);

impl Record for Metrics<'_> {
    const WHAT: &'static str = "a map of metrics";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        let mut metric = Metric::default();
        map.next_value_seed(Fill(&mut metric, ctx))?;
        self.0.insert(ctx.share(&key), metric);
        Ok(())
    }
}

impl Record for Metric {
    const WHAT: &'static str = "a metric";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        match &*key {
            "samples" => {
                map.next_value_seed(Each(&mut Samples(&mut self.samples), ctx))?;
                let in_order = self.samples.windows(2).all(|pair| pair[0].date < pair[1].date);
                if !in_order {
                    crate::merge::normalize_samples(&mut self.samples);
                }
                self.samples.shrink_to_fit();
            }
            "min" => self.min = map.next_value_seed(Number(ctx))?.unwrap_or_default(),
            "max" => self.max = map.next_value_seed(Number(ctx))?.unwrap_or_default(),
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// Readings in the order of the report.
struct Samples<'a>(&'a mut Vec<Sample>);

impl List for Samples<'_> {
    const WHAT: &'static str = "a list of samples";

    fn item<'de, A: SeqAccess<'de>>(&mut self, seq: &mut A, ctx: &mut Context) -> Result<bool, A::Error> {
        let mut reading = Reading {
            date: None,
            value: None,
        };
        if seq.next_element_seed(Fill(&mut reading, ctx))?.is_none() {
            return Ok(false);
        }
        match (reading.date, reading.value) {
            (Some(date), Some(value)) => self.0.push(Sample { date, value }),
            (None, Some(value)) => self.0.push(Sample {
                date: ctx.received,
                value,
            }),
            (_, None) => ctx.warn(Oddity::BareSamples, || {
                "a sample has no value: ignored".to_owned()
            }),
        }
        Ok(true)
    }
}

struct Reading {
    date: Option<Timestamp>,
    value: Option<f64>,
}

impl Record for Reading {
    const WHAT: &'static str = "a sample with date and value";

    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error> {
        match &*key {
            "date" => self.date = Some(map.next_value_seed(Time(ctx))?),
            "value" => self.value = map.next_value_seed(Number(ctx))?,
            _ => skip(map)?,
        }
        Ok(())
    }
}
