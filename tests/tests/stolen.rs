//! Stolen tokens: what was opened with one ends at once when it is revoked or replaced, and nothing else does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "metrics/endless.rs"]
mod endless;

use std::net::SocketAddr;
use std::time::Duration;

use http::Method;
use orrery_engine::api::Role;
use orrery_engine::{Config, Engine, Paths};
use orrery_gateway::{Door, Gateway, Instance, Keys, OWNER, ServicesConfig, Token};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(60);

/// A plugin's stream that does not end by itself.
const ENDLESS: &str = "/apis/endless.example/v1/metrics";

fn service() -> serde_json::Value {
    serde_json::json!({
        "apiVersion": "aggregation.orrery/v1alpha1", "kind": "DataPlaneService",
        "metadata": { "name": "endless" },
        "spec": {
            "pluginID": "endless", "pluginType": "app", "group": "endless.example", "version": "v1",
            "services": [{ "type": "stream", "path": "metrics" }],
        },
    })
}

struct Stage {
    home: TempDir,
    _endless: endless::Endless,
    engine: Engine,
    keys: Keys,
    address: SocketAddr,
    stop: CancellationToken,
}

impl Stage {
    async fn set() -> Stage {
        let home = tempfile::tempdir().unwrap();
        let mut config = Config::new(home.path().to_path_buf());
        config.probes.clear();
        config.plugin_roots = vec![home.path().join("sockets")];
        let endless = endless::Endless::start(&home.path().join("sockets/endless.sock"));
        let services = ServicesConfig::at(&Paths::below(home.path()));
        std::fs::create_dir_all(&services.watched).unwrap();
        std::fs::write(services.watched.join("endless.json"), service().to_string()).unwrap();
        let engine = Engine::start(config).await.unwrap();
        let keys = Keys::open(home.path(), Token::of(home.path()).unwrap()).unwrap();
        let gateway = Gateway::new(engine.clone(), keys.clone(), None)
            .with_services(services)
            .await
            .unwrap();
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = gateway.router(Door::tcp(address));
        tokio::spawn(orrery_gateway::serve_tcp(listener, routes, stop.clone()));
        Stage {
            home,
            _endless: endless,
            engine,
            keys,
            address,
            stop,
        }
    }

    /// A stream or websocket that goes on, after the head of its answer.
    async fn open(&self, path: &str, proof: &str) -> TcpStream {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.opened(path, proof).await {
                Ok(stream) => return stream,
                // The plugin may not be known yet.
                Err(said) => assert!(path == ENDLESS && Instant::now() < end, "{path}: {said}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn opened(&self, path: &str, proof: &str) -> Result<TcpStream, String> {
        let kind = if ["/api/events", ENDLESS].contains(&path) {
            "Accept: text/event-stream\r\n"
        } else {
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Scope-Probe-ID: stolen\r\n"
        };
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\n{proof}\r\n{kind}\r\n",
            self.address
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut said = Vec::new();
        while !said.ends_with(b"\r\n\r\n") {
            said.push(timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap());
        }
        let said = String::from_utf8(said).unwrap();
        let goes_on = said.starts_with("HTTP/1.1 101") || said.starts_with("HTTP/1.1 200");
        if goes_on { Ok(stream) } else { Err(said) }
    }

    async fn open_all(&self, proof: &str) -> Vec<(&'static str, TcpStream)> {
        let mut all = Vec::new();
        for path in [
            "/api/view",
            "/api/topology/hosts/ws",
            "/api/control/ws",
            "/api/events",
            ENDLESS,
        ] {
            all.push((path, self.open(path, proof).await));
        }
        all
    }

    async fn cookie(&self, token: &Token) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = format!(
            "POST /api/session HTTP/1.1\r\nHost: {}\r\n{}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            self.address,
            bearer(token)
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let value = answer.split("orrery_token=").nth(1).unwrap();
        format!("Cookie: orrery_token={}", value.split(';').next().unwrap())
    }

    async fn end(self) {
        self.stop.cancel();
        self.engine.shutdown().await;
    }
}

fn bearer(token: &Token) -> String {
    format!("Authorization: Bearer {}", token.reveal())
}

/// The connection ends, or the last piece of its stream comes.
async fn ended(path: &str, stream: &mut TcpStream) {
    let mut said = Vec::new();
    let mut piece = [0; 4_096];
    let end = async {
        while !said.ends_with(b"0\r\n\r\n") {
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => return,
                Ok(read) => said.extend_from_slice(&piece[..read]),
            }
        }
    };
    let came = timeout(PATIENCE, end).await;
    assert!(came.is_ok(), "{path} goes on for a token that opens nothing");
}

/// Something comes, and the connection does not end.
async fn alive(stream: &mut TcpStream) -> bool {
    // A ping, which whoever serves a websocket answers.
    stream.write_all(&[0x89, 0x80, 0, 0, 0, 0]).await.unwrap();
    let mut piece = [0; 4_096];
    loop {
        match timeout(PATIENCE, stream.read(&mut piece)).await.unwrap() {
            Ok(0) | Err(_) => return false,
            Ok(read) if piece[..read].contains(&0x8a) => return true,
            Ok(_) => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_opened_with_a_stolen_token_ends_when_it_is_revoked_or_replaced() {
    let stage = Stage::set().await;
    let owner = Token::of(stage.home.path()).unwrap();
    let ci = stage.keys.make("ci", Role::Admin).unwrap();
    let mut owners = stage.open_all(&bearer(&owner)).await;
    let mut browsers = stage.open_all(&stage.cookie(&owner).await).await;
    let mut cis = stage.open_all(&bearer(&ci)).await;
    let mut guests = stage.open_all(&stage.cookie(&ci).await).await;

    stage.keys.revoke("ci").unwrap();
    for (path, stream) in cis.iter_mut().chain(&mut guests) {
        ended(path, stream).await;
    }
    for streams in [&mut owners, &mut browsers] {
        assert!(alive(&mut streams[0].1).await, "others go on");
    }

    // As `orrery token rotate` asks for it, with the token that was stolen.
    let instance = Instance::Address {
        url: format!("http://{}", stage.address),
        token: owner.reveal().to_owned(),
    };
    let path = format!("/api/tokens/{OWNER}/rotate");
    let answer = instance
        .send(Method::POST, &path, None, bytes::Bytes::new())
        .await
        .unwrap();
    let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    for (path, stream) in owners.iter_mut().chain(&mut browsers) {
        ended(path, stream).await;
    }
    let refused = instance
        .send(Method::GET, "/api", None, bytes::Bytes::new())
        .await
        .unwrap();
    assert_eq!(refused.status, 401, "the old one opens nothing");
    let new = Token::of(stage.home.path()).unwrap();
    assert_eq!(said["token"], new.reveal(), "{said}");
    let mut view = stage.open("/api/view", &bearer(&new)).await;
    assert!(alive(&mut view).await);
    let log = std::fs::read_to_string(stage.home.path().join("audit.jsonl")).unwrap();
    assert!(
        log.contains("\"what\":\"rotate token\",\"subject\":\"owner\""),
        "{log}"
    );
    assert!(!log.contains(new.reveal()), "the log holds no secret: {log}");
    stage.end().await;
}
