//! Scope's own answers, field by field. The data is not part of the project: `ORRERY_DATA` names its folder.
//!
//! The answers were fetched one after the other while processes came and went. Those of report.json's own
//! moment must be equal in every field. The others are compared without what time changes (readings,
//! uptime, processes that live for a second), and every difference of rule is named where it is skipped.

use std::path::PathBuf;
use std::sync::Arc;

use orrery_model::{Report, Timestamp};
use orrery_topology::derive::Derivation;
use serde_json::Value;

fn data(file: &str) -> Option<Vec<u8>> {
    let Some(folder) = std::env::var_os("ORRERY_DATA") else {
        eprintln!("skipped: ORRERY_DATA is not set");
        return None;
    };
    Some(std::fs::read(PathBuf::from(folder).join(file)).expect("the file is readable"))
}

fn json(file: &str) -> Option<Value> {
    Some(serde_json::from_slice(&data(file)?).expect("the file is JSON"))
}

fn derivation(file: &str) -> Option<Derivation> {
    let decoded = Report::from_json(&data(file)?, Timestamp(1)).expect("the report decodes");
    Some(Derivation::new(Arc::new(decoded.report), None))
}

/// Collects differences as `path: theirs / ours`.
fn compare(path: &str, theirs: &Value, ours: &Value, skip: &dyn Fn(&str) -> bool, out: &mut Vec<String>) {
    if skip(path) {
        return;
    }
    match (theirs, ours) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let path = format!("{path}/{key}");
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => compare(&path, a, b, skip, out),
                    (a, b) if !skip(&path) => out.push(format!("{path}: {a:?} / {b:?}")),
                    _ => {}
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                // Rows are told by their id, not by their place.
                let name = a
                    .get("id")
                    .and_then(Value::as_str)
                    .map_or_else(|| i.to_string(), str::to_owned);
                compare(&format!("{path}/{name}"), a, b, skip, out);
            }
        }
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => {}
        (a, b) if a == b => {}
        (a, b) => out.push(format!("{path}: {a} / {b}")),
    }
}

fn assert_same(theirs: &Value, ours: &impl serde::Serialize, skip: &dyn Fn(&str) -> bool) {
    let mut differences = Vec::new();
    let ours = serde_json::to_value(ours).expect("serialises");
    compare("", theirs, &ours, skip, &mut differences);
    assert!(
        differences.is_empty(),
        "theirs / ours:\n{}",
        differences.join("\n")
    );
}

#[test]
fn list_of_topologies() {
    let (Some(theirs), Some(derivation)) = (json("topology.json"), derivation("report.json")) else {
        return;
    };
    assert_same(&theirs, &derivation.scope_topologies(), &|_| false);
}

#[test]
fn topologies_without_parameters() {
    for (file, topology) in [
        ("topology-processes.json", "processes"),
        ("topology-processes-by-name.json", "processes-by-name"),
        ("topology-hosts.json", "hosts"),
    ] {
        let (Some(theirs), Some(derivation)) = (json(file), derivation("report.json")) else {
            return;
        };
        assert_same(&theirs, &derivation.scope_nodes(topology, None), &|_| false);
    }
}

/// The answer was given some seconds later: what both have must agree in everything but readings.
#[test]
fn processes_with_an_option() {
    let file = "topology-processes-unconnected-show.json";
    let (Some(mut theirs), Some(derivation)) = (json(file), derivation("report.json")) else {
        return;
    };
    let options = [("unconnected".to_owned(), "show".to_owned())].into();
    let mut ours =
        serde_json::to_value(derivation.scope_nodes("processes", Some(&options))).expect("serialises");
    let both = common(&mut theirs, &mut ours, "/nodes");
    assert!(both >= 15, "{both} processes in both");
    assert_same(&theirs, &ours, &is_reading);
}

/// Keeps what both objects have, and says how much that is.
fn common(theirs: &mut Value, ours: &mut Value, pointer: &str) -> usize {
    let (Some(Value::Object(a)), Some(Value::Object(b))) =
        (theirs.pointer_mut(pointer), ours.pointer_mut(pointer))
    else {
        panic!("{pointer} is an object in both");
    };
    a.retain(|key, _| b.contains_key(key));
    b.retain(|key, _| a.contains_key(key));
    a.len()
}

/// Readings, uptime and threads are of another second.
fn is_reading(path: &str) -> bool {
    if ["uptime", "threads"]
        .iter()
        .any(|fact| path.ends_with(&format!("/metadata/{fact}/value")))
    {
        return true;
    }
    let in_metrics = path.contains("/metrics/");
    in_metrics
        && ["/value", "/min", "/max", "/samples"]
            .iter()
            .any(|end| path.ends_with(end))
}

#[test]
fn cards() {
    for (file, topology, id) in [
        ("node-process-nginx.json", "processes", "peerhost;20"),
        (
            "node-process-by-name.json",
            "processes-by-name",
            "nginx: worker process",
        ),
        ("node-host.json", "hosts", "peerhost;<host>"),
    ] {
        let (Some(mut theirs), Some(derivation)) = (json(file), derivation("report.json")) else {
            return;
        };
        let node = derivation.scope_node(topology, id, None, "");
        let mut ours = serde_json::to_value(node).expect("serialises");
        for answer in [&mut theirs, &mut ours] {
            by_id(answer);
        }
        let children = "/node/children/Processes/nodes";
        if theirs.pointer(children).is_some() {
            assert!(common(&mut theirs, &mut ours, children) > 1);
        }
        assert_same(&theirs, &ours, &|path| {
            is_reading(path) || path.ends_with("/metadata/uptime/value")
        });
    }
}

/// Turns lists of things with an id or a label into objects by it, so that they compare by name.
fn by_id(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(by_id),
        Value::Array(items) => {
            items.iter_mut().for_each(by_id);
            let name = |item: &Value| {
                let of = |key| item.get(key).and_then(Value::as_str).filter(|s| !s.is_empty());
                of("id").or_else(|| of("label")).map(str::to_owned)
            };
            if !items.is_empty() && items.iter().all(|item| name(item).is_some()) {
                let named = items
                    .drain(..)
                    .map(|item| (name(&item).unwrap_or_default(), item));
                *value = Value::Object(named.collect());
            }
        }
        _ => {}
    }
}

#[test]
fn a_host_with_what_plugins_add() {
    let (Some(mut theirs), Some(derivation)) =
        (json("plugin-node-host.json"), derivation("plugin-report.json"))
    else {
        return;
    };
    let node = derivation.scope_node("hosts", "peerhost;<host>", None, "");
    let mut ours = serde_json::to_value(node).expect("serialises");
    for answer in [&mut theirs, &mut ours] {
        by_id(answer);
    }
    let children = "/node/children/Processes/nodes";
    assert!(common(&mut theirs, &mut ours, children) > 1);
    assert_same(&theirs, &ours, &|path| {
        is_reading(path)
            // Sets are shown in order; Scope showed this one as the plugin sent it.
            || path.ends_with("/metadata/myp_set/value")
    });
}

#[test]
fn a_report_of_2016_derives() {
    let Some(derivation) = derivation("scope-render-bench.json") else {
        return;
    };
    let stats: std::collections::BTreeMap<String, u32> = derivation
        .topologies()
        .into_iter()
        .map(|t| (t.id, t.stats.node_count))
        .collect();
    assert!(stats["processes"] > 10, "{stats:?}");
    assert!(stats["containers"] > 5, "{stats:?}");
    assert_eq!(stats["hosts"], 1, "{stats:?}");
}
