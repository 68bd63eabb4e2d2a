//! SIGKILL at any moment for the whole backend: its history stays sound, what it has shown stays there, and
//! the next start goes on as if nothing had happened.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use orrery_engine::Paths;
use orrery_engine::api::Request;
use orrery_engine::model::Timestamp;
use orrery_gateway::Instance;
use orrery_history::{Config, History, limits};
use orrery_testkit::GoodPlugin;
use orrery_testkit::plugin::spec_json;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

const KILLS: u32 = 20;
/// Every so many lives end before the backend is ready: while it makes or opens its history.
const STILLBORN: u32 = 5;
/// Two lives are long enough to prove that what is written keeps up with what is reported.
const LONG: [u32; 2] = [7, 13];
/// What was reported longer ago than this must be stored.
const SLACK_MS: i64 = 2_000;
const PATIENCE: Duration = Duration::from_secs(20);
/// The node and the metric whose samples are watched.
const NODE: &str = "lamphost;<host>";
const METRIC: &str = "flicker";

/// Readings by time, in milliseconds since the epoch.
type Readings = BTreeMap<i64, i64>;

struct Stage {
    home: TempDir,
    /// All that the plugin ever said.
    reported: Arc<Mutex<Readings>>,
    _plugin: GoodPlugin,
}

