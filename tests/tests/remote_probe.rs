//! A Scope probe on another host: it reports, is listed, takes controls on its websocket in the form of Go's
//! net/rpc, and opens terminals. The probe is played by this test; its shell is a real one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{Method, StatusCode};
use orrery_engine::model::{Report, Timestamp};
use orrery_engine::{Config, Engine, PipeEnd};
use orrery_gateway::{Door, Gateway, Instance, Token};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_util::sync::CancellationToken;

const TOKEN: &str = "0123456789abcdef0123";
const PROBE: &str = "35d7e3b489644a06";
const NODE: &str = "farhost;<host>";
const PATIENCE: Duration = Duration::from_secs(20);

type Socket = tokio_tungstenite::WebSocketStream<TcpStream>;

struct Stage {
    _home: TempDir,
    engine: Engine,
    address: SocketAddr,
    stop: CancellationToken,
}

impl Stage {
    async fn set() -> Stage {
        let home = tempfile::tempdir().unwrap();
        let mut config = Config::new(home.path().join("data"));
        config.probes.clear();
        let engine = Engine::start(config).await.unwrap();
        let gateway = Gateway::new(engine.clone(), Token::parse(TOKEN, "the test").unwrap(), None);
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = gateway.router(Door::tcp(address));
        tokio::spawn(orrery_gateway::serve_tcp(listener, router, stop.clone()));
        Stage {
            _home: home,
            engine,
            address,
            stop,
        }
    }

    fn client(&self) -> Instance {
        Instance::Address {
            url: format!("http://{}", self.address),
            token: TOKEN.to_owned(),
        }
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.send(Method::GET, path).await
    }

    async fn send(&self, method: Method, path: &str) -> (StatusCode, Value) {
        let answer = self
            .client()
            .send(method, path, None, Bytes::new())
            .await
            .unwrap();
        let body = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        (answer.status, body)
    }

