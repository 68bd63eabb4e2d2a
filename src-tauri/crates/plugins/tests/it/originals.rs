//! What Scope's own plugins sent, captured from them, served again.

use std::path::PathBuf;

use orrery_model::TopologyKind;
use orrery_plugins::PluginState;
use orrery_testkit::{GoodPlugin, Reply};

use crate::support::Bench;

/// A captured answer, where captures are at hand.
fn capture(name: &str) -> Option<Vec<u8>> {
    let Some(folder) = std::env::var_os("ORRERY_DATA") else {
        println!("skipped: ORRERY_DATA is not set");
        return None;
    };
    Some(std::fs::read(PathBuf::from(folder).join(name)).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_of_iowait_are_taken_in() {
    let Some(raw) = capture("plugin-iowait-raw.json") else {
        return;
    };
    let mut bench = Bench::new();
    let plugin = GoodPlugin::start(bench.path("iowait/iowait.sock")).unwrap();
    plugin.on_report(move |_| Reply::ok(raw.clone()));
    let report = loop {
        let report = bench.report("iowait").await;
        if report.node(TopologyKind::Host, "peerhost;<host>").is_some() {
            break report;
        }
    };
    let host = report.topology(TopologyKind::Host);
    assert_eq!(
        host.controls.keys().collect::<Vec<_>>(),
        ["iowait~switchToIOWait", "iowait~switchToIdle"]
    );
    let node = &host.nodes["peerhost;<host>"];
    assert_eq!(
        node.controls().into_iter().collect::<Vec<_>>(),
        ["iowait~switchToIOWait"]
    );
    assert_eq!(node.metrics["idle"].last().unwrap().value, 37.8);
    let info = bench.state("iowait.sock", PluginState::Ok).await;
    assert_eq!(info.description, "Adds a graph of CPU IO Wait to hosts");
    assert_eq!(info.warnings, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_of_traffic_control_are_taken_in() {
    let Some(raw) = capture("plugin-traffic-control-raw.json") else {
        return;
    };
    let mut bench = Bench::new();
    let plugin = GoodPlugin::start(bench.path("traffic-control/traffic-control.sock")).unwrap();
    plugin.on_report(move |_| Reply::ok(raw.clone()));
    let report = loop {
        let report = bench.report("traffic-control").await;
        if report.topologies.contains_key(&TopologyKind::Container) {
            break report;
        }
    };
    let container = report.topology(TopologyKind::Container);
    assert_eq!(container.controls.len(), 5);
    for (key, control) in &container.controls {
        assert!(
            key.starts_with("traffic-control~traffic-control-table-") && *key == control.id,
            "{key}"
        );
    }
    assert_eq!(container.table_templates.len(), 1);
}
