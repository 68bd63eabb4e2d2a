//! Where samples go, and what becomes of them when they cannot.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use orrery_tasks::life::Phase;
use orrery_tasks::{RunOutcome, Sample, Tasks};

use crate::world::{World, until, until_is};

fn manifest(rest: &str) -> String {
    format!(
        "version: 2\nname: t\nschedule: {{ type: simple, interval: 100ms }}\ncollect: {{ /p/host/*/m: }}\n{rest}"
    )
}

/// A sink that is down, then up.
#[derive(Default)]
struct Server {
    is_down: AtomicBool,
    refused: AtomicU64,
    bodies: Mutex<Vec<(HeaderMap, Bytes)>>,
}

async fn serve(server: Arc<Server>) -> String {
    async fn take(State(server): State<Arc<Server>>, headers: HeaderMap, body: Bytes) -> StatusCode {
        if server.is_down.load(Ordering::SeqCst) {
            server.refused.fetch_add(1, Ordering::SeqCst);
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        server.bodies.lock().unwrap().push((headers, body));
        StatusCode::NO_CONTENT
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap());
    let app = Router::new().route("/in", post(take)).with_state(server);
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_is_down_slows_its_own_task_alone_and_gets_what_waited() {
    let server = Arc::new(Server::default());
    server.is_down.store(true, Ordering::SeqCst);
    let url = serve(server.clone()).await;
    let world = World::new();
    let tasks = world.tasks();
    let rest = format!(
        "on_failure: {{ after: 2, then: slow }}\npublish:\n  - plugin: http\n    config: {{ url: '{url}', headers: {{ \
         authorization: 'env:SINK' }} }}\n    buffer: {{ max: 3 }}"
    );
    tasks.create(&manifest(&rest), "me", None, false).await.unwrap();
    let other = manifest("publish: [ { plugin: history } ]").replace("name: t", "name: other");
    tasks.create(&other, "me", None, false).await.unwrap();
    let failing = until_is(&tasks, "t", Phase::Failing).await;
    assert!(failing.held <= 3, "the buffer's bound");
    assert!(
        failing.counts.errors[0].text.contains("503"),
        "{:?}",
        failing.counts.errors
    );
    assert!(
        !format!("{:?}", tasks.show("t").unwrap()).contains("hush"),
        "the secret is shown"
    );
    until(&tasks, "other", "runs", |info| info.counts.ok > 10).await;
    server.is_down.store(false, Ordering::SeqCst);
    let info = until(&tasks, "t", "recovery", |info| {
        info.state == Phase::Scheduled && info.counts.ok > 0
    })
    .await;
    assert_eq!(info.held, 0);
    let bodies = server.bodies.lock().unwrap().clone();
    let (headers, body) = &bodies[0];
    assert_eq!(headers["authorization"], "hush");
    let samples: Vec<orrery_tasks::Sample> = serde_json::from_slice(body).unwrap();
    assert!(samples.len() > 1, "what waited comes with what is new");
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_gets_its_remote_write() {
    let server = Arc::new(Server::default());
    let url = serve(server.clone()).await;
    let world = World::new();
    let tasks = world.tasks();
    let rest = format!("publish: [ {{ plugin: prometheus-remote-write, config: {{ url: '{url}' }} }} ]");
    tasks
        .create(&manifest(&rest), "me", Some(false), false)
        .await
        .unwrap();
    assert_eq!(tasks.run_now("t").await.unwrap().outcome, RunOutcome::Ok);
    let bodies = server.bodies.lock().unwrap().clone();
    let (headers, body) = &bodies[0];
    assert_eq!(headers["content-encoding"], "snappy");
    assert_eq!(headers["x-prometheus-remote-write-version"], "0.1.0");
    let plain = snap::raw::Decoder::new().decompress_vec(body).unwrap();
    let text = String::from_utf8_lossy(&plain);
    for part in ["__name__", "orrery_m", "node", "plugin"] {
        assert!(text.contains(part), "{part} in {text:?}");
    }
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_that_fails_fails_alone() {
    let world = World::new();
    let tasks = world.tasks();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.csv");
    let rest = format!(
        r"
process:
  - plugin: doubler
    publish: [ {{ plugin: history }}, {{ plugin: archive }} ]
    process: [ {{ plugin: rename, config: {{ suffix: _twice }}, publish: [ {{ plugin: topology }} ] }} ]
  - plugin: broken
    publish: [ {{ plugin: topology }} ]
publish:
  - {{ plugin: file, config: {{ path: '{}' }} }}
",
        path.display()
    );
    tasks
        .create(&manifest(&rest), "me", Some(false), false)
        .await
        .unwrap();
    let report = tasks.run_now("t").await.unwrap();
    assert_eq!(report.outcome, RunOutcome::Failed);
    assert_eq!(report.why, "process[1]: plugin broken: I cannot");
    assert_eq!(world.history.lock().unwrap()[0].value, 2.0);
    let shown = world.topology.lock().unwrap().clone();
    assert_eq!(shown.len(), 1, "what follows the broken one is left out");
    assert_eq!(
        (shown[0].series.metric.as_str(), shown[0].value),
        ("m_twice", 2.0)
    );
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.lines().nth(1).unwrap().contains("/p/host/n/m"), "{text}");
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_hangs_ends_at_the_deadline() {
    let world = World::new();
    let tasks = world.tasks();
    let rest =
        "timeout: 50ms\ndeadline: 200ms\nprocess: [ { plugin: hangs } ]\npublish: [ { plugin: history } ]";
    tasks
        .create(&manifest(rest), "me", Some(false), false)
        .await
        .unwrap();
    let report = tasks.run_now("t").await.unwrap();
    assert_eq!(report.outcome, RunOutcome::Failed);
    assert_eq!(report.why, "process[0]: plugin hangs did not answer in time");
    assert_eq!(
        world.history.lock().unwrap().len(),
        1,
        "what stands beside it is done"
    );
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_threshold_notifies_once_for_a_crossing() {
    let world = World::new();
    let tasks = world.tasks();
    let rest = "process:\n  - plugin: threshold\n    config: { above: 3, text: too much }\n    publish: [ { plugin: \
                notification, config: { title: Alert } } ]";
    tasks
        .create(&manifest(rest), "me", Some(false), false)
        .await
        .unwrap();
    for _ in 0..6 {
        world.moment.fetch_add(1, Ordering::SeqCst);
        tasks.run_now("t").await.unwrap();
    }
    let notices = world.notices.lock().unwrap().clone();
    assert_eq!(notices.len(), 1);
    assert_eq!(notices[0].title, "Alert");
    assert_eq!(
        notices[0].text,
        "too much: the metric m of the node n is 4, above 3"
    );
    assert_eq!(notices[0].node.as_deref(), Some("n"));
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_is_given_the_config_that_its_rules_come_to() {
    let world = World::new();
    let tasks = world.tasks();
    *world.config.lock().unwrap() = Some(orrery_tasks::seams::PluginConfig {
        values: serde_json::json!({ "to": "a", "filled": 1 }),
        secrets: Vec::new(),
    });
    let rest = "publish: [ { plugin: archive, config: { to: a } } ]";
    tasks
        .create(&manifest(rest), "me", Some(false), false)
        .await
        .unwrap();
    assert_eq!(tasks.run_now("t").await.unwrap().outcome, RunOutcome::Ok);
    let body = world.archived.lock().unwrap()[0].clone();
    assert_eq!(body["config"]["filled"], 1);
    assert_eq!(body["samples"][0]["namespace"], "/p/host/n/m");
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workflows_chain_and_nest_and_each_node_gets_its_own() {
    let world = World::new();
    let tasks = world.tasks();
    // Three processors in a chain, and three beside each other with three publishers each.
    let twice = "process:\n  - plugin: doubler\n    process:\n      - plugin: doubler\n        process:\n          - \
                 plugin: rename\n            config: { suffix: _fourfold }\n            publish: [ { plugin: topology } ]\n";
    let sinks = "publish: [ { plugin: history }, { plugin: history }, { plugin: archive } ]";
    let beside: String = ["a", "b", "c"]
        .iter()
        .map(|name| format!("  - plugin: rename\n    config: {{ suffix: _{name} }}\n    {sinks}\n"))
        .collect();
    tasks
        .create(&manifest(&format!("{twice}{beside}")), "me", Some(false), false)
        .await
        .unwrap();
    let report = tasks.run_now("t").await.unwrap();
    assert_eq!((report.outcome, report.why.as_str()), (RunOutcome::Ok, ""));
    let names = |samples: &[Sample]| {
        let mut all: Vec<String> = samples.iter().map(|s| s.series.metric.to_string()).collect();
        all.sort();
        all
    };
    let shown = world.topology.lock().unwrap().clone();
    assert_eq!(
        (names(&shown), shown[0].value),
        (vec!["m_fourfold".to_owned()], 4.0)
    );
    let kept = names(&world.history.lock().unwrap());
    assert_eq!(kept, ["m_a", "m_a", "m_b", "m_b", "m_c", "m_c"]);
    assert_eq!(world.archived.lock().unwrap().len(), 3);

    // One failing job is one failed run, however many beside it did well.
    let failing = format!("{twice}{beside}  - plugin: broken\n    {sinks}\n  - plugin: broken\n");
    tasks.update("t", &manifest(&failing), None, false).await.unwrap();
    let report = tasks.run_now("t").await.unwrap();
    assert_eq!(report.outcome, RunOutcome::Failed);
    let counts = tasks.show("t").unwrap().info.counts;
    assert_eq!((counts.ok, counts.failed, counts.runs), (1, 1, 2));
    assert_eq!(
        world.archived.lock().unwrap().len(),
        6,
        "what stands beside it is done"
    );
    tasks.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_sink_outlives_a_change_and_a_restart() {
    let world = World::new();
    let tasks = world.tasks();
    *world.sink_down.lock().unwrap() = Some("down".to_owned());
    let rest = "publish: [ { plugin: history }, { plugin: archive } ]";
    tasks
        .create(&manifest(rest), "me", Some(false), false)
        .await
        .unwrap();
    let run = async |tasks: &Tasks| {
        world.moment.fetch_add(1, Ordering::SeqCst);
        tasks.run_now("t").await.unwrap()
    };
    for _ in 0..3 {
        assert_eq!(run(&tasks).await.outcome, RunOutcome::Failed);
    }
    assert_eq!(tasks.show("t").unwrap().info.held, 3);
    tasks
        .update("t", &manifest(&format!("timeout: 3s\n{rest}")), None, false)
        .await
        .unwrap();
    assert_eq!(tasks.show("t").unwrap().info.held, 3, "over a change");
    tasks.shutdown().await;
    world.subscribed.lock().unwrap().clear();
    let record = world.records.lock().unwrap().values().next().unwrap().clone();
    assert_eq!(
        record.waiting.len(),
        1,
        "of the sink that is down alone: {:?}",
        record.waiting
    );

    let tasks = world.tasks();
    assert_eq!(tasks.show("t").unwrap().info.held, 3, "over a restart");
    *world.sink_down.lock().unwrap() = None;
    assert_eq!(run(&tasks).await.outcome, RunOutcome::Ok);
    let times: Vec<i64> = world.history.lock().unwrap().iter().map(|s| s.at_ms).collect();
    assert_eq!(times, [2, 3, 4, 5], "in order, and once");
    assert_eq!(tasks.show("t").unwrap().info.held, 0);
    // What is delivered is not kept any more, soon: a hard end would have it delivered twice.
    let deadline = tokio::time::Instant::now() + crate::world::PATIENCE;
    while !world
        .records
        .lock()
        .unwrap()
        .values()
        .all(|record| record.waiting.is_empty())
    {
        assert!(tokio::time::Instant::now() < deadline, "it is kept for ever");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    // Another publisher in the same place gets nothing of it.
    *world.sink_down.lock().unwrap() = Some("down".to_owned());
    run(&tasks).await;
    tasks
        .update("t", &manifest("publish: [ { plugin: topology } ]"), None, false)
        .await
        .unwrap();
    assert_eq!(tasks.show("t").unwrap().info.held, 0);
    tasks.shutdown().await;
}
