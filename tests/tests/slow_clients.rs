//! Clients that are slow, silent, long-winded or many, over raw sockets: none of them keeps the others out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::net::SocketAddr;
use std::time::Duration;

use orrery_engine::{Config, Engine};
use orrery_gateway::{Bounds, Door, Gateway, Token};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

const TOKEN: &str = "0123456789abcdef0123";
const PATIENCE: Duration = Duration::from_secs(20);
/// Longer than any test.
const NEVER: Duration = Duration::from_secs(600);

struct Stage {
    engine: Engine,
    address: SocketAddr,
    stop: CancellationToken,
    _home: TempDir,
}

impl Stage {
    async fn set(bounds: Bounds) -> Stage {
        let home = tempfile::tempdir().unwrap();
        let mut config = Config::new(home.path().join("data"));
        config.probes.clear();
        let engine = Engine::start(config).await.unwrap();
        let gateway = Gateway::new(engine.clone(), Token::parse(TOKEN, "the test").unwrap(), None);
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = gateway.router(Door::tcp(address));
        tokio::spawn(orrery_gateway::serve_tcp_within(
            bounds,
            listener,
            routes,
            stop.clone(),
        ));
        Stage {
            engine,
            address,
            stop,
            _home: home,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    fn head(&self, path: &str, extra: &str) -> String {
        let address = self.address;
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\n{extra}\r\n")
    }

    /// Status of a request on a connection of its own.
    async fn status(&self, path: &str) -> u16 {
        let mut stream = self.connect().await;
        let head = self.head(path, "Connection: close\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        status(&mut stream).await.unwrap()
    }

    async fn strike(self) {
        self.stop.cancel();
        self.engine.shutdown().await;
    }
}

/// Status of the next answer; none when the connection ends before one.
async fn status(stream: &mut TcpStream) -> Option<u16> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        match timeout(PATIENCE, stream.read_u8()).await.unwrap() {
            Ok(byte) => line.push(byte),
            Err(_) => return None,
        }
    }
    String::from_utf8(line).unwrap().split(' ').nth(1)?.parse().ok()
}

/// Whether the other side ends the connection, whatever it says before.
async fn ends(stream: &mut TcpStream) -> bool {
    let mut said = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut said)).await.is_ok()
}

fn bounds() -> Bounds {
    Bounds {
        connections: 64,
        per_group: 64,
        head: NEVER,
        patience: NEVER,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_idle_connections_keep_nobody_out_and_hold_no_more_than_their_seats() {
    let stage = Stage::set(bounds()).await;
    let mut idle = Vec::new();
    for i in 0..1_000 {
        idle.push(stage.connect().await);
        if i % 100 == 0 {
            assert_eq!(stage.status("/api").await, 200, "with {i} that say nothing");
        }
    }
    assert_eq!(stage.status("/api").await, 200, "with all of them");
    // Those that are left hold a seat each; the first came first and left first.
    let mut open = 0;
    for stream in &mut idle {
        let mut byte = [0];
        let read = timeout(Duration::from_millis(5), stream.read(&mut byte)).await;
        open += usize::from(read.is_err());
    }
    assert!(open <= 64, "{open} are still open");
    assert!(ends(&mut idle[0]).await, "the first was put out");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_a_head_bit_by_bit_or_nothing_more_is_cut() {
    let stage = Stage::set(Bounds {
        head: Duration::from_millis(400),
        ..bounds()
    })
    .await;
    let mut silent = stage.connect().await;
    assert!(ends(&mut silent).await, "one that says nothing");

    let stream = stage.connect().await;
    let (mut reads, mut writes) = stream.into_split();
    let head = stage.head("/api", "");
    let trickle = tokio::spawn(async move {
        for byte in head.bytes() {
            if writes.write_all(&[byte]).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    });
    let mut said = Vec::new();
    // A reset is an end as well.
    let _ = timeout(PATIENCE, reads.read_to_end(&mut said)).await.unwrap();
    assert!(!said.starts_with(b"HTTP/1.1 200"), "{said:?}");
    trickle.abort();

    let mut kept = stage.connect().await;
    kept.write_all(stage.head("/api", "").as_bytes()).await.unwrap();
    assert_eq!(status(&mut kept).await, Some(200));
    assert!(ends(&mut kept).await, "one that asks for nothing more");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_no_answers_is_cut() {
    let stage = Stage::set(Bounds {
        patience: Duration::from_secs(1),
        ..bounds()
    })
    .await;
    let mut stream = stage.connect().await;
    // It asks again and again and reads nothing, until every buffer between is full.
    let requests = stage.head("/api/status", "").repeat(50);
    let cut = timeout(PATIENCE, async {
        while stream.write_all(requests.as_bytes()).await.is_ok() {}
    });
    assert!(cut.await.is_ok(), "the connection is reset");
    assert_eq!(stage.status("/api").await, 200, "others are served");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_hold_their_seats_and_who_comes_on_top_is_told() {
    let stage = Stage::set(Bounds {
        per_group: 2,
        ..bounds()
    })
    .await;
    let mut events = stage.connect().await;
    let head = stage.head("/api/events", "Accept: text/event-stream\r\n");
    events.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(status(&mut events).await, Some(200));
    let mut view = stage.connect().await;
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    view.write_all(stage.head("/api/view", upgrade).as_bytes())
        .await
        .unwrap();
    assert_eq!(status(&mut view).await, Some(101));
    assert_eq!(
        status(&mut stage.connect().await).await,
        Some(503),
        "both seats are taken"
    );
    drop(events);
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        let mut stream = stage.connect().await;
        let head = stage.head("/api", "Connection: close\r\n");
        // Turned away, it may be closed before it is written to.
        let sent = stream.write_all(head.as_bytes()).await;
        if sent.is_ok() && status(&mut stream).await == Some(200) {
            break;
        }
        assert!(tokio::time::Instant::now() < end, "a seat is free again");
        sleep(Duration::from_millis(20)).await;
    }
    stage.stop.cancel();
    assert!(ends(&mut view).await, "websockets end with the listener");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_heads_and_bodies_are_refused() {
    let stage = Stage::set(bounds()).await;
    let check = async |request: String, want: u16| {
        let mut stream = stage.connect().await;
        // It may be refused before all of it is sent.
        let _ = stream.write_all(request.as_bytes()).await;
        assert_eq!(status(&mut stream).await, Some(want));
    };
    let long = "x".repeat(256 * 1024);
    check(stage.head("/api", &format!("X-Long: {long}\r\n")), 431).await;
    let many: String = (0..200).map(|i| format!("X-{i}: 1\r\n")).collect();
    check(stage.head("/api", &many), 431).await;
    let body = "x".repeat(300 * 1024);
    let post = stage
        .head("/api/call", &format!("Content-Length: {}\r\n", body.len()))
        .replacen("GET", "POST", 1);
    check(format!("{post}{body}"), 413).await;
    assert_eq!(stage.status("/api").await, 200);
    stage.strike().await;
}
