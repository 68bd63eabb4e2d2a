//! Rules for a plugin's config: what it may hold, what it holds when nothing is said.

mod check;
mod secret;

use std::fmt;

use schemars::JsonSchema;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::manifest::units::parse_duration;

pub use check::{PolicyError, check};
pub use secret::{SecretRef, reveal};

pub(crate) use check::check_rule;

impl Rule {
    /// Whether it makes sense; a manifest's rules do.
    ///
    /// # Errors
    /// What is wrong, with the key at fault.
    pub fn check(&self) -> Result<(), PolicyError> {
        check_rule(self).map_err(|(key, message)| PolicyError {
            key: key.to_owned(),
            message,
        })
    }
}

/// `[[policy]]`: a rule for one key of the config.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Namespace that the key belongs to, such as `/http-stats`; the plugin's id when not given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// Key; unique among a plugin's rules.
    pub key: String,
    /// Type.
    #[serde(rename = "type")]
    pub kind: PolicyType,
    /// What it is for, in a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whether there must be a value.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// Value where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Least value; of a text its least length in characters, of a length of time in seconds or as text.
    #[serde(default, deserialize_with = "bound", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Bound>")]
    pub min: Option<f64>,
    /// Greatest value, in the same way.
    #[serde(default, deserialize_with = "bound", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Bound>")]
    pub max: Option<f64>,
    /// The words of an enum.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// Type of a config value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PolicyType {
    /// true or false.
    Bool,
    /// Whole number.
    Integer,
    /// Number.
    Float,
    /// Text.
    String,
    /// Length of time, such as `10s`.
    Duration,
    /// One of several words.
    Enum,
    /// Where a secret is: `env:NAME` or `file:PATH`. The secret itself is never shown, stored or logged.
    Secret,
}

/// A bound as a manifest writes it, for the schema.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum Bound {
    /// A number.
    Number(f64),
    /// A length of time.
    Text(String),
}

fn bound<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    from.deserialize_any(BoundVisitor).map(Some)
}

struct BoundVisitor;

impl Visitor<'_> for BoundVisitor {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or a length of time such as \"10s\"")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<f64, E> {
        Ok(number)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<f64, E> {
        Ok(number as f64)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<f64, E> {
        Ok(number as f64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<f64, E> {
        parse_duration(text)
            .map(|time| time.as_secs_f64())
            .map_err(E::custom)
    }
}
