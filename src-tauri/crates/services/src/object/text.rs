//! Objects as text: YAML (several documents), TOML (one), JSON (one, or a list).

use serde_json::Value;

use crate::limits;

/// How text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// YAML, which JSON is a part of.
    Yaml,
    /// TOML.
    Toml,
    /// JSON.
    Json,
}

impl Format {
    /// The format that a file's name ends with.
    #[must_use]
    pub fn of_extension(extension: &str) -> Option<Format> {
        match extension {
            "yaml" | "yml" => Some(Format::Yaml),
            "toml" => Some(Format::Toml),
            "json" => Some(Format::Json),
            _ => None,
        }
    }

    /// The format that a `Content-Type` names. JSON when it names none that is known.
    #[must_use]
    pub fn of_content_type(content_type: &str) -> Format {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        match essence.to_ascii_lowercase().as_str() {
            "application/yaml" | "application/x-yaml" | "text/yaml" => Format::Yaml,
            "application/toml" | "text/toml" => Format::Toml,
            _ => Format::Json,
        }
    }
}

/// The documents in a text; a `List` is taken apart.
///
/// # Errors
/// What is wrong, with its place in the text.
pub fn documents(text: &str, format: Format) -> Result<Vec<Value>, String> {
    if text.len() > limits::MAX_OBJECT_BYTES {
        return Err(format!("larger than {} bytes", limits::MAX_OBJECT_BYTES));
    }
    let documents = match format {
        Format::Json => vec![serde_json::from_str(text).map_err(|e| e.to_string())?],
        Format::Toml => vec![toml::from_str(text).map_err(|e| e.to_string())?],
        Format::Yaml => yaml(text)?,
    };
    let mut all = Vec::with_capacity(documents.len());
    for document in documents {
        take_apart(document, &mut all);
    }
    if all.len() > limits::MAX_OBJECTS {
        return Err(format!("more than {} documents", limits::MAX_OBJECTS));
    }
    Ok(all)
}

/// YAML of version 1.2: `no` is a word, not a boolean.
fn yaml(text: &str) -> Result<Vec<Value>, String> {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| error.to_string())
}

fn take_apart(document: Value, all: &mut Vec<Value>) {
    let listed = document
        .get("kind")
        .and_then(Value::as_str)
        .is_some_and(|kind| kind == "List" || kind == "DataPlaneServiceList");
    match document {
        Value::Null => {}
        Value::Array(items) => all.extend(items),
        Value::Object(mut map) if listed => {
            if let Some(Value::Array(items)) = map.remove("items") {
                all.extend(items);
            }
        }
        other => all.push(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_gives_the_same_document() {
        let yaml = "kind: X\nspec: { services: [ { type: route, path: /a } ] }\n";
        let toml = "kind = \"X\"\n[[spec.services]]\ntype = \"route\"\npath = \"/a\"\n";
        let json = r#"{"kind":"X","spec":{"services":[{"type":"route","path":"/a"}]}}"#;
        let of = |text, format| documents(text, format).unwrap();
        assert_eq!(of(yaml, Format::Yaml), of(json, Format::Json));
        assert_eq!(of(toml, Format::Toml), of(json, Format::Json));
    }

    #[test]
    fn several_documents_and_lists_are_taken_apart() {
        let count = |text| documents(text, Format::Yaml).unwrap().len();
        assert_eq!(count("kind: A\n---\nkind: B\n---\n"), 2);
        assert_eq!(count("kind: List\nitems: [{kind: A}, {kind: B}, {kind: C}]"), 3);
        assert_eq!(count(""), 0);
        let no = documents("[{name: no}, {name: n}]", Format::Yaml).unwrap();
        assert_eq!((&no[0]["name"], &no[1]["name"]), (&"no".into(), &"n".into()));
    }

    #[test]
    fn nothing_that_is_written_can_take_all_memory_or_panic() {
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n\
            c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n\
            e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n\
            g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: [*g,*g,*g,*g,*g,*g,*g,*g,*g]\n";
        assert!(documents(bomb, Format::Yaml).is_err());
        let deep = "[".repeat(100_000);
        for format in [Format::Yaml, Format::Json, Format::Toml] {
            assert!(documents(&deep, format).is_err(), "{format:?}");
        }
        assert!(documents(&" ".repeat(limits::MAX_OBJECT_BYTES + 1), Format::Yaml).is_err());
    }
}
