//! Cards: controls, tables, metadata, connections, children.

use orrery_model::{Column, Node, TableTemplate, TableType, TopologyKind};
use orrery_topology::derive::Options;
use orrery_topology::details::NodeDetails;

use crate::fixture::{Fixture, NOW};

fn card(fixture: Fixture, topology: &str, id: &str) -> NodeDetails {
    fixture
        .derive()
        .details(topology, id, &Options::default())
        .unwrap()
        .expect("the node is there")
}

#[test]
fn controls_of_a_node_that_only_a_plugin_reports() {
    let fixture = Fixture::new()
        .node(TopologyKind::Service, Node::new("s;<service>", "service"))
        .control(TopologyKind::Service, "plug~poke", "Poke", "")
        .control(TopologyKind::Service, "plug~dead", "Dead", "")
        .active(
            TopologyKind::Service,
            "s;<service>",
            "plug",
            &["plug~poke", "plug~undeclared"],
        );
    let controls = card(fixture, "services", "s;<service>").controls;
    let ids: Vec<(&str, bool, &str)> = controls
        .iter()
        .map(|c| (c.id.as_str(), c.destructive, c.confirmation.as_str()))
        .collect();
    assert_eq!(ids, [("plug~poke", false, "")]);
}

#[test]
fn controls_of_several_owners_are_united_and_destructive_ones_ask() {
    let fixture = Fixture::new()
        .host("h")
        .container(
            "h",
            "c",
            &[
                ("docker_container_name", "shop-api"),
                ("control_probe_id", "probe7"),
            ],
        )
        .control(TopologyKind::Container, "docker_stop_container", "Stop", "")
        .control(TopologyKind::Container, "docker_exec_container", "Exec shell", "")
        .control(TopologyKind::Container, "chaos~kill", "Kill", "Really?")
        .active(
            TopologyKind::Container,
            "c;<container>",
            "",
            &["docker_stop_container", "docker_exec_container"],
        )
        .active(TopologyKind::Container, "c;<container>", "chaos", &["chaos~kill"]);
    let controls = card(fixture, "containers", "c;<container>").controls;
    let asked: Vec<(&str, bool, &str)> = controls
        .iter()
        .map(|c| (c.human.as_str(), c.destructive, c.confirmation.as_str()))
        .collect();
    let expected = [
        ("Kill", true, "Really?"),
        ("Exec shell", false, ""),
        ("Stop", true, "Stop: shop-api on h?"),
    ];
    assert_eq!(asked, expected);
    assert!(controls.iter().all(|c| c.probe_id == "probe7"));
}

fn with_tables() -> Fixture {
    let mut fixture = Fixture::new().host("h");
    let templates = &mut fixture.0.topology_mut(TopologyKind::Host).table_templates;
    let table = |id: &str, table_type| TableTemplate {
        id: id.into(),
        label: id.into(),
        prefix: id.into(),
        table_type,
        ..TableTemplate::default()
    };
    templates.insert("env_".into(), table("env_", TableType::PropertyList));
    templates.insert("none_".into(), table("none_", TableType::PropertyList));
    let columns = ["from", "to"].map(|c| Column {
        id: c.into(),
        label: c.into(),
        data_type: "".into(),
    });
    templates.insert(
        "route_".into(),
        TableTemplate {
            columns: columns.into(),
            ..table("route_", TableType::Multicolumn)
        },
    );
    let mut fixed = table("fixed_", TableType::PropertyList);
    fixed.fixed_rows.insert("os".into(), "System".into());
    templates.insert("fixed_".into(), fixed);
    [
        ("env_HOME", "/root"),
        ("env_PATH", "/bin"),
        ("route_1___from", "a"),
        ("route_1___to", "b"),
        ("route_2___to", "c"),
        ("route_odd", "ignored"),
        ("os", "linux"),
        ("table_truncation_count_env_", "3"),
    ]
    .iter()
    .fold(fixture, |f, (key, value)| {
        f.fact(TopologyKind::Host, "h;<host>", key, value)
    })
}

#[test]
fn tables_from_templates() {
    let tables = card(with_tables(), "hosts", "h;<host>").tables;
    let shown: Vec<(&str, bool, Vec<Vec<&str>>, u32)> = tables
        .iter()
        .map(|t| {
            let rows = t
                .rows
                .iter()
                .map(|r| r.iter().map(String::as_str).collect())
                .collect();
            (t.id.as_str(), t.property_list, rows, t.truncated_rows)
        })
        .collect();
    let expected = [
        ("env_", true, vec![vec!["HOME", "/root"], vec!["PATH", "/bin"]], 3),
        ("fixed_", true, vec![vec!["System", "linux"]], 0),
        ("route_", false, vec![vec!["a", "b"], vec!["", "c"]], 0),
    ];
    assert_eq!(shown, expected);
}

