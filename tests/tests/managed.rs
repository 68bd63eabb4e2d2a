//! Plugins that we run, as their users see them: over HTTP, with real packages and processes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{Method, StatusCode};
use orrery_engine::api::Request;
use orrery_engine::{Config, Engine, Paths, PluginRunning};
use orrery_gateway::{Door, Gateway, Instance, Token};
use orrery_packages::{Compression, pack};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(30);

/// A reporter that knows nothing of Orrery. Its file `word` says what it reports.
const PROGRAM: &str = r#"#!/usr/bin/env python3
import http.server, json, os, socketserver, sys
path, word = sys.argv[1], sys.argv[2]
print("the lamp is", word, flush=True)
if word == "broken":
    sys.exit("no bulb")
class Lamp(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def address_string(self): return "peer"
    def log_message(self, *_): pass
    def do_GET(self):
        node = {"lamphost;<host>": {"latest": {"lamp": {"timestamp": "2026-11-21T00:00:00Z", "value": word}}}}
        spec = {"id": "lamp", "label": "Lamp", "interfaces": ["reporter"], "api_version": "1"}
        body = json.dumps({"Host": {"nodes": node}, "Plugins": [spec]}).encode()
        self.send_response(200 if self.path.startswith("/report") else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
Server(path, Lamp).serve_forever()
"#;

struct Stage {
    home: TempDir,
    engine: Engine,
    stop: CancellationToken,
}

impl Stage {
    async fn set() -> Stage {
        Self::set_in(tempfile::tempdir().unwrap()).await
    }

    async fn set_in(home: TempDir) -> Stage {
        let paths = Paths::below(home.path());
        let mut config = Config::new(paths.data.clone());
        config.probes.clear();
        config.interval = Duration::from_millis(100);
        config.plugins = Some(PluginRunning {
            helper: Some(env!("CARGO_BIN_EXE_backend").into()),
            ..PluginRunning::at(&paths)
        });
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
        Stage { home, engine, stop }
    }

    async fn send(&self, method: Method, path: &str, body: Vec<u8>) -> (StatusCode, Value) {
        let instance = Instance::Socket(Paths::below(self.home.path()).instance_socket());
        let kind = (!body.is_empty()).then_some("application/json");
        let answer = instance.send(method, path, kind, body.into()).await.unwrap();
        let value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        (answer.status, value)
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.send(Method::GET, path, Vec::new()).await
    }

    async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        self.send(Method::POST, path, body.to_string().into_bytes()).await
    }

    async fn upload(&self, archive: &Path) -> Value {
        let (status, said) = self
            .send(Method::POST, "/api/uploads", std::fs::read(archive).unwrap())
            .await;
        assert_eq!(status, StatusCode::CREATED, "{said}");
        json!({ "from": "upload", "upload": said["upload"] })
    }

    /// Kinds of what happened to the lamp, in order.
    async fn events(&self) -> Vec<String> {
        let instance = Instance::Socket(Paths::below(self.home.path()).instance_socket());
        let request = Request::Events {
            from_ms: 0,
            to_ms: i64::MAX,
            limit: None,
        };
        let events: Value = instance.call(&request).await.unwrap();
        let of_lamp = events
            .as_array()
            .unwrap()
            .iter()
            .filter(|e| e["subject"] == "plugin:lamp");
        of_lamp.map(|e| e["kind"].as_str().unwrap().to_owned()).collect()
    }

    /// What the picture says of the lamp.
    async fn lamp(&self) -> Value {
        let (_, report) = self.get("/api/report").await;
        report["Host"]["nodes"]["lamphost;<host>"]["latest"]["lamp"]["value"].clone()
    }

    async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !holds().await {
            let (_, list) = self.get("/api/plugins").await;
            assert!(Instant::now() < until, "{what}: {list:#}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn end(self) -> TempDir {
        self.stop.cancel();
        self.engine.shutdown().await;
        self.home
    }
}

/// Packs the lamp. With `policy` its word is what its config says.
fn lamp(into: &Path, version: &str, word: &str) -> PathBuf {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("lamp");
    std::fs::write(&program, PROGRAM).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let manifest = format!(
        "manifest = 1\nid = \"lamp\"\nversion = \"{version}\"\n[run]\nentry = \"lamp\"\nargs = [\"{{socket}}\", \"{word}\"]\n\
         [start]\nattempts = 1\n[restart]\nstable_after = \"500ms\"\n"
    );
    std::fs::write(dir.path().join("plugin.toml"), manifest).unwrap();
    pack(dir.path(), into, Compression::Gzip).unwrap().path
}

/// Whether a process is there and not just waiting to be reaped.
fn lives(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_installed_seen_upgraded_rolled_back_and_removed() {
    let packages = tempfile::tempdir().unwrap();
    let stage = Stage::set().await;
    let first = stage.upload(&lamp(packages.path(), "1.0.0", "dim")).await;
    let (status, done) = stage.post("/api/plugins?wait=true", &first).await;
    assert_eq!(
        (status, &done["state"]),
        (StatusCode::OK, &json!("done")),
        "{done:#}"
    );
    stage
        .until("its node is in the picture", async || stage.lamp().await == "dim")
        .await;

    let (_, entry) = stage.get("/api/plugins/lamp").await;
    assert_eq!(
        (&entry["origin"], &entry["state"]),
        (&json!("managed"), &json!("running")),
        "{entry:#}"
    );
    assert_eq!(
        entry["status"], "ok",
        "its socket is in the same entry: {entry:#}"
    );
    let (status, health) = stage.get("/api/plugins/lamp/health?max_age=0").await;
    assert_eq!(
        (status, &health["status"]),
        (StatusCode::OK, &json!("OK")),
        "{health:#}"
    );
    let (_, logs) = stage.get("/api/plugins/lamp/logs").await;
    assert!(logs.to_string().contains("the lamp is dim"), "{logs:#}");

    // An upgrade that does not work leaves the one that does, and says why.
    let broken = stage.upload(&lamp(packages.path(), "1.1.0", "broken")).await;
    let (status, failed) = stage.post("/api/plugins?wait=true", &broken).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{failed:#}");
    assert!(
        failed["outcome"].as_str().unwrap().contains("no bulb"),
        "{failed:#}"
    );
    assert_eq!(stage.lamp().await, "dim");

    let second = stage.upload(&lamp(packages.path(), "1.2.0", "bright")).await;
    let (status, done) = stage.post("/api/plugins?wait=true", &second).await;
    assert_eq!(
        (status, &done["kind"]),
        (StatusCode::OK, &json!("upgrade")),
        "{done:#}"
    );
    stage
        .until("the new one reports", async || stage.lamp().await == "bright")
        .await;
    let (status, back) = stage
        .post("/api/plugins/lamp/rollback?wait=true", &json!({}))
        .await;
    assert_eq!(status, StatusCode::OK, "{back:#}");
    stage
        .until("the old one is back", async || stage.lamp().await == "dim")
        .await;

    let (_, entry) = stage.get("/api/plugins/lamp").await;
    let pid = entry["managed"]["instance"]["pid"].as_u64().unwrap();
    let (status, gone) = stage
        .send(Method::DELETE, "/api/plugins/lamp?wait=true", Vec::new())
        .await;
    assert_eq!(status, StatusCode::OK, "{gone:#}");
    assert!(!lives(pid), "the process is gone with the plugin");
    // Its socket is missed a moment later.
    stage
        .until("nobody knows it", async || {
            stage.get("/api/plugins/lamp/health").await.0 == StatusCode::NOT_FOUND
        })
        .await;
    // Events are written a moment later.
    for kind in [
        "install_done",
        "running",
        "upgrade_failed",
        "upgrade_done",
        "rollback_done",
        "remove_done",
    ] {
        stage
            .until(kind, async || stage.events().await.iter().any(|k| k == kind))
            .await;
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_plugin_comes_back_and_all_end_with_the_engine() {
    let packages = tempfile::tempdir().unwrap();
    let stage = Stage::set().await;
    let source = json!({ "from": "file", "path": lamp(packages.path(), "1.0.0", "dim") });
    let (status, done) = stage.post("/api/plugins?wait=true", &source).await;
    assert_eq!(status, StatusCode::OK, "{done:#}");
    let pid = async || {
        let (_, entry) = stage.get("/api/plugins/lamp").await;
        let running = entry["state"] == "running";
        running
            .then(|| entry["managed"]["instance"]["pid"].as_u64())
            .flatten()
    };
    let first = pid().await.unwrap();
    let killed = std::process::Command::new("kill")
        .args(["-9", &first.to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    stage
        .until("it is restarted", async || {
            pid().await.is_some_and(|now| now != first)
        })
        .await;
    let second = pid().await.unwrap();
    let (_, entry) = stage.get("/api/plugins/lamp").await;
    let last = &entry["managed"]["instance"]["last_exit"];
    assert_eq!(
        (&last["kind"], &last["signal"]),
        (&json!("signal"), &json!("SIGKILL")),
        "{entry:#}"
    );

    let home = stage.end().await;
    assert!(!lives(second), "no plugin outlives the engine");

    // The next engine on the directory runs it again without being asked.
    let stage = Stage::set_in(home).await;
    stage
        .until("it runs again", async || stage.lamp().await == "dim")
        .await;
    // One that runs by itself is not started by hand, and one that is not there neither.
    let (status, said) = stage.post("/api/plugins/lamp/start", &json!({})).await;
    assert_eq!(
        (status, &said["reason"]),
        (StatusCode::CONFLICT, &json!("automatic")),
        "{said}"
    );
    let (status, said) = stage.post("/api/plugins/nobody/start", &json!({})).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{said}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_state_database_costs_no_more_than_the_plugins() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(home.path().join("state.db")).unwrap();
    let stage = Stage::set_in(home).await;
    let (status, _) = stage.get("/api/report").await;
    assert_eq!(status, StatusCode::OK, "everything else works");
    let (status, said) = stage.post("/api/plugins/lamp/start", &json!({})).await;
    assert_eq!(
        (status, &said["reason"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("no_plugin_engine")),
        "{said}"
    );
    assert!(
        said["message"].as_str().unwrap().contains("state.db"),
        "the reason is told: {said}"
    );
    stage.end().await;
}
