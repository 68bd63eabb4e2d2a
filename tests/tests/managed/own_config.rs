//! A task's own config reaches the plugins that it collects from: real plugins, over their sockets.

use std::path::Path;
use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::package::Package;
use crate::stage::{PATIENCE, Stage, processes};

/// So long that everything which a test does is within one window.
const ONE_WINDOW: Duration = Duration::from_hours(1);

const POLICY: &str = "[[policy]]\nkey = \"sample_rate\"\ntype = \"integer\"\ndefault = 1\nmin = 1\nmax = 1000\n\
                      [[policy]]\nkey = \"token\"\ntype = \"secret\"\n";

/// A plugin that writes down every config that it is asked under, and measures what that says.
fn meter(log: &Path) -> Package {
    Package::new("meter", "1.0.0")
        .top("interfaces = [\"reporter\", \"collector\"]")
        .way("metric=load")
        .way(format!("collect={}", log.display()))
        .with(POLICY)
}

fn manifest(name: &str, rate: u32) -> Value {
    json!({
        "version": 2,
        "name": name,
        "schedule": { "type": "manual" },
        "timeout": "60s",
        "deadline": "60s",
        "collect": { "/meter/host/*/load": {} },
        "config": { "/meter": { "sample_rate": rate } },
    })
}

async fn known(stage: &Stage, id: &str) {
    stage
        .until("the catalog has it", async || {
            let (_, page) = stage.get(&format!("/api/catalog?q=/{id}/*")).await;
            page["total"] == 1
        })
        .await;
}

/// Makes a task that is run when it is asked to be.
async fn made(stage: &Stage, manifest: &Value) -> Value {
    let (status, made) = stage.post("/api/tasks?start=true", manifest).await;
    assert_eq!(status, StatusCode::CREATED, "{made:#}");
    let address = format!("/api/tasks/{}", made["name"].as_str().unwrap());
    let until = Instant::now() + PATIENCE;
    loop {
        let (_, task) = stage.get(&address).await;
        if task["state"] == "scheduled" {
            return made;
        }
        assert!(Instant::now() < until, "it is not ready to run: {task:#}");
        sleep(Duration::from_millis(50)).await;
    }
}

async fn run(stage: &Stage, name: &str) -> Value {
    let (status, report) = stage.post(&format!("/api/tasks/{name}/run"), &json!({})).await;
    assert_eq!(status, StatusCode::OK, "{report:#}");
    report
}

/// The value that a task's run brings.
async fn value(stage: &Stage, name: &str) -> Value {
    let report = run(stage, name).await;
    assert_eq!(report["outcome"], "ok", "{report:#}");
    let (_, task) = stage.get(&format!("/api/tasks/{name}")).await;
    assert_eq!(task["values_total"], 1, "{task:#}");
    task["values"][0]["value"].clone()
}

/// Configs that the plugin was asked under, in order.
fn asked(log: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let bodies = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    bodies.map(|body| body["config"].clone()).collect()
}

