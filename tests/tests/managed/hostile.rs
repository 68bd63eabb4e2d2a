//! Programs that do what a plugin must not.

use http::StatusCode;
use serde_json::json;

use crate::package::Package;
use crate::stage::{Stage, kill, lives, processes};

/// Ways of not being a plugin, the code that the install fails with, and what its reason says.
const FAULTS: &[(&str, &str, &str, &str)] = &[
    ("exits", "exit=3", "exited", "no bulb"),
    ("leaves", "exit=0", "exited", "code 0"),
    ("absent", "never-bind", "start_timeout", "socket"),
    ("late", "late=30", "start_timeout", "socket"),
    ("hangs", "hang", "start_timeout", "no answer in time"),
    ("slow", "slow=0.9", "start_timeout", "no answer in time"),
    ("page", "html", "protocol", "decoding error"),
    ("poses", "id=other", "protocol", "change its id"),
    ("twins", "two", "protocol", "exactly one plugin"),
    ("newer", "api=2", "protocol", "API version"),
    ("nameless", "no-label", "protocol", "label"),
    ("mute", "no-reporter", "protocol", "reporter"),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_plugin_is_not_installed_and_each_fault_has_its_reason() {
    let stage = Stage::set().await;
    // A few at a time: every one of them is given two seconds.
    for some in FAULTS.chunks(3) {
        let checks = some.iter().map(|(id, way, code, says)| {
            let stage = &stage;
            async move {
                let package = Package::new(id, "1.0.0")
                    .way(*way)
                    .way("fork")
                    .with("[start]\nattempts = 1\ntimeout = \"3s\"");
                let (status, failed) = stage.order(&package).await;
                assert_eq!(
                    (status, &failed["code"]),
                    (StatusCode::UNPROCESSABLE_ENTITY, &json!(code)),
                    "{id}: {failed:#}"
                );
                let outcome = failed["outcome"].as_str().unwrap();
                assert!(outcome.contains(says), "{id}: {outcome}");
                let steps = failed["steps"].as_array().unwrap();
                let state = |step: &str| &steps.iter().find(|s| s["id"] == step).unwrap()["state"];
                assert_eq!(
                    (state("unpack"), state("start"), state("commit")),
                    (&json!("done"), &json!("failed"), &json!("skipped")),
                    "{id}: {failed:#}"
                );
                stage.is_gone(id).await;
            }
        });
        futures_util::future::join_all(checks).await;
    }
    // More bytes than any report may have; whether it is too slow or too large depends on the machine.
    let huge = Package::new("huge", "1.0.0")
        .way("huge=53000000")
        .with("[start]\nattempts = 1\ntimeout = \"3s\"");
    let (_, failed) = stage.order(&huge).await;
    assert_eq!(failed["state"], "failed", "{failed:#}");
    stage.is_gone("huge").await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn awkward_plugins_run_and_are_gone_with_all_they_started() {
    let stage = Stage::set().await;
    let packages = [
        Package::new("patient", "1.0.0").way("late=1"),
        Package::new("stubborn", "1.0.0").way("ignore-term").way("fork"),
        Package::new("loud", "1.0.0").way("flood").way("line=2000000"),
    ];
    let installs = packages.iter().map(|package| stage.install(package));
    futures_util::future::join_all(installs).await;
    stage.install(&Package::lamp("1.0.0", "dim")).await;
    assert_eq!(
        processes(stage.home(), "stubborn").len(),
        2,
        "it has a grandchild"
    );
    stage
        .until("lines are dropped", async || {
            let (_, page) = stage.get("/api/plugins/loud/logs?limit=10").await;
            page["dropped"].as_u64() > Some(1_000)
        })
        .await;
    // Beside all of them the good one is in the picture, and nothing is the matter with any.
    for id in ["patient", "stubborn", "loud", "lamp"] {
        stage
            .until(id, async || {
                let (status, _) = stage.get(&format!("/api/plugins/{id}/health?max_age=0")).await;
                status == StatusCode::OK
            })
            .await;
    }
    // Whoever dies, its grandchild goes with it.
    kill(stage.pid("stubborn").await.unwrap());
    stage
        .until("it is back with another grandchild", async || {
            stage.instance("stubborn").await["restarts"] == 1
                && stage.pid("stubborn").await.is_some()
                && processes(stage.home(), "stubborn").len() == 2
        })
        .await;
    // One that ignores being asked is stopped all the same, and stays stopped.
    let pid = stage.pid("stubborn").await.unwrap();
    stage.tell("stubborn", "stop").await;
    assert!(!lives(pid));
    assert_eq!(processes(stage.home(), "stubborn"), [] as [u32; 0]);
    let stopped = stage.instance("stubborn").await;
    assert_eq!(
        (&stopped["state"], &stopped["last_exit"]["kind"]),
        (&json!("stopped"), &json!("requested")),
        "{stopped:#}"
    );
    stage.tell("stubborn", "stop").await;
    for id in ["patient", "stubborn", "loud"] {
        let (status, removed) = stage.delete(&format!("/api/plugins/{id}?wait=true")).await;
        assert_eq!(status, StatusCode::OK, "{removed:#}");
        stage.is_gone(id).await;
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_eats_memory_is_told_slowed_down_and_healed_by_an_upgrade() {
    let stage = Stage::set().await;
    let tables =
        |stable: &str| format!("[limits]\nmemory = \"96MiB\"\n[restart]\nmax = 2\nstable_after = {stable:?}");
    let hungry = Package::new("hungry", "1.0.0").way("eat=600").with(&tables("1m"));
    stage.install(&hungry).await;
    let instance = stage.reaches("hungry", "crash_loop").await;
    assert_eq!(instance["last_exit"]["kind"], "out_of_memory", "{instance:#}");
    let reason = instance["reason"].as_str().unwrap();
    assert!(reason.contains("memory limit may be too low"), "{reason}");
    assert!(instance["next_try_ms"].as_i64().is_some(), "{instance:#}");
    stage
        .until("the events are there", async || {
            let events = stage.events("hungry").await;
            let has = |kind: &str| events.iter().any(|k| k == kind);
            has("limit_exceeded") && has("crash_loop")
        })
        .await;
    stage
        .install(
            &Package::new("hungry", "1.0.1")
                .way("word=full")
                .with(&tables("300ms")),
        )
        .await;
    stage.reaches("hungry", "running").await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_changes_its_mind_is_started_anew() {
    let stage = Stage::set().await;
    let (turn, hang) = (stage.home().join("turn"), stage.home().join("hang"));
    let package = |id: &str| {
        Package::new(id, "1.0.0")
            .way(format!("turn={}", turn.display()))
            .way(format!("hang-when={}", hang.display()))
            .with("[health]\ninterval = \"1s\"\nfailures = 2")
            .with("[start]\nattempts = 1\ntimeout = \"2s\"\nbackoff = { first = \"100ms\", max = \"500ms\" }")
    };
    stage.install(&package("fickle")).await;
    let first = stage.pid("fickle").await;
    for (file, says) in [(&turn, "change its id"), (&hang, "")] {
        std::fs::write(file, "").unwrap();
        stage
            .until("it is ended for it", async || {
                let instance = stage.instance("fickle").await;
                let exit = &instance["last_exit"];
                exit["kind"] == "unresponsive" && exit["text"].as_str().unwrap().contains(says)
            })
            .await;
        std::fs::remove_file(file).unwrap();
        stage.reaches("fickle", "running").await;
    }
    assert_ne!(stage.pid("fickle").await, first);
    stage.end().await;
}
