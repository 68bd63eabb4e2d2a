//! Scope's topology websocket on real sockets: many clients see the same, and nothing is sent for nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt as _;
use http::StatusCode;
use orrery_engine::api::{Caller, Origin, Role};
use orrery_engine::model::{Metric, Node, Report, Timestamp, TopologyKind};
use orrery_engine::{Config, Engine, Uploaded};
use orrery_gateway::{Door, Gateway, Token};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::CancellationToken;

const TOKEN: &str = "0123456789abcdef0123";
const PATIENCE: Duration = Duration::from_secs(20);
const CLIENTS: usize = 20;

struct Stage {
    _home: TempDir,
    engine: Engine,
    address: SocketAddr,
    stop: CancellationToken,
}

impl Stage {
    async fn set() -> Stage {
        let home = tempfile::tempdir().unwrap();
        Self::set_in(home).await
    }

    /// In a directory where something is recorded already.
    async fn set_in(home: TempDir) -> Stage {
        let mut config = Config::new(home.path().join("data"));
        config.probes.clear();
        let engine = Engine::start(config).await.unwrap();
        let gateway = Gateway::new(engine.clone(), Token::parse(TOKEN, "the test").unwrap(), None);
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = gateway.router(Door::tcp(address));
        tokio::spawn(orrery_gateway::serve_tcp(listener, routes, stop.clone()));
        Stage {
            _home: home,
            engine,
            address,
            stop,
        }
    }

    /// Hosts with a reading each, as one source reports them; comes back when they are published.
    async fn report(&self, hosts: &[(&str, f64)]) {
        self.report_as(false, hosts).await;
    }

    /// The same, as a shortcut report or an ordinary one.
    async fn report_as(&self, shortcut: bool, hosts: &[(&str, f64)]) {
        let report = Report {
            shortcut,
            ..report_of(self.engine.now(), hosts)
        };
        let caller = Caller {
            user: "test".to_owned(),
            role: Role::Admin,
            origin: Origin::Http,
            from: String::new(),
        };
        let mut publications = self.engine.publications();
        publications.borrow_and_update();
        let uploaded = Uploaded {
            report,
            bytes: 1,
            warnings: Vec::new(),
        };
        self.engine.ingest(&caller, "far", uploaded).await.unwrap();
        timeout(PATIENCE, publications.changed()).await.unwrap().unwrap();
    }

    async fn dial(&self, path: &str) -> Result<Client, StatusCode> {
        let request = http::Request::builder()
            .uri(format!("ws://{}{path}", self.address))
            .header("host", self.address.to_string())
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", generate_key())
            .header("authorization", format!("Bearer {TOKEN}"))
            .body(())
            .unwrap();
        let stream = TcpStream::connect(self.address).await.unwrap();
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((socket, _)) => Ok(Client(socket)),
            Err(Error::Http(answer)) => Err(answer.status()),
            Err(error) => panic!("{path}: {error}"),
        }
    }

    async fn strike(self) {
        self.stop.cancel();
        self.engine.shutdown().await;
    }
}

/// Hosts with a reading each, at a moment.
fn report_of(now: Timestamp, hosts: &[(&str, f64)]) -> Report {
    let mut report = Report {
        ts: now,
        id: "far".into(),
        ..Report::default()
    };
    for (name, load) in hosts {
        let node = Node::new(format!("{name};<host>"), "host")
            .with_latest("host_name", now, *name)
            .with_metric("load1", Metric::of(now, *load, 0.0, 9.0));
        report.topology_mut(TopologyKind::Host).insert(node);
    }
    let template = orrery_engine::model::MetricTemplate {
        id: "load1".into(),
        label: "Load".into(),
        ..Default::default()
    };
    let topology = report.topology_mut(TopologyKind::Host);
    topology.metric_templates.insert("load1".into(), template);
    report
}

/// A directory in which history recorded hosts at some moments, in milliseconds since the epoch.
async fn recorded(frames: &[(i64, &[(&str, f64)])]) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    let file = orrery_history::Config::new(data.join("history.db"));
    let history = orrery_history::History::open(file).await.unwrap();
    for (at_ms, hosts) in frames {
        let report = report_of(Timestamp::from_millis(*at_ms), hosts);
        history.put_frame(*at_ms, report.to_msgpack());
    }
    history.close().await.unwrap();
    home
}

struct Client(WebSocketStream<TcpStream>);

