//! Config in layers: what is said more closely wins, and everything wrong is told at once.

use orrery_packages::policy::{self, Rule};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use ts_rs::TS;

/// Where a part of a config is said, from the widest to the closest. Below all of them are the rules' defaults.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum LayerKind {
    /// Value that a rule gives.
    Default,
    /// For everything.
    Global,
    /// For everything with an interface, such as all publishers.
    Interface,
    /// For a plugin.
    Plugin,
    /// For one version of a plugin.
    Revision,
    /// For one running plugin.
    Instance,
    /// For a task.
    Task,
}

impl LayerKind {
    /// In a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            LayerKind::Default => "default",
            LayerKind::Global => "global",
            LayerKind::Interface => "interface",
            LayerKind::Plugin => "plugin",
            LayerKind::Revision => "revision",
            LayerKind::Instance => "instance",
            LayerKind::Task => "task",
        }
    }
}

/// What is said in one place.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Where.
    pub kind: LayerKind,
    /// What.
    pub values: Map<String, Value>,
}

/// What is said in several places.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Layers(Vec<Layer>);

impl Layers {
    /// Adds what is said in one place. Of two of a kind, what is added later wins.
    #[must_use]
    pub fn with(mut self, kind: LayerKind, values: Map<String, Value>) -> Layers {
        if !values.is_empty() {
            let after = self.0.partition_point(|layer| layer.kind <= kind);
            self.0.insert(after, Layer { kind, values });
        }
        self
    }

    /// All, the widest first.
    #[must_use]
    pub fn all(&self) -> &[Layer] {
        &self.0
    }
}

/// A value that is not as its rule says. It never repeats the value: that may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, schemars::JsonSchema, thiserror::Error)]
#[error("{key}: {message} ({})", .layer.as_str())]
pub struct ConfigError {
    /// The key; empty when it is about the whole.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// Where it is said; the default when nobody says anything.
    pub layer: LayerKind,
}

/// A config with everything filled in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Resolved {
    /// Values. A secret is where it is, never what it is.
    pub values: Map<String, Value>,
    /// Where each value comes from, in order of keys.
    pub origins: Vec<(String, LayerKind)>,
}

/// Puts layers together under the rules of a plugin. Keys of wide layers (global and interface) that no rule knows
/// are meant for others and left out; elsewhere they are mistakes. Without rules, everything is taken.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn resolve(rules: &[Rule], layers: &Layers) -> Result<Resolved, Vec<ConfigError>> {
    let mut values = Map::new();
    let mut origins: Vec<(String, LayerKind)> = Vec::new();
    for layer in layers.all() {
        for (key, value) in &layer.values {
            let known = rules.is_empty() || rules.iter().any(|rule| rule.key == *key);
            let wide = layer.kind <= LayerKind::Interface;
            if value.is_null() || (wide && !known) {
                continue;
            }
            values.insert(key.clone(), value.clone());
            origins.retain(|(held, _)| held != key);
            origins.push((key.clone(), layer.kind));
        }
    }
    let origin = |key: &str| {
        let found = origins.iter().find(|(held, _)| held == key);
        found.map_or(LayerKind::Default, |(_, kind)| *kind)
    };
    let checked = policy::check(rules, &Value::Object(values)).map_err(|errors| {
        let errors = errors.into_iter().map(|error| ConfigError {
            layer: origin(&error.key),
            key: error.key,
            message: error.message,
        });
        errors.collect::<Vec<_>>()
    })?;
    let Value::Object(values) = checked else {
        return Ok(Resolved::default());
    };
    let mut origins: Vec<(String, LayerKind)> = values.keys().map(|key| (key.clone(), origin(key))).collect();
    origins.sort();
    Ok(Resolved { values, origins })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    fn rules() -> Vec<Rule> {
        serde_json::from_value(json!([
            { "key": "rate", "type": "integer", "default": 10, "min": 1, "max": 100 },
            { "key": "name", "type": "string", "required": true },
            { "key": "every", "type": "duration" },
            { "key": "token", "type": "secret" },
        ]))
        .unwrap()
    }

    const ALL: [LayerKind; 6] = [
        LayerKind::Global,
        LayerKind::Interface,
        LayerKind::Plugin,
        LayerKind::Revision,
        LayerKind::Instance,
        LayerKind::Task,
    ];

    #[test]
    fn what_is_said_more_closely_wins_whatever_the_order() {
        for (at, closest) in ALL.iter().enumerate() {
            let mut layers = Layers::default().with(LayerKind::Global, map(json!({ "name": "x" })));
            for (value, kind) in ALL.iter().enumerate().take(at + 1).rev() {
                layers = layers.with(*kind, map(json!({ "rate": value + 1 })));
            }
            let resolved = resolve(&rules(), &layers).unwrap();
            assert_eq!(resolved.values["rate"], at + 1);
            assert!(
                resolved.origins.contains(&("rate".into(), *closest)),
                "{resolved:?}"
            );
        }
        let layers = Layers::default().with(LayerKind::Task, map(json!({ "name": "x", "rate": null })));
        let resolved = resolve(&rules(), &layers).unwrap();
        assert_eq!(resolved.values["rate"], 10, "the rule's default");
        assert!(resolved.origins.contains(&("rate".into(), LayerKind::Default)));
    }

    #[test]
    fn everything_wrong_is_told_at_once_with_where_it_is_said_and_no_value() {
        let layers = Layers::default()
            .with(LayerKind::Global, map(json!({ "rate": 500, "other": 1 })))
            .with(LayerKind::Plugin, map(json!({ "every": "hunter2" })))
            .with(LayerKind::Task, map(json!({ "token": "hunter2", "nmae": 1 })));
        let errors = resolve(&rules(), &layers).unwrap_err();
        let mut told: Vec<_> = errors.iter().map(|e| (e.key.clone(), e.layer)).collect();
        told.sort();
        let want = [
            ("every", LayerKind::Plugin),
            ("name", LayerKind::Default),
            ("nmae", LayerKind::Task),
            ("rate", LayerKind::Global),
            ("token", LayerKind::Task),
        ];
        assert_eq!(told, want.map(|(key, kind)| (key.to_owned(), kind)));
        assert!(!format!("{errors:?}").contains("hunter2"));
    }

    #[test]
    fn without_rules_everything_is_taken() {
        let layers = Layers::default()
            .with(LayerKind::Global, map(json!({ "a": 1 })))
            .with(LayerKind::Task, map(json!({ "b": [2] })));
        assert_eq!(
            Value::Object(resolve(&[], &layers).unwrap().values),
            json!({ "a": 1, "b": [2] })
        );
    }
}
