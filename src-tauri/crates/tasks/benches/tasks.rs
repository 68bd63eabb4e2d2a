//! How punctual a thousand tasks are, and what they cost: each runs every second, over a hundred plugins.
//!
//! It prints lines as criterion's bencher does, so that `make bench` has them in its table.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on should panic")]
#![expect(clippy::print_stdout, reason = "what is measured is printed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use orrery_tasks::life::Happened;
use orrery_tasks::manifest::{Fault, TaskSpec};
use orrery_tasks::seams::{
    Collected, Host, Identity, Later, Names, Notice, PluginConfig, Records, Subscribed, Subscriptions,
    TaskRecord,
};
use orrery_tasks::{Sample, Series, Tasks};
use tokio::sync::watch;

const TASKS: usize = 1000;
const PLUGINS: usize = 100;
/// Nodes of a plugin.
const NODES: usize = 10;
const MEASURED: Duration = Duration::from_secs(15);

#[derive(Clone)]
struct World {
    subscribed: Arc<Mutex<BTreeSet<String>>>,
    view: Arc<View>,
    never: Arc<watch::Sender<u64>>,
}

struct View(Vec<Arc<Series>>);

impl Subscribed for View {
    fn lacks(&self) -> Option<String> {
        None
    }

    fn asks(&self) -> bool {
        false
    }

    fn collect(&self, _: Duration) -> Later<'_, Collected> {
        let samples = self.0.iter().map(|series| Sample {
            series: series.clone(),
            at_ms: now_ms(),
            value: 1.0,
        });
        let collected = Collected {
            samples: samples.collect(),
            ..Collected::default()
        };
        Box::pin(std::future::ready(collected))
    }

    fn config(&self, _: &str) -> Option<PluginConfig> {
        None
    }
}

impl Subscriptions for World {
    fn unreadable(&self, _: &TaskSpec) -> Vec<Fault> {
        Vec::new()
    }

    fn check(&self, _: &TaskSpec) -> Vec<Fault> {
        Vec::new()
    }

    fn unsent(&self, _: &str, _: &TaskSpec) -> Vec<Fault> {
        Vec::new()
    }

    fn subscribe(&self, task: &str, _: &TaskSpec) {
        self.subscribed.lock().unwrap().insert(task.to_owned());
    }

    fn unsubscribe(&self, task: &str) {
        self.subscribed.lock().unwrap().remove(task);
    }

    fn subscription(&self, _: &str) -> Option<Arc<dyn Subscribed>> {
        Some(self.view.clone())
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.never.subscribe()
    }

    fn arrived(&self) -> watch::Receiver<u64> {
        self.never.subscribe()
    }
}

impl Host for World {
    fn wall_ms(&self) -> i64 {
        now_ms()
    }

    fn identity(&self) -> Identity {
        Identity::default()
    }

    fn files(&self) -> PathBuf {
        PathBuf::from("/nowhere")
    }

    fn lacks_desktop(&self) -> Option<String> {
        None
    }

    fn refused(&self, _: &str, _: &str) {}

    fn names(&self, series: &Series) -> Names {
        Names {
            node: series.node.to_string(),
            metric: series.metric.to_string(),
        }
    }

    fn to_history(&self, _: &[Sample]) -> Result<(), String> {
        Ok(())
    }

    fn to_topology(&self, _: &[Sample]) -> Result<(), String> {
        Ok(())
    }

    fn notify(&self, _: Notice) -> Result<(), String> {
        Ok(())
    }

    fn call<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: Vec<u8>,
        _: Duration,
    ) -> Later<'a, Result<Vec<u8>, String>> {
        Box::pin(async { Err("there are no plugins".to_owned()) })
    }

    fn secret(&self, _: &str) -> Result<String, String> {
        Err("there are no secrets".to_owned())
    }

    fn happened(&self, _: &str, _: &str, _: &Happened) {}
}

impl Records for World {
    fn put(&self, _: Vec<TaskRecord>) -> Later<'_, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }

    fn forget<'a>(&'a self, _: &'a str) -> Later<'a, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure());
}

async fn measure() {
    let series = (0..NODES).map(|node| {
        Arc::new(Series {
            namespace: format!("/p/host/n{node}/m").into(),
            plugin: "p".into(),
            topology: "host".into(),
            node: format!("n{node}").into(),
            metric: "m".into(),
            unit: "".into(),
            tags: BTreeMap::new(),
        })
    });
    let world = World {
        subscribed: Arc::default(),
        view: Arc::new(View(series.collect())),
        never: Arc::new(watch::Sender::new(0)),
    };
    let world = Arc::new(world);
    let tasks = Tasks::start(world.clone(), world.clone(), world, Vec::new());
    for number in 0..TASKS {
        let manifest = format!(
            "version: 2\nschedule: {{ type: simple, interval: 1s, jitter: 1s }}\ncollect: {{ /p{}/host/*/m: }}\n\
             process: [ {{ plugin: moving-average, publish: [ {{ plugin: history }} ] }} ]",
            number % PLUGINS
        );
        tasks.create(&manifest, "bench", None, false).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = cpu();
    tokio::time::sleep(MEASURED).await;
    let used = cpu() - before;
    let mut late = tasks.lateness();
    late.sort();
    let p99 = late[late.len() * 99 / 100];
    println!(
        "test tasks/1000 at 1 s: start late, p99 ... bench: {} ns/iter (+/- 0)",
        p99.as_nanos()
    );
    let per_run = used.as_nanos() / u128::try_from(TASKS).unwrap() / u128::from(MEASURED.as_secs());
    println!("test tasks/1000 at 1 s: CPU of a run ... bench: {per_run} ns/iter (+/- 0)");
    println!(
        "{} starts; {:.1} % of a core",
        late.len(),
        used.as_secs_f64() / MEASURED.as_secs_f64() * 100.0
    );
    tasks.shutdown().await;
}

/// CPU time of this process: user and system, in ticks of 10 ms.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, rest) = stat.rsplit_once(')').unwrap();
    let ticks = |at: usize| -> u64 { rest.split_whitespace().nth(at).unwrap().parse().unwrap() };
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_millis()).unwrap()
}
