//! What is written reads back the same, and looks as Scope's own.

use orrery_model::{Node, Report, SmolStr, Timestamp, TopologyKind};
use proptest::prelude::*;

use crate::strategies::report;

const NOW: Timestamp = Timestamp(1_800_000_000_000_000_000);

/// The report as it is after one trip over the wire, where active controls have no owners, a topology that
/// holds nothing but its default names is none, and a control without a time is of the report's.
fn without_owners(mut report: Report) -> Report {
    for topology in report.topologies.values_mut() {
        for node in topology.nodes.values_mut() {
            let mut owned = (**node).clone();
            unite(&mut owned);
            *node = owned.into();
        }
    }
    report
}

fn unite(node: &mut Node) {
    for child in &mut node.children {
        let mut owned = (**child).clone();
        unite(&mut owned);
        *child = owned.into();
    }
    let Some(newest) = node.active_controls.values().map(|(at, _)| *at).max() else {
        return;
    };
    let all = std::mem::take(&mut node.active_controls)
        .into_values()
        .flat_map(|(_, ids)| ids)
        .collect();
    node.active_controls.insert(SmolStr::default(), (newest, all));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn json_reads_back_the_same(report in report()) {
        let decoded = Report::from_json(&report.to_json(), NOW).unwrap();
        prop_assert_eq!(decoded.report, without_owners(report));
        prop_assert_eq!(decoded.warnings, vec![]);
    }

    #[test]
    fn msgpack_reads_back_the_same(report in report()) {
        let decoded = Report::from_msgpack(&report.to_msgpack(), NOW).unwrap();
        prop_assert_eq!(decoded.report, without_owners(report));
        prop_assert_eq!(decoded.warnings, vec![]);
    }
}

#[test]
fn all_topologies_are_there_and_empty_ones_read_as_none() {
    let json = Report::default().to_json();
    let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
    for kind in TopologyKind::ALL {
        assert!(value[kind.key()].is_object(), "{kind}");
    }
    assert_eq!(value["Pod"]["shape"], "heptagon");
    assert_eq!(value["VolumeSnapshot"]["tag"], "camera");
    assert_eq!(Report::from_json(&json, NOW).unwrap().report, Report::default());
}

#[test]
fn a_node_looks_as_scope_writes_it() {
    let mut report = Report {
        ts: NOW,
        ..Report::default()
    };
    let mut node = Node::new("h;<host>", "host").with_latest("os", Timestamp(5_000_000_000), "linux");
    node.active_controls
        .insert("".into(), (NOW, ["host_exec".into()].into()));
    node.active_controls.insert(
        "iowait".into(),
        (Timestamp(1), ["iowait~switchToIdle".into()].into()),
    );
    report.topology_mut(TopologyKind::Host).insert(node);
    let value: serde_json::Value = serde_json::from_slice(&report.to_json()).unwrap();
    assert_eq!(
        value["Host"]["nodes"],
        serde_json::json!({"h;<host>": {
            "id": "h;<host>",
            "topology": "host",
            "sets": null,
            "latest": {
                "active_controls": {"timestamp": "2027-01-15T08:00:00Z", "value": "host_exec;iowait~switchToIdle"},
                "os": {"timestamp": "1970-01-01T00:00:05Z", "value": "linux"}
            },
            "parents": null,
            "children": null
        }})
    );
}

#[test]
fn numbers_that_json_lacks_are_written_as_the_nearest_it_has() {
    let mut report = Report::default();
    let mut metric = orrery_model::Metric::of(NOW, f64::NAN, f64::NEG_INFINITY, f64::INFINITY);
    metric.samples.push(orrery_model::Sample {
        date: Timestamp(NOW.0 + 1),
        value: 1.0,
    });
    report
        .topology_mut(TopologyKind::Host)
        .insert(Node::new("h", "host").with_metric("m", metric));
    for decoded in [
        Report::from_json(&report.to_json(), NOW).unwrap(),
        Report::from_msgpack(&report.to_msgpack(), NOW).unwrap(),
    ] {
        let metric = &decoded.report.node(TopologyKind::Host, "h").unwrap().metrics["m"];
        assert_eq!((metric.min, metric.max), (f64::MIN, f64::MAX));
        assert_eq!(metric.samples.len(), 1, "no number is no reading");
    }
}
