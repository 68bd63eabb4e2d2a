//! Every plugin on its own schedule.

use std::collections::BTreeMap;
use std::time::Duration;

use orrery_plugins::{Config, PluginEvent, PluginState, StartError};
use orrery_testkit::plugin::report_json;
use orrery_testkit::{GoodPlugin, HostilePlugin, Hostility, Reply};

use crate::support::{Bench, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hanging_plugins_do_not_slow_a_good_one() {
    let mut bench = Bench::new();
    let hanging: Vec<_> = (0..4)
        .map(|n| HostilePlugin::start(bench.path(&format!("h{n}.sock")), Hostility::Hanging).unwrap())
        .collect();
    let _good = GoodPlugin::start(bench.path("good.sock")).unwrap();
    until("all of them hang", || hanging.iter().all(|h| h.calls() >= 1)).await;
    let mut reports = 0;
    // One after the other there would be one report between two calls of a hanging one.
    while hanging.iter().all(|h| h.calls() <= 2) && reports < 20 {
        bench.report("good").await;
        reports += 1;
    }
    assert!(reports >= 5, "{reports} reports meanwhile");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_huge_report_does_not_slow_a_small_one() {
    let mut bench = Bench::new();
    let huge = GoodPlugin::start(bench.path("huge.sock")).unwrap();
    let text = bytes_of_nodes(40_000);
    huge.on_report(move |_| Reply::ok(text.clone()));
    let _small = GoodPlugin::start(bench.path("small.sock")).unwrap();
    bench.report("small").await;
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    while counts.get("small").is_none_or(|small| *small < 15) {
        let plugin = bench
            .event(|event| match event {
                PluginEvent::Report { plugin, .. } => Some(plugin),
                _ => None,
            })
            .await;
        *counts.entry(plugin.to_string()).or_default() += 1;
    }
    // In turns there would be as many of the one as of the other.
    assert!(counts.get("huge").is_none_or(|huge| *huge < 14), "{counts:?}");
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
    // Three failures at once would be an hour's work if it were not for the retries.
    let bench = Bench::with(|_, config| config.interval = Duration::from_secs(3_600));
    let plugin = GoodPlugin::start(bench.path("a.sock")).unwrap();
    plugin.on_report(|_| Reply::status(500, "no"));
    let mut info = bench.listed("a.sock", |p| p.failures == 1).await;
    for calls in 1..4 {
        assert_eq!((plugin.reports(), info.failures), (calls, 1));
        assert!(bench.registry.retry(&info.path));
        let before = info.next_attempt_ms;
        info = bench
            .listed("a.sock", |p| p.failures == 1 && p.next_attempt_ms > before)
            .await;
    }
    let path = info.path;
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
