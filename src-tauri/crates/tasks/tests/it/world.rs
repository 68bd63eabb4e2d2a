//! A world for tasks: plugins that are there or not, a sink that works or not, records in memory.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use orrery_tasks::life::{Happened, Phase};
use orrery_tasks::manifest::{Fault, TaskSpec};
use orrery_tasks::seams::{
    Collected, Host, Identity, Later, Names, Notice, PluginConfig, Records, Subscribed, Subscriptions,
    TaskRecord,
};
use orrery_tasks::view::TaskInfo;
use orrery_tasks::{Sample, Series, Tasks};
use tokio::sync::{Semaphore, watch};

/// Longest time that something is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What the world is like, changed by tests.
pub(crate) struct World {
    /// Why plugins are not there, by name.
    pub(crate) away: Mutex<BTreeMap<String, String>>,
    /// Requests by task.
    pub(crate) subscribed: Mutex<BTreeMap<String, TaskSpec>>,
    pub(crate) collected: Mutex<u64>,
    /// What cannot be collected.
    pub(crate) problems: Mutex<Vec<String>>,
    pub(crate) history: Mutex<Vec<Sample>>,
    pub(crate) topology: Mutex<Vec<Sample>>,
    pub(crate) notices: Mutex<Vec<Notice>>,
    pub(crate) happened: Mutex<Vec<(String, Happened)>>,
    /// Files that were refused, and why.
    pub(crate) refused: Mutex<Vec<(String, String)>>,
    /// Config of processors and publishers as rules fill it in.
    pub(crate) config: Mutex<Option<PluginConfig>>,
    /// What tasks do without.
    pub(crate) notes: Mutex<Vec<String>>,
    /// Set when values have to be asked for: they come once there is a permit.
    pub(crate) asked: Mutex<Option<Arc<Semaphore>>>,
    /// Bodies that the plugin `archive` was given.
    pub(crate) archived: Mutex<Vec<serde_json::Value>>,
    /// Relative paths of files lie in here.
    pub(crate) home: tempfile::TempDir,
    /// Why history takes nothing.
    pub(crate) sink_down: Mutex<Option<String>>,
    pub(crate) records: Mutex<BTreeMap<String, TaskRecord>>,
    /// Number of the newest values.
    pub(crate) moment: AtomicI64,
    changed: watch::Sender<u64>,
    arrived: watch::Sender<u64>,
}

impl World {
    pub(crate) fn new() -> Arc<World> {
        Arc::new(World {
            away: Mutex::default(),
            subscribed: Mutex::default(),
            collected: Mutex::default(),
            problems: Mutex::default(),
            history: Mutex::default(),
            topology: Mutex::default(),
            notices: Mutex::default(),
            happened: Mutex::default(),
            refused: Mutex::default(),
            config: Mutex::default(),
            notes: Mutex::default(),
            asked: Mutex::default(),
            archived: Mutex::default(),
            home: tempfile::tempdir().unwrap(),
            sink_down: Mutex::default(),
            records: Mutex::default(),
            moment: AtomicI64::new(1),
            changed: watch::Sender::new(0),
            arrived: watch::Sender::new(0),
        })
    }

    /// Tasks in this world, with those that it has kept.
    pub(crate) fn tasks(self: &Arc<World>) -> Tasks {
        let kept = self.records.lock().unwrap().values().cloned().collect();
        let world = Everything(self.clone());
        Tasks::start(
            Arc::new(world.clone()),
            Arc::new(world.clone()),
            Arc::new(world),
            kept,
        )
    }

    pub(crate) fn set_away(&self, plugin: &str, why: Option<&str>) {
        let mut away = self.away.lock().unwrap();
        match why {
            Some(why) => away.insert(plugin.to_owned(), why.to_owned()),
            None => away.remove(plugin),
        };
        drop(away);
        self.changed.send_modify(|n| *n += 1);
    }

    /// Plugins report anew.
    pub(crate) fn report(&self) {
        self.moment.fetch_add(1, Ordering::SeqCst);
        self.arrived.send_modify(|n| *n += 1);
    }
}

