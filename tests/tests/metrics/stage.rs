//! An engine, its HTTP surface, and plugins in front of both.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use orrery_engine::{Config, Engine};
use orrery_gateway::{Door, Gateway, Instance, Token};
use orrery_testkit::{GoodPlugin, Reply};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) const TOKEN: &str = "0123456789abcdef0123";
/// Longest wait for anything in these tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const REQUESTS: &str = "# HELP requests_total Requests served.\n# TYPE requests_total counter\n\
                                   requests_total{code=\"200\",plugin_id=\"mine\"} 7\n";

pub(crate) struct Stage {
    pub(crate) home: TempDir,
    pub(crate) engine: Engine,
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
}

impl Stage {
    pub(crate) async fn set() -> Stage {
        let home = tempfile::tempdir().unwrap();
        let mut config = Config::new(home.path().join("data"));
        config.plugin_roots = vec![home.path().join("plugins")];
        config.probes.clear();
        let engine = Engine::start(config).await.unwrap();
        let gateway = Gateway::new(engine.clone(), Token::parse(TOKEN, "the test").unwrap(), None);
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = gateway.router(Door::tcp(address));
        tokio::spawn(orrery_gateway::serve_tcp(listener, router, stop.clone()));
        Stage {
            home,
            engine,
            address,
            stop,
        }
    }

    /// Another surface of the same engine.
    pub(crate) fn gateway(&self) -> Gateway {
        Gateway::new(
            self.engine.clone(),
            Token::parse(TOKEN, "the test").unwrap(),
            None,
        )
    }

    pub(crate) fn socket(&self, id: &str) -> PathBuf {
        self.home.path().join(format!("plugins/{id}.sock"))
    }

    /// A plugin that exposes this text.
    pub(crate) fn plugin(&self, id: &str, text: impl Into<Bytes>) -> GoodPlugin {
        let plugin = GoodPlugin::start(self.socket(id)).unwrap();
        let text = text.into();
        plugin.on_other(move |request| match request.target.as_str() {
            "/metrics" => Reply::ok(text.clone()),
            _ => Reply::status(404, "not found"),
        });
        plugin
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, String) {
        let instance = Instance::Address {
            url: format!("http://{}", self.address),
            token: TOKEN.to_owned(),
        };
        let answer = instance
            .send(Method::GET, path, None, Bytes::new())
            .await
            .unwrap();
        (answer.status, String::from_utf8(answer.body.to_vec()).unwrap())
    }

    /// Head and body of an answer to a request with these headers, as they come over the wire.
    pub(crate) async fn wire(&self, path: &str, headers: &str) -> (String, Vec<u8>) {
        let (address, request) = (
            self.address,
            format!(
                "GET {path} HTTP/1.0\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\n{headers}\r\n",
                self.address
            ),
        );
        tokio::task::spawn_blocking(move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
            let head = String::from_utf8(answer[..end].to_ascii_lowercase()).unwrap();
            (head, answer[end + 4..].to_vec())
        })
        .await
        .unwrap()
    }

    /// What an address says, once it says what is wanted.
    pub(crate) async fn until(&self, path: &str, wanted: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let (_, text) = self.get(path).await;
            if text.contains(wanted) {
                return text;
            }
            assert!(Instant::now() < end, "{path} never says {wanted:?}: {text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until these plugins answer.
    pub(crate) async fn up(&self, ids: &[&str]) {
        for id in ids {
            let up = format!("orrery_plugin_up{{plugin_id=\"{id}\"}} 1");
            self.until("/metrics?plugins=0", &up).await;
        }
    }

    pub(crate) async fn strike(self) {
        self.stop.cancel();
        self.engine.shutdown().await;
    }
}

/// promtool's opinion, where it is installed: whether it can be read, and in `style` also whether names and help texts
/// are as is the custom.
pub(crate) fn judge(text: &str, style: bool) {
    let tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut tool) = tool else {
        println!("skipped: promtool is not installed");
        return;
    };
    tool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let said = tool.wait_with_output().unwrap();
    // It says 3 where it can read everything and dislikes something.
    let fine = said.status.success() || (!style && said.status.code() == Some(3));
    assert!(
        fine,
        "promtool: {}{}\n{text}",
        String::from_utf8_lossy(&said.stdout),
        String::from_utf8_lossy(&said.stderr)
    );
}
