//! The words of every fault, and what a fault leaves in place.

use orrery_plugins::{NoteKind, PluginEvent, PluginState};
use orrery_testkit::plugin::{report_json, spec_json};
use orrery_testkit::{GoodPlugin, HostilePlugin, Hostility, Reply};
use serde_json::json;

use crate::support::{Bench, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_has_scopes_words() {
    let bench = Bench::new();
    let mut plugins = Vec::new();
    for how in Hostility::ALL {
        let path = bench.path(&format!("{}.sock", how.id()));
        plugins.push(HostilePlugin::start(path, how).unwrap());
    }
    let check = async |how: Hostility, want: &str| {
        let (start, end) = want.split_once('*').unwrap_or((want, ""));
        let file = format!("{}.sock", how.id());
        let info = bench
            .listed(&file, |p| p.status.starts_with(start) && p.status.ends_with(end))
            .await;
        assert!(!info.status.chars().any(char::is_control), "{how:?}");
    };
    let get = "error: Get \"http://plugin/report?api_version=1&probe_id=5eed\": ";
    let late = "error: context deadline exceeded";
    check(Hostility::Slow, late).await;
    check(Hostility::Hanging, late).await;
    check(Hostility::Deaf, late).await;
    check(Hostility::Dripping, late).await;
    check(Hostility::HeaderFlood, &format!("{get}malformed HTTP response*")).await;
    check(
        Hostility::Oversized,
        "error: decoding error: answer is larger than 50000000 bytes",
    )
    .await;
    check(
        Hostility::Boasting,
        "error: decoding error: answer is larger than 50000000 bytes",
    )
    .await;
    check(Hostility::Truncated, "error: decoding error: unexpected EOF").await;
    check(Hostility::Silent, &format!("{get}EOF")).await;
    check(
        Hostility::WrongId,
        "error: plugin must not change its id (is \"watched\", should be \"wrongid\")",
    )
    .await;
    check(
        Hostility::TwoSpecs,
        "error: report must contain exactly one plugin (found 2)",
    )
    .await;
    check(
        Hostility::NoSpec,
        "error: report must contain exactly one plugin (found 0)",
    )
    .await;
    check(
        Hostility::WrongVersion,
        "error: incorrect API version: expected \"1\", got \"2\"",
    )
    .await;
    check(Hostility::NoLabel, "error: spec must contain a label").await;
    check(
        Hostility::NoReporter,
        "error: spec must implement the \"reporter\" interface",
    )
    .await;
    check(Hostility::DeepJson, "error: decoding error: *").await;
    check(Hostility::InvalidUtf8, "error: decoding error: *").await;
    check(Hostility::NotJson, "error: decoding error: *").await;
    check(
        Hostility::ControlBytes,
        "error: plugin must not change its id (is \"*",
    )
    .await;
    check(
        Hostility::NoContent,
        "error: plugin returned non-200 status code: 204 No Content",
    )
    .await;
    check(
        Hostility::ServerError,
        "error: plugin returned non-200 status code: 500 Internal Server Error",
    )
    .await;
    check(Hostility::Http10, "ok").await;
    check(Hostility::DyingMidControl, "ok").await;
    check(Hostility::Garbage, &format!("{get}malformed HTTP response*")).await;
    // Which of the two limits is met first depends on the machine.
    let large = "error: decoding error: answer is larger than 50000000 bytes";
    bench
        .listed("endless.sock", |p| p.status == late || p.status == large)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_socket_names_its_path() {
    let bench = Bench::new();
    let path = bench.path("left.sock");
    GoodPlugin::start(&path).unwrap().crash();
    let info = bench.state("left.sock", PluginState::Failing).await;
    assert_eq!(
        info.status,
        format!(
            "error: Get \"http://plugin/report?api_version=1&probe_id=5eed\": dial unix {}: connect: connection refused",
            path.display()
        )
    );
    assert!(info.failures >= 1 && info.next_attempt_ms.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_plugin_keeps_its_name_and_recovers() {
    let mut bench = Bench::new();
    let plugin = GoodPlugin::start(bench.path("a.sock")).unwrap();
    let report = bench.report("a").await;
    assert_eq!(report.plugins[0].status, "ok");
    let good = bench.state("a.sock", PluginState::Ok).await;
    assert_eq!((good.label.as_str(), good.status.as_str()), ("Test a", "ok"));
    assert_eq!(
        (good.report_nodes, good.failures, good.next_attempt_ms),
        (Some(1), 0, None)
    );
    assert!(
        good.report_bytes.is_some_and(|b| b > 100)
            && good.last_report_ms.is_some()
            && good.latency_us.is_some()
    );

    plugin.on_report(|_| Reply::status(500, "no"));
    let bad = bench.state("a.sock", PluginState::Failing).await;
    assert_eq!((bad.label.as_str(), bad.api_version.as_str()), ("Test a", "1"));
    assert_eq!(
        bad.status,
        "error: plugin returned non-200 status code: 500 Internal Server Error"
    );
    let note = async |bench: &mut Bench, wanted: NoteKind| {
        bench
            .event(|event| match event {
                PluginEvent::Note { kind, text, .. } if kind == wanted => Some(text),
                _ => None,
            })
            .await
    };
    let failed = note(&mut bench, NoteKind::Failed).await;
    assert!(failed.contains("Test a") && failed.contains("500"), "{failed}");

    plugin.on_report(|_| report_json("a").into());
    bench.state("a.sock", PluginState::Ok).await;
    note(&mut bench, NoteKind::Recovered).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_scope_tolerates_is_tolerated() {
    let bench = Bench::new();
    let plugin = GoodPlugin::start(bench.path("a.sock")).unwrap();
    plugin.on_report(|_| {
        let mut report = report_json("a");
        report["Unknown"] = json!({"deep": [1, 2, {"er": null}]});
        report["Plugins"][0]["interfaces"] = json!(["reporter", "time-traveller"]);
        report["Plugins"][0]["status"] = json!("error: says who");
        report["Plugins"][0]["version"] = json!(7);
        Reply::ok(format!("{report}\n\0 trailing }}"))
    });
    let info = bench.state("a.sock", PluginState::Ok).await;
    assert_eq!(info.status, "ok");
    assert!(info.interfaces.contains(&"time-traveller".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_request_is_the_protocols_and_the_connection_is_kept() {
    let mut bench = Bench::new();
    let plugin = GoodPlugin::start(bench.path("a.sock")).unwrap();
    for _ in 0..5 {
        bench.report("a").await;
    }
    let request = plugin.requests().pop().unwrap();
    assert_eq!(request.method, "GET");
    assert_eq!(request.target, "/report?api_version=1&probe_id=5eed");
    assert_eq!(request.host, "plugin");
    assert_eq!(plugin.connections(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_given_up_are_closed() {
    let bench = Bench::new();
    let hanging = HostilePlugin::start(bench.path("hanging.sock"), Hostility::Hanging).unwrap();
    bench.listed("hanging.sock", |p| p.failures >= 2).await;
    until("no connection is left open", || hanging.open_connections() <= 1).await;
    bench.registry.shutdown().await;
    until("every connection is closed", || hanging.open_connections() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_and_hidden_text_is_cut() {
    let bench = Bench::new();
    let plugin = GoodPlugin::start(bench.path("a.sock")).unwrap();
    plugin.on_report(|_| {
        let mut report = report_json("a");
        let mut spec = spec_json("a", &["reporter"]);
        spec["label"] = json!(format!("L\u{1b}[2J{}", "x".repeat(5000)));
        report["Plugins"] = json!([spec]);
        report.into()
    });
    let info = bench.state("a.sock", PluginState::Ok).await;
    assert!(info.label.starts_with("L[2J") && info.label.chars().count() <= 128);
    plugin.on_report(|_| {
        let mut report = report_json("a");
        report["Plugins"][0]["id"] = json!("\0".repeat(5000));
        report.into()
    });
    let status = bench.state("a.sock", PluginState::Failing).await.status;
    assert!(
        status.chars().count() < 600 && !status.chars().any(char::is_control),
        "{status}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_odd_timestamp_is_a_warning_and_no_error() {
    let bench = Bench::new();
    let plugin = GoodPlugin::start(bench.path("a.sock")).unwrap();
    let with_date = |date: &'static str| {
        move |_: &orrery_testkit::Request| {
            let mut report = report_json("a");
            report["Host"]["nodes"]["testhost;<host>"]["metrics"]["load"]["samples"][0]["date"] = json!(date);
            report.into()
        }
    };
    plugin.on_report(with_date("2016-07-20T15:51:05Z01:00"));
    let info = bench.state("a.sock", PluginState::Ok).await;
    assert_eq!(info.status, "ok");
    plugin.on_report(with_date("the day\u{0} before yesterday"));
    let info = bench
        .listed("a.sock", |p| {
            p.warnings.iter().any(|w| w.contains("before yesterday"))
        })
        .await;
    assert_eq!((info.state, info.status.as_str()), (PluginState::Ok, "ok"));
    assert!(!info.warnings.iter().any(|w| w.chars().any(char::is_control)));
    plugin.on_report(|_| report_json("a").into());
    bench.listed("a.sock", |p| p.warnings.is_empty()).await;
}