impl Stage {
    fn set() -> Stage {
        let home = tempfile::tempdir().unwrap();
        let plugin = GoodPlugin::start(home.path().join("plugins/lamp.sock")).unwrap();
        let reported = Arc::new(Mutex::new(Readings::new()));
        let memory = Arc::clone(&reported);
        plugin.on_report(move |_| {
            let mut memory = memory.lock().unwrap();
            // A time of its own for each, however fast the calls come.
            let last = memory.last_key_value().map_or((0, 0), |(t, v)| (*t, *v));
            let (now, value) = (now_ms().max(last.0 + 1), last.1 + 1);
            memory.insert(now, value);
            lamp(now, value).into()
        });
        Stage {
            home,
            reported,
            _plugin: plugin,
        }
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    fn spawn(&self) -> Child {
        Command::new(env!("CARGO_BIN_EXE_backend"))
            .args([self.data(), self.home.path().join("plugins")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    async fn start(&self) -> Child {
        let mut backend = self.spawn();
        let mut lines = BufReader::new(backend.stdout.take().unwrap()).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap();
        if line.as_deref() != Some("ready") {
            let mut errors = String::new();
            let stderr = backend.stderr.as_mut().unwrap();
            stderr.read_to_string(&mut errors).await.unwrap();
            panic!("the backend did not start: {errors}");
        }
        backend
    }

    /// What the running backend says that it has stored.
    async fn shown(&self) -> Option<Readings> {
        let request = Request::History {
            node: NODE.into(),
            metric: METRIC.into(),
            from_ms: 0,
            to_ms: i64::MAX,
            max_points: Some(10_000),
        };
        let instance = Instance::Socket(Paths::below(&self.data()).instance_socket());
        let answer = instance.call(&request).await.ok()?;
        assert_eq!(answer["step_ms"], 0, "single samples are few enough to be shown");
        let point = |p: &Value| Some((p["t_ms"].as_i64()?, p["avg"].as_f64()? as i64));
        Some(
            answer["points"]
                .as_array()?
                .iter()
                .map(|p| point(p).unwrap())
                .collect(),
        )
    }

    /// Watches what the backend shows, for so long, and kills it. Gives the last answer.
    async fn watch_and_kill(&self, mut backend: Child, life: Duration) -> Readings {
        let mut shown = Readings::new();
        let watch = async {
            loop {
                if let Some(more) = self.shown().await {
                    shown = more;
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(timeout(life, watch).await.is_err(), "watching does not end");
        // SIGKILL; waits until the kernel has let go of everything.
        backend.kill().await.unwrap();
        shown
    }

    /// Opens what the backend left, without it.
    async fn stored(&self) -> Readings {
        let history = History::open(Config::new(self.data().join("history.db")))
            .await
            .unwrap();
        assert_eq!(history.set_aside(), None, "nothing is damaged");
        let page = history
            .samples(NODE, &[METRIC], 0, i64::MAX, limits::MAX_PAGE_ROWS)
            .await
            .unwrap();
        assert_eq!(page.next_from_ms, None, "one page holds all");
        // Events, frames and the other series can be read as well.
        history
            .events(0, i64::MAX, limits::MAX_EVENTS_READ)
            .await
            .unwrap();
        history.frame_at(i64::MAX).await.unwrap();
        assert_eq!(history.stats().last_error, None);
        history.close().await.unwrap();
        page.rows.iter().map(|row| (row.t_ms, row.value as i64)).collect()
    }
}

/// A report with one reading.
fn lamp(at_ms: i64, value: i64) -> Value {
    let date = Timestamp(at_ms * 1_000_000).to_string();
    json!({
        "Host": {
            "nodes": { NODE: { "metrics": { METRIC: { "samples": [{ "date": date, "value": value }] } } } },
            "metric_templates": { METRIC: { "id": METRIC, "label": "Flicker", "format": "integer" } },
        },
        "Plugins": [spec_json("lamp", &["reporter"])],
    })
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// Those of `some` that are not in `all`.
fn missing(some: &Readings, all: &Readings) -> Vec<(i64, i64)> {
    let is_missing = |(t, v): &(&i64, &i64)| all.get(t) != Some(v);
    some.iter().filter(is_missing).map(|(t, v)| (*t, *v)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_twenty_times_it_keeps_what_it_has_shown() {
    let stage = Stage::set();
    let mut kept = Readings::new();
    let mut random = 11u64;
    let mut grew = 0;
    for round in 0..KILLS {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let chance = random >> 33;
        let shown = if round % STILLBORN == 0 {
            let mut backend = stage.spawn();
            sleep(Duration::from_millis(5 + chance % 60)).await;
            backend.kill().await.unwrap();
            Readings::new()
        } else {
            let long = if LONG.contains(&round) { 2_500 } else { 0 };
            let life = Duration::from_millis(long + 50 + chance % 350);
            let backend = stage.start().await;
            stage.watch_and_kill(backend, life).await
        };
        let killed_ms = now_ms();
        let stored = stage.stored().await;
        assert_eq!(
            missing(&kept, &stored),
            [],
            "round {round}: what earlier rounds stored"
        );
        assert_eq!(
            missing(&shown, &stored),
            [],
            "round {round}: what the backend had shown"
        );
        let reported = stage.reported.lock().unwrap().clone();
        assert_eq!(missing(&stored, &reported), [], "round {round}: what nobody said");
        if LONG.contains(&round) {
            let newest = stored.last_key_value().map_or(0, |(t, _)| *t);
            assert!(
                newest > killed_ms - SLACK_MS,
                "round {round}: nothing of the last {} ms",
                killed_ms - newest
            );
        }
        grew += u32::from(stored.len() > kept.len());
        kept = stored;
    }
    assert!(
        grew > LONG.len() as u32,
        "only {grew} of {KILLS} lives were long enough to write"
    );

    let mut backend = stage.start().await;
    let shown = stage.shown().await.unwrap();
    assert_eq!(
        missing(&kept, &shown),
        [],
        "the next start shows all that was stored"
    );
    assert!(ends_in_order(&mut backend).await.success());
    assert_eq!(missing(&shown, &stage.stored().await), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_backend_on_the_same_data_is_refused() {
    let stage = Stage::set();
    let mut first = stage.start().await;
    let second = timeout(PATIENCE, stage.spawn().wait_with_output())
        .await
        .unwrap()
        .unwrap();
    let errors = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success(), "{errors}");
    let holder = format!("another instance (process {})", first.id().unwrap());
    assert!(errors.contains(&holder), "{errors}");
    assert!(stage.shown().await.is_some(), "the first goes on");
    assert!(ends_in_order(&mut first).await.success());
    // Neither the lock nor the socket of one that was killed keeps the next from starting.
    let mut killed = stage.start().await;
    killed.kill().await.unwrap();
    let socket = Paths::below(&stage.data()).instance_socket();
    assert!(is_there(&socket), "a killed backend leaves its socket");
    let mut last = stage.start().await;
    assert!(stage.shown().await.is_some());
    assert!(ends_in_order(&mut last).await.success());
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Closes its standard input and waits.
async fn ends_in_order(backend: &mut Child) -> ExitStatus {
    drop(backend.stdin.take());
    timeout(PATIENCE, backend.wait()).await.unwrap().unwrap()
}
