//! What plugins expose, joined and raw.

use std::time::Duration;

use http::StatusCode;
use orrery_testkit::{GoodPlugin, Reply};
use serde_json::Value;

use crate::endless::Endless;
use crate::stage::{REQUESTS, Stage, judge};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mx1_plugins_are_joined_by_family_and_what_we_say_of_ourselves_is_in_good_style() {
    let stage = Stage::set().await;
    let _one = stage.plugin("one", REQUESTS);
    let _two = stage.plugin("two", REQUESTS);
    stage.up(&["one", "two"]).await;
    let (_, text) = stage.get("/metrics").await;
    judge(&text, true);
    for head in [
        "# TYPE plugin_requests_total counter",
        "# HELP plugin_requests_total Requests served.",
    ] {
        assert_eq!(text.matches(head).count(), 1, "{text}");
    }
    for id in ["one", "two"] {
        let sample =
            format!("plugin_requests_total{{plugin_id=\"{id}\",code=\"200\",exported_plugin_id=\"mine\"}} 7");
        assert!(text.contains(&sample), "{sample} in {text}");
    }
    for own in [
        "process_cpu_seconds_total ",
        "process_resident_memory_bytes ",
        "process_open_fds ",
    ] {
        assert!(text.contains(&format!("\n{own}")), "{own} in {text}");
    }
    let (_, exact) = stage.get("/metrics?prefix=").await;
    judge(&exact, true);
    assert!(exact.contains("\nrequests_total{plugin_id=\"one\""), "{exact}");
    let (status, _) = stage.get("/metrics?prefix=1%20").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mx2_a_type_that_contradicts_is_left_out_counted_and_named() {
    let stage = Stage::set().await;
    let _one = stage.plugin("one", "# TYPE jobs gauge\njobs 3\n");
    let _two = stage.plugin("two", "# TYPE jobs counter\njobs 4\n# TYPE rest gauge\nrest 1\n");
    stage.up(&["one", "two"]).await;
    let (_, text) = stage.get("/metrics").await;
    judge(&text, false);
    for line in [
        "orrery_plugin_metrics_dropped_total{plugin_id=\"two\",reason=\"type_conflict\"} 1\n",
        "orrery_plugin_metrics_type_conflict{plugin_id=\"two\",family=\"plugin_jobs\",left_out=\"counter\",\
         kept=\"gauge\"} 1\n",
        "plugin_jobs{plugin_id=\"one\"} 3\n",
        "plugin_rest{plugin_id=\"two\"} 1\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(!text.contains("plugin_jobs{plugin_id=\"two\"}"), "{text}");
    let (_, text) = stage.get("/metrics").await;
    let twice = "orrery_plugin_metrics_dropped_total{plugin_id=\"two\",reason=\"type_conflict\"} 2\n";
    assert!(text.contains(twice), "{text}");
    stage.strike().await;
}

/// Everything that a strict reader would refuse a whole scrape for.
pub(crate) const HOSTILE: &str = "\
    # HELP odd Back\\\\slash, \"quotes\" and\\nlines.\n# TYPE odd gauge\n\
    odd{v=\"a,b=c}\\\"\\\\\\n\"} NaN\nodd{v=\"\0\"} +Inf\nodd{plugin_id=\"x\",exported_plugin_id=\"y\"} 1e300\n\
    a:b{le=\"not a bound\"} 1 1700000000000\n\
    # TYPE took histogram\ntook_bucket{le=\"much\"} 1\ntook_bucket 1\ntook{le=\"1\"} 2\n\
    took_bucket{le=\"+Inf\"} 2\ntook_sum 3\ntook_count 2\n\
    # TYPE took_sum gauge\ntook_sum{other=\"1\"} 1\n\
    # TYPE quick summary\nquick{quantile=\"half\"} 1\nquick{quantile=\"0.5\"} 1\nquick_sum 1\nquick_count 1\n\
    # TYPE both counter\nboth 1\nboth_total 2\nboth_created 3\n\
    same{x=\"1\",y=\"2\"} 1\nsame{y=\"2\",x=\"1\"} 1\nreserved{__name__=\"up\"} 1\norrery_plugin_up 7\n\
    traced_total 1 # {trace_id=\"abc\"} 0.5 1700000000\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mx3_odd_texts_survive_and_what_would_break_a_reader_is_left_out() {
    let stage = Stage::set().await;
    let _odd = stage.plugin("odd", HOSTILE);
    let _one = stage.plugin("one", REQUESTS);
    stage.up(&["odd", "one"]).await;
    for path in ["/metrics", "/metrics?prefix="] {
        let (_, text) = stage.get(path).await;
        judge(&text, false);
        let prefix = if path == "/metrics" { "plugin_" } else { "" };
        for line in [
            "odd{plugin_id=\"odd\",v=\"a,b=c}\\\"\\\\\\n\"} NaN\n",
            "odd{plugin_id=\"odd\",exported_plugin_id=\"x\"} 1e300\n",
            "a:b{plugin_id=\"odd\",le=\"not a bound\"} 1\n",
            "took_sum{plugin_id=\"odd\"} 3\n",
            "both_total{plugin_id=\"odd\"} 2\n",
            "traced_total{plugin_id=\"odd\"} 1\n",
            "requests_total{plugin_id=\"one\",code=\"200\",exported_plugin_id=\"mine\"} 7\n",
        ] {
            let line = format!("\n{prefix}{line}");
            assert!(text.contains(&line), "{line} in {text}");
        }
        assert!(
            text.contains("orrery_plugin_scrape_success{plugin_id=\"odd\"} 1\n"),
            "{text}"
        );
    }
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mx4_plugins_that_hang_or_never_end_take_nothing_from_the_others() {
    let stage = Stage::set().await;
    let _one = stage.plugin("one", REQUESTS);
    let hung = GoodPlugin::start(stage.socket("hung")).unwrap();
    hung.on_other(|_| Reply::ok("late 1\n").after(Duration::from_secs(3_600)));
    let _endless = Endless::start(&stage.socket("endless"));
    stage.up(&["one", "hung", "endless"]).await;
    // Each answer comes though one plugin answers in an hour and one never ends.
    for _ in 0..3 {
        let (_, text) = stage.get("/metrics").await;
        judge(&text, true);
        for (id, good) in [("one", 1), ("hung", 0), ("endless", 0)] {
            let success = format!("orrery_plugin_scrape_success{{plugin_id=\"{id}\"}} {good}\n");
            assert!(text.contains(&success), "{success} in {text}");
        }
        assert!(text.contains("plugin_requests_total{plugin_id=\"one\""), "{text}");
    }
    // It is forgiven as soon as it answers.
    hung.on_other(|_| Reply::ok("late 1\n"));
    stage
        .until("/metrics", "plugin_late{plugin_id=\"hung\"} 1\n")
        .await;
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mx5_garbage_and_what_is_too_much_are_refused_whole() {
    let stage = Stage::set().await;
    let _one = stage.plugin("one", REQUESTS);
    let _garbage = stage.plugin("garbage", "<html>no</html>");
    let _binary = stage.plugin("binary", vec![0xff, 0xfe, 0]);
    let _long = stage.plugin("long", "a 1\n".repeat(2 * 1024 * 1024));
    let million: String = (0..100_000).map(|n| format!("m{{n=\"{n}\"}} 1\n")).collect();
    let _many = stage.plugin("many", million);
    let _label = stage.plugin("label", format!("m{{l=\"{}\"}} 1\n", "x".repeat(17 * 1024)));
    let none = GoodPlugin::start(stage.socket("none")).unwrap();
    stage
        .up(&["one", "garbage", "binary", "long", "many", "label", "none"])
        .await;
    let (_, text) = stage.get("/metrics").await;
    judge(&text, true);
    for (id, good) in [
        ("one", 1),
        ("none", 1),
        ("garbage", 0),
        ("binary", 0),
        ("long", 0),
        ("many", 0),
        ("label", 0),
    ] {
        let success = format!("orrery_plugin_scrape_success{{plugin_id=\"{id}\"}} {good}\n");
        assert!(text.contains(&success), "{success} in {text}");
    }
    drop(none);
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mx6_a_plugins_own_text_is_given_byte_for_byte_and_plugins_are_discovered() {
    let stage = Stage::set().await;
    let text = "# odd but its own\nx{y=\"1\"}   2.50 1700000000000\n";
    let _odd = stage.plugin("odd", text);
    let _open = stage.plugin("open", "# TYPE x counter\nx_total 1 # {t=\"1\"} 1\n# EOF\n");
    let _none = GoodPlugin::start(stage.socket("none")).unwrap();
    let gone = stage.plugin("gone", "x 1\n");
    stage.up(&["odd", "open", "none", "gone"]).await;
    for path in ["/api/plugins/odd/metrics", "/metrics/plugins/odd"] {
        assert_eq!(stage.get(path).await, (StatusCode::OK, text.to_owned()));
    }
    let (head, _) = stage.wire("/metrics/plugins/open", "").await;
    assert!(
        head.contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{head}"
    );
    let (_, targets) = stage.get("/api/plugin-metrics/targets").await;
    let targets: Value = serde_json::from_str(&targets).unwrap();
    let ids: Vec<&str> = targets
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["labels"]["plugin_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["gone", "none", "odd", "open"], "every plugin that runs");
    assert_eq!(targets[2]["targets"][0], stage.address.to_string());
    assert_eq!(
        targets[2]["labels"]["__metrics_path__"],
        "/api/plugins/odd/metrics"
    );
    let (status, text) = stage.get("/api/plugins/none/metrics").await;
    assert_eq!(
        (status, text.as_str()),
        (StatusCode::OK, "# Plugin none exposes no metrics.\n")
    );
    judge(&text, true);
    for path in ["/api/plugins/nobody/metrics", "/metrics/plugins/nobody"] {
        let (status, _) = stage.get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
    let socket = stage.socket("gone");
    gone.crash();
    assert!(socket.exists());
    let (status, said) = stage.get("/api/plugins/gone/metrics").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{said}");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mx10_with_a_plugin_its_series_go() {
    let stage = Stage::set().await;
    let _stays = stage.plugin("stays", REQUESTS);
    let goes = stage.plugin("goes", "same 1\nsame 2\n");
    stage.up(&["stays", "goes"]).await;
    let (_, text) = stage.get("/metrics").await;
    assert!(text.contains("reason=\"duplicate\"} 1\n"), "{text}");
    goes.stop().unwrap();
    stage
        .until("/metrics?plugins=0", "orrery_plugin_up{plugin_id=\"stays\"} 1")
        .await;
    let end = tokio::time::Instant::now() + crate::stage::PATIENCE;
    loop {
        let (_, text) = stage.get("/metrics").await;
        if !text.contains("\"goes\"") {
            break;
        }
        assert!(tokio::time::Instant::now() < end, "{text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stage.strike().await;
}
