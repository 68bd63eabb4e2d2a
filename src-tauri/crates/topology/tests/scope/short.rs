//! Reports in short form: what is said of nodes, without the times and wrappings of the wire.
//!
//! `{"Process": {"h;1": {"latest": {"pid": "1"}, "metrics": {"cpu": 2.5}}}}` is written out as a probe
//! would send it and decoded like any other. A `~` in the name of a topology's member holds its head:
//! `"Host~": {"metadata_templates": …}`.

use orrery_model::{Report, Timestamp};
use serde_json::{Map, Value, json};

const SAID: &str = "2026-01-01T00:00:00Z";
/// Later than everything else; `{"later": value}` was said then.
const LATER: &str = "2026-01-01T00:00:05Z";

pub(crate) fn report(short: &Value) -> Report {
    let mut wire = Map::new();
    for (name, content) in short.as_object().expect("an object") {
        match name.strip_suffix('~') {
            Some(topology) => {
                let head = content.as_object().expect("a topology's head").clone();
                topology_of(&mut wire, topology).extend(head);
            }
            None if name == "DNS" => {
                wire.insert(name.clone(), content.clone());
            }
            None => {
                let nodes = content.as_object().expect("nodes by id");
                let nodes: Map<String, Value> =
                    nodes.iter().map(|(id, n)| (id.clone(), node(id, n))).collect();
                topology_of(&mut wire, name).insert("nodes".to_owned(), nodes.into());
            }
        }
    }
    let text = serde_json::to_vec(&wire).expect("serialises");
    let decoded = Report::from_json(&text, Timestamp(1)).expect("the report decodes");
    assert!(decoded.warnings.is_empty(), "{:?}", decoded.warnings);
    decoded.report
}

fn topology_of<'a>(wire: &'a mut Map<String, Value>, name: &str) -> &'a mut Map<String, Value> {
    let entry = wire.entry(name).or_insert_with(|| json!({}));
    entry.as_object_mut().expect("an object")
}

fn node(id: &str, short: &Value) -> Value {
    let mut out = json!({ "id": id });
    for (field, content) in short.as_object().expect("a node") {
        out[field] = match field.as_str() {
            "latest" => each(content, |v| match v.get("later") {
                Some(value) => json!({ "timestamp": LATER, "value": value }),
                None => json!({ "timestamp": SAID, "value": v }),
            }),
            "metrics" => each(content, |v| {
                json!({
                    "samples": [{ "date": SAID, "value": v }], "min": 0, "max": 100,
                })
            }),
            _ => content.clone(),
        };
    }
    out
}

fn each(content: &Value, write: impl Fn(&Value) -> Value) -> Value {
    let fields = content.as_object().expect("an object");
    fields
        .iter()
        .map(|(k, v)| (k.clone(), write(v)))
        .collect::<Map<_, _>>()
        .into()
}
