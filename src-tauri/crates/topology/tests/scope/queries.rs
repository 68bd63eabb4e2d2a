//! Queries asked of derivations: tables, what changed, Scope's topologies filtered.

use std::sync::Arc;

use orrery_model::{NodeId, TopologyKind};
use orrery_topology::derive::{ChangeLookup, Derivation, Options};
use serde_json::json;

use crate::short;

/// One process changed a minute ago.
struct OneChange;

impl ChangeLookup for OneChange {
    fn changed_ago_ms(&self, kind: TopologyKind, id: &NodeId) -> Option<i64> {
        (kind == TopologyKind::Process && id == "h;1").then_some(60_000)
    }
}

fn machine() -> Derivation {
    let report = short::report(&json!({
        "Process": {
            "h;1": { "latest": { "pid": "1", "name": "web" } },
            "h;2": { "latest": { "pid": "2", "name": "web" } },
            "h;3": { "latest": { "pid": "3", "name": "db" } },
        },
        "Endpoint": {
            ";10.0.0.1;40000": { "latest": { "host_node_id": "h;<host>", "pid": "1" }, "adjacency": [";10.0.0.1;5432"] },
            ";10.0.0.1;40001": { "latest": { "host_node_id": "h;<host>", "pid": "2" }, "adjacency": [";10.0.0.1;5432"] },
            ";10.0.0.1;5432": { "latest": { "host_node_id": "h;<host>", "pid": "3" } },
        },
        "Container~": { "table_templates": {
            "docker_label_": { "id": "docker_label_", "label": "Docker labels", "prefix": "docker_label_" },
        } },
        "Container": {
            "c;<container>": { "latest": { "docker_container_name": "shop", "docker_label_team": "payments" } },
            "d;<container>": { "latest": { "docker_container_name": "blog", "docker_label_team": "words" } },
        },
    }));
    Derivation::new(Arc::new(report), None)
}

fn found(derivation: &Derivation, topology: &str, query: &str) -> Vec<String> {
    let options = Options::from([("unconnected".to_owned(), "show".to_owned())]);
    let answer = derivation
        .scope_nodes_matching(topology, Some(&options), query)
        .expect("parses");
    let answer = serde_json::to_value(answer).unwrap();
    let nodes = answer["nodes"].as_object().unwrap();
    nodes
        .iter()
        .map(|(id, node)| match node.get("adjacency") {
            Some(to) => format!("{id} {to}"),
            None => id.clone(),
        })
        .collect()
}

#[test]
fn scopes_topologies_are_filtered_by_query() {
    let derivation = machine();
    assert_eq!(found(&derivation, "processes", "label:web"), ["h;1", "h;2"]);
    assert_eq!(
        found(&derivation, "processes", "^h .2.$ or db"),
        [r#"h;2 ["h;3"]"#, "h;3"]
    );
    assert_eq!(found(&derivation, "containers", "team:pay"), ["c;<container>"]);
    assert_eq!(
        found(&derivation, "containers", "payments|words"),
        ["c;<container>", "d;<container>"]
    );
    assert!(found(&derivation, "containers", "nothing").is_empty());
    assert!(derivation.scope_nodes_matching("processes", None, "(").is_err());
    assert!(
        derivation
            .scope_nodes_matching("nothing", None, "a")
            .is_ok_and(|a| a.is_none())
    );
}

#[test]
fn search_looks_into_tables() {
    let found = machine().search("payments", 10).unwrap();
    let hits: Vec<(&str, &str)> = found
        .hits
        .iter()
        .map(|h| (h.id.as_str(), h.field.as_str()))
        .collect();
    assert_eq!(hits, [("c;<container>", "team")]);
}

#[test]
fn what_changed_is_known_of_the_present_alone() {
    let past = machine();
    let error = past
        .picture("processes", &Options::new(), "web changed in 5m")
        .unwrap_err();
    assert!(error.to_string().contains("present"), "{error}");
    assert!(past.search("changed in 5m", 10).is_err());
    assert!(
        past.scope_nodes_matching("processes", None, "changed in 5m")
            .is_err()
    );

    let live = machine().with_changes(Arc::new(OneChange));
    assert_eq!(found(&live, "processes", "changed in 5m"), ["h;1"]);
    assert_eq!(
        found(&live, "processes", "not changed in 5m"),
        [r#"h;2 ["h;3"]"#, "h;3"]
    );
    assert!(found(&live, "processes", "changed in 30s").is_empty());
    assert_eq!(found(&live, "processes-by-name", "changed in 5m"), ["web"]);
    let next = live.anew(live.report().clone(), None);
    assert_eq!(
        found(&next, "processes", "changed in 5m"),
        ["h;1"],
        "what follows knows it too"
    );
}
