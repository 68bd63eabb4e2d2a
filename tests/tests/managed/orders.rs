//! Orders that come at once, whose clients leave, or that make no sense.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use crate::package::Package;
use crate::stage::{PATIENCE, Stage, kill, lives, processes};

#[tokio::test(flavor = "multi_thread")]
async fn an_order_outlives_the_client_that_gave_it() {
    let stage = Stage::set().await;
    let archive = Package::lamp("1.0.0", "dim")
        .way("late=0.5")
        .pack(&stage.home().join("packages"));
    let body = json!({ "from": "file", "path": archive }).to_string();
    let request = |order: &str, body: &str| {
        format!(
            "POST {order}?wait=true HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let long = Duration::from_millis(300);
    stage.hang_up(&request("/api/plugins", &body), long).await;
    stage.reaches("lamp", "running").await;
    stage.tell("lamp", "stop").await;
    stage
        .hang_up(&request("/api/plugins/lamp/start", "{}"), long)
        .await;
    stage.reaches("lamp", "running").await;
    // One that hangs up at once may not have been heard, and what was heard is carried out to its end: the next one who
    // orders the same does not wait for an order that nobody works on.
    for after_ms in [0, 1, 2, 3, 5, 8, 13] {
        stage.tell("lamp", "stop").await;
        let after = Duration::from_millis(after_ms);
        stage
            .hang_up(&request("/api/plugins/lamp/start", "{}"), after)
            .await;
        let started = stage.tell("lamp", "start").await;
        assert_eq!(started["state"], "done", "{after:?}: {started:#}");
        stage.reaches("lamp", "running").await;
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_at_once_are_all_carried_out_and_make_one_process() {
    let stage = Stage::set().await;
    stage.install(&Package::lamp("1.0.0", "dim")).await;
    let archive = Package::lamp("1.1.0", "bright").pack(&stage.home().join("packages"));
    let upgrade = json!({ "from": "file", "path": archive });
    let nothing = json!({});
    let mut orders = vec![];
    for _ in 0..4 {
        orders.push(("/api/plugins", &upgrade));
        orders.push(("/api/plugins/lamp/restart", &nothing));
        orders.push(("/api/plugins/lamp/stop", &nothing));
        orders.push(("/api/plugins/lamp/enable", &nothing));
    }
    let sent = orders.iter().map(|(path, body)| stage.post(path, body));
    let mut ids: Vec<String> = vec![];
    for (status, operation) in futures_util::future::join_all(sent).await {
        assert!(status.is_success(), "{operation:#}");
        ids.push(operation["id"].as_str().unwrap().to_owned());
    }
    // Meanwhile it can be asked how it is, whatever the answer.
    let (status, _) = stage.get("/api/plugins/lamp/health").await;
    assert!([200, 503].contains(&status.as_u16()), "{status}");
    // Every one of them ends; equal ones under way were the same.
    for id in &ids {
        stage
            .until(id, async || {
                let (_, operation) = stage.get(&format!("/api/ops/{id}")).await;
                operation["state"] == "done"
            })
            .await;
    }
    stage.tell("lamp", "restart").await;
    stage.reaches("lamp", "running").await;
    stage
        .until("the new one reports", async || {
            stage.word("lamp").await == "bright"
        })
        .await;
    assert_eq!(processes(stage.home(), "lamp").len(), 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_is_not_started_twice_and_what_stopped_stays_so() {
    let stage = Stage::set().await;
    stage
        .install(&Package::lamp("1.0.0", "dim").with("[metrics]\ninterval = \"1s\""))
        .await;
    stage.tell("lamp", "stop").await;
    let stopped = stage.instance("lamp").await;
    assert_eq!(
        (&stopped["state"], &stopped["reason"]),
        (&json!("stopped"), &json!("Stopped by the user.")),
        "{stopped:#}"
    );
    let (status, said) = stage.post("/api/plugins/lamp/start", &json!({})).await;
    assert!([200, 202].contains(&status.as_u16()), "{status} {said:#}");
    stage.reaches("lamp", "running").await;
    let pid = stage.pid("lamp").await;
    let again = stage.tell("lamp", "start").await;
    assert!(
        again["outcome"].as_str().unwrap().contains("runs already"),
        "{again:#}"
    );
    assert_eq!(stage.pid("lamp").await, pid, "the same process");
    assert_eq!(processes(stage.home(), "lamp").len(), 1);
    // Killed, it comes back, since it is meant to run.
    kill(pid.unwrap());
    stage
        .until("it comes back", async || {
            stage.pid("lamp").await.is_some_and(|now| Some(now) != pid)
        })
        .await;
    // What the user stopped stays stopped over a restart of everything.
    stage.tell("lamp", "stop").await;
    let stage = Stage::set_in(stage.end().await).await;
    stage.reaches("lamp", "stopped").await;
    tokio::time::sleep(PATIENCE / 30).await;
    assert_eq!(processes(stage.home(), "lamp"), [] as [u32; 0]);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_was_exchanged_is_not_run_and_one_that_was_deleted_is_stopped() {
    let stage = Stage::set().await;
    stage.install(&Package::lamp("1.0.0", "dim")).await;
    let revisions = stage.home().join("plugins/revisions/lamp");
    let revision = std::fs::read_dir(revisions)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let program = revision.join("run");
    let good = std::fs::read(&program).unwrap();
    let write = |text: &[u8]| {
        let set = |mode: &str, path: &std::path::Path| {
            let done = std::process::Command::new("chmod").arg(mode).arg(path).status();
            assert!(done.unwrap().success());
        };
        set("755", &revision);
        std::fs::remove_file(&program).unwrap();
        if !text.is_empty() {
            std::fs::write(&program, text).unwrap();
            set("555", &program);
        }
        set("555", &revision);
    };
    // Its file is gone, and it is still the process that we started.
    let pid = stage.pid("lamp").await.unwrap();
    let ran = stage.home().join("ran");
    write(format!("#!/bin/sh\ntouch '{}'\n", ran.display()).as_bytes());
    stage.tell("lamp", "stop").await;
    assert!(!lives(pid));
    // What lies there now is not what was verified.
    let (status, said) = stage.post("/api/plugins/lamp/start", &json!({})).await;
    assert!(status.is_success(), "{said:#}");
    stage
        .until("it is refused", async || {
            let instance = stage.instance("lamp").await;
            instance["reason"]
                .as_str()
                .unwrap_or_default()
                .contains("SHA-256 differs")
        })
        .await;
    assert!(!ran.exists(), "it was never executed");
    let (status, health) = stage.get("/api/plugins/lamp/health").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        health["reason"].as_str().unwrap().contains("SHA-256 differs"),
        "{health:#}"
    );
    // Put right, it starts by itself.
    write(&good);
    stage.reaches("lamp", "running").await;
    stage.end().await;
}
