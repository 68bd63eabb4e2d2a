//! Reports that make no sense: nothing may panic, loop or grow without bound.

use orrery_model::{Metric, Node, TableTemplate, TableType, TopologyKind};
use orrery_topology::derive::{CATALOG, Chosen, Options, limits};

use crate::fixture::{Fixture, NOW, options};

const ODD_IDS: [&str; 12] = [
    "",
    ";",
    ";;",
    ";;;;",
    "<host>",
    ";<host>",
    "x;<container>;y",
    "in-theinternet",
    "pseudo:uncontained:",
    "\u{0}\u{feff}é;<pod>",
    "h;99999999999999999999",
    ";999.1.2.3;99999",
];

/// Every kind has every odd id, and each names each as neighbour, parent, host, container and copy.
fn nonsense() -> Fixture {
    let mut fixture = Fixture::new();
    for (i, kind) in TopologyKind::ALL.into_iter().enumerate() {
        for id in ODD_IDS {
            let other = ODD_IDS[(i + id.len()) % ODD_IDS.len()];
            let mut node = Node::new(
                id,
                if i % 2 == 0 {
                    kind.tag()
                } else {
                    "no such topology"
                },
            )
            .with_adjacent(id)
            .with_adjacent(other)
            .with_metric("cpu", Metric::of(NOW, f64::NAN, f64::INFINITY, f64::NEG_INFINITY))
            .with_metric("empty", Metric::default());
            for key in [
                "host_node_id",
                "pid",
                "ppid",
                "name",
                "copy_of",
                "conn_count",
                "docker_container_id",
                "docker_image_id",
                "docker_image_name",
                "docker_container_hostname",
                "kubernetes_ip",
                "kubernetes_name",
                "kubernetes_volume_name",
                "cgroup",
                "unit",
                "started_ms",
                "bytes_sent_per_s",
                "___",
            ] {
                node = node.with_latest(key, NOW, other);
            }
            for parent in TopologyKind::ALL {
                node = node
                    .with_parent(parent.tag(), other)
                    .with_parent(parent.tag(), id);
            }
            for set in [
                "local_networks",
                "docker_container_ports",
                "docker_container_ips_with_scopes",
            ] {
                node.sets.insert(
                    set.into(),
                    [other.into(), "1.2.3.4:5->6/tcp".into(), "::/0".into()].into(),
                );
            }
            fixture = fixture.node(kind, node);
        }
        let topology = fixture.0.topology_mut(kind);
        for (prefix, table_type) in [
            ("", TableType::PropertyList),
            ("_", TableType::Multicolumn),
            ("", TableType::Multicolumn),
        ] {
            let template = TableTemplate {
                prefix: prefix.into(),
                table_type,
                ..TableTemplate::default()
            };
            topology
                .table_templates
                .insert(format!("t{prefix}{table_type:?}").into(), template);
        }
        fixture = fixture
            .metric_template(kind, "cpu", "", f64::NAN)
            .metric_template(kind, "empty", "", 0.0);
    }
    fixture
}

#[test]
fn nonsense_is_derived_all_the_same() {
    let derivation = nonsense().derive();
    derivation.topologies();
    derivation.scope_topologies();
    derivation.search("x", 50).unwrap();
    for entry in &CATALOG {
        let derived = derivation.derive(entry.id, Chosen::Unfiltered).unwrap();
        let picture = derivation
            .picture(entry.id, &Options::default(), "not (a or cpu > 1)")
            .unwrap();
        assert!(picture.edges.iter().all(|edge| {
            let known = |id: &orrery_model::SmolStr| picture.nodes.iter().any(|n| n.node.id == *id);
            known(&edge.source) && known(&edge.target)
        }));
        for node in derived.nodes() {
            let card = derivation
                .details(entry.id, &node.id, &Options::default())
                .unwrap();
            assert!(card.is_some(), "{} has {:?}", entry.id, node.id);
            if let Some(answer) = derivation.scope_node(entry.id, &node.id, None, "") {
                serde_json::to_string(&answer).unwrap();
            }
        }
    }
}

#[test]
fn pictures_have_a_largest_size() {
    let over = 17;
    let count = u32::try_from(limits::MAX_VIEW_NODES).unwrap() + over;
    let fixture = (0..count).fold(Fixture::new().host("h"), |f, pid| f.process("h", pid, "p"));
    let fixture = fixture
        .endpoint(";10.0.0.1;1", Some(("h", count - 1)), &[";10.0.0.1;2"])
        .endpoint(";10.0.0.1;2", Some(("h", count - 2)), &[]);
    let derivation = fixture.derive();
    let picture = derivation
        .picture("processes", &options(&[("unconnected", "show")]), "")
        .unwrap();
    assert_eq!(picture.nodes.len(), limits::MAX_VIEW_NODES);
    assert_eq!(picture.truncated_nodes, over);
    assert_eq!(picture.edges.len(), 1, "connected nodes are kept first");
}

#[test]
fn the_same_report_gives_the_same_picture() {
    let picture = || {
        nonsense()
            .derive()
            .picture("everything", &options(&[("unconnected", "show")]), "")
            .unwrap()
    };
    let ids = |p: orrery_topology::picture::Picture| -> Vec<String> {
        p.nodes
            .into_iter()
            .map(|n| n.node.id.to_string())
            .chain(p.edges.into_iter().map(|e| e.id))
            .collect()
    };
    let first = ids(picture());
    assert!(!first.is_empty());
    assert!(first.iter().zip(ids(picture())).all(|(a, b)| *a == b));
}
