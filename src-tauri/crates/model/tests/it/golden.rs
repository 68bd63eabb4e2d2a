//! Real reports read in full. They lie in the folder that `ORRERY_DATA` names.

use std::io::Read as _;
use std::path::PathBuf;

use orrery_model::{OWN_CONTROLS, Report, Timestamp, TopologyKind};

use crate::decode::NOW;

/// The bytes of a file of the folder, unpacked; `None`, with a word about it, when there is no folder.
#[expect(clippy::print_stderr, reason = "what is skipped is said")]
fn data(name: &str) -> Option<Vec<u8>> {
    let Some(folder) = std::env::var_os("ORRERY_DATA") else {
        eprintln!("skipped: ORRERY_DATA is not set");
        return None;
    };
    let path = PathBuf::from(folder).join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    if !name.ends_with(".gz") {
        return Some(bytes);
    }
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(bytes.as_slice())
        .read_to_end(&mut unpacked)
        .unwrap();
    Some(unpacked)
}

/// Reads a real report, checks that it survives both encodings, and gives it with its warnings.
#[track_caller]
fn check(name: &str) -> Option<(Report, Vec<String>)> {
    let decoded = Report::from_json(&data(name)?, NOW).unwrap();
    let report = decoded.report;
    assert_eq!(Report::from_json(&report.to_json(), NOW).unwrap().report, report);
    assert_eq!(
        Report::from_msgpack(&report.to_msgpack(), NOW).unwrap().report,
        report
    );
    Some((report, decoded.warnings.iter().map(ToString::to_string).collect()))
}

#[test]
fn a_report_of_two_thousand_processes() {
    let Some((report, warnings)) = check("report-2000.json.gz") else {
        return;
    };
    assert_eq!(warnings, [""; 0]);
    let processes = report.topology(TopologyKind::Process);
    assert_eq!(processes.nodes.len(), 2006);
    assert_eq!(report.topology(TopologyKind::Endpoint).nodes.len(), 26);
    let node = &processes.nodes["peerhost;4301"];
    assert_eq!(
        (node.latest("name"), node.latest.len(), node.metrics.len()),
        (Some("sleep"), 6, 3)
    );
    assert_eq!(node.metrics["open_files_count"].samples.len(), 15);
    let host = report.node(TopologyKind::Host, "peerhost;<host>").unwrap();
    let (at, controls) = &host.active_controls[OWN_CONTROLS];
    assert_eq!(
        controls.iter().map(AsRef::<str>::as_ref).collect::<Vec<_>>(),
        ["host_exec", "iowait~switchToIdle"]
    );
    assert_eq!(*at, Timestamp::parse("2026-11-21T00:23:18.050018744Z").unwrap().0);
    assert_eq!(report.dns["127.0.0.1"].reverse.len(), 3);
    assert_eq!(report.plugins[0].id, "iowait");
}

#[test]
fn reports_of_a_small_host() {
    let Some((report, warnings)) = check("report.json") else {
        return;
    };
    assert_eq!((report.node_count(), warnings.len()), (32, 0));
    let Some((report, _)) = check("plugin-report.json") else {
        return;
    };
    assert_eq!(report.node_count(), 32);
    assert_eq!(report.topology(TopologyKind::Host).controls.len(), 4);
}

#[test]
fn a_report_of_january_2016() {
    let Some((report, warnings)) = check("scope-render-bench.json") else {
        return;
    };
    assert_eq!(warnings, ["the old topology \"Address\" is ignored"]);
    assert_eq!(report.topology(TopologyKind::Process).nodes.len(), 131);
    assert_eq!(report.topology(TopologyKind::Container).nodes.len(), 22);
    let with_controls = report
        .topology(TopologyKind::Container)
        .nodes
        .values()
        .filter(|n| !n.controls().is_empty())
        .count();
    assert_eq!(with_controls, 22);
}

#[test]
fn real_plugins() {
    let Some((report, warnings)) = check("plugin-iowait-raw.json") else {
        return;
    };
    assert_eq!(warnings, [""; 0]);
    let host = report.node(TopologyKind::Host, "peerhost;<host>").unwrap();
    assert_eq!(
        host.controls().into_iter().collect::<Vec<_>>(),
        ["switchToIOWait"]
    );
    assert_eq!(report.plugins[0].interfaces, ["reporter", "controller"]);
    let Some((report, _)) = check("plugin-traffic-control-raw.json") else {
        return;
    };
    let containers = report.topology(TopologyKind::Container);
    assert_eq!((containers.controls.len(), containers.nodes.len()), (5, 0));
    assert_eq!(
        containers.metadata_templates["traffic-control-pktloss"].priority,
        13.6
    );
}
