//! An engine with everything that runs plugins, in a directory of its own, and its API.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{Method, StatusCode};
use orrery_engine::api::Request;
use orrery_engine::{Config, Engine, Paths, PluginRunning, ProbeKind};
use orrery_gateway::{Door, Gateway, Instance, Token};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::package::Package;

/// Longest wait for anything in these tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Stage {
    home: TempDir,
    api: Api,
    engine: Engine,
    stop: CancellationToken,
}

impl Stage {
    pub(crate) async fn set() -> Stage {
        Self::set_in(tempfile::tempdir().unwrap()).await
    }

    pub(crate) async fn set_in(home: TempDir) -> Stage {
        Self::set_with(home, |_| ()).await
    }

    pub(crate) async fn set_with(home: TempDir, adjust: impl FnOnce(&mut PluginRunning)) -> Stage {
        Self::set_up(home, Duration::from_millis(100), &[], adjust).await
    }

    /// With the machine's processes.
    pub(crate) async fn set_among_processes() -> Stage {
        let home = tempfile::tempdir().unwrap();
        Self::set_up(home, Duration::from_millis(500), &[ProbeKind::Process], |_| ()).await
    }

    /// Plugins are called so often.
    pub(crate) async fn set_every(interval: Duration) -> Stage {
        Self::set_up(tempfile::tempdir().unwrap(), interval, &[], |_| ()).await
    }

    async fn set_up(
        home: TempDir,
        interval: Duration,
        probes: &[ProbeKind],
        adjust: impl FnOnce(&mut PluginRunning),
    ) -> Stage {
        let paths = Paths::below(home.path());
        let mut plugins = PluginRunning {
            helper: Some(env!("CARGO_BIN_EXE_backend").into()),
            ..PluginRunning::at(&paths)
        };
        adjust(&mut plugins);
        let mut config = Config::new(paths.data.clone());
        config.probes = probes.to_vec();
        config.interval = interval;
        config.plugin_roots = vec![home.path().join("scope")];
        config.plugins = Some(plugins);
        let engine = Engine::start(config).await.unwrap();
        let gateway = Gateway::new(
            engine.clone(),
            Token::parse("0123456789abcdef0123", "the test").unwrap(),
            None,
        );
        let stop = CancellationToken::new();
        let socket = orrery_gateway::bind(&paths.instance_socket()).await.unwrap();
        tokio::spawn(orrery_gateway::serve_unix(
            socket,
            gateway.router(Door::socket()),
            stop.clone(),
        ));
        Stage {
            api: Api::of(home.path()),
            home,
            engine,
            stop,
        }
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) async fn end(self) -> TempDir {
        self.stop.cancel();
        self.engine.shutdown().await;
        self.home
    }
}

impl std::ops::Deref for Stage {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

/// The API of whatever runs in a directory.
#[derive(Clone)]
pub(crate) struct Api {
    home: PathBuf,
}

impl Api {
    pub(crate) fn of(home: &Path) -> Api {
        Api {
            home: home.to_owned(),
        }
    }