    async fn until(&self, what: &str, path: &str, met: impl Fn(StatusCode, &Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let (status, value) = self.get(path).await;
            if met(status, &value) {
                return value;
            }
            assert!(Instant::now() < end, "no {what}: {status} {value}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// A websocket as a probe dials it: Scope's form of the token, its own id.
    async fn dial(&self, path: &str) -> Result<Socket, StatusCode> {
        let request = http::Request::builder()
            .uri(format!("ws://{}{path}", self.address))
            .header("host", self.address.to_string())
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", generate_key())
            .header("authorization", format!("Scope-Probe token={TOKEN}"))
            .header("x-scope-probe-id", PROBE)
            .header("x-scope-probe-version", "1.13.2")
            .body(())
            .unwrap();
        let stream = TcpStream::connect(self.address).await.unwrap();
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((socket, _)) => Ok(socket),
            Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => Err(answer.status()),
            Err(error) => panic!("{path}: {error}"),
        }
    }

    /// The probe's report, as probes post it: gzip over msgpack.
    async fn report(&self) {
        let at = Timestamp::from_millis(self.engine.now().as_millis()).to_string();
        let said = |value: &str| json!({ "timestamp": at, "value": value });
        let report = json!({ "Host": {
            "nodes": { NODE: { "id": NODE, "topology": "host", "latest": {
                "host_name": said("farhost"),
                "host_scope_version": said("1.13.2"),
                "control_probe_id": said(PROBE),
                "ts": said(&at),
                "active_controls": said("host_exec"),
            } } },
            "controls": { "host_exec": { "id": "host_exec", "human": "Exec shell", "icon": "fa fa-terminal", "rank": 0 } },
        } });
        let decoded = Report::from_json(report.to_string().as_bytes(), self.engine.now()).unwrap();
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&decoded.report.to_msgpack()).unwrap();
        let body = packed.finish().unwrap();
        let head = format!(
            "POST /api/report HTTP/1.1\r\nHost: {}\r\nAuthorization: Scope-Probe token={TOKEN}\r\n\
             X-Scope-Probe-ID: {PROBE}\r\nX-Scope-Probe-Version: 1.13.2\r\nContent-Encoding: gzip\r\n\
             Content-Type: application/msgpack\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.address,
            body.len()
        );
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    async fn strike(self) {
        self.stop.cancel();
        self.engine.shutdown().await;
    }
}

/// The next text message, as JSON.
async fn heard(socket: &mut Socket) -> Value {
    loop {
        match timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("not expected: {other:?}"),
        }
    }
}

/// Takes one call as Go's server does and answers it.
async fn answer(socket: &mut Socket, error: &str, value: Value) -> Value {
    let head = heard(socket).await;
    assert_eq!(head["Request"]["ServiceMethod"], "control.Handle");
    assert_eq!(head["Response"], Value::Null);
    let seq = head["Request"]["Seq"].as_u64().unwrap();
    let asked = heard(socket).await["Value"].clone();
    let response = json!({ "ServiceMethod": "control.Handle", "Seq": seq, "Error": error });
    for message in [
        json!({ "Request": null, "Response": response, "Value": null }),
        json!({ "Request": null, "Response": null, "Value": value }),
    ] {
        socket.send(Message::text(message.to_string())).await.unwrap();
    }
    asked
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_probe_is_listed_and_its_controls_and_terminals_work() {
    let stage = Stage::set().await;
    assert_eq!(
        stage.dial("/api/control/ws").await.map(|_| ()),
        Ok(()),
        "it may wait for controls before its first report"
    );
    stage.report().await;
    let node = "/api/topology/hosts/farhost;%3Chost%3E";
    let details = stage
        .until("node", node, |status, _| status == StatusCode::OK)
        .await;
    let control = &details["node"]["controls"][0];
    assert_eq!(
        (control["id"].as_str(), control["probeId"].as_str()),
        (Some("host_exec"), Some(PROBE))
    );

    // Pressed before the probe is connected, and by an id that nobody has.
    let press = |probe: &str| format!("/api/control/{probe}/farhost;%3Chost%3E/host_exec");
    for probe in [PROBE, "nobody"] {
        let end = Instant::now() + PATIENCE;
        let (status, text) = loop {
            let (status, text) = stage.send(Method::POST, &press(probe)).await;
            // The server learns of the first connection's end in its own time.
            if text.as_str().is_some_and(|t| t.contains("not connected")) || Instant::now() > end {
                break (status, text);
            }
        };
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(text, json!(format!("probe {probe} is not connected right now")));
    }

    let mut probe = stage.dial("/api/control/ws").await.unwrap();
    let listed = stage
        .until("connected probe", "/api/probes", |_, list| {
            list.as_array()
                .unwrap()
                .iter()
                .any(|p| p["id"] == PROBE && p["connected"] == true)
        })
        .await;
    let own = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["id"] == PROBE)
        .unwrap();
    assert_eq!(
        (own["hostname"].as_str(), own["version"].as_str()),
        (Some("farhost"), Some("1.13.2"))
    );
    assert!(Timestamp::parse(own["lastSeen"].as_str().unwrap()).is_some());

    // A control that fails in the handler, one that fails in the call itself, one that opens a terminal.
    let path = press(PROBE);
    let check = async |probe: &mut Socket, error: &str, value: Value| {
        let (pressed, asked) = tokio::join!(stage.send(Method::POST, &path), answer(probe, error, value));
        assert_eq!(asked["NodeID"], NODE);
        assert_eq!(asked["Control"], "host_exec");
        pressed
    };
    let refused = (StatusCode::BAD_REQUEST, json!("no shell"));
    assert_eq!(
        check(&mut probe, "", json!({ "error": "no shell" })).await,
        refused
    );
    assert_eq!(check(&mut probe, "no shell", json!({})).await, refused);
    let opened = json!({ "pipe": "pipe-7", "raw_tty": true, "resize_tty_control": "host_resize_tty" });
    assert_eq!(
        check(&mut probe, "", opened.clone()).await,
        (StatusCode::OK, opened)
    );

    // What the pipe alone names is passed on as it is: a terminal's resizing.
    let resize = format!("/api/control/{PROBE}/farhost;%3Chost%3E/host_resize_tty");
    let size = json!({ "pipeID": "pipe-7", "width": "80", "height": "24" }).to_string();
    let client = stage.client();
    let (resized, asked) = tokio::join!(
        client.send(Method::POST, &resize, Some("application/json"), size.into()),
        answer(&mut probe, "", json!({}))
    );
    let resized = resized.unwrap();
    assert_eq!(
        (resized.status, asked["Control"].as_str()),
        (StatusCode::OK, Some("host_resize_tty"))
    );
    // Two were refused, one opened the terminal; that it changes its size is no news.
    let pressed = |events: &Value| {
        let events = events.as_array().into_iter().flatten();
        events.filter(|e| e["subject"] == NODE && e["user"] != "").count()
    };
    let events = stage
        .until("events of the controls", "/api/events?from=0", |_, events| {
            pressed(events) >= 3
        })
        .await;
    assert_eq!(pressed(&events), 3, "{events:#}");

    // The terminal: a shell at the probe's end, the window at the other.
    let far = stage.dial("/api/pipe/pipe-7/probe").await.unwrap();
    let shell = tokio::spawn(serve_shell(far));
    let (keys, keys_in) = mpsc::channel(8);
    let (screen, mut screen_out) = mpsc::channel(8);
    let client = stage.client();
    let window = tokio::spawn(async move {
        client
            .serve_pipe("pipe-7", PipeEnd::Client, keys_in, screen)
            .await
    });
    keys.send(Bytes::from_static(b"echo $((6 * 7))\n")).await.unwrap();
    let mut seen = String::new();
    while !seen.contains("42\n") {
        let bytes = timeout(PATIENCE, screen_out.recv()).await.unwrap().unwrap();
        seen.push_str(&String::from_utf8_lossy(&bytes));
    }
    assert_eq!(
        stage.get("/api/pipe/pipe-7/check").await.0,
        StatusCode::NO_CONTENT
    );

    // The shell ends; the probe closes the pipe; the window is told, and nobody can open it again.
    keys.send(Bytes::from_static(b"exit\n")).await.unwrap();
    timeout(PATIENCE, shell).await.unwrap().unwrap();
    assert_eq!(
        stage.send(Method::DELETE, "/api/pipe/pipe-7").await.0,
        StatusCode::OK
    );
    timeout(PATIENCE, window).await.unwrap().unwrap().unwrap();
    assert_eq!(stage.get("/api/pipe/pipe-7/check").await.0, StatusCode::NOT_FOUND);
    assert_eq!(
        stage.dial("/api/pipe/pipe-7/probe").await.map(|_| ()),
        Err(StatusCode::NOT_FOUND)
    );
    stage.strike().await;
}

/// Runs `/bin/sh` behind a probe's end of a pipe until it ends.
async fn serve_shell(socket: Socket) {
    let mut shell = tokio::process::Command::new("/bin/sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, mut output) = (shell.stdin.take().unwrap(), shell.stdout.take().unwrap());
    let (mut sink, mut source) = socket.split();
    let typing = tokio::spawn(async move {
        while let Some(Ok(message)) = source.next().await {
            if input.write_all(&message.into_data()).await.is_err() {
                return;
            }
        }
    });
    let mut buffer = [0; 1024];
    loop {
        let read = output.read(&mut buffer).await.unwrap();
        if read == 0 {
            break;
        }
        let bytes = Bytes::copy_from_slice(&buffer[..read]);
        sink.send(Message::Binary(bytes)).await.unwrap();
    }
    typing.abort();
    assert!(shell.wait().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_after_a_report_was_taken_finds_it() {
    let stage = Stage::set().await;
    stage.report().await;
    let (status, hosts) = stage.get("/api/topology/hosts").await;
    assert_eq!(status, StatusCode::OK);
    assert!(hosts["nodes"].get(NODE).is_some(), "{hosts}");
    stage.strike().await;
}