fn rates(log: &Path) -> Vec<u64> {
    asked(log)
        .iter()
        .map(|config| config["sample_rate"].as_u64().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_one_config_share_a_call_and_the_picture_stays_as_it_is() {
    let stage = Stage::set_every(ONE_WINDOW).await;
    let log = stage.home().join("asked");
    stage.install(&meter(&log)).await;
    known(&stage, "meter").await;
    let (status, check) = stage.post("/api/tasks/dry-run", &manifest("five", 5)).await;
    assert_eq!(
        (status, check),
        (StatusCode::OK, json!({ "faults": [], "warnings": [] }))
    );
    let (_, check) = stage.post("/api/tasks/dry-run", &manifest("zero", 0)).await;
    assert_eq!(
        check["faults"][0]["field"], "config./meter.sample_rate",
        "{check:#}"
    );
    for (name, rate) in [("five", 5), ("also-five", 5), ("seven", 7), ("as-it-is", 1)] {
        made(&stage, &manifest(name, rate)).await;
    }
    // At the same time, and again.
    let (one, other) = tokio::join!(value(&stage, "five"), value(&stage, "also-five"));
    assert_eq!((one, other), (json!(5.0), json!(5.0)));
    assert_eq!(value(&stage, "five").await, 5.0);
    assert_eq!(rates(&log), [5], "one call for the config in a window");
    assert_eq!(value(&stage, "seven").await, 7.0);
    assert_eq!(rates(&log), [5, 7], "another config is another call");
    assert_eq!(
        value(&stage, "as-it-is").await,
        42.0,
        "what the plugin reports to everybody"
    );
    assert_eq!(
        rates(&log),
        [5, 7],
        "a config that the plugin has anyway asks nothing"
    );

    let (_, report) = stage.get("/api/report").await;
    let nodes = report["Host"]["nodes"].as_object().unwrap();
    assert_eq!(
        nodes.keys().collect::<Vec<_>>(),
        ["meterhost;<host>"],
        "{nodes:#?}"
    );
    let samples = &nodes["meterhost;<host>"]["metrics"]["load"]["samples"];
    assert!(
        samples.as_array().unwrap().iter().all(|s| s["value"] == 42.0),
        "{samples:#}"
    );

    // A change holds from the next run on.
    let body = manifest("five", 9).to_string().into_bytes();
    let (status, changed) = stage.send(Method::PUT, "/api/tasks/five", body).await;
    assert_eq!(status, StatusCode::OK, "{changed:#}");
    assert_eq!(value(&stage, "five").await, 9.0);
    assert_eq!(value(&stage, "also-five").await, 5.0);
    // So does one of the plugin's own config, for whoever says nothing else.
    let body = json!({ "sample_rate": 5 }).to_string().into_bytes();
    let (status, said) = stage
        .send(Method::PUT, "/api/plugins/meter/config?wait=true", body)
        .await;
    assert_eq!(status, StatusCode::OK, "{said:#}");
    stage
        .until("the view says so", async || {
            let (_, view) = stage.get("/api/tasks/as-it-is/subscription").await;
            view["plugins"][0]["config"]["sample_rate"] == 1 && view["ready"] == true
        })
        .await;
    stage
        .until("what is said for the task alone is asked for", async || {
            let (_, task) = stage.get("/api/tasks/as-it-is").await;
            task["state"] == "scheduled"
                && run(&stage, "as-it-is").await["outcome"] == "ok"
                && rates(&log).contains(&1)
        })
        .await;
    assert_eq!(
        value(&stage, "also-five").await,
        42.0,
        "that is the plugin's own by now"
    );
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_window_has_a_call_of_its_own_on_a_schedule_and_on_a_stream() {
    let stage = Stage::set().await;
    let log = stage.home().join("asked");
    stage.install(&meter(&log)).await;
    known(&stage, "meter").await;
    let mut body = manifest("beats", 5);
    body["schedule"] = json!({ "type": "simple", "interval": "100ms" });
    made(&stage, &body).await;
    stage
        .until("calls again and again", async || rates(&log).len() > 3)
        .await;
    let (status, _) = stage.post("/api/tasks/beats/stop", &json!({})).await;
    assert_eq!(status, StatusCode::OK);
    let mut body = manifest("streams", 6);
    body["schedule"] = json!({ "type": "stream" });
    made(&stage, &body).await;
    stage
        .until("what the stream brings is the task's", async || {
            let (_, task) = stage.get("/api/tasks/streams").await;
            let ok = task["counts"]["ok"].as_u64().unwrap_or_default();
            ok > 2 && task["values"][0]["value"] == 6.0
        })
        .await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_answer_or_refuses_costs_its_own_part_of_the_run() {
    let stage = Stage::set().await;
    let (log, gate) = (stage.home().join("asked"), stage.home().join("gate"));
    stage
        .install(&meter(&log).way(format!("gate={}", gate.display())))
        .await;
    stage
        .install(&Package::new("lamp", "1.0.0").way("metric=light"))
        .await;
    known(&stage, "meter").await;
    known(&stage, "lamp").await;
    let mut body = manifest("both", 5);
    body["timeout"] = json!("200ms");
    body["collect"] = json!({ "/meter/host/*/load": {}, "/lamp/host/*/light": {} });
    made(&stage, &body).await;
    let report = run(&stage, "both").await;
    assert_eq!(
        (&report["outcome"], &report["samples"]),
        (&json!("partial"), &json!(1)),
        "{report:#}"
    );
    assert_eq!(
        report["why"],
        "plugin meter: it did not answer within the task's timeout of 200 ms"
    );
    let (_, task) = stage.get("/api/tasks/both").await;
    assert_eq!(
        (&task["counts"]["partial"], &task["counts"]["failed"]),
        (&json!(1), &json!(0))
    );

    std::fs::write(&gate, "").unwrap();
    made(&stage, &manifest("refused", 13)).await;
    let report = run(&stage, "refused").await;
    assert_eq!(
        (&report["outcome"], &report["why"]),
        (&json!("failed"), &json!("plugin meter: there is no rate of 13"))
    );
    // What it does without fails no run.
    let mut body = manifest("optional", 13);
    body["collect"] = json!({ "/meter/host/*/load": { "optional": true }, "/lamp/host/*/light": {} });
    made(&stage, &body).await;
    let report = run(&stage, "optional").await;
    assert_eq!(report["outcome"], "partial", "{report:#}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_cannot_be_asked_is_told_beforehand() {
    let stage = Stage::set().await;
    stage
        .install(&Package::new("meter", "1.0.0").way("metric=load").with(POLICY))
        .await;
    known(&stage, "meter").await;
    let mut body = manifest("t", 5);
    body["config"]["/none"] = json!({ "x": 1 });
    let told = |warnings: &Value| {
        let all = warnings.as_array().unwrap();
        let fields: Vec<&str> = all.iter().map(|w| w["field"].as_str().unwrap()).collect();
        assert_eq!(fields, ["config./meter", "config./none"], "{warnings:#}");
        let text = all[0]["message"].as_str().unwrap();
        for part in [
            "no interface \"collector\"",
            "orrery plugin config meter",
            "POST /collect",
        ] {
            assert!(text.contains(part), "{text}");
        }
    };
    let (_, check) = stage.post("/api/tasks/dry-run", &body).await;
    assert_eq!(check["faults"], json!([]));
    told(&check["warnings"]);
    told(&made(&stage, &body).await["warnings"]);
    told(&stage.get("/api/tasks/t").await.1["warnings"]);
    assert_eq!(value(&stage, "t").await, 42.0);
    let (_, check) = stage.post("/api/tasks/dry-run", &manifest("t", 1)).await;
    assert_eq!(check["warnings"], json!([]), "it measures so anyway");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_a_task_reaches_the_plugin_and_nobody_else() {
    const SECRET: &str = "open-sesame-0815";
    let stage = Stage::set().await;
    // Where the plugin writes it down is the test's, not Orrery's.
    let notes = tempfile::tempdir().unwrap();
    let (log, file) = (notes.path().join("asked"), notes.path().join("token"));
    std::fs::write(&file, SECRET).unwrap();
    stage.install(&meter(&log)).await;
    known(&stage, "meter").await;
    let mut body = manifest("t", 5);
    body["config"]["/meter"]["token"] = json!(SECRET);
    let (_, check) = stage.post("/api/tasks/dry-run", &body).await;
    assert_eq!(check["faults"][0]["field"], "config./meter.token", "{check:#}");
    assert!(!check.to_string().contains(SECRET), "{check:#}");
    body["config"]["/meter"]["token"] = json!(format!("file:{}", file.display()));
    made(&stage, &body).await;
    assert_eq!(value(&stage, "t").await, 5.0);
    assert_eq!(asked(&log), [json!({ "sample_rate": 5, "token": SECRET })]);
    for path in [
        "/api/tasks",
        "/api/tasks/t",
        "/api/tasks/t/export",
        "/api/tasks/t/subscription",
        "/api/plugins/meter/logs",
        "/api/report",
    ] {
        let (status, said) = stage.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(!said.to_string().contains(SECRET), "{path}: {said:#}");
    }
    assert!(!stage.event_list().await.to_string().contains(SECRET));
    std::fs::remove_file(&file).unwrap();
    stage
        .until("a secret that is gone is told by its key", async || {
            let report = run(&stage, "t").await;
            report["outcome"] == "failed"
                && report["why"]
                    .as_str()
                    .unwrap()
                    .starts_with("plugin meter: token: ")
        })
        .await;
    let home = stage.end().await;
    let found = std::process::Command::new("grep")
        .args(["-rl", SECRET])
        .arg(home.path())
        .output();
    assert_eq!(
        String::from_utf8(found.unwrap().stdout).unwrap(),
        "",
        "on disk it is nowhere"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tasks_of_a_plugin_share_its_process_and_its_reports() {
    let stage = Stage::set_every(ONE_WINDOW).await;
    let log = stage.home().join("reports");
    let package = Package::new("meter", "1.0.0")
        .way("metric=load")
        .way(format!("reports={}", log.display()))
        .run("activation = \"on-demand\"\nidle_stop = \"100ms\"");
    stage.install(&package).await;
    known(&stage, "meter").await;
    // It is started for what it can tell, and ended again: the tasks start another process, which stays.
    stage.reaches("meter", "idle").await;
    for name in ["one", "two"] {
        let mut body = manifest(name, 1);
        body.as_object_mut().unwrap().remove("config");
        made(&stage, &body).await;
    }
    stage.reaches("meter", "running").await;
    for name in ["one", "two"] {
        assert_eq!(value(&stage, name).await, 42.0);
    }
    let (_, report) = stage.get("/api/report").await;
    assert!(
        report["Host"]["nodes"]["meterhost;<host>"].is_object(),
        "the map has it: {report:#}"
    );
    assert_eq!(processes(stage.home(), "meter").len(), 1, "one process for both");
    let asked = || std::fs::read_to_string(&log).unwrap().lines().count();
    let before = asked();
    for _ in 0..5 {
        for name in ["one", "two"] {
            assert_eq!(value(&stage, name).await, 42.0);
        }
    }
    assert_eq!(
        asked(),
        before,
        "the map's report of this window serves both, again and again"
    );
    let pid = stage.pid("meter").await;
    assert!(pid.is_some());
    let (status, _) = stage.post("/api/tasks/one/stop", &json!({})).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(value(&stage, "two").await, 42.0);
    assert_eq!(stage.pid("meter").await, pid, "the other task needs it");
    let (status, _) = stage.post("/api/tasks/two/stop", &json!({})).await;
    assert_eq!(status, StatusCode::OK);
    stage.reaches("meter", "idle").await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_measures_over_the_span_that_a_task_asks_for() {
    let pressure = |span: &str| {
        let text = std::fs::read_to_string("/proc/pressure/cpu").ok()?;
        let word = text
            .lines()
            .next()?
            .split_whitespace()
            .find(|word| word.starts_with(span))?;
        word.split('=').nth(1)?.parse::<f64>().ok()
    };
    if pressure("avg300").is_none() {
        println!("skipped: this kernel does not count pressure");
        return;
    }
    let stage = Stage::set().await;
    let program = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../plugins-examples/pressure/pressure"
    );
    let source = json!({ "from": "file", "path": program });
    let (status, done) = stage.post("/api/plugins?load=true&wait=true", &source).await;
    assert_eq!(status, StatusCode::OK, "{done:#}");
    let has_it = async || stage.get("/api/catalog?q=/pressure/*").await.1["total"] == 3;
    stage.until("the catalog has it", has_it).await;
    let mut body = manifest("t", 1);
    body["collect"] = json!({ "/pressure/host/*/pressure_cpu": {} });
    body["config"] = json!({ "/pressure": { "over": "2m" } });
    let (_, check) = stage.post("/api/tasks/dry-run", &body).await;
    assert_eq!(check["faults"][0]["field"], "config./pressure.over", "{check:#}");
    body["config"] = json!({ "/pressure": { "over": "5m" } });
    made(&stage, &body).await;
    // The kernel's number moves slowly; it lies between what it was before and after.
    stage
        .until("the run has the kernel's number", async || {
            let before = pressure("avg300").unwrap();
            let value = value(&stage, "t").await.as_f64().unwrap();
            let after = pressure("avg300").unwrap();
            (before.min(after)..=before.max(after)).contains(&value)
        })
        .await;
    stage.end().await;
}
