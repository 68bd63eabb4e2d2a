//! An instance with services and plugins of its own, in a directory of its own.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{Method, StatusCode};
use orrery_engine::{Config, Engine, Paths, PluginRunning};
use orrery_gateway::{Door, Gateway, Instance, ServicesConfig, Token};
use orrery_packages::{Compression, pack};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Longest wait for anything in these tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

const PROGRAM: &str = include_str!("plugin.py");

pub(crate) struct Stage {
    home: TempDir,
    engine: Engine,
    stop: CancellationToken,
}

impl Stage {
    pub(crate) async fn set() -> Stage {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::below(home.path());
        let host = orrery_gateway::bind_host(&paths.host_socket()).await.unwrap();
        let mut config = Config::new(paths.data.clone());
        config.probes.clear();
        config.interval = Duration::from_millis(100);
        config.plugin_roots = vec![home.path().join("scope")];
        config.plugins = Some(PluginRunning {
            helper: Some(env!("CARGO_BIN_EXE_backend").into()),
            host_socket: Some(paths.host_socket()),
            ..PluginRunning::at(&paths)
        });
        let engine = Engine::start(config).await.unwrap();
        let token = Token::parse("0123456789abcdef0123", "the test").unwrap();
        let gateway = Gateway::new(engine.clone(), token, None)
            .with_services(ServicesConfig::at(&paths))
            .await
            .unwrap();
        let stop = CancellationToken::new();
        let socket = orrery_gateway::bind(&paths.instance_socket()).await.unwrap();
        for (listener, router) in [
            (socket, gateway.router(Door::socket())),
            (host, gateway.host_router().into()),
        ] {
            tokio::spawn(orrery_gateway::serve_unix(listener, router, stop.clone()));
        }
        Stage { home, engine, stop }
    }

    pub(crate) async fn end(self) {
        self.stop.cancel();
        self.engine.shutdown().await;
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn instance_socket(&self) -> PathBuf {
        Paths::below(self.home.path()).instance_socket()
    }

    fn package(&self, id: &str, arguments: &[&str], run: &str) -> PathBuf {
        let dir = tempfile::tempdir().unwrap();
        let arguments: String = arguments
            .iter()
            .map(|argument| format!(", {argument:?}"))
            .collect();
        let manifest = format!(
            "manifest = 1\nid = {id:?}\nversion = \"1.0.0\"\n[run]\nentry = \"run\"\n\
             args = [\"{{socket}}\", {id:?}{arguments}]\n{run}\
             [start]\nattempts = 1\nbackoff = {{ first = \"100ms\", jitter = 0.0 }}\n[stop]\ntimeout = \"500ms\"\n\
             [restart]\nstable_after = \"100ms\"\n\
             [[service]]\ngroup = \"{id}.example\"\nversion = \"v1\"\nservices = [\n\
             {{ type = \"route\", method = \"GET\", path = \"/ask\", timeout = \"60s\" }},\n\
             {{ type = \"route\", method = \"GET\", path = \"/token\", timeout = \"60s\" }},\n\
             {{ type = \"route\", method = \"POST\", path = \"/pressed\" }},\n\
             {{ type = \"stream\", path = \"/ticks\", protocols = [\"sse\"] }},\n]\n"
        );
        let (program, manifest_file) = (dir.path().join("run"), dir.path().join("plugin.toml"));
        std::fs::write(&program, PROGRAM).unwrap();
        std::fs::write(&manifest_file, manifest).unwrap();
        for (path, mode) in [
            (dir.path(), 0o755),
            (program.as_path(), 0o755),
            (&manifest_file, 0o644),
        ] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let into = self.home.path().join("packages");
        std::fs::create_dir_all(&into).unwrap();
        pack(dir.path(), &into, Compression::Gzip).unwrap().path
    }

    /// Installs the plugin under this id, with lines for its table `run`.
    pub(crate) async fn install(&self, id: &str, arguments: &[&str], run: &str) {
        let source = json!({ "from": "file", "path": self.package(id, arguments, run) });
        let (status, done) = self.post("/api/plugins?wait=true", &source).await;
        assert_eq!(
            (status, &done["state"]),
            (StatusCode::OK, &json!("done")),
            "{done:#}"
        );
        let group = format!("{id}.example");
        let is_listed = async || self.get("/apis").await.1.to_string().contains(&group);
        self.holds("its services are declared", is_listed).await;
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Vec<u8>) -> (StatusCode, Value) {
        let kind = (!body.is_empty()).then_some("application/json");
        let instance = Instance::Socket(self.instance_socket());
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

    /// Asks until the status is as wanted.
    pub(crate) async fn until(&self, path: &str, wanted: StatusCode) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let (status, body) = self.get(path).await;
            if status == wanted {
                return body;
            }
            assert!(Instant::now() < until, "{path}: {status} {body}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn holds(&self, what: &str, so: impl AsyncFn() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !so().await {
            assert!(Instant::now() < until, "never: {what}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for a state of a plugin's process.
    pub(crate) async fn reaches(&self, id: &str, state: &str) {
        let path = format!("/api/plugins/{id}");
        let is = async || self.get(&path).await.1["managed"]["instance"]["state"] == state;
        self.holds(&format!("{id} is {state}"), is).await;
    }

    /// Writes a request by hand and gives the whole answer.
    pub(crate) async fn by_hand(&self, request: &str) -> String {
        let mut stream = UnixStream::connect(self.instance_socket()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// The answer to a GET, as it comes.
    pub(crate) async fn open(&self, path: &str) -> UnixStream {
        let mut stream = UnixStream::connect(self.instance_socket()).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }
}
