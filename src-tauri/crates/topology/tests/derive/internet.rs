//! What lies outside.

use orrery_model::{DnsRecord, TopologyKind};
use orrery_topology::derive::Options;

use crate::fixture::{Fixture, check, check_with};

fn server() -> Fixture {
    Fixture::new()
        .host("h")
        .process("h", 1, "nginx")
        .endpoint(";10.0.0.1;443", Some(("h", 1)), &[])
        .endpoint(";10.0.0.1;50000", Some(("h", 1)), &[";93.184.216.34;443"])
        .endpoint(";93.184.216.34;443", None, &[])
        .endpoint(";203.0.113.9;33333", None, &[";10.0.0.1;443"])
}

#[test]
fn clients_are_in_and_servers_are_out() {
    let derivation = server().derive();
    let expected = ["h;1 -> out-theinternet", "in-theinternet -> h;1"];
    check(&derivation, "processes", &expected);
    let expected = ["h;<host> -> out-theinternet", "in-theinternet -> h;<host>"];
    check(&derivation, "hosts", &expected);
}

#[test]
fn well_known_services_have_their_own_node_wherever_their_address_is() {
    let mut fixture = server().endpoint(";10.9.9.9;443", None, &[]).endpoint(
        ";10.0.0.1;50001",
        Some(("h", 1)),
        &[";10.9.9.9;443"],
    );
    let record = DnsRecord {
        forward: ["s3.amazonaws.com".into()].into(),
        ..DnsRecord::default()
    };
    fixture.0.dns.insert("10.9.9.9".into(), record);
    let expected = [
        "h;1 -> out-theinternet",
        "h;1 -> service-s3.amazonaws.com",
        "in-theinternet -> h;1",
    ];
    check(&fixture.derive(), "processes", &expected);
}

#[test]
fn a_machine_of_the_local_network_shows_in_the_mixed_view_alone() {
    let fixture = || {
        Fixture::new()
            .host("h")
            .process("h", 1, "ssh")
            .endpoint(";10.0.0.1;50000", Some(("h", 1)), &[";10.0.0.77;22"])
            .endpoint(";10.0.0.77;22", None, &[])
    };
    check(&fixture().derive(), "processes", &["h;1"]);
    check_with(
        &fixture().derive(),
        "everything",
        &[],
        &["h;1 -> pseudo:local:10.0.0.77"],
    );
    check_with(&fixture().derive(), "everything", &[("local", "hide")], &["h;1"]);

    let many = (0..40).fold(fixture(), |f, i| {
        let (peer, port) = (format!(";10.0.1.{i};22"), format!(";10.0.0.1;{}", 51_000 + i));
        f.endpoint(&peer, None, &[])
            .endpoint(&port, Some(("h", 1)), &[&peer])
    });
    check_with(
        &many.derive(),
        "everything",
        &[],
        &["h;1 -> pseudo:local:network"],
    );
}

#[test]
fn the_internet_does_not_talk_to_itself() {
    let derivation = server()
        .endpoint(";198.51.100.1;1234", None, &[";198.51.100.2;80"])
        .endpoint(";198.51.100.2;80", None, &[])
        .derive();
    check(
        &derivation,
        "processes",
        &["h;1 -> out-theinternet", "in-theinternet -> h;1"],
    );
}

#[test]
fn its_card_tells_addresses_apart() {
    let mut fixture = server();
    let record = DnsRecord {
        forward: ["example.com".into()].into(),
        ..DnsRecord::default()
    };
    fixture.0.dns.insert("93.184.216.34".into(), record);
    let derivation = fixture.derive();
    let card = |id: &str| {
        derivation
            .details("processes", id, &Options::default())
            .unwrap()
            .unwrap()
    };

    let process = card("h;1");
    let outgoing = &process.connections[1].rows[0];
    assert_eq!(outgoing.label, "example.com (93.184.216.34)");
    assert_eq!(
        (outgoing.port.as_str(), outgoing.count, outgoing.node_id.as_str()),
        ("443", 1, "out-theinternet")
    );

    let outside = card("out-theinternet");
    let incoming = &outside.connections[0].rows[0];
    assert_eq!(incoming.remote, "example.com (93.184.216.34)");
    assert_eq!(
        (incoming.label.as_str(), incoming.node_id.as_str()),
        ("nginx", "h;1")
    );
    assert!(outside.pseudo);
    assert_eq!(
        (outside.label.as_str(), outside.shape.as_str()),
        ("The Internet", "cloud")
    );
}

#[test]
fn processes_outside_containers_are_uncontained() {
    let derivation = server().derive();
    let expected = [
        "in-theinternet -> pseudo:uncontained:h",
        "pseudo:uncontained:h -> out-theinternet",
    ];
    check(&derivation, "containers", &expected);
    check_with(&derivation, "containers", &[], &[]);
    let expected = [
        "in-theinternet -> pseudo:unmanaged:h",
        "pseudo:unmanaged:h -> out-theinternet",
    ];
    let with_pod = server()
        .node(TopologyKind::Pod, orrery_model::Node::new("p;<pod>", "pod"))
        .derive();
    check(&with_pod, "pods", &[expected[0], "p;<pod>", expected[1]]);
}
