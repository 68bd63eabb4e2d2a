//! Tasks from their making to their end.

use orrery_tasks::life::{Happened, Phase, Refusal};
use orrery_tasks::{RunOutcome, TaskDid, TaskError};

use crate::world::{World, until, until_is};

fn manifest(name: &str, schedule: &str, rest: &str) -> String {
    format!("version: 2\nname: {name}\nschedule: {schedule}\ncollect: {{ /p/host/*/m: }}\n{rest}")
}

const OFTEN: &str = "{ type: simple, interval: 100ms }";
const HISTORY: &str = "publish: [ { plugin: history } ]";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_real_run_of_each_kind_of_schedule() {
    let world = World::new();
    let tasks = world.tasks();
    let kinds = [
        ("simple", "{ type: simple, interval: 100ms, count: 2 }"),
        (
            "windowed",
            "{ type: windowed, interval: 100ms, start: 2020-01-01T00:00:00Z, count: 2 }",
        ),
        (
            "cron",
            "{ type: cron, entry: '* * * * * *', timezone: UTC, count: 1 }",
        ),
    ];
    for (name, schedule) in kinds {
        tasks
            .create(&manifest(name, schedule, HISTORY), "me", None, false)
            .await
            .unwrap();
    }
    for (name, _) in kinds {
        let info = until_is(&tasks, name, Phase::Ended).await;
        assert_eq!(info.counts.failed, 0, "{name}");
        assert!(info.counts.ok >= 1, "{name}");
    }
    tasks
        .create(
            &manifest("manual", "{ type: manual }", HISTORY),
            "me",
            None,
            false,
        )
        .await
        .unwrap();
    let report = tasks.run_now("manual").await.unwrap();
    assert_eq!((report.outcome, report.samples), (RunOutcome::Ok, 1));
    tasks
        .create(
            &manifest("stream", "{ type: stream, count: 2 }", HISTORY),
            "me",
            None,
            false,
        )
        .await
        .unwrap();
    for runs in 1..=2 {
        world.report();
        until(&tasks, "stream", "a run", |info| info.counts.ok >= runs).await;
    }
    until_is(&tasks, "stream", Phase::Ended).await;
    assert!(
        world.subscribed.lock().unwrap().keys().len() == 1,
        "only the manual one is left"
    );
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_brings_nothing_twice() {
    let world = World::new();
    let tasks = world.tasks();
    let text = manifest("s", "{ type: stream }", HISTORY);
    tasks.create(&text, "me", None, false).await.unwrap();
    for runs in 1..=5 {
        world.report();
        until(&tasks, "s", "a run", |info| info.counts.ok >= runs).await;
    }
    let mut times: Vec<i64> = world.history.lock().unwrap().iter().map(|s| s.at_ms).collect();
    let all = times.len();
    times.dedup();
    assert_eq!(times.len(), all);
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_and_refusals() {
    let world = World::new();
    let tasks = world.tasks();
    let info = tasks
        .create(&manifest("a", OFTEN, HISTORY), "me", Some(false), false)
        .await
        .unwrap();
    assert_eq!(
        (info.state, info.counts.runs, info.user.as_str()),
        (Phase::Stopped, 0, "me")
    );
    assert!(
        world.subscribed.lock().unwrap().is_empty(),
        "made without being started"
    );
    assert_eq!(tasks.end("a"), Err(Refusal::AlreadyStopped.into()));
    assert_eq!(tasks.enable("a"), Err(Refusal::NotDisabled.into()));
    tasks.begin(&info.id).unwrap();
    assert_eq!(tasks.begin("a"), Err(Refusal::AlreadyStarted.into()));
    assert_eq!(tasks.remove("a").await, Err(Refusal::NotStopped.into()));
    until(&tasks, "a", "a run", |info| info.counts.ok > 2).await;
    tasks.end("a").unwrap();
    let stopped = until_is(&tasks, "a", Phase::Stopped).await;
    assert!(world.subscribed.lock().unwrap().is_empty());
    let report = tasks.run_now("a").await.unwrap();
    assert_eq!(report.outcome, RunOutcome::Ok);
    let again = until_is(&tasks, "a", Phase::Stopped).await;
    assert_eq!(again.counts.runs, stopped.counts.runs + 1);
    tasks.remove("a").await.unwrap();
    assert!(world.records.lock().unwrap().is_empty() && tasks.list().is_empty());
    assert_eq!(tasks.begin("a"), Err(TaskError::NotFound("a".to_owned())));
    let nameless = manifest("", OFTEN, "");
    let nameless = tasks.create(&nameless, "me", Some(false), false).await.unwrap();
    assert_eq!(
        nameless.name, nameless.id,
        "without a name it is called by its id"
    );
    for _ in 0..2 {
        tasks
            .create(&manifest("twin", OFTEN, ""), "me", Some(false), false)
            .await
            .unwrap();
    }
    assert!(matches!(
        tasks.begin("twin"),
        Err(TaskError::Ambiguous { count: 2, .. })
    ));
    tasks.shutdown().await;
    assert_eq!(tasks.begin("twin").unwrap_err().code(), "ambiguous");
    let made = tasks
        .create(&manifest("late", OFTEN, ""), "me", None, false)
        .await;
    assert_eq!(made, Err(TaskError::ShuttingDown));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_is_wrong_is_told_before_anything_is_made() {
    let world = World::new();
    let tasks = world.tasks();
    let text = r#"
version: 2
schedule: { type: simple, interval: 1s }
collect: { /nowhere/host/*/m: , /p/host/*/m: }
process: [ { plugin: rate, config: { per: 7 } }, { plugin: "no such" } ]
publish:
  - { plugin: file, config: { path: ../outside } }
  - { plugin: http, config: { url: "ftp://host", headers: { authorization: "Bearer open" } } }
"#;
    let faults = tasks.check(text);
    let fields: Vec<&str> = faults.iter().map(|f| f.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "collect./nowhere/host/*/m",
            "process[0].config.per",
            "process[1].plugin",
            "publish[0].config.path",
            "publish[1].config.url",
            "publish[1].config.headers.authorization",
        ],
        "{faults:?}"
    );
    let TaskError::Invalid(same) = tasks.create(text, "me", None, false).await.unwrap_err() else {
        panic!("another error");
    };
    assert_eq!(same, faults);
    assert!(tasks.list().is_empty() && world.records.lock().unwrap().is_empty());
    let past = "{ type: windowed, interval: 1s, stop: 2020-01-01T00:00:00Z }";
    let error = tasks
        .create(&manifest("x", past, ""), "me", None, false)
        .await
        .unwrap_err();
    assert!(matches!(error, TaskError::Invalid(_)), "a window in the past");
    let waiting = "version: 2\nschedule: { type: manual }\ncollect: { /nowhere/host/*/m: }";
    tasks.create(waiting, "me", None, true).await.unwrap();
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_waits_for_its_plugin_and_goes_on_by_itself() {
    let world = World::new();
    world.set_away("p", Some("p is not there"));
    let tasks = world.tasks();
    let rest = "on_failure: { after: 1, then: disable }\npublish: [ { plugin: history } ]";
    tasks
        .create(&manifest("w", OFTEN, rest), "me", None, false)
        .await
        .unwrap();
    let info = until_is(&tasks, "w", Phase::Waiting).await;
    assert_eq!((info.waits_for.as_str(), info.counts.runs), ("p is not there", 0));
    world.set_away("p", None);
    until(&tasks, "w", "runs", |info| info.counts.ok > 1).await;
    world.set_away("p", Some("gone"));
    until_is(&tasks, "w", Phase::Waiting).await;
    world.set_away("p", None);
    let before = tasks.show("w").unwrap().info.counts.ok;
    let info = until(&tasks, "w", "more runs", |info| info.counts.ok > before).await;
    assert_eq!(info.counts.failed, 0);
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partial_results_are_no_failures() {
    let world = World::new();
    world.problems.lock().unwrap().push("q did not answer".to_owned());
    let tasks = world.tasks();
    let rest = "on_failure: { after: 1, then: disable }";
    tasks
        .create(&manifest("p", OFTEN, rest), "me", None, false)
        .await
        .unwrap();
    let info = until(&tasks, "p", "partial runs", |info| info.counts.partial > 2).await;
    assert_eq!(info.counts.failed, 0);
    assert_eq!(info.counts.errors[0].text, "q did not answer");
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_goes_on_after_a_restart() {
    let world = World::new();
    let tasks = world.tasks();
    let text = manifest("r", OFTEN, HISTORY);
    let id = tasks.create(&text, "me", None, false).await.unwrap().id;
    tasks
        .create(&manifest("idle", OFTEN, ""), "me", Some(false), false)
        .await
        .unwrap();
    let before = until(&tasks, "r", "runs", |info| info.counts.ok > 2).await;
    tasks.shutdown().await;
    world.subscribed.lock().unwrap().clear();
    let broken = orrery_tasks::seams::TaskRecord {
        id: "0-broken".to_owned(),
        manifest: serde_json::json!({ "version": 2, "nonsense": true }),
        ..world.records.lock().unwrap()[&id].clone()
    };
    world.records.lock().unwrap().insert(broken.id.clone(), broken);
    let tasks = world.tasks();
    let after = until(&tasks, &id, "more runs", |info| {
        info.counts.ok > before.counts.ok + 2
    })
    .await;
    assert_eq!((after.name.as_str(), after.created_ms), ("r", before.created_ms));
    assert_eq!(tasks.show("idle").unwrap().info.state, Phase::Stopped);
    assert_eq!(tasks.list().len(), 2, "one broken task costs itself alone");
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_is_changed_in_place() {
    let world = World::new();
    let tasks = world.tasks();
    let made = tasks
        .create(&manifest("c", OFTEN, ""), "me", None, false)
        .await
        .unwrap();
    let before = until(&tasks, "c", "runs", |info| info.counts.ok > 1).await;
    let text = manifest("renamed", OFTEN, HISTORY);
    let stale = tasks.update("c", &text, Some(7), false).await;
    assert_eq!(stale, Err(TaskError::Generation { current: 1 }));
    let changed = tasks.update("c", &text, Some(1), false).await.unwrap();
    assert_eq!((changed.id.as_str(), changed.generation), (made.id.as_str(), 2));
    let after = until(&tasks, "renamed", "runs", |info| {
        info.counts.ok > before.counts.ok + 2
    })
    .await;
    assert!(after.counts.runs > before.counts.runs);
    assert!(!world.history.lock().unwrap().is_empty());
    let wrong = tasks.update("renamed", "version: 2", None, false).await;
    assert!(matches!(wrong, Err(TaskError::Invalid(_))));
    let exported = tasks.export("renamed").unwrap().to_string();
    assert_eq!(tasks.check(&exported), []);
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_see_everything_and_delay_nothing() {
    let world = World::new();
    let tasks = world.tasks();
    let text = manifest("w", OFTEN, "tags: { /p: { site: lab } }");
    tasks.create(&text, "me", Some(false), false).await.unwrap();
    let _never_reads = tasks.watch("w", None).unwrap();
    let mut watcher = tasks.watch("w", None).unwrap();
    tasks.begin("w").unwrap();
    until(&tasks, "w", "runs", |info| info.counts.ok > 3).await;
    tasks.end("w").unwrap();
    let (mut states, mut tagged, mut runs) = (Vec::new(), 0, 0);
    while let Some(event) = watcher.next().await {
        match &event.what {
            TaskDid::State { state } => states.push(state.clone()),
            TaskDid::Metrics { samples } => {
                assert_eq!(samples[0].series.tags["site"], "lab");
                tagged += 1;
            }
            TaskDid::Run(report) => {
                assert_eq!(report.outcome, RunOutcome::Ok);
                runs += 1;
            }
            TaskDid::Lagged { .. } => {}
        }
    }
    assert_eq!(states, [Happened::Started, Happened::Ready, Happened::Stopped]);
    assert!(tagged >= 4 && runs == tagged, "{tagged} {runs}");
    tasks.shutdown().await;
}
