//! msgpack, read in one pass over a slice: texts are borrowed, and what is skipped is not looked at.

use std::fmt;

use serde::de::value::BorrowedBytesDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use crate::limits;

/// Name by which a reading of a metric is asked for. There are more of them than of everything else, so where
/// one is written as all writers do, its two values are handed over at once, without a map in between.
pub(super) const READING: &str = "$orrery::reading";
/// What stands between the date of such a reading and its value of eight bytes.
pub(super) const BETWEEN: &[u8] = b"\xa5value\xcb";
/// What such a reading begins with.
const BEGIN: &[u8] = b"\x82\xa4date";

/// Name by which a fact is asked for, after which there are most. Where one is written as all writers do, its
/// time and its value are handed over as a list of two.
pub(super) const FACT: &str = "$orrery::fact";
/// What such a fact begins with.
const FACT_BEGIN: &[u8] = b"\x82\xa9timestamp";
/// What stands between its time and its value.
const FACT_BETWEEN: &[u8] = b"\xa5value";

const NIL: u8 = 0xc0;

/// What is left of a message.
pub(super) struct Unpack<'de> {
    rest: &'de [u8],
    /// Levels of lists and maps that may still open.
    depth: usize,
}

/// Why a message does not read.
#[derive(Debug)]
pub(super) struct PackError(Box<str>);

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PackError {}

impl Error for PackError {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Self {
        PackError(message.to_string().into())
    }
}

#[cold]
fn ended() -> PackError {
    PackError::custom("the message ends in the middle of a value")
}

type Result<T> = std::result::Result<T, PackError>;

/// What a value is, by its first bytes; what follows is not read yet.
enum Head {
    Nil,
    Truth(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(usize),
    Bytes(usize),
    List(usize),
    Map(usize),
    Extension(usize),
}

impl<'de> Unpack<'de> {
    pub(super) fn new(rest: &'de [u8]) -> Self {
        let depth = limits::DEPTH;
        Unpack { rest, depth }
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (chunk, rest) = self.rest.split_first_chunk::<N>().ok_or_else(ended)?;
        self.rest = rest;
        Ok(*chunk)
    }

    fn slice(&mut self, len: usize) -> Result<&'de [u8]> {
        let (slice, rest) = self.rest.split_at_checked(len).ok_or_else(ended)?;
        self.rest = rest;
        Ok(slice)
    }

    fn len8(&mut self) -> Result<usize> {
        Ok(usize::from(u8::from_be_bytes(self.chunk()?)))
    }

    fn len16(&mut self) -> Result<usize> {
        Ok(usize::from(u16::from_be_bytes(self.chunk()?)))
    }

    fn len32(&mut self) -> Result<usize> {
        usize::try_from(u32::from_be_bytes(self.chunk()?)).map_err(|_| ended())
    }

