//! Values that a plugin is asked for because the task has a config of its own, and config that reaches plugins.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use orrery_tasks::RunOutcome;
use orrery_tasks::life::Phase;
use orrery_tasks::seams::PluginConfig;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::world::{World, until, until_is};

fn manifest(schedule: &str, rest: &str) -> String {
    format!("version: 2\nname: t\nschedule: {schedule}\ncollect: {{ /p/host/*/m: {{}} }}\n{rest}")
}

/// A world in which values come only with permits.
fn asked(permits: usize) -> (Arc<World>, Arc<Semaphore>) {
    let world = World::new();
    let gate = Arc::new(Semaphore::new(permits));
    *world.asked.lock().unwrap() = Some(gate.clone());
    (world, gate)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_does_not_answer_in_the_tasks_time_fails_the_run_and_not_the_task() {
    let (world, gate) = asked(0);
    let tasks = world.tasks();
    let text = manifest(
        "{ type: manual }",
        "timeout: 50ms\npublish: [ { plugin: history } ]",
    );
    tasks.create(&text, "me", Some(false), false).await.unwrap();
    let report = tasks.run_now("t").await.unwrap();
    assert_eq!(
        (report.outcome, report.why.as_str()),
        (RunOutcome::Failed, "no answer within 50ms")
    );
    gate.add_permits(1);
    assert_eq!(tasks.run_now("t").await.unwrap().outcome, RunOutcome::Ok);
    assert_eq!(world.history.lock().unwrap().len(), 1);
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_task_does_without_never_fails_it() {
    let world = World::new();
    world.notes.lock().unwrap().push("q: no such rate".to_owned());
    let tasks = world.tasks();
    let text = manifest("{ type: manual }", "on_failure: { after: 1, then: disable }");
    tasks.create(&text, "me", Some(false), false).await.unwrap();
    let report = tasks.run_now("t").await.unwrap();
    assert_eq!(
        (report.outcome, report.why.as_str()),
        (RunOutcome::Partial, "q: no such rate")
    );
    let nothing = manifest("{ type: manual }", "")
        .replace("/p/", "/silent/")
        .replace("name: t", "name: n");
    tasks.create(&nothing, "me", Some(false), false).await.unwrap();
    let report = tasks.run_now("n").await.unwrap();
    assert_eq!(
        (report.outcome, report.why.as_str()),
        (RunOutcome::Skipped, "q: no such rate")
    );
    assert_eq!(tasks.show("n").unwrap().info.counts.failed, 0);
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_asks_when_its_plugin_has_news_and_not_twice_at_a_time() {
    let (world, gate) = asked(0);
    let tasks = world.tasks();
    let text = manifest(
        "{ type: stream }",
        "timeout: 1h\npublish: [ { plugin: history } ]",
    );
    tasks.create(&text, "me", None, false).await.unwrap();
    until_is(&tasks, "t", Phase::Scheduled).await;
    world.report();
    until(&tasks, "t", "the plugin to be asked", |_| {
        *world.collected.lock().unwrap() > 0
    })
    .await;
    // While it is asked, more news asks nobody: the task would be asked for again once there is an answer.
    for _ in 0..10 {
        world.report();
    }
    gate.add_permits(1);
    let info = until(&tasks, "t", "a run", |info| info.counts.ok >= 1).await;
    assert_eq!(info.counts.failed, 0);
    for runs in 2..=4 {
        world.report();
        until(&tasks, "t", "another run", |info| info.counts.ok >= runs).await;
    }
    let mut times: Vec<i64> = world.history.lock().unwrap().iter().map(|s| s.at_ms).collect();
    let all = times.len();
    times.dedup();
    assert_eq!(times.len(), all, "nothing twice");
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_tells_what_it_could_not_have() {
    let (world, gate) = asked(0);
    let tasks = world.tasks();
    let text = manifest("{ type: stream }", "timeout: 20ms");
    tasks.create(&text, "me", None, false).await.unwrap();
    until_is(&tasks, "t", Phase::Scheduled).await;
    let failed = async {
        loop {
            world.report();
            let info = tasks.show("t").unwrap().info;
            if info.counts.failed > 0 {
                break info;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let info = tokio::time::timeout(crate::world::PATIENCE, failed)
        .await
        .unwrap();
    assert_eq!(info.counts.errors[0].text, "no answer within 20ms");
    gate.add_permits(1);
    let recovers = async {
        while tasks.show("t").unwrap().info.counts.ok == 0 {
            world.report();
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::world::PATIENCE, recovers)
        .await
        .unwrap();
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_put_in_when_it_is_sent_and_stands_nowhere_else() {
    let world = World::new();
    let tasks = world.tasks();
    let with = |reference: &str| {
        Some(PluginConfig {
            values: json!({ "token": reference, "to": "env:SINK" }),
            secrets: vec!["token".to_owned(), "absent".to_owned()],
        })
    };
    *world.config.lock().unwrap() = with("env:SINK");
    let rest = "process: [ { plugin: doubler, publish: [ { plugin: archive } ] } ]";
    let text = manifest("{ type: manual }", rest);
    tasks.create(&text, "me", Some(false), false).await.unwrap();
    assert_eq!(tasks.run_now("t").await.unwrap().outcome, RunOutcome::Ok);
    let config = world.archived.lock().unwrap()[0]["config"].clone();
    assert_eq!(
        config,
        json!({ "token": "hush", "to": "env:SINK" }),
        "only what a rule calls a secret"
    );
    let shown = serde_json::to_string(&tasks.show("t").unwrap()).unwrap();
    assert!(!shown.contains("hush") && !tasks.export("t").unwrap().to_string().contains("hush"));

    // What cannot be read fails the run, and what was to be published waits.
    *world.config.lock().unwrap() = with("env:GONE");
    let report = tasks.run_now("t").await.unwrap();
    assert_eq!(report.outcome, RunOutcome::Failed);
    assert_eq!(report.why, "process[0]: token: is not there");
    let alone =
        manifest("{ type: manual }", "publish: [ { plugin: archive } ]").replace("name: t", "name: u");
    tasks.create(&alone, "me", Some(false), false).await.unwrap();
    world.moment.fetch_add(1, Ordering::SeqCst);
    let report = tasks.run_now("u").await.unwrap();
    assert!(
        report.why.contains("token: is not there (1 samples wait"),
        "{}",
        report.why
    );
    *world.config.lock().unwrap() = with("env:SINK");
    assert_eq!(tasks.run_now("u").await.unwrap().outcome, RunOutcome::Ok);
    let arrived = world.archived.lock().unwrap().last().unwrap()["samples"].clone();
    assert_eq!(arrived.as_array().unwrap().len(), 2, "{arrived}");
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn config_that_does_not_reach_its_plugin_is_told_wherever_the_task_is() {
    let world = World::new();
    let tasks = world.tasks();
    let text = manifest(
        "{ type: manual }",
        "config: { /deaf: { rate: 5 }, /p: { rate: 5 } }",
    );
    let told = |warnings: &[orrery_tasks::manifest::Fault]| {
        let fields: Vec<String> = warnings.iter().map(|fault| fault.field.clone()).collect();
        assert_eq!(fields, ["config./deaf"]);
    };
    told(&tasks.warnings(&text));
    told(
        &tasks
            .create(&text, "me", Some(false), false)
            .await
            .unwrap()
            .warnings,
    );
    told(&tasks.show("t").unwrap().info.warnings);
    told(&tasks.list()[0].warnings);
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_after_the_deadline_is_not_begun() {
    let (world, _gate) = asked(0);
    let tasks = world.tasks();
    let rest =
        "timeout: 1m\ndeadline: 50ms\nprocess: [ { plugin: doubler, publish: [ { plugin: archive } ] } ]";
    let text = manifest("{ type: manual }", rest);
    tasks.create(&text, "me", Some(false), false).await.unwrap();
    let report = tasks.run_now("t").await.unwrap();
    assert_eq!(
        (report.outcome, report.why.as_str()),
        (
            RunOutcome::Failed,
            "process[0]: the run's deadline had passed; no answer within 50ms"
        )
    );
    assert!(world.archived.lock().unwrap().is_empty(), "no plugin was called");
    tasks.shutdown().await;
}
