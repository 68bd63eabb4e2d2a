//! The two shapes everything in a report has: records (maps) and lists, filled in place.
//!
//! Filling in place instead of returning values lets a key occur twice, lets `null` stand for "nothing",
//! and makes unknown keys a matter of one skip, the same for JSON and msgpack.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::context::{Context, quoted};
use crate::limits;

/// Something that is a map on the wire.
pub(super) trait Record {
    /// What it is, for error messages.
    const WHAT: &'static str;
    /// Most keys it may have.
    const ENTRIES: usize = limits::ENTRIES;

    /// Reads the value under `key`, or skips it.
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: Cow<'de, str>,
        map: &mut A,
        ctx: &mut Context,
    ) -> Result<(), A::Error>;

    /// Reads a text where the map should be; an error unless a reporter is known to do that.
    fn bare<E: Error>(&mut self, text: &str, _ctx: &mut Context) -> Result<(), E> {
        Err(E::invalid_type(
            serde::de::Unexpected::Str(&limited(text)),
            &Self::WHAT,
        ))
    }
}

/// Something that is a list on the wire.
pub(super) trait List {
    /// What it is, for error messages.
    const WHAT: &'static str;
    /// Most elements it may have.
    const ENTRIES: usize = limits::ENTRIES;

    /// Reads one element; false at the end.
    fn item<'de, A: SeqAccess<'de>>(&mut self, seq: &mut A, ctx: &mut Context) -> Result<bool, A::Error>;

    /// Reads a text where the list should be; an error unless a single element may stand for a list of one.
    fn bare<E: Error>(&mut self, text: &str, _ctx: &mut Context) -> Result<(), E> {
        Err(E::invalid_type(
            serde::de::Unexpected::Str(&limited(text)),
            &Self::WHAT,
        ))
    }
}

fn limited(text: &str) -> String {
    text.chars().take(limits::QUOTED_CHARS).collect()
}

/// Reads a map into a record.
pub(super) struct Fill<'a, R>(pub(super) &'a mut R, pub(super) &'a mut Context);

impl<'de, R: Record> DeserializeSeed<'de> for Fill<'_, R> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, R: Record> Visitor<'de> for Fill<'_, R> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(R::WHAT)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut left = R::ENTRIES;
        while let Some(key) = map.next_key_seed(Key)? {
            if key.len() > limits::ID_BYTES {
                let (head, most) = (quoted(&key), limits::ID_BYTES);
                return Err(A::Error::custom(format_args!(
                    "key {head} is longer than {most} bytes"
                )));
            }
            let Some(fewer) = left.checked_sub(1) else {
                let (what, most) = (R::WHAT, R::ENTRIES);
                return Err(A::Error::custom(format_args!(
                    "{what} has more than {most} entries"
                )));
            };
            left = fewer;
            self.0.field(key, &mut map, self.1)?;
        }
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.bare(text, self.1)
    }

    /// PHP and Lua write an empty map as an empty list.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        match seq.next_element::<IgnoredAny>()? {
            None => Ok(()),
            Some(_) => Err(A::Error::invalid_type(serde::de::Unexpected::Seq, &R::WHAT)),
        }
    }
}

/// Reads a list element by element.
pub(super) struct Each<'a, L>(pub(super) &'a mut L, pub(super) &'a mut Context);

impl<'de, L: List> DeserializeSeed<'de> for Each<'_, L> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, L: List> Visitor<'de> for Each<'_, L> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(L::WHAT)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut left = L::ENTRIES;
        while self.0.item(&mut seq, self.1)? {
            let Some(fewer) = left.checked_sub(1) else {
                let (what, most) = (L::WHAT, L::ENTRIES);
                return Err(A::Error::custom(format_args!(
                    "{what} has more than {most} elements"
                )));
            };
            left = fewer;
        }
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.bare(text, self.1)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        match map.next_key::<IgnoredAny>()? {
            None => Ok(()),
            Some(_) => Err(A::Error::invalid_type(serde::de::Unexpected::Map, &L::WHAT)),
        }
    }
}

/// A key, borrowed from the input where it has no escapes. Bytes that are not UTF-8 are replaced.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
        Ok(String::from_utf8_lossy(bytes))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(Cow::Owned(String::from_utf8_lossy(bytes).into_owned()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(number.to_string()))
    }
}
