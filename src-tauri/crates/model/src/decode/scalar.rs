//! Single values, each read from whatever reporters write where it should stand.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use smol_str::{ToSmolStr, format_smolstr};

use super::context::{Context, Oddity, quoted};
use crate::{SmolStr, Timestamp, limits};

/// Implements [`DeserializeSeed`] for a visitor that takes whatever comes.
macro_rules! any {
    ($seed:ident $(<$life:lifetime>)? => $value:ty) => {
        impl<'de> DeserializeSeed<'de> for $seed $(<$life>)? {
            type Value = $value;

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<$value, D::Error> {
                deserializer.deserialize_any(self)
            }
        }
    };
}

/// A text. Numbers and booleans read as they print, `null` as the empty text.
pub(super) struct Text<'a>(pub(super) &'a mut Context);
any!(Text<'_> => SmolStr);

impl<'de> Visitor<'de> for Text<'_> {
    type Value = SmolStr;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SmolStr, E> {
        if text.len() > limits::VALUE_BYTES {
            let (head, most) = (quoted(text), limits::VALUE_BYTES);
            return Err(E::custom(format_args!("text {head} is longer than {most} bytes")));
        }
        Ok(self.0.share(text))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<SmolStr, E> {
        self.visit_str(&String::from_utf8_lossy(bytes))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<SmolStr, E> {
        Ok(number.to_smolstr())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<SmolStr, E> {
        Ok(number.to_smolstr())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<SmolStr, E> {
        Ok(format_smolstr!("{number}"))
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<SmolStr, E> {
        Ok(SmolStr::new_static(if truth { "true" } else { "false" }))
    }

    fn visit_unit<E: Error>(self) -> Result<SmolStr, E> {
        Ok(SmolStr::default())
    }

    fn visit_none<E: Error>(self) -> Result<SmolStr, E> {
        Ok(SmolStr::default())
    }
}

/// An id: a text within [`limits::ID_BYTES`].
pub(super) struct Id<'a>(pub(super) &'a mut Context);

impl<'de> DeserializeSeed<'de> for Id<'_> {
    type Value = SmolStr;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<SmolStr, D::Error> {
        within_id(deserializer.deserialize_any(Text(self.0))?)
    }
}

/// The id, unless it is longer than [`limits::ID_BYTES`].
pub(super) fn within_id<E: Error>(id: SmolStr) -> Result<SmolStr, E> {
    if id.len() > limits::ID_BYTES {
        let (head, most) = (quoted(&id), limits::ID_BYTES);
        return Err(E::custom(format_args!("id {head} is longer than {most} bytes")));
    }
    Ok(id)
}

/// A finite number, also written as text; `None` for `null` and for what is no number.
pub(super) struct Number<'a>(pub(super) &'a mut Context);
any!(Number<'_> => Option<f64>);

impl Number<'_> {
    fn unreadable(self, text: &str) -> Option<f64> {
        self.0.warn(Oddity::UnreadableNumber, || {
            format!("{} is not a finite number: ignored", quoted(text))
        });
        None
    }
}

impl<'de> Visitor<'de> for Number<'_> {
    type Value = Option<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Option<f64>, E> {
        if number.is_finite() {
            Ok(Some(number))
        } else {
            Ok(self.unreadable(&number.to_string()))
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "metrics are doubles on the wire")]
    fn visit_u64<E: Error>(self, number: u64) -> Result<Option<f64>, E> {
        Ok(Some(number as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "metrics are doubles on the wire")]
    fn visit_i64<E: Error>(self, number: i64) -> Result<Option<f64>, E> {
        Ok(Some(number as f64))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<f64>, E> {
        match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            _ => Ok(self.unreadable(text)),
        }
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Option<f64>, E> {
        self.visit_str(&String::from_utf8_lossy(bytes))
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Option<f64>, E> {
        Ok(Some(if truth { 1.0 } else { 0.0 }))
    }

    fn visit_unit<E: Error>(self) -> Result<Option<f64>, E> {
        Ok(None)
    }

    fn visit_none<E: Error>(self) -> Result<Option<f64>, E> {
        Ok(None)
    }
}

/// A whole number, also written as `1.2275712E+07` or as text; fractions are cut off and the ends of the
/// range hold. `None` for `null` and for what is no number.
pub(super) struct Integer<'a>(pub(super) &'a mut Context);
any!(Integer<'_> => Option<i64>);

impl<'de> Visitor<'de> for Integer<'_> {
    type Value = Option<i64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Option<i64>, E> {
        Ok(Some(i64::try_from(number).unwrap_or(i64::MAX)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Option<i64>, E> {
        Ok(Some(number))
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "such casts hold at the ends of the range"
    )]
    fn visit_f64<E: Error>(self, number: f64) -> Result<Option<i64>, E> {
        Ok(Number(self.0).visit_f64::<E>(number)?.map(|n| n as i64))
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "such casts hold at the ends of the range"
    )]
    fn visit_str<E: Error>(self, text: &str) -> Result<Option<i64>, E> {
        match text.trim().parse::<i64>() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Ok(Number(self.0).visit_str::<E>(text)?.map(|n| n as i64)),
        }
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Option<i64>, E> {
        self.visit_str(&String::from_utf8_lossy(bytes))
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Option<i64>, E> {
        Ok(Some(i64::from(truth)))
    }

    fn visit_unit<E: Error>(self) -> Result<Option<i64>, E> {
        Ok(None)
    }

    fn visit_none<E: Error>(self) -> Result<Option<i64>, E> {
        Ok(None)
    }
}

/// A truth value; numbers other than 0 and the text `true` are true.
pub(super) struct Truth;
any!(Truth => bool);

impl<'de> Visitor<'de> for Truth {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<bool, E> {
        Ok(truth)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<bool, E> {
        Ok(number != 0)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<bool, E> {
        Ok(number != 0)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<bool, E> {
        Ok(number != 0.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
        Ok(text == "true")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<bool, E> {
        Ok(bytes == b"true")
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_none<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }
}

/// A point in time: RFC 3339 text, or one of the three binary forms Go's msgpack writers use. What cannot be
/// read is the time of receipt; a report is never dropped for it. `null` is [`Timestamp::ZERO`].
pub(super) struct Time<'a>(pub(super) &'a mut Context);
any!(Time<'_> => Timestamp);

/// Seconds from the year 1, where Go counts from, to 1970.
const GO_EPOCH_SECONDS: i64 = 62_135_596_800;
/// Tag of the msgpack extension for points in time.
const MSGPACK_TIMESTAMP: i64 = -1;

impl Time<'_> {
    /// The time that a text or the bytes of a binary form say.
    #[inline]
    pub(super) fn written(self, bytes: &[u8]) -> Timestamp {
        match self.0.parse_time(bytes) {
            Some((time, false)) => time,
            _ => match std::str::from_utf8(bytes) {
                Ok(text) => self.text(text),
                Err(_) => self.binary(bytes),
            },
        }
    }

    fn text(self, text: &str) -> Timestamp {
        match self.0.parse_time(text.as_bytes()) {
            Some((time, false)) => time,
            Some((time, true)) => {
                self.0.warn(Oddity::OddTimestamp, || {
                    format!("the timestamp {} is not RFC 3339: read as {time}", quoted(text))
                });
                time
            }
            // Short texts of the binary forms are valid UTF-8 now and then; none of them is RFC 3339.
            None if text.len() <= 16 && text.bytes().any(|b| b.is_ascii_control()) => {
                self.binary(text.as_bytes())
            }
            None => self.unreadable(text),
        }
    }

    fn unreadable(self, shown: &str) -> Timestamp {
        self.0.warn(Oddity::UnreadableTimestamp, || {
            format!(
                "the timestamp {} cannot be read: taken as the time of receipt",
                quoted(shown)
            )
        });
        self.0.received
    }

    fn binary(self, bytes: &[u8]) -> Timestamp {
        match binary_time(bytes) {
            Some(time) => time,
            None => self.unreadable(&String::from_utf8_lossy(bytes)),
        }
    }
}

/// The msgpack timestamp of 4, 8 or 12 bytes, or Go's `Time.MarshalBinary` of 15 or 16.
fn binary_time(bytes: &[u8]) -> Option<Timestamp> {
    let (seconds, nanos) = match bytes.len() {
        4 => (i64::from(u32::from_be_bytes(*bytes.first_chunk()?)), 0),
        8 => {
            let both = u64::from_be_bytes(*bytes.first_chunk()?);
            (
                i64::try_from(both & 0x3_ffff_ffff).ok()?,
                i64::try_from(both >> 34).ok()?,
            )
        }
        12 => {
            let nanos = u32::from_be_bytes(*bytes.first_chunk()?);
            (i64::from_be_bytes(*bytes.last_chunk()?), i64::from(nanos))
        }
        15 | 16 => {
            let seconds = i64::from_be_bytes(*bytes.get(1..9)?.first_chunk()?);
            let nanos = i32::from_be_bytes(*bytes.get(9..13)?.first_chunk()?);
            if seconds == 0 {
                return Some(Timestamp::ZERO);
            }
            (seconds.checked_sub(GO_EPOCH_SECONDS)?, i64::from(nanos))
        }
        _ => return None,
    };
    if seconds == -GO_EPOCH_SECONDS {
        return Some(Timestamp::ZERO);
    }
    Timestamp::from_parts(seconds, nanos)
}

impl<'de> Visitor<'de> for Time<'_> {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a timestamp")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Timestamp, E> {
        Ok(self.text(text))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Timestamp, E> {
        // Of bytes, as of texts where bytes should be, a reading tells its time without looking at the type.
        match self.0.parse_time(bytes) {
            Some((time, false)) => Ok(time),
            _ => Ok(self.binary(bytes)),
        }
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, extension: D) -> Result<Timestamp, D::Error> {
        extension.deserialize_any(self)
    }

    /// A msgpack extension comes as its tag and its bytes.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Timestamp, A::Error> {
        let tag = seq.next_element_seed(AnyPart)?;
        let data = seq.next_element_seed(AnyPart)?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        match (tag, data) {
            (Some(Part::Tag(MSGPACK_TIMESTAMP)), Some(Part::Data(bytes))) => Ok(self.binary(&bytes)),
            _ => Ok(self.unreadable("of another kind")),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Timestamp, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(self.unreadable("of another kind"))
    }

    fn visit_unit<E: Error>(self) -> Result<Timestamp, E> {
        Ok(Timestamp::ZERO)
    }

    fn visit_none<E: Error>(self) -> Result<Timestamp, E> {
        Ok(Timestamp::ZERO)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Timestamp, E> {
        Ok(self.unreadable(&number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Timestamp, E> {
        Ok(self.unreadable(&number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Timestamp, E> {
        Ok(self.unreadable(&number.to_string()))
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Timestamp, E> {
        Ok(self.unreadable(&truth.to_string()))
    }
}

/// A point in time as bytes that are known to be a text or a binary form.
pub(super) struct Written<'a>(pub(super) &'a mut Context);
any!(Written<'_> => Timestamp);

impl<'de> Visitor<'de> for Written<'_> {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a timestamp")
    }

    #[inline]
    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Timestamp, E> {
        Ok(Time(self.0).written(bytes))
    }
}

/// One part of a msgpack extension, or whatever else stands where a timestamp should.
enum Part {
    Tag(i64),
    Data(Vec<u8>),
    Other,
}

struct AnyPart;
any!(AnyPart => Part);

impl<'de> Visitor<'de> for AnyPart {
    type Value = Part;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Part, E> {
        Ok(Part::Tag(number))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Part, E> {
        Ok(Part::Data(bytes.to_vec()))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Part, E> {
        Ok(Part::Other)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Part, E> {
        Ok(Part::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Part, E> {
        Ok(Part::Other)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Part, E> {
        Ok(Part::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Part, E> {
        Ok(Part::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Part, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Part::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Part, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Part::Other)
    }
}
