//! Search over all topologies.

use crate::fixture::Fixture;

fn machine() -> Fixture {
    Fixture::new()
        .host("h")
        .process("h", 1, "nginx")
        .process("h", 2, "nginx-exporter")
        .process("h", 3, "my-nginx")
        .process("h", 4, "redis")
        .endpoint(";10.0.0.1;1001", Some(("h", 4)), &[";10.0.0.1;80"])
        .endpoint(";10.0.0.1;80", Some(("h", 1)), &[])
}

#[test]
fn the_closest_come_first_and_each_node_once() {
    let found = machine().derive().search("nginx", 50).unwrap();
    let hits: Vec<(&str, &str)> = found
        .hits
        .iter()
        .map(|h| (h.id.as_str(), h.topology.as_str()))
        .collect();
    let expected = [
        ("h;1", "everything"),
        ("nginx", "processes-by-name"),
        ("h;2", "everything"),
        ("nginx-exporter", "processes-by-name"),
        ("h;3", "everything"),
        ("my-nginx", "processes-by-name"),
    ];
    assert_eq!(hits, expected);
    assert_eq!(
        found.counts["processes"], 1,
        "as far as the default options show them"
    );
    assert_eq!(found.counts["containers"], 0);
}

#[test]
fn limits_and_empty_queries() {
    let derivation = machine().derive();
    assert_eq!(derivation.search("nginx", 2).unwrap().hits.len(), 2);
    assert_eq!(derivation.search("  ", 50).unwrap(), Default::default());
    let error = derivation.search("(nginx", 50).unwrap_err();
    assert!(error.to_string().contains("not closed"), "{error}");
}