impl Client {
    /// The next message with content.
    async fn next(&mut self) -> Value {
        loop {
            let message = timeout(PATIENCE, self.0.next()).await.unwrap().unwrap().unwrap();
            if let Message::Text(text) = message {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array()
        .map(|all| {
            all.iter()
                .filter_map(|v| v["id"].as_str().or(v.as_str()))
                .collect()
        })
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_clients_of_a_topology_get_a_reset_and_then_what_changed() {
    let stage = Stage::set().await;
    stage.report(&[("a", 1.0), ("b", 1.0)]).await;
    let mut clients = Vec::new();
    for n in 0..CLIENTS {
        // Different beats; what is sent does not depend on them.
        let tick = 200 + 10 * (n % 3);
        let path = format!("/api/topology/hosts/ws?t={tick}ms");
        clients.push(stage.dial(&path).await.unwrap());
    }
    for client in &mut clients {
        let first = client.next().await;
        assert_eq!(first["reset"], true);
        assert_eq!(ids(&first["add"]), ["a;<host>", "b;<host>"]);
        assert_eq!(first["add"][0]["metrics"][0]["value"], 1.0);
    }
    stage.report(&[("b", 2.0), ("c", 1.0)]).await;
    for client in &mut clients {
        // Nothing came in between: this is the very next message.
        let second = client.next().await;
        assert_eq!(second.get("reset"), None);
        assert_eq!(ids(&second["add"]), ["c;<host>"]);
        assert_eq!(ids(&second["update"]), ["b;<host>"]);
        assert_eq!(second["remove"], Value::Null, "{second}");
    }
    drop(clients);
    let mut late = stage
        .dial("/api/topology/hosts/ws?t=200ms&pseudo=show")
        .await
        .unwrap();
    assert_eq!(
        ids(&late.next().await["add"]),
        ["a;<host>", "b;<host>", "c;<host>"]
    );
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_shortcut_report_brings_waits_for_no_beat() {
    let stage = Stage::set().await;
    stage.report(&[("a", 1.0)]).await;
    let mut client = stage.dial("/api/topology/hosts/ws?t=1h").await.unwrap();
    assert_eq!(ids(&client.next().await["add"]), ["a;<host>"]);
    stage.report(&[("a", 2.0)]).await;
    stage.report_as(true, &[("b", 1.0)]).await;
    // The beat is an hour away.
    let second = client.next().await;
    assert_eq!(ids(&second["add"]), ["b;<host>"]);
    assert_eq!(ids(&second["update"]), ["a;<host>"]);
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_beat_that_is_no_duration_is_refused() {
    let stage = Stage::set().await;
    for beat in ["soon", "5", "1d"] {
        let path = format!("/api/topology/hosts/ws?t={beat}");
        assert_eq!(
            stage.dial(&path).await.err(),
            Some(StatusCode::BAD_REQUEST),
            "{beat}"
        );
    }
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_topology_of_scopes_is_not_found() {
    let stage = Stage::set().await;
    for path in ["/api/topology/moons/ws", "/api/topology/everything/ws"] {
        assert_eq!(
            stage.dial(path).await.err(),
            Some(StatusCode::NOT_FOUND),
            "{path}"
        );
    }
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_moment_in_the_past_it_shows_what_was_then_and_what_changed_since() {
    let hour_ago = std::time::SystemTime::now() - Duration::from_secs(3_600);
    let hour_ago = hour_ago.duration_since(std::time::UNIX_EPOCH).unwrap();
    let then = i64::try_from(hour_ago.as_millis()).unwrap();
    let home = recorded(&[
        (then - 20_000, &[("z", 1.0)]),
        (then - 500, &[("a", 1.0), ("b", 1.0)]),
        // The moment of the second picture comes while they watch.
        (then + 1_000, &[("b", 2.0), ("c", 1.0)]),
    ])
    .await;
    let stage = Stage::set_in(home).await;
    stage.report(&[("now", 1.0)]).await;
    let at = |ms: i64| Timestamp::from_millis(ms).to_string();
    let path = |ms: i64| format!("/api/topology/hosts/ws?t=200ms&timestamp={}", at(ms));
    let mut past = stage.dial(&path(then)).await.unwrap();
    let first = past.next().await;
    assert_eq!(first["reset"], true);
    assert_eq!(ids(&first["add"]), ["a;<host>", "b;<host>"], "{first}");
    assert_eq!(first["add"][0]["metrics"][0]["value"], 1.0);
    // What happens now is nothing to those who look at then.
    stage.report_as(true, &[("now", 2.0), ("newer", 1.0)]).await;
    let second = past.next().await;
    assert_eq!(second.get("reset"), None);
    assert_eq!(ids(&second["add"]), ["c;<host>"], "{second}");
    assert_eq!(ids(&second["update"]), ["b;<host>"]);
    assert_eq!(ids(&second["remove"]), ["a;<host>"]);

    // A moment that is no past yet, and none at all, are the present.
    for when in [at(then + 2 * 3_600_000), String::new()] {
        let path = format!("/api/topology/hosts/ws?timestamp={when}");
        let mut present = stage.dial(&path).await.unwrap();
        let first = present.next().await;
        assert_eq!(
            ids(&first["add"]),
            ["newer;<host>", "now;<host>"],
            "{when}: {first}"
        );
    }
    // Before the record, and no moment.
    assert_eq!(
        stage.dial(&path(then - 3_600_000)).await.err(),
        Some(StatusCode::NOT_FOUND)
    );
    let odd = "/api/topology/hosts/ws?timestamp=yesterday";
    assert_eq!(stage.dial(odd).await.err(), Some(StatusCode::BAD_REQUEST));
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_look_at_the_past_and_no_more() {
    let minute_ago = std::time::SystemTime::now() - Duration::from_secs(60);
    let minute_ago = minute_ago.duration_since(std::time::UNIX_EPOCH).unwrap();
    let then = i64::try_from(minute_ago.as_millis()).unwrap();
    let home = recorded(&[(then, &[("a", 1.0)])]).await;
    let stage = Stage::set_in(home).await;
    let path = format!(
        "/api/topology/hosts/ws?t=200ms&timestamp={}",
        Timestamp::from_millis(then)
    );
    let mut watching = Vec::new();
    for _ in 0..orrery_gateway::limits::SCOPE_PASTS_MAX {
        watching.push(stage.dial(&path).await.unwrap());
    }
    assert_eq!(stage.dial(&path).await.err(), Some(StatusCode::TOO_MANY_REQUESTS));
    for client in &mut watching {
        assert_eq!(ids(&client.next().await["add"]), ["a;<host>"]);
    }
    // The present is no past, and a place that was given up is there again.
    stage.dial("/api/topology/hosts/ws").await.unwrap();
    drop(watching.pop());
    let until = tokio::time::Instant::now() + PATIENCE;
    while stage.dial(&path).await.is_err() {
        assert!(tokio::time::Instant::now() < until, "the place is not given back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stage.strike().await;
}
