//! Tasks over real plugins, as their users see them.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::package::Package;
use crate::stage::{PATIENCE, Stage, processes};

/// A plugin that runs while somebody needs it, and has a metric.
fn meter() -> Package {
    Package::new("meter", "1.0.0")
        .way("metric=load")
        .run("activation = \"on-demand\"\nidle_stop = \"100ms\"")
}

async fn known(stage: &Stage) {
    stage
        .until("the catalog has it", async || {
            let (_, page) = stage.get("/api/catalog?q=/meter/*").await;
            page["total"] == 1
        })
        .await;
}

fn manifest(name: &str, path: &std::path::Path) -> Value {
    json!({
        "version": 2,
        "name": name,
        "schedule": { "type": "simple", "interval": "100ms" },
        "collect": { "/meter/host/*/load": {} },
        "tags": { "/meter": { "site": "lab" } },
        "process": [{
            "plugin": "rename",
            "config": { "suffix": "_again" },
            "publish": [
                { "plugin": "topology" },
                { "plugin": "history" },
                { "plugin": "file", "config": { "path": path } },
            ],
        }],
    })
}

async fn task(stage: &Stage, name: &str) -> Value {
    stage.get(&format!("/api/tasks/{name}")).await.1
}

async fn runs(stage: &Stage, name: &str, more_than: u64) {
    stage
        .until("runs", async || {
            task(stage, name).await["counts"]["ok"]
                .as_u64()
                .is_some_and(|ok| ok > more_than)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_makes_its_plugin_run_and_its_values_arrive() {
    let stage = Stage::set().await;
    stage.install(&meter()).await;
    known(&stage).await;
    assert!(processes(stage.home(), "meter").is_empty());
    let path = stage.home().join("out.jsonl");
    let body = manifest("one", &path);
    let (status, faults) = stage.post("/api/tasks/dry-run", &body).await;
    let nothing = json!({ "faults": [], "warnings": [] });
    assert_eq!((status, faults), (StatusCode::OK, nothing));
    let (status, made) = stage.post("/api/tasks?start=false", &body).await;
    assert_eq!((status, &made["state"]), (StatusCode::CREATED, &json!("stopped")));
    let id = made["id"].as_str().unwrap();
    let (_, view) = stage.get(&format!("/api/tasks/{id}/subscription")).await;
    assert_eq!(
        view["metrics"][0]["namespace"], "/meter/host/*node/load",
        "before it is started"
    );
    let (status, refused) = stage.post("/api/tasks/one/stop", &json!({})).await;
    assert_eq!(
        (status, &refused["reason"]),
        (StatusCode::CONFLICT, &json!("already_stopped"))
    );

    let (status, _) = stage.post("/api/tasks/one/start", &json!({})).await;
    assert_eq!(status, StatusCode::OK);
    stage.reaches("meter", "running").await;
    assert_eq!(stage.entry("meter").await["subscriptions"], json!([id]));
    stage
        .until("values in the file", async || {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let sample: Value =
                serde_json::from_str(text.lines().next().unwrap_or_default()).unwrap_or_default();
            sample["metric"] == "load_again" && sample["value"] == 42.0 && sample["tags"]["site"] == "lab"
        })
        .await;
    stage
        .until("the metric on the node", async || {
            let (_, report) = stage.get("/api/report").await;
            report["Host"]["nodes"]["meterhost;<host>"]["metrics"]["load_again"].is_object()
        })
        .await;
    stage
        .until("the metric in history", async || {
            let series = stage
                .engine()
                .history("meterhost;<host>", "load_again", 0, i64::MAX / 2, None);
            series.await.is_ok_and(|series| !series.points.is_empty())
        })
        .await;
    let (_, all) = stage.get("/api/tasks").await;
    assert_eq!(all.as_array().unwrap().len(), 1);

    let (status, in_use) = stage.delete("/api/plugins/meter").await;
    assert_eq!(
        (status, &in_use["reason"]),
        (StatusCode::CONFLICT, &json!("in_use"))
    );
    let called = format!("one ({id})");
    assert_eq!(in_use["fields"], json!([{ "field": "task", "message": called }]));
    assert!(
        in_use["message"].as_str().unwrap().contains(&called),
        "{in_use:#}"
    );
    let (status, refused) = stage.delete("/api/tasks/one").await;
    assert_eq!(
        (status, &refused["reason"]),
        (StatusCode::CONFLICT, &json!("not_stopped"))
    );
    stage.post("/api/tasks/one/stop", &json!({})).await;
    stage.reaches("meter", "idle").await;
    stage
        .until("it has stopped", async || {
            task(&stage, "one").await["state"] == "stopped"
        })
        .await;
    let (status, _) = stage.delete("/api/tasks/one").await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, _) = stage.get("/api/tasks/one").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_go_on_after_a_restart_and_wait_for_what_is_gone() {
    let stage = Stage::set().await;
    stage.install(&meter()).await;
    known(&stage).await;
    let path = stage.home().join("out.jsonl");
    let (status, made) = stage.post("/api/tasks", &manifest("kept", &path)).await;
    assert_eq!(status, StatusCode::CREATED, "{made:#}");
    runs(&stage, "kept", 2).await;
    let home = stage.end().await;
    let stage = Stage::set_in(home).await;
    let before = task(&stage, "kept").await;
    assert_eq!(before["id"], made["id"]);
    runs(&stage, "kept", before["counts"]["ok"].as_u64().unwrap() + 2).await;

    let (status, _) = stage.delete("/api/plugins/meter?force=true&wait=true").await;
    assert_eq!(status, StatusCode::OK);
    stage
        .until("it waits", async || {
            let task = task(&stage, "kept").await;
            task["state"] == "waiting" && task["waits_for"] == "There is no metric /meter/host/*/load."
        })
        .await;
    let waited = task(&stage, "kept").await;
    stage.install(&meter()).await;
    runs(&stage, "kept", waited["counts"]["ok"].as_u64().unwrap()).await;
    assert_eq!(
        task(&stage, "kept").await["counts"]["failed"],
        0,
        "waiting is not failing"
    );
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_opens_streams_and_ends() {
    let stage = Stage::set().await;
    stage.install(&meter()).await;
    known(&stage).await;
    let body = json!({
        "version": 2,
        "name": "seen",
        "schedule": { "type": "simple", "interval": "100ms" },
        "collect": { "/meter/host/*/load": {} },
    });
    let (status, _) = stage.post("/api/tasks", &body).await;
    assert_eq!(status, StatusCode::CREATED);
    stage
        .until("values", async || task(&stage, "seen").await["values_total"] == 1)
        .await;
    let watched = {
        let api = (*stage).clone();
        let request =
            "GET /api/tasks/seen/watch?after=0 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        tokio::spawn(async move { api.by_hand(request).await })
    };
    stage.post("/api/tasks/seen/stop", &json!({})).await;
    let text = tokio::time::timeout(PATIENCE, watched).await.unwrap().unwrap();
    for part in [
        "text/event-stream",
        "event: metrics",
        "event: run",
        "\"kind\":\"stopped\"",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_with_its_place() {
    let stage = Stage::set().await;
    let fields = |faults: &Value| -> Vec<String> {
        let all = faults.as_array().unwrap().iter();
        all.map(|f| f["field"].as_str().unwrap().to_owned()).collect()
    };
    let mut body = json!({
        "version": 2,
        "schedule": { "type": "cron", "entry": "61 * * * *", "timezone": "Mars/Base" },
        "collect": { "/none/host/*/x": {}, "none": {} },
        "process": [{}, { "plugin": "rate", "config": { "per": "soon" } }],
        "publish": [{ "plugin": "fil" }],
    });
    let (status, check) = stage.post("/api/tasks/dry-run", &body).await;
    assert_eq!(status, StatusCode::OK);
    let faults = &check["faults"];
    let all = [
        "schedule.timezone",
        "schedule.entry",
        "process[0].plugin",
        "collect.none",
        "collect./none/host/*/x",
        "publish[0].plugin",
        "process[1].config.per",
    ];
    assert_eq!(fields(faults), all, "all at once: {faults:#}");
    let (status, refused) = stage.post("/api/tasks", &body).await;
    assert_eq!(
        (status, &refused["reason"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("invalid"))
    );
    assert_eq!(fields(&refused["fields"]), all, "{refused:#}");
    body["schedule"] = json!({ "type": "simple", "interval": "1s" });
    body["process"] = json!([]);
    let (_, refused) = stage.post("/api/tasks?force=true", &body).await;
    assert_eq!(
        fields(&refused["fields"]),
        ["collect.none"],
        "a query that nobody can read is not waited for: {refused:#}"
    );
    body["collect"] = json!({ "/none/host/*/x": {} });
    body["publish"] = json!([]);
    let (status, made) = stage.post("/api/tasks?force=true", &body).await;
    assert_eq!((status, &made["state"]), (StatusCode::CREATED, &json!("waiting")));
    let (status, _) = stage
        .send(Method::PUT, "/api/tasks/nobody", body.to_string().into_bytes())
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _) = stage.post("/api/tasks/nobody/dance", &json!({})).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    stage.end().await;
}
