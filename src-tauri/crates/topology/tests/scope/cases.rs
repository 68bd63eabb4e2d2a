//! Every file of `cases`: a report, and what Scope's API answers to some requests.
//!
//! A check is a request (`"get": "pods?storage=show"` or `"get": "pods/p1;<pod>"`) and one or more of:
//! `drawn`, the picture as lines `a -> b` and ids of nodes without edges; `stats` (nodes, those that are not
//! pseudo, edges, filtered); `is`, the whole answer or the part of it that `at` points to, equal in every
//! field, present or absent.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use orrery_topology::derive::{Derivation, Options};
use serde_json::Value;

use crate::short;

#[test]
fn scope_shows_what_was_worked_out_by_hand() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scope/cases");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("readable").path())
        .collect();
    files.sort();
    assert!(files.len() >= 7, "{files:?}");
    let mut faults = Vec::new();
    for file in files {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read(&file).expect("readable");
        let case: Value = serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        run(&name, &case, &mut faults);
    }
    assert!(faults.is_empty(), "expected / got:\n{}", faults.join("\n"));
}

fn run(name: &str, case: &Value, faults: &mut Vec<String>) {
    let derivation = Derivation::new(Arc::new(short::report(&case["report"])), None);
    let checks = case["checks"].as_array().expect("checks");
    assert!(!checks.is_empty(), "{name} checks something");
    for check in checks {
        let get = check["get"].as_str().expect("a request");
        let answer = answer(&derivation, get);
        let what = format!("{name}: {get}");
        let mut judged = false;
        if let Some(drawn) = check.get("drawn") {
            judged = true;
            compare(&what, drawn, &picture(&answer).into(), faults);
        }
        if let Some(stats) = check.get("stats") {
            judged = true;
            compare(&what, stats, &statistics(&derivation, get), faults);
        }
        if let Some(is) = check.get("is") {
            judged = true;
            let at = check.get("at").and_then(Value::as_str).unwrap_or_default();
            let part = answer.pointer(at).unwrap_or(&Value::Null);
            compare(&format!("{what} {at}"), is, part, faults);
        }
        assert!(judged, "{what} says what is expected");
    }
}

/// `topology?option=value` or `topology/node?option=value`; without a question mark there are no parameters.
fn request(get: &str) -> (&str, Option<&str>, Option<Options>) {
    let (path, query) = match get.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (get, None),
    };
    let options = query.map(|query| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    });
    match path.split_once('/') {
        Some((topology, node)) => (topology, Some(node), options),
        None => (path, None, options),
    }
}

fn answer(derivation: &Derivation, get: &str) -> Value {
    let (topology, node, options) = request(get);
    let options = options.as_ref();
    let answer = match (topology, node) {
        ("", _) => serde_json::to_value(derivation.scope_topologies_with(options)),
        (_, Some(node)) => serde_json::to_value(derivation.scope_node(topology, node, options, "probe")),
        (_, None) => serde_json::to_value(derivation.scope_nodes(topology, options)),
    };
    answer.expect("serialises")
}

fn picture(answer: &Value) -> Vec<String> {
    let nodes = answer["nodes"].as_object().expect("nodes");
    let mut lines = BTreeSet::new();
    let mut linked = BTreeSet::new();
    for (id, node) in nodes {
        for to in node["adjacency"].as_array().into_iter().flatten() {
            let to = to.as_str().expect("an id");
            lines.insert(format!("{id} -> {to}"));
            linked.extend([id.as_str(), to]);
        }
    }
    let lonely = nodes.keys().filter(|id| !linked.contains(id.as_str()));
    lines.extend(lonely.cloned());
    lines.into_iter().collect()
}

fn statistics(derivation: &Derivation, get: &str) -> Value {
    let (topology, _, options) = request(get);
    let list = serde_json::to_value(derivation.scope_topologies_with(options.as_ref())).expect("serialises");
    let url = format!("/api/topology/{topology}");
    let every = list.as_array().expect("a list").iter();
    let found = every
        .flat_map(|t| std::iter::once(t).chain(t["sub_topologies"].as_array().into_iter().flatten()))
        .find(|t| t["url"] == url.as_str())
        .expect("the topology is listed");
    let stat = |name: &str| found["stats"][name].clone();
    [
        "node_count",
        "nonpseudo_node_count",
        "edge_count",
        "filtered_nodes",
    ]
    .map(stat)
    .as_slice()
    .into()
}

/// Collects what differs as `path: expected / got`. Numbers are equal by value.
pub(crate) fn compare(path: &str, expected: &Value, got: &Value, faults: &mut Vec<String>) {
    match (expected, got) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
                let path = format!("{path}/{key}");
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => compare(&path, a, b, faults),
                    (Some(a), None) => faults.push(format!("{path}: {a} / absent")),
                    (None, Some(b)) => faults.push(format!("{path}: absent / {b}")),
                    (None, None) => {}
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path}/{i}"), a, b, faults);
            }
        }
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => {}
        (a, b) if a == b => {}
        (a, b) => faults.push(format!("{path}: {a} / {b}")),
    }
}