    #[inline]
    fn head(&mut self) -> Result<Head> {
        let [marker] = self.chunk()?;
        Ok(match marker {
            0x00..=0x7f => Head::Unsigned(u64::from(marker)),
            0x80..=0x8f => Head::Map(usize::from(marker & 0x0f)),
            0x90..=0x9f => Head::List(usize::from(marker & 0x0f)),
            0xa0..=0xbf => Head::Text(usize::from(marker & 0x1f)),
            NIL => Head::Nil,
            0xc1 => return Err(PackError::custom("0xc1 begins no value")),
            0xc2 | 0xc3 => Head::Truth(marker == 0xc3),
            0xc4 => Head::Bytes(self.len8()?),
            0xc5 => Head::Bytes(self.len16()?),
            0xc6 => Head::Bytes(self.len32()?),
            0xc7 => Head::Extension(self.len8()?),
            0xc8 => Head::Extension(self.len16()?),
            0xc9 => Head::Extension(self.len32()?),
            0xca => Head::Float(f64::from(f32::from_be_bytes(self.chunk()?))),
            0xcb => Head::Float(f64::from_be_bytes(self.chunk()?)),
            0xcc => Head::Unsigned(u64::from(u8::from_be_bytes(self.chunk()?))),
            0xcd => Head::Unsigned(u64::from(u16::from_be_bytes(self.chunk()?))),
            0xce => Head::Unsigned(u64::from(u32::from_be_bytes(self.chunk()?))),
            0xcf => Head::Unsigned(u64::from_be_bytes(self.chunk()?)),
            0xd0 => Head::Signed(i64::from(i8::from_be_bytes(self.chunk()?))),
            0xd1 => Head::Signed(i64::from(i16::from_be_bytes(self.chunk()?))),
            0xd2 => Head::Signed(i64::from(i32::from_be_bytes(self.chunk()?))),
            0xd3 => Head::Signed(i64::from_be_bytes(self.chunk()?)),
            0xd4..=0xd8 => Head::Extension(1 << (marker - 0xd4)),
            0xd9 => Head::Text(self.len8()?),
            0xda => Head::Text(self.len16()?),
            0xdb => Head::Text(self.len32()?),
            0xdc => Head::List(self.len16()?),
            0xdd => Head::List(self.len32()?),
            0xde => Head::Map(self.len16()?),
            0xdf => Head::Map(self.len32()?),
            0xe0..=0xff => Head::Signed(i64::from(i8::from_be_bytes([marker]))),
        })
    }

    /// Reads what is inside a list or a map, one level down.
    #[inline]
    fn inside<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let Some(depth) = self.depth.checked_sub(1) else {
            let most = limits::DEPTH;
            return Err(PackError::custom(format_args!(
                "the depth is more than {most} levels"
            )));
        };
        self.depth = depth;
        let out = read(self);
        self.depth += 1;
        out
    }

    fn entries<T>(
        &mut self,
        left: usize,
        read: impl FnOnce(&mut Entries<'_, 'de>) -> Result<T>,
    ) -> Result<T> {
        self.inside(|unpack| {
            let mut entries = Entries { unpack, left };
            let out = read(&mut entries)?;
            match entries.left {
                0 => Ok(out),
                left => Err(PackError::custom(format_args!("{left} entries too many"))),
            }
        })
    }

    /// Passes over a value.
    fn skip(&mut self) -> Result<()> {
        let values = match self.head()? {
            Head::Text(len) | Head::Bytes(len) => return self.slice(len).map(drop),
            // The tag is a byte of its own.
            Head::Extension(len) => return self.slice(len.saturating_add(1)).map(drop),
            Head::List(len) => len,
            Head::Map(len) => len.saturating_mul(2),
            _ => return Ok(()),
        };
        self.inside(|unpack| (0..values).try_for_each(|_| unpack.skip()))
    }

    /// The time of the next value, if it is a fact as all writers write it: `{timestamp, value}` with a
    /// timestamp of text or bytes. The value is what is read next.
    #[inline]
    fn fact(&mut self) -> Option<&'de [u8]> {
        let (len, from) = short(self.rest.strip_prefix(FACT_BEGIN)?)?;
        let (time, from) = from.split_at_checked(len)?;
        self.rest = from.strip_prefix(FACT_BETWEEN)?;
        Some(time)
    }

    /// The next value from the date on, if it is a reading as all writers write it: `{date, value}` with a
    /// date of text or bytes and a value of eight bytes.
    #[inline]
    fn reading(&mut self) -> Option<&'de [u8]> {
        let (date, from) = short(self.rest.strip_prefix(BEGIN)?)?;
        if !from.get(date..)?.starts_with(BETWEEN) {
            return None;
        }
        let (reading, rest) = from.split_at_checked(date + BETWEEN.len() + size_of::<f64>())?;
        self.rest = rest;
        Some(reading)
    }
}

/// The length of a text or of bytes of less than 256, and what follows it.
#[inline]
fn short(from: &[u8]) -> Option<(usize, &[u8])> {
    let (marker, from) = from.split_first()?;
    match marker {
        0xa0..=0xbf => Some((usize::from(marker & 0x1f), from)),
        0xc4 | 0xd9 => from.split_first().map(|(len, from)| (usize::from(*len), from)),
        _ => None,
    }
}

