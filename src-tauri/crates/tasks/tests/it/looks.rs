//! What is told of tasks: where they stand, their last runs, and what counts as one.

use orrery_tasks::life::Phase;
use orrery_tasks::manifest::NodeRole;
use orrery_tasks::view::WorkflowStep;
use orrery_tasks::{PastRun, RunOutcome};

use crate::world::{World, until, until_is};

fn manifest(query: &str, schedule: &str, rest: &str) -> String {
    format!("version: 2\nname: t\nschedule: {schedule}\ncollect: {{ {query}: }}\n{rest}")
}

const OFTEN: &str = "{ type: simple, interval: 100ms }";
const HISTORY: &str = "publish: [ { plugin: history } ]";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_stands_where_it_stood_while_a_run_is_under_way() {
    let world = World::new();
    let tasks = world.tasks();
    let rest = "deadline: 1h\ntimeout: 1h\nprocess: [ { plugin: hangs } ]";
    let text = manifest("/p/host/*/m", OFTEN, rest);
    tasks.create(&text, "me", None, false).await.unwrap();
    let info = until(&tasks, "t", "a run", |info| info.firing).await;
    assert_eq!(info.state, Phase::Scheduled);
    tasks.end("t").unwrap();
    let info = tasks.show("t").unwrap().info;
    assert_eq!((info.state, info.firing), (Phase::Stopping, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_does_is_told_in_a_list() {
    let world = World::new();
    let tasks = world.tasks();
    let rest = "process:\n  - plugin: moving-average\n    config: { window: 2 }\n    publish: [ { plugin: http, \
                config: { url: 'http://127.0.0.1:1/in?key=hush' } } ]\npublish: [ { plugin: file, config: { path: \
                out.csv } } ]";
    let text = manifest(
        "/p/host/*/m",
        "{ type: cron, entry: '0 9 * * *', timezone: UTC, count: 1 }",
        rest,
    );
    let info = tasks.create(&text, "me", None, false).await.unwrap();
    assert_eq!(info.when, "cron 0 9 * * * (UTC), once");
    assert_eq!((info.collect, info.queries), (vec!["/p/host/*/m".to_owned()], 1));
    let step = |role, plugin: &str, target: &str, depth| WorkflowStep {
        role,
        plugin: plugin.to_owned(),
        target: target.to_owned(),
        depth,
    };
    let steps = [
        step(NodeRole::Process, "moving-average", "", 0),
        step(NodeRole::Publish, "http", "127.0.0.1:1", 1),
        step(NodeRole::Publish, "file", "out.csv", 0),
    ];
    assert_eq!(info.then, steps, "no address is told whole: it may hold a secret");
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_to_collect_is_no_run() {
    let world = World::new();
    let tasks = world.tasks();
    let schedule = "{ type: simple, interval: 100ms, count: 2 }";
    let text = manifest("/silent/host/*/m", schedule, HISTORY);
    tasks.create(&text, "me", None, false).await.unwrap();
    let info = until(&tasks, "t", "slots without a run", |info| {
        info.counts.missed.empty > 3
    })
    .await;
    assert_eq!(
        (info.counts.runs - u64::from(info.firing), info.counts.ok),
        (0, 0)
    );
    assert_eq!(info.state, Phase::Scheduled, "two runs are still to come");
    let [last] = info.recent.as_slice() else {
        panic!("one entry for all of them: {:?}", info.recent);
    };
    assert_eq!(last.outcome, RunOutcome::Skipped);
    assert_eq!(tasks.show("t").unwrap().info.recent[0].why, "empty");
    assert!(world.history.lock().unwrap().is_empty());
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_goes_on_when_a_first_report_comes() {
    let world = World::new();
    let tasks = world.tasks();
    world.set_away("p", Some("the first report of p"));
    let text = manifest("/p/host/*/m", OFTEN, HISTORY);
    tasks.create(&text, "me", None, false).await.unwrap();
    let info = until_is(&tasks, "t", Phase::Waiting).await;
    assert_eq!(
        (info.waits_for.as_str(), info.counts.runs),
        ("the first report of p", 0)
    );
    // Nothing but the report tells that it is there.
    world.away.lock().unwrap().clear();
    world.report();
    until(&tasks, "t", "runs", |info| info.counts.ok > 0).await;
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_runs_are_remembered_over_a_restart() {
    let world = World::new();
    let tasks = world.tasks();
    let text = manifest("/p/host/*/m", "{ type: manual }", HISTORY);
    tasks.create(&text, "me", Some(false), false).await.unwrap();
    tasks.run_now("t").await.unwrap();
    *world.sink_down.lock().unwrap() = Some("it is full".to_owned());
    tasks.run_now("t").await.unwrap();
    let told = tasks.show("t").unwrap().info.recent;
    let outcomes = |runs: &[PastRun]| runs.iter().map(|run| run.outcome).collect::<Vec<_>>();
    assert_eq!(outcomes(&told), [RunOutcome::Ok, RunOutcome::Failed]);
    assert!(told[1].why.contains("it is full"), "{told:?}");
    assert_eq!((told[0].samples, told[0].why.as_str()), (1, ""));
    tasks.shutdown().await;
    let tasks = world.tasks();
    assert_eq!(outcomes(&tasks.list()[0].recent), outcomes(&told));
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_lost_of_a_manifest_and_what_shows_nothing_is_told() {
    let world = World::new();
    let tasks = world.tasks();
    let notice = manifest("/p/host/*/m", OFTEN, "publish: [ { plugin: notification } ]");
    let fields = |text: &str| {
        tasks
            .warnings(text)
            .into_iter()
            .map(|w| w.field)
            .collect::<Vec<_>>()
    };
    assert_eq!(fields(&notice), ["publish[0].plugin"]);
    let info = tasks.create(&notice, "me", Some(false), false).await.unwrap();
    assert!(
        info.warnings[0].message.contains("there is none"),
        "{:?}",
        info.warnings
    );
    tasks.shutdown().await;
}