#[derive(Clone)]
pub(crate) struct Everything(pub(crate) Arc<World>);

struct View {
    world: Arc<World>,
    plugins: Vec<String>,
    lacks: Option<String>,
}

impl Subscriptions for Everything {
    fn unreadable(&self, _: &TaskSpec) -> Vec<Fault> {
        Vec::new()
    }

    fn check(&self, spec: &TaskSpec) -> Vec<Fault> {
        let wanted = spec
            .collect
            .iter()
            .filter(|w| !w.optional && w.query.contains("nowhere"));
        wanted
            .map(|w| Fault {
                field: format!("collect.{}", w.query),
                message: "There is no such metric.".to_owned(),
            })
            .collect()
    }

    fn unsent(&self, _: &str, spec: &TaskSpec) -> Vec<Fault> {
        let unheard = spec.config.keys().filter(|key| key.contains("deaf"));
        unheard
            .map(|key| Fault {
                field: format!("config.{key}"),
                message: "is not sent".to_owned(),
            })
            .collect()
    }

    fn subscribe(&self, task: &str, spec: &TaskSpec) {
        let mut subscribed = self.0.subscribed.lock().unwrap();
        subscribed.insert(task.to_owned(), spec.clone());
    }

    fn unsubscribe(&self, task: &str) {
        let was = self.0.subscribed.lock().unwrap().remove(task);
        assert!(was.is_some(), "given back twice");
    }

    fn subscription(&self, task: &str) -> Option<Arc<dyn Subscribed>> {
        let subscribed = self.0.subscribed.lock().unwrap();
        let spec = subscribed.get(task)?;
        let plugin = |query: &str| query.split('/').nth(1).unwrap_or_default().to_owned();
        let plugins: Vec<String> = spec.collect.iter().map(|w| plugin(&w.query)).collect();
        let away = self.0.away.lock().unwrap();
        let lacks = plugins.iter().find_map(|plugin| away.get(plugin)).cloned();
        Some(Arc::new(View {
            world: self.0.clone(),
            plugins,
            lacks,
        }))
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    fn arrived(&self) -> watch::Receiver<u64> {
        self.0.arrived.subscribe()
    }
}

impl Subscribed for View {
    fn lacks(&self) -> Option<String> {
        self.lacks.clone()
    }

    fn asks(&self) -> bool {
        self.world.asked.lock().unwrap().is_some()
    }

    fn collect(&self, timeout: Duration) -> Later<'_, Collected> {
        *self.world.collected.lock().unwrap() += 1;
        let at_ms = self.world.moment.load(Ordering::SeqCst);
        let reporting = self.plugins.iter().filter(|plugin| *plugin != "silent");
        let samples = reporting.map(|plugin| sample(plugin, at_ms, at_ms as f64));
        let collected = Collected {
            samples: samples.collect(),
            problems: self.world.problems.lock().unwrap().clone(),
            notes: self.world.notes.lock().unwrap().clone(),
        };
        let asked = self.world.asked.lock().unwrap().clone();
        Box::pin(async move {
            let Some(asked) = asked else {
                return collected;
            };
            // Whoever is asked answers when the test lets it, or not in time.
            match tokio::time::timeout(timeout, asked.acquire()).await {
                Ok(_) => collected,
                Err(_) => Collected {
                    problems: vec![format!("no answer within {timeout:?}")],
                    ..Collected::default()
                },
            }
        })
    }

    fn config(&self, _: &str) -> Option<PluginConfig> {
        self.world.config.lock().unwrap().clone()
    }
}

/// A sample of a plugin.
pub(crate) fn sample(plugin: &str, at_ms: i64, value: f64) -> Sample {
    Sample {
        series: Arc::new(Series {
            namespace: format!("/{plugin}/host/n/m").into(),
            plugin: plugin.into(),
            topology: "host".into(),
            node: "n".into(),
            metric: "m".into(),
            unit: "".into(),
            tags: BTreeMap::new(),
        }),
        at_ms,
        value,
    }
}

