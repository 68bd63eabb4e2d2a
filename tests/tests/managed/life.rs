//! The life of a plugin that does as it should, as far as it can.

use std::path::PathBuf;

use http::StatusCode;
use orrery_testkit::GoodPlugin;
use orrery_testkit::plugin::controller_json;
use serde_json::json;

use crate::package::Package;
use crate::stage::{Stage, kill, lives};

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_installed_seen_upgraded_rolled_back_and_removed() {
    let packages = tempfile::tempdir().unwrap();
    let lamp = |version, word| -> PathBuf { Package::lamp(version, word).pack(packages.path()) };
    let stage = Stage::set().await;
    let first = stage.upload(&lamp("1.0.0", "dim")).await;
    let (status, done) = stage.post("/api/plugins?wait=true", &first).await;
    assert_eq!(
        (status, &done["state"]),
        (StatusCode::OK, &json!("done")),
        "{done:#}"
    );
    stage
        .until("its node is in the picture", async || {
            stage.word("lamp").await == "dim"
        })
        .await;

    let entry = stage.entry("lamp").await;
    assert_eq!(
        (&entry["origin"], &entry["state"]),
        (&json!("managed"), &json!("running")),
        "{entry:#}"
    );
    assert_eq!(
        entry["status"], "ok",
        "its socket is in the same entry: {entry:#}"
    );
    let (status, health) = stage.get("/api/plugins/lamp/health?max_age=0").await;
    assert_eq!(
        (status, &health["status"]),
        (StatusCode::OK, &json!("OK")),
        "{health:#}"
    );
    let (_, logs) = stage.get("/api/plugins/lamp/logs").await;
    assert!(logs.to_string().contains("the lamp is dim"), "{logs:#}");

    // An upgrade that does not work leaves the one that does, and says why.
    let broken = Package::lamp("1.1.0", "broken")
        .way("exit=1")
        .pack(packages.path());
    let broken = stage.upload(&broken).await;
    let (status, failed) = stage.post("/api/plugins?wait=true", &broken).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{failed:#}");
    assert!(
        failed["outcome"].as_str().unwrap().contains("no bulb"),
        "{failed:#}"
    );
    assert_eq!(stage.word("lamp").await, "dim");

    let second = stage.upload(&lamp("1.2.0", "bright")).await;
    let (status, done) = stage.post("/api/plugins?wait=true", &second).await;
    assert_eq!(
        (status, &done["kind"]),
        (StatusCode::OK, &json!("upgrade")),
        "{done:#}"
    );
    stage
        .until("the new one reports", async || {
            stage.word("lamp").await == "bright"
        })
        .await;
    stage.tell("lamp", "rollback").await;
    stage
        .until("the old one is back", async || stage.word("lamp").await == "dim")
        .await;

    let pid = stage.pid("lamp").await.unwrap();
    let (status, gone) = stage.delete("/api/plugins/lamp?wait=true").await;
    assert_eq!(status, StatusCode::OK, "{gone:#}");
    assert!(!lives(pid), "the process is gone with the plugin");
    stage.is_gone("lamp").await;
    let (status, _) = stage.get("/api/plugins/lamp/health").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    // Events are written a moment later.
    for kind in [
        "install_done",
        "running",
        "upgrade_failed",
        "upgrade_done",
        "rollback_done",
        "remove_done",
    ] {
        stage
            .until(kind, async || {
                stage.events("lamp").await.iter().any(|k| k == kind)
            })
            .await;
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_plugin_comes_back_and_all_end_with_the_engine() {
    let stage = Stage::set().await;
    stage
        .install(&Package::lamp("1.0.0", "dim").with("[metrics]\ninterval = \"1s\""))
        .await;
    let points = async || {
        let (_, points) = stage.get("/api/plugins/lamp/usage").await;
        points.as_array().unwrap().len()
    };
    stage
        .until("points of its use", async || points().await > 0)
        .await;
    for round in 1..=3 {
        let first = stage.pid("lamp").await.unwrap();
        kill(first);
        stage
            .until("it is restarted", async || {
                stage.pid("lamp").await.is_some_and(|now| now != first)
            })
            .await;
        let instance = stage.instance("lamp").await;
        let last = &instance["last_exit"];
        assert_eq!(
            (&last["kind"], &last["signal"], &instance["restarts"]),
            (&json!("signal"), &json!("SIGKILL"), &json!(round)),
            "{instance:#}"
        );
    }
    let before = points().await;
    stage
        .until("points go on", async || points().await > before)
        .await;
    let last = stage.pid("lamp").await.unwrap();

    let home = stage.end().await;
    assert!(!lives(last), "no plugin outlives the engine");

    // The next engine on the directory runs it again without being asked.
    let stage = Stage::set_in(home).await;
    stage
        .until("it runs again", async || stage.word("lamp").await == "dim")
        .await;
    // One that runs by itself is not started by hand, and one that is not there neither.
    let (status, said) = stage.post("/api/plugins/lamp/start", &json!({})).await;
    assert_eq!(
        (status, &said["reason"]),
        (StatusCode::CONFLICT, &json!("automatic")),
        "{said}"
    );
    let (status, said) = stage.post("/api/plugins/nobody/start", &json!({})).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{said}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_plugin_of_scope_is_seen_asked_pressed_and_missed() {
    let stage = Stage::set().await;
    let plain = GoodPlugin::start(stage.home().join("scope/plain.sock")).unwrap();
    plain.on_report(|_| controller_json("plain", &["press"], &[]).into());
    plain.on_control(|_| json!({ "value": "pressed" }).into());
    stage
        .until("it is seen", async || {
            let entry = stage.entry("plain").await;
            (&entry["origin"], &entry["state"]) == (&json!("external"), &json!("external_up"))
        })
        .await;
    let (status, health) = stage.get("/api/plugins/plain/health").await;
    assert_eq!(
        (status, &health["status"], &health["source"]),
        (StatusCode::OK, &json!("OK"), &json!("report")),
        "{health:#}"
    );
    // It is nobody's to be started or removed.
    for order in ["start", "stop", "restart"] {
        let (status, said) = stage
            .post(&format!("/api/plugins/plain/{order}"), &json!({}))
            .await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{order}: {said}");
    }
    stage
        .until("its control is offered", async || {
            let (_, report) = stage.get("/api/report").await;
            report["Host"]["nodes"]["testhost;<host>"]
                .to_string()
                .contains("press")
        })
        .await;
    plain.stop().unwrap();
    stage
        .until("it is missed", async || {
            stage.get("/api/plugins/plain").await.0 == StatusCode::NOT_FOUND
        })
        .await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_state_database_costs_no_more_than_the_plugins() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(home.path().join("state.db")).unwrap();
    let stage = Stage::set_in(home).await;
    let (status, _) = stage.get("/api/report").await;
    assert_eq!(status, StatusCode::OK, "everything else works");
    let (status, said) = stage.post("/api/plugins/lamp/start", &json!({})).await;
    assert_eq!(
        (status, &said["reason"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("no_plugin_engine")),
        "{said}"
    );
    assert!(
        said["message"].as_str().unwrap().contains("state.db"),
        "the reason is told: {said}"
    );
    stage.end().await;
}
