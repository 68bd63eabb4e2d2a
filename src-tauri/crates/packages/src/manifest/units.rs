//! Lengths of time, sizes and shares as a manifest writes them: a whole number with its unit.
//!
//! One number, one unit, nothing in between, so that nobody has to guess what `90` or `1:30` means.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// Units of time, largest first, in milliseconds.
const TIMES: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Units of size, in bytes. Binary ones come first, so that what is written back reads as memory usually does.
const SIZES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// Splits `10s` into its number and what follows.
fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit))
}

/// A number and a unit of `units`, as a product; nothing when it is anything else or too large.
fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, unit) = number_and_unit(text)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*factor)
}

/// The largest unit that leaves no rest.
fn write(value: u64, units: &[(&str, u64)]) -> String {
    let fitting = units
        .iter()
        .find(|(_, factor)| value != 0 && value.is_multiple_of(*factor));
    match fitting.or(units.last()) {
        Some((unit, factor)) => format!("{}{unit}", value / factor),
        None => value.to_string(),
    }
}

/// Reads a length of time such as `10s` or `500ms`.
///
/// # Errors
/// What is wrong and how to write it.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    match parse(text, &TIMES) {
        Some(ms) if Duration::from_millis(ms) <= crate::limits::DURATION_MAX => Ok(Duration::from_millis(ms)),
        Some(_) => Err(format!("`{text}` is longer than 30 days")),
        None => Err(format!(
            "`{text}` is no length of time; write a whole number with one of ms, s, m, h, d, such as \"10s\""
        )),
    }
}

/// Writes a length of time as [`parse_duration`] reads it; fractions of a millisecond are dropped.
#[must_use]
pub fn write_duration(duration: Duration) -> String {
    write(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), &TIMES)
}

/// Reads a size such as `64MiB`, in bytes.
///
/// # Errors
/// What is wrong and how to write it.
pub fn parse_size(text: &str) -> Result<u64, String> {
    parse(text, &SIZES).ok_or_else(|| {
        format!(
            "`{text}` is no size; write a whole number with one of B, kB, MB, GB, KiB, MiB, GiB, such as \"64MiB\""
        )
    })
}

/// Writes a size in bytes as [`parse_size`] reads it.
#[must_use]
pub fn write_size(bytes: u64) -> String {
    write(bytes, &SIZES)
}

/// Reads a share such as `50%` or `12.5%`, in per cent.
///
/// # Errors
/// What is wrong and how to write it.
pub fn parse_percent(text: &str) -> Result<f64, String> {
    let wrong = || format!("`{text}` is no share; write a number with a per cent sign, such as \"50%\"");
    let number = text.strip_suffix('%').ok_or_else(wrong)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| !part.is_empty() && part.len() <= 9 && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return Err(wrong());
    }
    number.parse().map_err(|_| wrong())
}

/// Writes a share in per cent as [`parse_percent`] reads it.
#[must_use]
pub fn write_percent(percent: f64) -> String {
    format!("{percent}%")
}

/// Makes serde's `with` modules for a value and for one that may be missing.
macro_rules! as_text {
    ($module:ident, $optional:ident, $type:ty, $parse:ident, $write:ident) => {
        pub(crate) mod $module {
            use serde::de::Error;
            use serde::{Deserialize, Deserializer, Serializer};

            pub(crate) fn serialize<S: Serializer>(value: &$type, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&super::$write(*value))
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<$type, D::Error> {
                super::$parse(&String::deserialize(from)?).map_err(D::Error::custom)
            }
        }

        pub(crate) mod $optional {
            use serde::{Deserializer, Serializer};

            pub(crate) fn serialize<S: Serializer>(value: &Option<$type>, to: S) -> Result<S::Ok, S::Error> {
                match value {
                    Some(value) => super::$module::serialize(value, to),
                    None => to.serialize_none(),
                }
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<$type>, D::Error> {
                super::$module::deserialize(from).map(Some)
            }
        }
    };
}

as_text!(
    duration,
    optional_duration,
    std::time::Duration,
    parse_duration,
    write_duration
);
as_text!(size, optional_size, u64, parse_size, write_size);
as_text!(percent, optional_percent, f64, parse_percent, write_percent);

/// Makes a stand-in that says in the JSON Schema how the text is written.
macro_rules! text_schema {
    ($name:ident, $pattern:literal, $description:literal) => {
        pub(crate) struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern, "description": $description })
            }
        }
    };
}

text_schema!(
    Time,
    "^[0-9]+(ms|s|m|h|d)$",
    "Length of time: a whole number with its unit, such as 10s"
);
text_schema!(
    Size,
    "^[0-9]+(B|kB|MB|GB|KiB|MiB|GiB)$",
    "Size: a whole number with its unit, such as 64MiB"
);
text_schema!(
    Percent,
    "^[0-9]{1,9}(\\.[0-9]{1,9})?%$",
    "Share of one core, such as 50%; more than 100% is more than one core"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_strictly_and_written_back() {
        for (text, ms) in [
            ("10s", Some(10_000)),
            ("500ms", Some(500)),
            ("5m", Some(300_000)),
            ("1h", Some(3_600_000)),
            ("30d", Some(2_592_000_000)),
            ("0s", Some(0)),
            ("31d", None),
            ("10", None),
            ("", None),
            ("s", None),
            ("10 s", None),
            ("1.5s", None),
            ("-1s", None),
            ("1h30m", None),
            ("10S", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
            ("１０s", None),
        ] {
            let read = parse_duration(text).ok();
            assert_eq!(read, ms.map(Duration::from_millis), "{text}");
            if let Some(read) = read {
                assert_eq!(parse_duration(&write_duration(read)), Ok(read), "{text}");
            }
        }
    }

    #[test]
    fn sizes_are_read_strictly_and_written_back() {
        for (text, bytes) in [
            ("64MiB", Some(64 << 20)),
            ("1GiB", Some(1 << 30)),
            ("1500kB", Some(1_500_000)),
            ("7B", Some(7)),
            ("64M", None),
            ("64mib", None),
            ("67108864", None),
            ("1.5GiB", None),
            ("99999999999GiB", None),
        ] {
            let read = parse_size(text).ok();
            assert_eq!(read, bytes, "{text}");
            if let Some(read) = read {
                assert_eq!(parse_size(&write_size(read)), Ok(read), "{text}");
            }
        }
    }

    #[test]
    fn shares_are_read_strictly_and_written_back() {
        for (text, percent) in [
            ("50%", Some(50.0)),
            ("150.5%", Some(150.5)),
            ("50", None),
            ("%", None),
            (".5%", None),
            ("5.%", None),
            ("1e3%", None),
            ("inf%", None),
            ("-5%", None),
            ("50 %", None),
        ] {
            let read = parse_percent(text).ok();
            assert_eq!(read, percent, "{text}");
            if let Some(read) = read {
                assert_eq!(parse_percent(&write_percent(read)), Ok(read), "{text}");
            }
        }
    }
}
