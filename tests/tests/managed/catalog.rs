//! What can be measured is known before anything runs, and what is needed runs as long as it is.

use std::time::Duration;

use http::StatusCode;
use orrery_engine::orrery_catalog::{GroupRequest, View, Want};
use orrery_engine::{Config, Engine, ProbeKind};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::package::Package;
use crate::stage::{PATIENCE, Stage, processes};

/// A plugin that runs while somebody needs it, and has a metric.
fn meter(version: &str, metric: &str) -> Package {
    Package::new("meter", version)
        .way(format!("metric={metric}"))
        .run("activation = \"on-demand\"\nidle_stop = \"100ms\"")
}

fn wants(id: &str, queries: &[&str]) -> GroupRequest {
    GroupRequest {
        id: id.into(),
        wants: queries
            .iter()
            .map(|query| Want::new(query.parse().unwrap()))
            .collect(),
        ..GroupRequest::default()
    }
}

/// Names that answer a query, those that cannot be had in brackets.
async fn names(stage: &Stage, query: &str) -> Vec<String> {
    let (status, page) = stage.get(&format!("/api/catalog?q={query}")).await;
    assert_eq!(status, StatusCode::OK, "{page:#}");
    let shown = |metric: &Value| {
        let name = metric["namespace"].as_str().unwrap();
        let version = metric["version"].as_str().unwrap();
        match metric["away"] == "" {
            true => format!("{name}@{version}"),
            false => format!("({name}@{version})"),
        }
    };
    page["metrics"].as_array().unwrap().iter().map(shown).collect()
}

async fn lists(stage: &Stage, query: &str, want: &[&str]) {
    let what = format!("{query} is {want:?}");
    stage
        .until(&what, async || names(stage, query).await == want)
        .await;
}

