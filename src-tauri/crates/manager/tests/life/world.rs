//! An Orrery's worth of parts in a directory of its own, started and stopped at will.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use orrery_manager::view::{ManagedPlugin, OperationState, OperationView, PackageSource, PluginOrder};
use orrery_manager::{Dirs, Event, FileLayers, Hook, Manager, ManagerConfig, OrderError, Wait};
use orrery_packages::Trust;
use orrery_plugins::once;
use orrery_runner::{Runner, RunnerConfig};
use orrery_store::Store;
use orrery_supervisor::Supervisor;
use orrery_supervisor::view::InstanceState;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::calls::RealCalls;
use crate::package::Package;

/// Longest wait for anything in these tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A directory of its own, with an Orrery in it or not.
pub(crate) struct World {
    dir: tempfile::TempDir,
    pub(crate) name: String,
    pub(crate) running: Option<Running>,
    pub(crate) trust: Trust,
    pub(crate) hook: Option<Hook>,
    pub(crate) machine_id: String,
    pub(crate) refuse_downgrades: bool,
    pub(crate) sweep_every: Option<Duration>,
    pub(crate) layers: FileLayers,
}

pub(crate) struct Running {
    pub(crate) manager: Manager,
    pub(crate) supervisor: Supervisor,
    pub(crate) runner: Runner,
    pub(crate) events: mpsc::Receiver<Event>,
    _news: mpsc::Receiver<orrery_supervisor::Event>,
}

/// Where an Orrery in a directory keeps things.
pub(crate) fn dirs(base: &Path) -> Dirs {
    Dirs {
        data: base.join("data"),
        runtime: base.join("run"),
        log: base.join("log"),
    }
}

/// Starts everything in a directory.
pub(crate) async fn start_in(base: &Path, name: &str, adjust: impl FnOnce(&mut ManagerConfig)) -> Running {
    let runner = RunnerConfig {
        cgroups: false,
        ..RunnerConfig::new(name)
    };
    let runner = Runner::start(runner).await.unwrap();
    let (supervisor, news) = Supervisor::start(Arc::new(runner.clone()), Arc::new(RealCalls));
    let mut config = ManagerConfig::new(dirs(base));
    config.watched = vec![base.join("plugins.d")];
    config.keys = base.join("keys");
    config.machine_id = "this-machine".to_owned();
    config.fetch.attempts = 3;
    config.fetch.wait_first = Duration::from_millis(50);
    adjust(&mut config);
    let store = Store::open(&base.join("data/state.db"), 0).await.unwrap();
    let (manager, events) = Manager::start(config, store, supervisor.clone()).await.unwrap();
    Running {
        manager,
        supervisor,
        runner,
        events,
        _news: news,
    }
}

impl Running {
    /// Kinds of what happened since the last call.
    pub(crate) fn new_events(&mut self) -> Vec<String> {
        let events = &mut self.events;
        std::iter::from_fn(|| events.try_recv().ok())
            .map(|event| event.kind)
            .collect()
    }
}

impl World {
    /// An Orrery that runs.
    pub(crate) async fn new() -> World {
        let mut world = World::empty();
        world.start().await;
        world
    }

    /// A directory in which nothing runs yet.
    pub(crate) fn empty() -> World {
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        World {
            dir: tempfile::Builder::new().prefix("orrery").tempdir().unwrap(),
            name: format!("orrery-test-{}-{n}", std::process::id()),
            running: None,
            trust: Trust::Off,
            hook: None,
            machine_id: "this-machine".to_owned(),
            refuse_downgrades: false,
            sweep_every: None,
            layers: FileLayers::default(),
        }
    }

