//! The smallest parts of a query, compiled.

use regex::{Regex, RegexBuilder};

use crate::derive::limits::MAX_REGEX_BYTES;

/// How a metric is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Below,
    AtMost,
    Equals,
    Differs,
    AtLeast,
    Above,
}

impl Comparison {
    pub(super) fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Comparison::Below => left < right,
            Comparison::AtMost => left <= right,
            Comparison::Equals => left == right,
            Comparison::Differs => left != right,
            Comparison::AtLeast => left >= right,
            Comparison::Above => left > right,
        }
    }
}

/// One condition.
#[derive(Debug, Clone)]
pub(super) enum Term {
    /// Text in any field.
    Text(Regex),
    /// The node's kind, as a slug.
    Kind(String),
    /// Text in a field.
    Field(Box<FieldTerm>),
    /// A metric or number against a number.
    Compare(Box<CompareTerm>),
    /// Appeared or changed within this time, in milliseconds.
    Changed(i64),
}

/// `command:nginx`, `image name:nginx`.
#[derive(Debug, Clone)]
pub(super) struct FieldTerm {
    /// The field's slug with the words before it: they may be the beginning of its name, or text of
    /// their own.
    pub(super) long: Option<(Regex, Regex)>,
    pub(super) field: Regex,
    pub(super) text: Regex,
    /// The whole, for nodes that have no such field.
    pub(super) plain: Regex,
}

/// `cpu > 80`, `nginx open files >= 1k`.
#[derive(Debug, Clone)]
pub(super) struct CompareTerm {
    /// Ways to read the words before the sign: text that must match besides, and the slug compared.
    /// The most words for the slug come first.
    pub(super) readings: Vec<(Option<Regex>, String)>,
    pub(super) comparison: Comparison,
    pub(super) value: f64,
    /// The whole, where it may be meant as text (`--port=8080`).
    pub(super) plain: Option<Regex>,
}

/// A regular expression that ignores case; text that is none is taken literally.
pub(super) fn pattern(text: &str) -> Regex {
    compile(text).unwrap_or_else(|| literal(text))
}

/// Matches exactly this text, ignoring case.
pub(super) fn literal(text: &str) -> Regex {
    compile(&regex::escape(text)).unwrap_or_else(nothing)
}

fn compile(text: &str) -> Option<Regex> {
    RegexBuilder::new(text)
        .case_insensitive(true)
        .size_limit(MAX_REGEX_BYTES)
        .build()
        .ok()
}

/// Matches nothing: stands for text too long to search for.
fn nothing() -> Regex {
    #[expect(clippy::expect_used, reason = "a constant expression")]
    Regex::new(r"[^\s\S]").expect("compiles")
}

/// Letters and digits alone, in lower case.
pub(super) fn slug(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// `10m` → 600000: seconds, minutes or hours in milliseconds. None when it is none of these.
pub(super) fn duration_ms(text: &str) -> Option<i64> {
    const UNITS: [(&str, f64); 4] = [("ms", 1.0), ("s", 1e3), ("m", 60e3), ("h", 3_600e3)];
    let lower = text.to_ascii_lowercase();
    let unit_at = lower.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (digits, unit) = lower.split_at(unit_at);
    let (_, unit_ms) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    let ms = digits.parse::<f64>().ok()? * unit_ms;
    #[expect(clippy::cast_possible_truncation, reason = "casts of floats saturate")]
    Some(ms as i64)
}

/// `1.5g` → 1610612736. Units are powers of 1024; a following `b`, `ib` or `%` is allowed.
pub(super) fn number(text: &str) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    let bare = lower.strip_suffix('%').unwrap_or(&lower);
    let bare = bare
        .strip_suffix("ib")
        .or_else(|| bare.strip_suffix('b'))
        .unwrap_or(bare);
    let (digits, power) = match bare.char_indices().next_back() {
        Some((at, 'k')) => (&bare[..at], 1),
        Some((at, 'm')) => (&bare[..at], 2),
        Some((at, 'g')) => (&bare[..at], 3),
        Some((at, 't')) => (&bare[..at], 4),
        _ => (bare, 0),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return None;
    }
    let value: f64 = digits.parse().ok()?;
    value.is_finite().then(|| value * 1024f64.powi(power))
}