/// Waits until a subscription is ready, or is not.
async fn is_ready(stage: &Stage, id: &str, ready: bool) -> std::sync::Arc<View> {
    let view = || stage.engine().subscription(id).unwrap();
    stage
        .until(&format!("{id} ready: {ready}"), async || {
            view().is_ready() == ready
        })
        .await;
    view()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_loaded_is_known_with_nothing_running_and_runs_while_somebody_needs_it() {
    let stage = Stage::set().await;
    stage.install(&meter("1.0.0", "load")).await;
    lists(&stage, "/meter/*", &["/meter/host/*node/load@1.0.0"]).await;
    assert_eq!(stage.instance("meter").await["state"], "idle");
    assert!(
        processes(stage.home(), "meter").is_empty(),
        "loaded is not running"
    );

    // The catalog is still there after a restart, with nothing running.
    let home = stage.end().await;
    let stage = Stage::set_in(home).await;
    lists(&stage, "/meter/*", &["/meter/host/*node/load@1.0.0"]).await;
    assert!(processes(stage.home(), "meter").is_empty());

    for task in ["one", "two"] {
        let view = stage
            .engine()
            .subscribe(wants(task, &["/meter/host/*/load"]))
            .unwrap();
        assert!(view.is_ready(), "{:?}", view.problems);
    }
    stage.reaches("meter", "running").await;
    assert_eq!(processes(stage.home(), "meter").len(), 1, "one process for both");
    assert_eq!(stage.entry("meter").await["subscriptions"], json!(["one", "two"]));
    let value = async || {
        let (_, readings) = stage.get("/api/catalog/readings?q=/meter/*").await;
        readings[0]["value"] == 42.0
            && readings[0]["node"] == "meterhost;<host>"
            && readings[0]["unit"] == "%"
    };
    stage.until("its value", value).await;
    let name = "/api/catalog/metric?name=/meter/host/meterhost%5C;%3Chost%3E/load";
    let (_, entry) = stage.get(name).await;
    assert_eq!(
        entry["metric"]["namespace"],
        r"/meter/host/meterhost\;<host>/load"
    );
    assert_eq!(entry["readings"][0]["value"], 42.0, "{entry:#}");
    assert_eq!(entry["subscriptions"], json!(["one", "two"]));

    stage.engine().unsubscribe("one").unwrap();
    let pid = stage.pid("meter").await;
    assert!(pid.is_some(), "the other task needs it");
    stage.engine().unsubscribe("two").unwrap();
    stage.reaches("meter", "idle").await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_tasks_need_is_removed_only_with_force_and_they_wait_until_it_is_back() {
    let stage = Stage::set().await;
    stage.install(&meter("1.0.0", "load")).await;
    lists(&stage, "/meter/*", &["/meter/host/*node/load@1.0.0"]).await;
    stage
        .engine()
        .subscribe(wants("nightly", &["/meter/host/*/load"]))
        .unwrap();
    let mut optional = wants("optional", &["/meter/host/*/load"]);
    optional.wants[0].optional = true;
    stage.engine().subscribe(optional).unwrap();
    let (status, refusal) = stage.delete("/api/plugins/meter").await;
    assert_eq!(status, StatusCode::CONFLICT, "{refusal:#}");
    assert_eq!(refusal["reason"], "in_use");
    assert_eq!(
        refusal["fields"],
        json!([{ "field": "task", "message": "nightly" }])
    );

    let (status, removed) = stage.delete("/api/plugins/meter?force=true&wait=true").await;
    assert_eq!(status, StatusCode::OK, "{removed:#}");
    lists(&stage, "/meter/*", &[]).await;
    let view = is_ready(&stage, "nightly", false).await;
    assert_eq!(view.problems[0].message, "There is no metric /meter/host/*/load.");
    assert!(stage.engine().subscription("optional").unwrap().is_ready());
    stage.is_gone("meter").await;

    stage.install(&meter("1.1.0", "load")).await;
    is_ready(&stage, "nightly", true).await;
    stage.reaches("meter", "running").await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_stand_side_by_side_and_a_subscription_follows_the_one_in_force() {
    let stage = Stage::set().await;
    stage.install(&meter("1.0.0", "load")).await;
    lists(&stage, "/meter/*", &["/meter/host/*node/load@1.0.0"]).await;
    let taken = stage.engine().subscribe(wants("t", &["/meter/*"])).unwrap();
    stage.install(&meter("2.0.0", "depth")).await;
    let both = ["/meter/host/*node/depth@2.0.0", "(/meter/host/*node/load@1.0.0)"];
    lists(&stage, "/meter/*&version=all", &both).await;
    stage
        .until("the view moves", async || {
            let view = stage.engine().subscription("t").unwrap();
            let metrics: Vec<String> = view.metrics.iter().map(|m| m.namespace().to_string()).collect();
            metrics == ["/meter/host/*node/depth"] && view.number > taken.number
        })
        .await;
    assert_eq!(
        taken.metrics.len(),
        1,
        "who took the view before has it as it was"
    );
    assert_eq!(taken.metrics[0].namespace().to_string(), "/meter/host/*node/load");

    stage.tell("meter", "disable").await;
    lists(
        &stage,
        "/meter/host/*/depth",
        &["(/meter/host/*node/depth@2.0.0)"],
    )
    .await;
    let view = is_ready(&stage, "t", false).await;
    assert_eq!(view.problems[0].message, "meter 2.0.0 has it: it is disabled.");
    stage.tell("meter", "enable").await;
    is_ready(&stage, "t", true).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn manifests_and_descriptions_say_more_than_reports() {
    let stage = Stage::set().await;
    let described = json!({ "metrics": [
        { "topology": "host", "metric": "load", "description": "How much there is to do" },
        { "namespace": "/meter/disk/*device/free", "unit": "bytes" },
    ] });
    let package = meter("1.0.0", "load")
        .top("interfaces = [\"reporter\", \"describe\"]")
        .way(format!("describe={described}"))
        .with("[[metric]]\ntopology = \"process\"\nid = \"wait\"\nunit = \"ms\"\ndescription = \"Time in the queue\"")
        .with("[[policy]]\nkey = \"rate\"\ntype = \"integer\"\ndefault = 5");
    stage.install(&package).await;
    let all = [
        "/meter/disk/*device/free@1.0.0",
        "/meter/host/*node/load@1.0.0",
        "/meter/process/*node/wait@1.0.0",
    ];
    lists(&stage, "/meter/*", &all).await;
    let (_, load) = stage.get("/api/catalog/metric?name=/meter/host/*/load").await;
    assert_eq!(load["metric"]["label"], "A metric", "as its report says");
    assert_eq!(load["metric"]["unit"], "%", "as its report says");
    assert_eq!(
        load["metric"]["description"], "How much there is to do",
        "as it describes it"
    );
    assert_eq!(load["policy"][0]["key"], "rate");
    let (_, wait) = stage.get("/api/catalog/metric?name=/meter/process/*/wait").await;
    assert_eq!(wait["metric"]["unit"], "ms");
    assert_eq!(wait["metric"]["description"], "Time in the queue");
    let view = stage
        .engine()
        .subscribe(wants("t", &["/meter/host/*/load"]))
        .unwrap();
    assert_eq!(view.needs[0].config.values["rate"], 5, "the rule's default");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_badly_is_told_with_its_place() {
    let stage = Stage::set().await;
    for (path, status) in [
        ("/api/catalog?q=/a//b", StatusCode::BAD_REQUEST),
        ("/api/catalog?q=nothing", StatusCode::BAD_REQUEST),
        ("/api/catalog?version=one", StatusCode::BAD_REQUEST),
        ("/api/catalog/watch?q=/a//b", StatusCode::BAD_REQUEST),
        ("/api/catalog/metric?name=/none/host/*/x", StatusCode::NOT_FOUND),
        ("/api/catalog/metric", StatusCode::BAD_REQUEST),
    ] {
        let (told, error) = stage.get(path).await;
        assert_eq!(told, status, "{path}: {error:#}");
    }
    let (_, error) = stage.get("/api/catalog?q=/a//b").await;
    assert_eq!(error["code"], "bad_query");
    assert_eq!(error["at"], json!([3, 4]));
    let (_, page) = stage.get("/api/catalog?q=/none/*").await;
    assert_eq!(
        (&page["total"], &page["missing"]),
        (&json!(0), &json!(["/none/*"]))
    );
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_built_in_stands_there_too() {
    let home = tempfile::tempdir().unwrap();
    let mut config = Config::new(home.path().to_owned());
    config.probes = vec![ProbeKind::Host];
    config.plugin_roots = vec![home.path().join("none")];
    config.plugins = None;
    config.interval = Duration::from_millis(100);
    let engine = Engine::start(config).await.unwrap();
    let until = Instant::now() + PATIENCE;
    loop {
        let readings = engine.catalog_readings("/orrery/host/*/load1", "", None).unwrap();
        if readings.len() == 1 && readings[0].value >= 0.0 {
            assert_eq!(readings[0].topology, "host");
            break;
        }
        assert!(Instant::now() < until, "{:?}", engine.catalog().len());
        sleep(Duration::from_millis(50)).await;
    }
    let view = engine.subscribe(wants("t", &["/orrery/host/*"])).unwrap();
    assert!(view.is_ready() && view.leased().is_empty());
    engine.shutdown().await;
}
