//! Schemas of types, as they are written and as they are read, under one set of names.

use std::collections::{BTreeMap, BTreeSet};

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value};

/// Where schemas lie in the document.
const SHARED: &str = "#/components/schemas/";
/// Where schemas of what is read lie until it is known which of them differ.
const READ: &str = "#/components/read/";
/// What follows the name of a type that is read in another way than it is written.
const SUFFIX: &str = "Input";

/// Gathers schemas.
pub(super) struct Schemas {
    written: SchemaGenerator,
    read: SchemaGenerator,
}

impl Schemas {
    pub(super) fn new() -> Self {
        let settings = |at: &'static str| {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = at.trim_start_matches('#').trim_end_matches('/').into();
                settings.meta_schema = None;
            })
        };
        Schemas {
            written: settings(SHARED).for_serialize().into_generator(),
            read: settings(READ).for_deserialize().into_generator(),
        }
    }

    /// What an answer of this type looks like.
    pub(super) fn written<T: JsonSchema>(&mut self) -> Value {
        Schema::to_value(self.written.subschema_for::<T>())
    }

    /// What a body of this type may look like.
    pub(super) fn read<T: JsonSchema>(&mut self) -> Value {
        Schema::to_value(self.read.subschema_for::<T>())
    }

    /// The fields of a type that is read from a query: name, whether it must be there, schema.
    pub(super) fn fields<T: JsonSchema>(&mut self) -> Vec<(String, bool, Value)> {
        let root = self.read.root_schema_for::<T>().to_value();
        let required: BTreeSet<&str> = root["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let fields = root["properties"].as_object().into_iter().flatten();
        fields
            .map(|(name, schema)| {
                (
                    name.clone(),
                    required.contains(name.as_str()),
                    without_null(schema),
                )
            })
            .collect()
    }

    /// The schemas by name, and `paths` with references to them.
    pub(super) fn finish(mut self, mut paths: Value) -> (Map<String, Value>, Value) {
        let mut shared = self.written.take_definitions(true);
        let read = self.read.take_definitions(true);
        let other = other(&shared, &read);
        for (name, mut schema) in read {
            settle(&mut schema, &other);
            shared.insert(settled(&name, &other), schema);
        }
        settle(&mut paths, &other);
        let mut shared = Value::Object(shared);
        told_plainly(&mut shared);
        told_plainly(&mut paths);
        let Value::Object(shared) = shared else {
            return (Map::new(), paths);
        };
        (shared, paths)
    }
}

/// A query leaves out what is not meant; there is no way to write null.
fn without_null(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(kinds) = schema.get_mut("type").and_then(Value::as_array_mut) {
        kinds.retain(|kind| kind != "null");
        if let [only] = &kinds[..] {
            schema["type"] = only.clone();
        }
    }
    if let Some(object) = schema.as_object_mut() {
        object.retain(|key, value| key != "default" || !value.is_null());
        if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
            choices.retain(|choice| choice["type"] != "null");
        }
    }
    schema
}

/// Names of types that are read in another way than they are written, by themselves or by what they hold.
fn other(written: &Map<String, Value>, read: &Map<String, Value>) -> BTreeSet<String> {
    let none = BTreeSet::new();
    let plain: BTreeMap<&String, Value> = read
        .iter()
        .map(|(name, schema)| {
            let mut schema = schema.clone();
            settle(&mut schema, &none);
            (name, schema)
        })
        .collect();
    let mut other: BTreeSet<String> = BTreeSet::new();
    loop {
        let more: Vec<String> = plain
            .iter()
            .filter(|(name, schema)| {
                let differs = written.get(**name).is_some_and(|w| w != *schema);
                let holds = other.iter().any(|o| refers(schema, &format!("{SHARED}{o}")));
                !other.contains(**name) && (differs || holds && written.contains_key(**name))
            })
            .map(|(name, _)| (*name).clone())
            .collect();
        if more.is_empty() {
            return other;
        }
        other.extend(more);
    }
}

fn refers(schema: &Value, at: &str) -> bool {
    match schema {
        Value::Object(map) => map
            .iter()
            .any(|(key, value)| key == "$ref" && value == at || refers(value, at)),
        Value::Array(all) => all.iter().any(|value| refers(value, at)),
        _ => false,
    }
}

fn settled(name: &str, other: &BTreeSet<String>) -> String {
    if other.contains(name) {
        format!("{name}{SUFFIX}")
    } else {
        name.to_owned()
    }
}

/// References to what is read become references to where it lies in the end.
fn settle(value: &mut Value, other: &BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(at)) = map.get_mut("$ref")
                && let Some(name) = at.strip_prefix(READ)
            {
                *at = format!("{SHARED}{}", settled(name, other));
            }
            map.values_mut().for_each(|value| settle(value, other));
        }
        Value::Array(all) => all.iter_mut().for_each(|value| settle(value, other)),
        _ => {}
    }
}

/// Descriptions are comments of the code: links among its parts lead nowhere here.
fn told_plainly(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = text.replace("[`", "`").replace("`]", "`").replace("Self::", "");
            }
            map.values_mut().for_each(told_plainly);
        }
        Value::Array(all) => all.iter_mut().for_each(told_plainly),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// May be left out when it is read, and never is when it is written.
    #[derive(serde::Serialize, serde::Deserialize, JsonSchema)]
    struct Wish {
        #[serde(default)]
        limit: u32,
    }

    #[derive(serde::Serialize, serde::Deserialize, JsonSchema)]
    struct Order {
        wish: Wish,
    }

    #[derive(serde::Serialize, serde::Deserialize, JsonSchema)]
    struct Plain {
        /// See [`Wish`].
        text: String,
    }

    #[test]
    fn what_is_read_otherwise_than_written_has_two_names() {
        let mut schemas = Schemas::new();
        let written = [schemas.written::<Order>(), schemas.written::<Plain>()];
        let read = [schemas.read::<Order>(), schemas.read::<Plain>()];
        let (schemas, at) = schemas.finish(serde_json::json!([written, read]));
        let names: Vec<&str> = schemas.keys().map(String::as_str).collect();
        assert_eq!(names, ["Order", "OrderInput", "Plain", "Wish", "WishInput"]);
        assert_eq!(at[1][0]["$ref"], "#/components/schemas/OrderInput");
        assert_eq!(at[1][1], at[0][1], "what is the same has one name");
        let inner = &schemas["OrderInput"]["properties"]["wish"]["$ref"];
        assert_eq!(inner, "#/components/schemas/WishInput");
        assert_eq!(
            schemas["Plain"]["properties"]["text"]["description"],
            "See `Wish`."
        );
    }
}
