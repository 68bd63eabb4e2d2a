//! Every plugin on its own schedule.

use std::collections::BTreeMap;
use std::time::Duration;

use orrery_plugins::{Config, PluginEvent, PluginState, StartError};
use orrery_testkit::plugin::report_json;
use orrery_testkit::{GoodPlugin, HostilePlugin, Hostility, Reply};
use tokio::time::Instant;

use crate::support::{Bench, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hanging_plugins_do_not_slow_a_good_one() {
    let mut bench = Bench::new();
    let hanging: Vec<_> = (0..4)
        .map(|n| HostilePlugin::start(bench.path(&format!("h{n}.sock")), Hostility::Hanging).unwrap())
        .collect();
    let _good = GoodPlugin::start(bench.path("good.sock")).unwrap();
    bench.report("good").await;
    let end = Instant::now() + Duration::from_secs(2);
    let mut reports = 0;
    while Instant::now() < end {
        bench.report("good").await;
        reports += 1;
    }
    // At 50 ms, 40 are due; one after the other there would be one.
    assert!(reports >= 20, "{reports} reports in two seconds");
    assert!(hanging.iter().all(|h| h.calls() >= 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_huge_report_does_not_slow_a_small_one() {
    let mut bench = Bench::new();
    let huge = GoodPlugin::start(bench.path("huge.sock")).unwrap();
    let text = bytes_of_nodes(40_000);
    huge.on_report(move |_| Reply::ok(text.clone()));
    let _small = GoodPlugin::start(bench.path("small.sock")).unwrap();
    bench.report("small").await;
    let end = Instant::now() + Duration::from_secs(2);
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    while Instant::now() < end {
        let plugin = bench
            .event(|event| match event {
                PluginEvent::Report { plugin, .. } => Some(plugin),
                _ => None,
            })
            .await;
        *counts.entry(plugin.to_string()).or_default() += 1;
    }
    assert!(counts["small"] >= 15, "{counts:?}");
    assert!(huge.reports() >= 1);
}

fn bytes_of_nodes(count: usize) -> bytes::Bytes {
    let mut report = report_json("huge");
    let node = report["Host"]["nodes"]["testhost;<host>"].clone();
    for n in 0..count {
        report["Host"]["nodes"][format!("h{n};<host>")] = node.clone();
    }
    report.to_string().into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_are_spaced_out_and_retry_calls_at_once() {
    let bench = Bench::with(|_, config| config.interval = Duration::from_millis(200));
    let plugin = GoodPlugin::start(bench.path("a.sock")).unwrap();
    plugin.on_report(|_| Reply::status(500, "no"));
    let info = bench.listed("a.sock", |p| p.failures >= 4).await;
    let calls = plugin.reports();
    // The fifth call is due only 1.3 s later, at the earliest.
    let path = info.path;
    let began = Instant::now();
    assert!(bench.registry.retry(&path));
    until("it is called", || plugin.reports() > calls).await;
    assert!(began.elapsed() < Duration::from_secs(1));
    let info = bench.listed("a.sock", |p| p.failures == 1).await;
    assert!(info.next_attempt_ms.is_some());
    plugin.on_report(|_| report_json("a").into());
    assert!(bench.registry.retry(&path));
    bench.state("a.sock", PluginState::Ok).await;
    assert!(!bench.registry.retry("/no/such.sock"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_consumer_gets_the_newest_and_holds_nobody_up() {
    let mut bench = Bench::new();
    let plugin = GoodPlugin::start(bench.path("a.sock")).unwrap();
    let counter = std::sync::atomic::AtomicU64::new(0);
    plugin.on_report(move |_| {
        let mut report = report_json("a");
        let n = counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        report["ID"] = serde_json::json!(n.to_string());
        report.into()
    });
    // Nobody fetches anything meanwhile.
    until("many reports were made", || plugin.reports() >= 30).await;
    let mut ids = Vec::new();
    while ids.len() < 20 && ids.last().is_none_or(|last| *last < 29) {
        ids.push(bench.report("a").await.id.parse::<u64>().unwrap());
    }
    assert!(ids.is_sorted() && ids.len() < 15, "{ids:?}");
}

#[tokio::test]
async fn a_configuration_out_of_range_is_refused() {
    let check = |config: Config, want: &str| {
        let error = orrery_plugins::start(config).err().unwrap();
        assert!(error.to_string().contains(want), "{error}");
    };
    let interval = |interval| Config {
        interval,
        ..Config::default()
    };
    check(interval(Duration::ZERO), "interval must be between");
    check(interval(Duration::from_secs(9999)), "interval must be between");
    let roots = vec!["/x".into(); 33];
    check(
        Config {
            roots,
            ..Config::default()
        },
        "33 plugin roots",
    );
    check(
        Config {
            roots: vec!["".into()],
            ..Config::default()
        },
        "plugin root",
    );
}

#[test]
fn outside_a_runtime_nothing_starts() {
    assert_eq!(
        orrery_plugins::start(Config::default()).err(),
        Some(StartError::NoRuntime)
    );
}
