//! Metrics: most of the bytes of a report are samples.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor};

use super::context::{Context, Oddity};
use super::node::skip;
use super::pack::{BETWEEN, READING};
use super::scalar::{Number, Time};
use super::shape::{Each, Fill, List, Record};
use crate::{Metric, Sample, SmolStr, Timestamp};

/// `metrics`: readings by metric id.
pub(super) struct Metrics<'a>(pub(super) &'a mut Vec<(SmolStr, Metric)>);

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
        self.0.push((ctx.share(&key), metric));
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
                let mut read = std::mem::take(&mut ctx.samples);
                // Nothing, but where a key occurs twice.
                read.extend_from_slice(&self.samples);
                map.next_value_seed(Each(&mut Readings(&mut read), ctx))?;
                let in_order = read.windows(2).all(|pair| pair[0].date < pair[1].date);
                if !in_order {
                    crate::merge::normalize_samples(&mut read);
                }
                self.samples = ctx.share_samples(&mut read);
                ctx.samples = read;
            }
            "min" => self.min = map.next_value_seed(Number(ctx))?.unwrap_or_default(),
            "max" => self.max = map.next_value_seed(Number(ctx))?.unwrap_or_default(),
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// Readings in the order of the report.
struct Readings<'a>(&'a mut Vec<Sample>);

impl List for Readings<'_> {
    const WHAT: &'static str = "a list of samples";

    fn item<'de, A: SeqAccess<'de>>(&mut self, seq: &mut A, ctx: &mut Context) -> Result<bool, A::Error> {
        let Some(reading) = seq.next_element_seed(Reading(ctx))? else {
            return Ok(false);
        };
        match (reading.date, reading.value) {
            (date, Some(value)) => self.0.push(Sample {
                date: date.unwrap_or(ctx.received),
                value,
            }),
            (_, None) => ctx.warn(Oddity::BareSamples, || {
                "a sample has no value: ignored".to_owned()
            }),
        }
        Ok(true)
    }
}

#[derive(Default)]
struct Parts {
    date: Option<Timestamp>,
    value: Option<f64>,
}

/// One reading.
struct Reading<'a>(&'a mut Context);

impl<'de> DeserializeSeed<'de> for Reading<'_> {
    type Value = Parts;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Parts, D::Error> {
        deserializer.deserialize_newtype_struct(READING, self)
    }
}

impl<'de> Visitor<'de> for Reading<'_> {
    type Value = Parts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Parts::WHAT)
    }

    #[inline]
    fn visit_borrowed_bytes<E: Error>(self, reading: &'de [u8]) -> Result<Parts, E> {
        let parts = reading
            .split_last_chunk::<8>()
            .and_then(|(rest, value)| Some((rest.strip_suffix(BETWEEN)?, value)));
        let Some((date, value)) = parts else {
            return Err(E::invalid_type(Unexpected::Bytes(reading), &self));
        };
        let date = Some(Time(self.0).written(date));
        let value = Number(self.0).visit_f64(f64::from_be_bytes(*value))?;
        Ok(Parts { date, value })
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Parts, D::Error> {
        let mut parts = Parts::default();
        Fill(&mut parts, self.0).deserialize(deserializer)?;
        Ok(parts)
    }
}

impl Record for Parts {
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
