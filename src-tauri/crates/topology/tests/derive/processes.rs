//! Processes, by name, hosts; counting connections.

use orrery_model::TopologyKind;

use crate::fixture::{Fixture, check, check_with, options};

/// A client on one host, a server on another, and one process that talks to nobody.
fn two_hosts() -> Fixture {
    Fixture::new()
        .host("a")
        .host("b")
        .process("a", 1, "curl")
        .process("a", 2, "idle")
        .process("b", 7, "nginx")
        .endpoint(";10.0.0.1;40000", Some(("a", 1)), &[";10.0.0.2;80"])
        .endpoint(";10.0.0.2;80", Some(("b", 7)), &[])
}

#[test]
fn endpoints_join_across_hosts_by_their_id() {
    let derivation = two_hosts().derive();
    check(&derivation, "processes", &["a;1 -> b;7", "a;2"]);
    check_with(&derivation, "processes", &[], &["a;1 -> b;7"]);
    check_with(
        &derivation,
        "processes",
        &[("unconnected", "show")],
        &["a;1 -> b;7", "a;2"],
    );
    check(&derivation, "processes-by-name", &["curl -> nginx", "idle"]);
    check_with(&derivation, "processes-by-name", &[], &["curl -> nginx"]);
    check(&derivation, "hosts", &["a;<host> -> b;<host>"]);
}

#[test]
fn a_source_port_used_for_two_targets_belongs_to_no_process() {
    let derivation = two_hosts()
        .process("b", 8, "sshd")
        .endpoint(";10.0.0.2;22", Some(("b", 8)), &[])
        .endpoint(
            ";10.0.0.1;40000",
            Some(("a", 1)),
            &[";10.0.0.2;80", ";10.0.0.2;22"],
        )
        .derive();
    check(&derivation, "processes", &["a;1", "a;2", "b;7", "b;8"]);
    check(&derivation, "hosts", &["a;<host> -> b;<host>"]);
}

#[test]
fn address_translation_is_one_connection() {
    // The client sees the translated address; the server's probe sees its own. Both targets are one.
    let derivation = two_hosts()
        .endpoint(
            ";10.0.0.1;40000",
            Some(("a", 1)),
            &[";10.0.0.2;80", ";10.0.0.99;8080"],
        )
        .endpoint(";10.0.0.99;8080", Some(("b", 7)), &[])
        .fact(
            TopologyKind::Endpoint,
            ";10.0.0.99;8080",
            "copy_of",
            ";10.0.0.2;80",
        )
        .derive();
    check_with(&derivation, "processes", &[], &["a;1 -> b;7"]);
    let picture = derivation.picture("processes", &options(&[]), "").unwrap();
    assert_eq!(picture.edges[0].connections, 1);
    assert_eq!(picture.edges[0].ports, [80], "the port before translation");
}

#[test]
fn connections_that_a_probe_left_out_are_counted() {
    let derivation = two_hosts()
        .fact(TopologyKind::Endpoint, ";10.0.0.1;40000", "conn_count", "9")
        .derive();
    let picture = derivation.picture("processes", &options(&[]), "").unwrap();
    assert_eq!(picture.edges[0].connections, 10);
}

#[test]
fn edges_add_up_what_their_connections_say() {
    let derivation = two_hosts()
        .endpoint(";10.0.0.1;40001", Some(("a", 1)), &[";10.0.0.2;80"])
        .metric(
            TopologyKind::Endpoint,
            ";10.0.0.1;40000",
            "bytes_sent_per_s",
            100.0,
        )
        .metric(
            TopologyKind::Endpoint,
            ";10.0.0.1;40001",
            "bytes_sent_per_s",
            20.0,
        )
        .metric(TopologyKind::Endpoint, ";10.0.0.1;40000", "rtt_ms", 1.0)
        .metric(TopologyKind::Endpoint, ";10.0.0.1;40001", "rtt_ms", 3.0)
        .fact(
            TopologyKind::Endpoint,
            ";10.0.0.1;40001",
            "retransmits_per_s",
            "0.5",
        )
        .derive();
    let picture = derivation.picture("processes", &options(&[]), "").unwrap();
    let [edge] = picture.edges.as_slice() else {
        panic!("one edge: {:?}", picture.edges)
    };
    assert_eq!(
        (edge.source.as_str(), edge.target.as_str(), edge.connections),
        ("a;1", "b;7", 2)
    );
    let figures: Vec<(&str, f64)> = edge.metrics.iter().map(|m| (m.id.as_str(), m.value)).collect();
    assert_eq!(
        figures,
        [
            ("bytes_sent_per_s", 120.0),
            ("retransmits_per_s", 0.5),
            ("rtt_ms_avg", 2.0)
        ]
    );
}

#[test]
fn a_process_known_only_by_its_connections_is_drawn_by_its_id() {
    let derivation = two_hosts()
        .endpoint(";10.0.0.1;5", Some(("a", 99)), &[";10.0.0.2;80"])
        .derive();
    check_with(&derivation, "processes", &[], &["a;1 -> b;7", "a;99 -> b;7"]);
    let picture = derivation.picture("processes", &options(&[]), "").unwrap();
    let node = picture
        .nodes
        .iter()
        .map(|n| &n.node)
        .find(|n| n.id == "a;99")
        .unwrap();
    assert_eq!((node.label.as_str(), node.label_minor.as_str()), ("99", "a"));
}

#[test]
fn labels_of_processes() {
    let derivation = Fixture::new()
        .host("h")
        .container("h", "0123456789abcdef", &[("docker_container_name", "web")])
        .process("h", 1, "nginx")
        .process("h", 2, "")
        .process_with("h", 3, "sh", &[("docker_container_id", "0123456789abcdef")])
        .derive();
    let picture = derivation
        .picture("processes", &options(&[("unconnected", "show")]), "")
        .unwrap();
    let labels: Vec<_> = picture
        .nodes
        .iter()
        .map(|n| {
            (
                n.node.label.as_str(),
                n.node.label_minor.as_str(),
                n.node.rank.as_str(),
                n.node.shape.as_str(),
            )
        })
        .collect();
    let expected = [
        ("nginx", "h (1)", "nginx", "square"),
        ("2", "h", "h", "square"),
        ("sh", "h (3)", "sh", "square"),
    ];
    assert_eq!(labels, expected);
}

#[test]
fn nothing_comes_of_nothing() {
    let derivation = Fixture::new().derive();
    for topology in derivation.topologies() {
        check(&derivation, &topology.id, &[]);
        assert_eq!(topology.stats.node_count, 0, "{}", topology.id);
    }
}
