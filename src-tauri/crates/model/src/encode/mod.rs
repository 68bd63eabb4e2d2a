//! Reports in the shape Weave Scope writes them: what it and its tools read, they can read from us.
//!
//! Decoding what is written here gives the same report again, but for two things: active controls of several
//! owners become one set without owners, as the wire has one, and the status of plugins is left out on reading.

mod node;
mod report;
mod template;

pub(crate) use self::report::blank;

use serde::ser::{Serialize, SerializeSeq as _, Serializer};

use crate::time::RFC3339_BYTES;
use crate::{Report, Timestamp};

/// A value in its wire form.
pub(crate) struct Wire<'a, T: ?Sized>(pub(crate) &'a T);

impl Report {
    /// The report as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        // Every key is a text and no number is infinite, so there is nothing the writer could refuse.
        serde_json::to_vec(&Wire(self)).unwrap_or_default()
    }

    /// The report as msgpack, with text keys and times, as Scope's probes post it.
    pub fn to_msgpack(&self) -> Vec<u8> {
        // As above: writing to memory fails for no report.
        rmp_serde::to_vec(&Wire(self)).unwrap_or_default()
    }
}

/// What decides ties in merging: the value's JSON, the same for equal values.
pub(crate) trait Canonical {
    /// The value as compact JSON with keys in a fixed order.
    fn canonical_json(&self) -> Vec<u8>;
}

impl<T: ?Sized> Canonical for T
where
    for<'a> Wire<'a, T>: Serialize,
{
    fn canonical_json(&self) -> Vec<u8> {
        serde_json::to_vec(&Wire(self)).unwrap_or_default()
    }
}

impl Serialize for Wire<'_, str> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl Serialize for Wire<'_, f64> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(*self.0)
    }
}

impl Serialize for Wire<'_, Timestamp> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut buffer = [0; RFC3339_BYTES];
        let text = std::str::from_utf8(self.0.write_rfc3339(&mut buffer)).unwrap_or_default();
        serializer.serialize_str(text)
    }
}

/// A list whose length is known beforehand, as msgpack wants it.
struct ListOf<I>(I);

impl<I> Serialize for ListOf<I>
where
    I: ExactSizeIterator + Clone,
    I::Item: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for item in self.0.clone() {
            list.serialize_element(&item)?;
        }
        list.end()
    }
}

/// A map whose length is known beforehand.
struct MapOf<I>(I);

impl<I, K, V> Serialize for MapOf<I>
where
    I: ExactSizeIterator<Item = (K, V)> + Clone,
    K: Serialize,
    V: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.clone())
    }
}

/// Counts conditions that hold: the number of optional keys to write.
fn count(present: &[bool]) -> usize {
    present.iter().filter(|p| **p).count()
}
