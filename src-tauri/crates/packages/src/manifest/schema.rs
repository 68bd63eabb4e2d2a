//! The manifest's JSON Schema, for editors.

use serde_json::Value;

use super::Manifest;

/// JSON Schema of `plugin.toml`; `docs/plugin.schema.json` is a copy that a test keeps current.
#[must_use]
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Manifest).to_value();
    if let Value::Object(root) = &mut schema {
        root.insert("title".to_owned(), "plugin.toml".into());
    }
    schema
}