    fn socket(&self) -> PathBuf {
        Paths::below(&self.home).instance_socket()
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Vec<u8>) -> (StatusCode, Value) {
        let kind = (!body.is_empty()).then_some("application/json");
        let instance = Instance::Socket(self.socket());
        let answer = instance.send(method, path, kind, body.into()).await.unwrap();
        let value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        (answer.status, value)
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.send(Method::GET, path, Vec::new()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        self.send(Method::POST, path, body.to_string().into_bytes()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> (StatusCode, Value) {
        self.send(Method::DELETE, path, Vec::new()).await
    }

    /// Writes a request by hand and gives the whole answer.
    pub(crate) async fn by_hand(&self, request: &str) -> String {
        let mut stream = self.begin(request).await;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Writes a request by hand and hangs up so long afterwards.
    pub(crate) async fn hang_up(&self, request: &str, after: Duration) {
        let stream = self.begin(request).await;
        sleep(after).await;
        drop(stream);
    }

    async fn begin(&self, request: &str) -> UnixStream {
        let mut stream = UnixStream::connect(self.socket()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    pub(crate) async fn upload(&self, archive: &Path) -> Value {
        let (status, said) = self
            .send(Method::POST, "/api/uploads", std::fs::read(archive).unwrap())
            .await;
        assert_eq!(status, StatusCode::CREATED, "{said}");
        json!({ "from": "upload", "upload": said["upload"] })
    }

    /// Packs it beside the data directory and orders its install; gives how that ended.
    pub(crate) async fn order(&self, package: &Package) -> (StatusCode, Value) {
        let archive = package.pack(&self.home.join("packages"));
        let source = json!({ "from": "file", "path": archive });
        self.post("/api/plugins?wait=true", &source).await
    }

    /// Installs what has to work.
    pub(crate) async fn install(&self, package: &Package) -> Value {
        let (status, done) = self.order(package).await;
        assert_eq!(
            (status, &done["state"]),
            (StatusCode::OK, &json!("done")),
            "{done:#}"
        );
        done
    }

    /// Tells a plugin something, with success.
    pub(crate) async fn tell(&self, id: &str, order: &str) -> Value {
        let (status, done) = self
            .post(&format!("/api/plugins/{id}/{order}?wait=true"), &json!({}))
            .await;
        assert_eq!(status, StatusCode::OK, "{done:#}");
        done
    }

    pub(crate) async fn entry(&self, id: &str) -> Value {
        self.get(&format!("/api/plugins/{id}")).await.1
    }

    /// The process's state, as the list shows it.
    pub(crate) async fn instance(&self, id: &str) -> Value {
        self.entry(id).await["managed"]["instance"].clone()
    }

    /// The process of a plugin that runs.
    pub(crate) async fn pid(&self, id: &str) -> Option<u64> {
        let instance = self.instance(id).await;
        (instance["state"] == "running").then(|| instance["pid"].as_u64())?
    }

    /// What the picture says of a plugin's node.
    pub(crate) async fn word(&self, id: &str) -> Value {
        let (_, report) = self.get("/api/report").await;
        report["Host"]["nodes"][format!("{id}host;<host>")]["latest"]["word"]["value"].clone()
    }

    /// Waits until the picture says a word of a plugin's node.
    pub(crate) async fn says(&self, id: &str, word: &str) {
        let says = async || self.word(id).await == word;
        self.until(&format!("{id} says {word}"), says).await;
    }

    /// Kinds of what happened to a plugin, in order.
    pub(crate) async fn events(&self, id: &str) -> Vec<String> {
        let events = self.event_list().await;
        let subject = format!("plugin:{id}");
        let of_it = events
            .as_array()
            .unwrap()
            .iter()
            .filter(|e| e["subject"] == subject);
        of_it.map(|e| e["kind"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) async fn event_list(&self) -> Value {
        let request = Request::Events {
            from_ms: 0,
            to_ms: i64::MAX,
            limit: None,
        };
        let instance = Instance::Socket(self.socket());
        instance.call(&request).await.unwrap()
    }

    pub(crate) async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !holds().await {
            let (_, list) = self.get("/api/plugins").await;
            assert!(Instant::now() < until, "{what}: {list:#}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits for a state of a plugin's process.
    pub(crate) async fn reaches(&self, id: &str, state: &str) -> Value {
        let is = async || self.instance(id).await["state"] == state;
        self.until(&format!("{id} is {state}"), is).await;
        self.instance(id).await
    }

    /// Waits until nothing of a plugin is left: no entry, no process, no file.
    pub(crate) async fn is_gone(&self, id: &str) {
        let gone = async || {
            let (_, list) = self.get("/api/plugins").await;
            let is_listed = list.as_array().unwrap().iter().any(|e| e["id"] == id);
            !is_listed && processes(&self.home, id).is_empty() && traces(&self.home, id).is_empty()
        };
        let what = || {
            format!(
                "{id} leaves {:?} {:?}",
                processes(&self.home, id),
                traces(&self.home, id)
            )
        };
        let until = Instant::now() + PATIENCE;
        while !gone().await {
            assert!(Instant::now() < until, "{}", what());
            sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Processes of a directory's plugins whose sockets have a name.
pub(crate) fn processes(home: &Path, id: &str) -> Vec<u32> {
    let mut found = Vec::new();
    let (home, socket) = (home.display().to_string(), format!("/{id}.sock"));
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        if line.contains(&home) && line.contains(&socket) {
            found.push(pid);
        }
    }
    found
}

/// Everything below a directory that has a plugin's name, except the packages that it came in and its log.
pub(crate) fn traces(home: &Path, id: &str) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![home.to_owned()];
    while let Some(dir) = waiting.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_name().to_string_lossy().split('.').next() == Some(id) {
                found.insert(path.clone());
            }
            let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_dir && path != home.join("packages") && path != home.join("watched") {
                waiting.push(path);
            }
        }
    }
    found
}

/// Whether a process is there and not just waiting to be reaped.
pub(crate) fn lives(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

/// Ends a process that cannot object.
pub(crate) fn kill(pid: u64) {
    let killed = std::process::Command::new("kill")
        .args(["-9", &pid.to_string()])
        .status();
    assert!(killed.unwrap().success());
}
