//! The id of a plugin.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::limits::ID_MAX_BYTES;

/// Id of a plugin: letters and digits, in groups joined by single dashes, as Scope asks for.
///
/// It names the socket, directories and archives, and holds nothing that a path could take for something else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct PluginId(String);

impl PluginId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PluginId {
    type Err = String;

    /// # Errors
    /// What an id looks like.
    fn from_str(text: &str) -> Result<Self, String> {
        let group = |group: &str| !group.is_empty() && group.bytes().all(|b| b.is_ascii_alphanumeric());
        if text.len() > ID_MAX_BYTES {
            return Err(format!("an id has at most {ID_MAX_BYTES} characters"));
        }
        if !text.split('-').all(group) {
            return Err(format!(
                "`{}` is no id; use letters and digits, in groups joined by single dashes, such as http-stats",
                text.escape_debug()
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl Deref for PluginId {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for PluginId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for PluginId {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for PluginId {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl fmt::Display for PluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PluginId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for PluginId {
    fn schema_name() -> Cow<'static, str> {
        "PluginId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$",
            "maxLength": ID_MAX_BYTES,
            "description": "Id of the plugin; also the name of its socket",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_groups_of_letters_and_digits_joined_by_dashes() {
        for (text, good) in [
            ("iowait", true),
            ("http-stats", true),
            ("A1-b2-3", true),
            ("", false),
            ("-a", false),
            ("a-", false),
            ("a--b", false),
            ("a_b", false),
            ("a.b", false),
            ("../a", false),
            ("a/b", false),
            ("ä", false),
            ("a\0", false),
            (&"a".repeat(64), true),
            (&"a".repeat(65), false),
        ] {
            assert_eq!(text.parse::<PluginId>().is_ok(), good, "{text}");
        }
    }
}