impl Host for Everything {
    fn wall_ms(&self) -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.unwrap().as_millis() as i64
    }

    fn identity(&self) -> Identity {
        Identity {
            instance: "here".to_owned(),
            host: "box".to_owned(),
        }
    }

    fn files(&self) -> PathBuf {
        self.0.home.path().to_owned()
    }

    fn lacks_desktop(&self) -> Option<String> {
        Some("there is none".to_owned())
    }

    fn refused(&self, file: &str, why: &str) {
        let refused = (file.to_owned(), why.to_owned());
        self.0.refused.lock().unwrap().push(refused);
    }

    fn names(&self, series: &Series) -> Names {
        Names {
            node: format!("the node {}", series.node),
            metric: format!("the metric {}", series.metric),
        }
    }

    fn to_history(&self, samples: &[Sample]) -> Result<(), String> {
        if let Some(why) = &*self.0.sink_down.lock().unwrap() {
            return Err(why.clone());
        }
        self.0.history.lock().unwrap().extend_from_slice(samples);
        Ok(())
    }

    fn to_topology(&self, samples: &[Sample]) -> Result<(), String> {
        self.0.topology.lock().unwrap().extend_from_slice(samples);
        Ok(())
    }

    fn notify(&self, notice: Notice) -> Result<(), String> {
        self.0.notices.lock().unwrap().push(notice);
        Ok(())
    }

    fn call<'a>(
        &'a self,
        plugin: &'a str,
        path: &'a str,
        body: Vec<u8>,
        _: Duration,
    ) -> Later<'a, Result<Vec<u8>, String>> {
        Box::pin(async move {
            match (plugin, path) {
                ("doubler", "/process") => {
                    let mut body: serde_json::Value = serde_json::from_slice(&body).unwrap();
                    for sample in body["samples"].as_array_mut().unwrap() {
                        sample["value"] = (sample["value"].as_f64().unwrap() * 2.0).into();
                    }
                    Ok(body.to_string().into_bytes())
                }
                ("archive", "/publish") => {
                    let body = serde_json::from_slice(&body).unwrap();
                    self.0.archived.lock().unwrap().push(body);
                    Ok(b"{}".to_vec())
                }
                ("broken", _) => Ok(br#"{"error": "I cannot"}"#.to_vec()),
                ("hangs", _) => std::future::pending().await,
                _ => Err(format!("there is no plugin {plugin}")),
            }
        })
    }

    fn secret(&self, reference: &str) -> Result<String, String> {
        match reference {
            "env:SINK" => Ok("hush".to_owned()),
            _ => Err("is not there".to_owned()),
        }
    }

    fn happened(&self, _: &str, name: &str, happened: &Happened) {
        let event = (name.to_owned(), happened.clone());
        self.0.happened.lock().unwrap().push(event);
    }
}

impl Records for Everything {
    fn put(&self, records: Vec<TaskRecord>) -> Later<'_, Result<(), String>> {
        Box::pin(async move {
            let mut held = self.0.records.lock().unwrap();
            held.extend(records.into_iter().map(|record| (record.id.clone(), record)));
            Ok(())
        })
    }

    fn forget<'a>(&'a self, id: &'a str) -> Later<'a, Result<(), String>> {
        Box::pin(async move {
            self.0.records.lock().unwrap().remove(id);
            Ok(())
        })
    }
}

/// Waits until a task is as it is meant to be.
pub(crate) async fn until(tasks: &Tasks, task: &str, what: &str, is: impl Fn(&TaskInfo) -> bool) -> TaskInfo {
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            let info = tasks.show(task).unwrap().info;
            if is(&info) {
                return info;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    match waited.await {
        Ok(info) => info,
        Err(_) => panic!("{what} did not come: {:?}", tasks.show(task).unwrap().info),
    }
}

/// Waits until a task stands somewhere.
pub(crate) async fn until_is(tasks: &Tasks, task: &str, phase: Phase) -> TaskInfo {
    until(tasks, task, &format!("{phase:?}"), |info| info.state == phase).await
}