    pub(crate) fn base(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn dirs(&self) -> Dirs {
        dirs(self.base())
    }

    pub(crate) fn watched(&self) -> PathBuf {
        self.base().join("plugins.d")
    }

    pub(crate) async fn start(&mut self) {
        let running = start_in(self.dir.path(), &self.name, |config| {
            config.trust = self.trust;
            config.hook.clone_from(&self.hook);
            config.machine_id.clone_from(&self.machine_id);
            config.refuse_downgrades = self.refuse_downgrades;
            config.layers.clone_from(&self.layers);
            config.sweep_every = self.sweep_every.unwrap_or(config.sweep_every);
        });
        self.running = Some(running.await);
    }

    pub(crate) async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.manager.shutdown(PATIENCE).await;
            running.supervisor.shutdown(PATIENCE).await;
            running.runner.shutdown(PATIENCE).await;
        }
    }

    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.start().await;
    }

    pub(crate) fn manager(&self) -> &Manager {
        &self.running.as_ref().unwrap().manager
    }

    /// Carries an order out to its end.
    pub(crate) async fn order(&self, order: PluginOrder) -> Result<OperationView, OrderError> {
        let done = self.manager().order(order, "ada", Wait::Ended);
        tokio::time::timeout(PATIENCE, done).await.unwrap()
    }

    /// Carries an order out that has to be done.
    pub(crate) async fn done(&self, order: PluginOrder) -> OperationView {
        let operation = self.order(order).await.unwrap();
        assert_eq!(operation.state, OperationState::Done, "{operation:#?}");
        operation
    }

    /// Carries an order out that has to fail.
    pub(crate) async fn fails(&self, order: PluginOrder, code: &str) -> OperationView {
        let operation = self.order(order).await.unwrap();
        assert_eq!(
            (operation.state, operation.code.as_str()),
            (OperationState::Failed, code),
            "{operation:#?}"
        );
        operation
    }

    /// Packs and installs.
    pub(crate) async fn install(&self, package: &Package) -> OperationView {
        self.done(self.install_order(package)).await
    }

    pub(crate) fn install_order(&self, package: &Package) -> PluginOrder {
        install_from(&self.pack(package))
    }

    /// Packs into the world's own directory of packages.
    pub(crate) fn pack(&self, package: &Package) -> PathBuf {
        package.pack(&self.base().join("packages"))
    }

    pub(crate) fn plugin(&self, id: &str) -> ManagedPlugin {
        self.manager().plugin(id).unwrap()
    }

    /// What the process on a plugin's public socket says of itself.
    pub(crate) async fn who(&self, id: &str) -> Option<Value> {
        who(&self.dirs().socket(id)).await
    }

    /// Waits until the process on the public socket is of a version.
    pub(crate) async fn serves(&self, id: &str, version: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let who = self.who(id).await;
            if let Some(who) = &who
                && who["version"] == version
            {
                assert_eq!(who["tmp"], true, "nobody takes its temporary files away");
                return who.clone();
            }
            if Instant::now() > until {
                let (plugin, operations) = (self.manager().plugin(id), self.manager().operations(4));
                panic!("{id} {version} does not serve: {who:?} {plugin:#?} {operations:#?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn state(&self, id: &str, wanted: InstanceState) {
        let text = format!("{id} does not become {wanted:?}");
        self.until(&text, || {
            self.manager()
                .plugin(id)
                .is_some_and(|p| p.instance.state == wanted)
        })
        .await;
    }

    pub(crate) async fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        until(what, &mut holds).await;
    }

    pub(crate) fn none_runs(&self, when: &str) {
        let running = processes(self.base());
        assert!(running.is_empty(), "{when}: {running:?}");
    }

    /// Nothing of any plugin is there: no record, no process, no file.
    pub(crate) async fn is_empty(&self, when: &str) {
        assert_eq!(self.manager().list(), [], "{when}");
        self.until(&format!("processes are left: {when}"), || {
            processes(self.base()).is_empty()
        })
        .await;
        assert_eq!(traces(self.base()), BTreeSet::new(), "{when}");
    }
}

pub(crate) async fn until(what: &str, holds: &mut dyn FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) async fn who(socket: &Path) -> Option<Value> {
    let asked = once::ask(
        socket,
        Method::GET,
        "/who",
        Bytes::new(),
        Duration::from_secs(2),
        65_536,
    );
    let (_, body) = asked.await.ok()?;
    serde_json::from_slice(&body).ok()
}

pub(crate) fn install_from(path: &Path) -> PluginOrder {
    PluginOrder::Install {
        source: PackageSource::File {
            path: path.display().to_string(),
            name: None,
        },
        force: false,
    }
}

/// Files and directories that belong to plugins, relative to the base: revisions, state, configs, sockets,
/// temporary files, logs.
pub(crate) fn traces(base: &Path) -> BTreeSet<String> {
    let dirs = dirs(base);
    let mut found = BTreeSet::new();
    for dir in [
        dirs.revisions(),
        dirs.data.join("plugins/state"),
        dirs.incoming(),
        dirs.runtime.join("plugins"),
        dirs.runtime.join("staging"),
        dirs.runtime.join("config"),
        dirs.runtime.join("tmp"),
        dirs.log.join("plugins"),
    ] {
        walk(&dir, &mut |path| {
            let relative = path.strip_prefix(base).unwrap();
            found.insert(relative.display().to_string());
        });
    }
    found
}

fn walk(dir: &Path, each: &mut dyn FnMut(&Path)) {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        each(&path);
        // What is inside of a revision is its own business.
        if path.is_dir() && !path.is_symlink() && !path.join("plugin.toml").exists() {
            walk(&path, each);
        }
    }
}

/// Processes of plugins of a directory: their command line names it.
pub(crate) fn processes(base: &Path) -> Vec<u32> {
    let mut found = Vec::new();
    let base = base.display().to_string();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        if line.contains("--config-file") && line.contains(&base) {
            found.push(pid);
        }
    }
    found
}