#[test]
fn metadata_by_priority_with_sets_joined() {
    let fixture = Fixture::new()
        .host("h")
        .fact(TopologyKind::Host, "h;<host>", "os", "linux")
        .metadata_template(TopologyKind::Host, "os", "OS", 12.0)
        .metadata_template(TopologyKind::Host, "absent", "Absent", 1.0);
    let mut report = fixture;
    report
        .0
        .topology_mut(TopologyKind::Host)
        .metadata_templates
        .insert(
            "local_networks".into(),
            orrery_model::MetadataTemplate {
                id: "local_networks".into(),
                label: "Local networks".into(),
                priority: 2.0,
                from: orrery_model::MetadataSource::Sets,
                ..Default::default()
            },
        );
    let rows = card(report, "hosts", "h;<host>").metadata;
    let shown: Vec<(&str, &str)> = rows
        .iter()
        .map(|r| (r.label.as_str(), r.value.as_str()))
        .collect();
    assert_eq!(
        shown,
        [("Local networks", "10.0.0.0/8, 127.0.0.1/8"), ("OS", "linux")]
    );
}

#[test]
fn metrics_keep_their_readings_and_limits_that_are_none_are_none() {
    let mut fixture = Fixture::new()
        .host("h")
        .metric_template(TopologyKind::Host, "mem", "Memory", 1.0);
    let node = Node::new("h;<host>", "host").with_metric(
        "mem",
        orrery_model::Metric::of(NOW, 5.0, 0.0, 18_446_744_073_709_551_615.0),
    );
    fixture = fixture.node(TopologyKind::Host, node);
    let metrics = card(fixture, "hosts", "h;<host>").metrics;
    assert_eq!(metrics[0].value, Some(5.0));
    assert_eq!(metrics[0].max, 0.0);
    assert_eq!(metrics[0].samples, [(NOW.as_millis(), 5.0)]);
}

#[test]
fn a_hidden_node_still_has_a_card() {
    let fixture = Fixture::new().host("h").process("h", 1, "idle");
    let card = card(fixture, "processes", "h;1");
    assert_eq!(card.label, "idle");
    assert_eq!(card.connections.len(), 2);
    assert!(card.connections.iter().all(|c| c.rows.is_empty()));
}

#[test]
fn connections_are_counted_by_neighbour_and_port() {
    let fixture = Fixture::new()
        .host("h")
        .process("h", 1, "client")
        .process("h", 2, "server")
        .endpoint(";10.0.0.1;1001", Some(("h", 1)), &[";10.0.0.1;80"])
        .endpoint(";10.0.0.1;1002", Some(("h", 1)), &[";10.0.0.1;80"])
        .endpoint(";10.0.0.1;1003", Some(("h", 1)), &[";10.0.0.1;443"])
        .endpoint(";10.0.0.1;80", Some(("h", 2)), &[])
        .endpoint(";10.0.0.1;443", Some(("h", 2)), &[])
        .metric(TopologyKind::Endpoint, ";10.0.0.1;1001", "bytes_sent_per_s", 10.0)
        .metric(
            TopologyKind::Endpoint,
            ";10.0.0.1;1002",
            "bytes_received_per_s",
            5.0,
        );
    let card = card(fixture, "processes", "h;2");
    let rows: Vec<(&str, &str, u32, Option<f64>)> = card.connections[0]
        .rows
        .iter()
        .map(|r| (r.node_id.as_str(), r.port.as_str(), r.count, r.bytes_per_s))
        .collect();
    assert_eq!(rows, [("h;1", "80", 2, Some(15.0)), ("h;1", "443", 1, None)]);
    assert!(card.connections[1].rows.is_empty());
}

#[test]
fn children_of_a_host_by_kind() {
    let fixture = Fixture::new()
        .host("h")
        .container("h", "c", &[("docker_image_id", "i")])
        .metric(
            TopologyKind::Container,
            "c;<container>",
            "docker_cpu_total_usage",
            3.5,
        )
        .process_with("h", 9, "sh", &[("docker_container_id", "c")])
        .node(TopologyKind::ContainerImage, {
            let image = Node::new("i;<container_image>", "container_image").with_parent("host", "h;<host>");
            image
                .with_latest("docker_image_id", NOW, "i")
                .with_latest("docker_image_name", NOW, "shop/api:2")
        })
        .node(TopologyKind::ContainerImage, {
            let unused = Node::new("u;<container_image>", "container_image").with_parent("host", "h;<host>");
            unused.with_latest("docker_image_name", NOW, "unused:1")
        });
    let card = card(fixture, "hosts", "h;<host>");
    let tables: Vec<(&str, &str, Vec<&str>)> = card
        .children
        .iter()
        .map(|c| {
            (
                c.label.as_str(),
                c.topology.as_str(),
                c.rows.iter().map(|r| r.id.as_str()).collect(),
            )
        })
        .collect();
    let expected = [
        ("Containers", "containers", vec!["c;<container>"]),
        ("Processes", "processes", vec!["h;9"]),
        (
            "Container images",
            "containers-by-image",
            vec!["shop/api;<container_image>"],
        ),
    ];
    assert_eq!(tables, expected);
    assert_eq!(card.children[0].rows[0].cells, ["3.5", ""]);
    assert_eq!(card.children[1].rows[0].cells, ["9", "", ""]);
}
