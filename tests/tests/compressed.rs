//! Compressed answers on real sockets: whoever accepts gzip reads what everybody else reads, to the end.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::io::Read as _;
use std::net::SocketAddr;
use std::time::Duration;

use flate2::read::GzDecoder;
use orrery_engine::api::{Caller, Origin, Role};
use orrery_engine::model::{Node, Report, TopologyKind};
use orrery_engine::{Config, Engine, Uploaded};
use orrery_gateway::{Door, Gateway, Token};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const TOKEN: &str = "0123456789abcdef0123";
const PATIENCE: Duration = Duration::from_secs(60);
/// So many that a topology of them leaves in several pieces.
const HOSTS: usize = 500;

/// Addresses that answer with a whole, however they make it.
const ADDRESSES: &[&str] = &[
    "/api",
    "/api/probes",
    "/api/topology",
    "/api/topology/hosts",
    "/api/topology/hosts?q=host-7",
    "/api/topology/processes",
    "/api/topology/hosts/host-7;%3Chost%3E",
    "/api/report",
    "/api/plugins",
    "/api/catalog",
    "/api/events",
    "/api/openapi.json",
    "/metrics",
    "/metrics/topology",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_compressed_is_whole() {
    let home = tempfile::tempdir().unwrap();
    let mut config = Config::new(home.path().join("data"));
    config.probes.clear();
    let engine = Engine::start(config).await.unwrap();
    let gateway = Gateway::new(engine.clone(), Token::parse(TOKEN, "the test").unwrap(), None);
    let stop = CancellationToken::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = gateway.router(Door::tcp(address));
    tokio::spawn(orrery_gateway::serve_tcp(listener, routes, stop.clone()));
    report_hosts(&engine).await;

    for path in ADDRESSES {
        let (head, body) = ask(address, path, "identity").await;
        assert!(
            head.starts_with("HTTP/1.0 200") && !body.is_empty(),
            "{path}: {head}"
        );
        let (head, packed) = ask(address, path, "gzip, deflate").await;
        assert!(head.starts_with("HTTP/1.0 200"), "{path}: {head}");
        let gzip = head.to_ascii_lowercase().contains("content-encoding: gzip");
        let mut text = Vec::new();
        if gzip {
            GzDecoder::new(&packed[..])
                .read_to_end(&mut text)
                .unwrap_or_else(|error| panic!("{path}: {} bytes, then {error}", packed.len()));
        } else {
            text = packed;
        }
        if path.starts_with("/api/topology/hosts") {
            assert_eq!(text, body, "{path}: the same, compressed or not");
        }
        // Others tell of the moment or of earlier questions.
        assert!(!text.is_empty(), "{path}");
        assert!(
            gzip || text.len() < 1024,
            "{path}: {} bytes were not compressed",
            text.len()
        );
    }
    stop.cancel();
    engine.shutdown().await;
}

/// Hosts as a probe reports them; comes back when they are published.
async fn report_hosts(engine: &Engine) {
    let now = engine.now();
    let mut report = Report {
        ts: now,
        id: "far".into(),
        ..Report::default()
    };
    for number in 0..HOSTS {
        let name = format!("host-{number}");
        let node = Node::new(format!("{name};<host>"), "host").with_latest("host_name", now, name);
        report.topology_mut(TopologyKind::Host).insert(node);
    }
    let caller = Caller {
        user: "test".to_owned(),
        role: Role::Admin,
        origin: Origin::Http,
        from: String::new(),
    };
    let mut publications = engine.publications();
    publications.borrow_and_update();
    let uploaded = Uploaded {
        report,
        bytes: 1,
        warnings: Vec::new(),
    };
    engine.ingest(&caller, "far", uploaded).await.unwrap();
    timeout(PATIENCE, publications.changed()).await.unwrap().unwrap();
}

/// Head and body of an answer. Of a client of HTTP/1.0 a body goes on until the connection ends.
async fn ask(address: SocketAddr, path: &str, encodings: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\n\
         Accept-Encoding: {encodings}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .unwrap()
        .unwrap();
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    (head, answer[end + 4..].to_vec())
}
