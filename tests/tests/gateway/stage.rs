//! What the tests stand on: an engine with one plugin, behind a listener and a socket.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::{Method, StatusCode};
use orrery_engine::api::Request;
use orrery_engine::{Config, Engine};
use orrery_gateway::{Door, Gateway, Instance, Token};
use orrery_testkit::GoodPlugin;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) const TOKEN: &str = "0123456789abcdef0123";
pub(crate) const NODE: &str = "lamphost;<host>";
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Stage {
    pub(crate) home: TempDir,
    pub(crate) engine: Engine,
    pub(crate) plugin: GoodPlugin,
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
}

/// A report of a lamp on a host of its own, lit or not.
pub(crate) fn lamp(lit: bool) -> Value {
    let state = |dead: bool| json!({ "timestamp": "2026-11-21T00:00:00Z", "value": { "dead": dead } });
    let sample = json!({ "date": orrery_engine::model::Timestamp::ZERO.to_string(), "value": 1 });
    json!({
        "Host": {
            "nodes": { NODE: {
                "latest": { "host_name": { "timestamp": "2026-11-21T00:00:00Z", "value": "lamphost" } },
                "metrics": { "brightness": { "samples": [sample], "min": 0, "max": 100 } },
                "latestControls": { "light": state(lit), "darken": state(!lit) },
            } },
            "metric_templates": { "brightness": { "id": "brightness", "label": "Brightness", "format": "percent" } },
            "controls": {
                "light": { "id": "light", "human": "Light", "icon": "fa-futbol-o", "rank": 1 },
                "darken": { "id": "darken", "human": "Darken", "icon": "fa-moon-o", "rank": 2 },
            },
        },
        "Plugins": [{
            "id": "lamp", "label": "Lamp", "interfaces": ["reporter", "controller"], "api_version": "1",
        }],
    })
}

impl Stage {
    pub(crate) async fn set(read_only: bool) -> Stage {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("plugins");
        let plugin = GoodPlugin::start(root.join("lamp.sock")).unwrap();
        plugin.on_report(|_| lamp(false).into());
        plugin.on_control(|_| json!({ "shortcutReport": lamp(true) }).into());
        let mut config = Config::new(home.path().join("data"));
        config.plugin_roots = vec![root];
        config.probes.clear();
        config.read_only = read_only;
        let engine = Engine::start(config).await.unwrap();
        let gateway = Gateway::new(engine.clone(), Token::parse(TOKEN, "the test").unwrap(), None);
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(orrery_gateway::serve_tcp(
            listener,
            gateway.router(Door::tcp(address)),
            stop.clone(),
        ));
        let socket = orrery_gateway::bind(&home.path().join("instance.sock"))
            .await
            .unwrap();
        tokio::spawn(orrery_gateway::serve_unix(
            socket,
            gateway.router(Door::socket()),
            stop.clone(),
        ));
        let stage = Stage {
            home,
            engine,
            plugin,
            address,
            stop,
        };
        let local = stage.local();
        until("the plugin's node", async || local.details().await.is_ok()).await;
        stage
    }

    pub(crate) fn remote(&self, token: &str) -> Instance {
        Instance::Address {
            url: format!("http://{}", self.address),
            token: token.to_owned(),
        }
    }

    pub(crate) fn local(&self) -> Local {
        Local(Instance::Socket(self.socket()))
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.home.path().join("instance.sock")
    }

    pub(crate) async fn strike(self) {
        self.stop.cancel();
        self.engine.shutdown().await;
    }
}

pub(crate) struct Local(pub(crate) Instance);

impl Local {
    pub(crate) async fn details(&self) -> Result<Value, orrery_engine::api::ApiError> {
        let request = Request::Details {
            topology: "hosts".into(),
            node: NODE.into(),
            at_ms: None,
        };
        self.0.call(&request).await
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        let answer = self
            .0
            .send(Method::GET, path, None, Vec::new().into())
            .await
            .unwrap();
        (
            answer.status,
            serde_json::from_slice(&answer.body).unwrap_or(Value::Null),
        )
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let body = serde_json::to_vec(body).unwrap();
        let answer = self
            .0
            .send(Method::POST, path, Some("application/json"), body.into())
            .await
            .unwrap();
        (
            answer.status,
            serde_json::from_slice(&answer.body).unwrap_or(Value::Null),
        )
    }
}

pub(crate) async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done().await {
        assert!(Instant::now() < end, "waited for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Status of a request written by hand, for headers that a well-behaved client never sends.
pub(crate) async fn raw_status(address: SocketAddr, head: &str) -> u16 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}