#[inline]
fn text<'de, V: Visitor<'de>>(bytes: &'de [u8], visitor: V) -> Result<V::Value> {
    match std::str::from_utf8(bytes) {
        Ok(text) => visitor.visit_borrowed_str(text),
        // Writers of long ago put bytes of any kind where texts stand.
        Err(_) => visitor.visit_borrowed_bytes(bytes),
    }
}

impl<'de> Deserializer<'de> for &mut Unpack<'de> {
    type Error = PackError;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.head()? {
            Head::Text(len) => text(self.slice(len)?, visitor),
            Head::Map(len) => self.entries(len, |entries| visitor.visit_map(entries)),
            Head::List(len) => self.entries(len, |entries| visitor.visit_seq(entries)),
            Head::Float(number) => visitor.visit_f64(number),
            Head::Unsigned(number) => visitor.visit_u64(number),
            Head::Signed(number) => visitor.visit_i64(number),
            Head::Truth(truth) => visitor.visit_bool(truth),
            Head::Nil => visitor.visit_unit(),
            Head::Bytes(len) => visitor.visit_borrowed_bytes(self.slice(len)?),
            Head::Extension(len) => {
                let tag = i8::from_be_bytes(self.chunk()?);
                let data = self.slice(len)?;
                visitor.visit_newtype_struct(Extension { tag, data, told: 0 })
            }
        }
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value> {
        if name == READING
            && let Some(reading) = self.reading()
        {
            return visitor.visit_borrowed_bytes(reading);
        }
        if name == FACT
            && let Some(time) = self.fact()
        {
            return self.inside(|unpack| {
                let time = Some(time);
                visitor.visit_seq(TimeAndValue { time, unpack })
            });
        }
        visitor.visit_newtype_struct(self)
    }

    #[inline]
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        // Nearly all keys are short.
        if let Some((marker @ 0xa0..=0xbf, rest)) = self.rest.split_first()
            && let Some((key, rest)) = rest.split_at_checked(usize::from(marker & 0x1f))
        {
            self.rest = rest;
            return text(key, visitor);
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.skip()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        seq tuple tuple_struct map struct enum
    }
}

/// What is left of a list or a map.
struct Entries<'a, 'de> {
    unpack: &'a mut Unpack<'de>,
    left: usize,
}

impl<'de> SeqAccess<'de> for &mut Entries<'_, 'de> {
    type Error = PackError;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        seed.deserialize(&mut *self.unpack).map(Some)
    }
}

impl<'de> MapAccess<'de> for &mut Entries<'_, 'de> {
    type Error = PackError;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        self.next_element_seed(seed)
    }

    #[inline]
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value> {
        seed.deserialize(&mut *self.unpack)
    }
}

/// A fact: its time, and the value that is next.
struct TimeAndValue<'a, 'de> {
    time: Option<&'de [u8]>,
    unpack: &'a mut Unpack<'de>,
}

impl<'de> SeqAccess<'de> for TimeAndValue<'_, 'de> {
    type Error = PackError;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        match self.time.take() {
            Some(time) => seed.deserialize(BorrowedBytesDeserializer::new(time)).map(Some),
            None => seed.deserialize(&mut *self.unpack).map(Some),
        }
    }
}

/// An extension: a list of its tag and its bytes.
struct Extension<'de> {
    tag: i8,
    data: &'de [u8],
    told: u8,
}

impl<'de> Deserializer<'de> for Extension<'de> {
    type Error = PackError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_seq(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> SeqAccess<'de> for Extension<'de> {
    type Error = PackError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        self.told = self.told.saturating_add(1);
        match self.told {
            1 => seed
                .deserialize(serde::de::value::I8Deserializer::new(self.tag))
                .map(Some),
            2 => seed
                .deserialize(BorrowedBytesDeserializer::new(self.data))
                .map(Some),
            _ => Ok(None),
        }
    }
}
