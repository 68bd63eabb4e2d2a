//! Nothing that opens the door is ever logged, however much is logged.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::io::Write;
use std::sync::{Arc, Mutex};

use orrery_engine::api::Role;
use orrery_engine::{Config, Engine};
use orrery_gateway::{Door, Gateway, Keys, Token};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_links_and_cookies_are_in_no_log() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .init();
    let home = tempfile::tempdir().unwrap();
    let mut config = Config::new(home.path().to_path_buf());
    config.probes.clear();
    let engine = Engine::start(config).await.unwrap();
    let owner = Token::of(home.path()).unwrap();
    let keys = Keys::open(home.path(), owner.clone()).unwrap();
    let named = keys.make("ci", Role::Admin).unwrap();
    let link = keys.owner_link().unwrap();
    let gateway = Gateway::new(engine.clone(), keys, None);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let routes = gateway.router(Door::tcp(address));
    tokio::spawn(orrery_gateway::serve_tcp(listener, routes, stop.clone()));
    let ask = async |line: String| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!("{line}\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let opened = ask(format!("GET /?token={} HTTP/1.1", link.reveal())).await;
    let cookie = opened
        .split("orrery_token=")
        .nth(1)
        .unwrap()
        .split(';')
        .next()
        .unwrap();
    let secrets = [owner.reveal(), named.reveal(), link.reveal(), cookie];
    for secret in secrets {
        ask(format!("GET /?token={secret} HTTP/1.1")).await;
        ask(format!("GET /api?token={secret} HTTP/1.1")).await;
        ask(format!(
            "GET /api/history?token={secret} HTTP/1.1\r\nCookie: orrery_token={secret}"
        ))
        .await;
        ask(format!(
            "GET /api/report HTTP/1.1\r\nAuthorization: Bearer {secret}"
        ))
        .await;
        ask(format!(
            "POST /api/call HTTP/1.1\r\nAuthorization: Bearer {secret}"
        ))
        .await;
        ask(format!(
            "GET /api HTTP/1.1\r\nOrigin: http://evil.example\r\nAuthorization: Bearer {secret}"
        ))
        .await;
        ask(format!(
            "GET /api HTTP/1.1\r\nAuthorization: Bearer {secret}x\r\nBroken {secret}"
        ))
        .await;
    }
    stop.cancel();
    engine.shutdown().await;
    let text = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(text.contains("refused at the door"), "the log is at work: {text}");
    for secret in secrets {
        assert!(!text.contains(secret), "{secret} is in the log: {text}");
    }
    for file in ["audit.jsonl", "tokens.json"] {
        let text = std::fs::read_to_string(home.path().join(file)).unwrap();
        assert!(secrets.iter().all(|s| !text.contains(s)), "{file}: {text}");
    }
}
