//! The whole HTTP surface under attack: every route that the description names, asked by whoever may not come, and
//! requests whose ends can be read in two ways.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use orrery_engine::api::Role;
use orrery_engine::{Config, Engine, Paths};
use orrery_gateway::{Door, Gateway, Keys, ServicesConfig, Token};
use orrery_testkit::{GoodPlugin, Reply};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const TOKEN: &str = "0123456789abcdef0123";
const PATIENCE: Duration = Duration::from_secs(60);

struct Stage {
    _home: TempDir,
    _plugin: GoodPlugin,
    engine: Engine,
    keys: Keys,
    address: SocketAddr,
    stop: CancellationToken,
}

impl Stage {
    async fn set(read_only: bool) -> Stage {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::below(home.path());
        let plugin = GoodPlugin::start(home.path().join("sockets/shop.sock")).unwrap();
        plugin.on_other(|_| Reply::ok("sold"));
        let services = ServicesConfig::at(&paths);
        std::fs::create_dir_all(&services.watched).unwrap();
        std::fs::write(services.watched.join("shop.json"), shop().to_string()).unwrap();
        let mut config = Config::new(home.path().join("data"));
        config.plugin_roots = vec![home.path().join("sockets")];
        config.probes.clear();
        config.read_only = read_only;
        let engine = Engine::start(config).await.unwrap();
        let keys = Keys::open(home.path(), Token::parse(TOKEN, "the test").unwrap()).unwrap();
        let gateway = Gateway::new(engine.clone(), keys.clone(), None)
            .with_services(services)
            .await
            .unwrap();
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = gateway.router(Door::tcp(address));
        tokio::spawn(orrery_gateway::serve_tcp(listener, routes, stop.clone()));
        let stage = Stage {
            _home: home,
            _plugin: plugin,
            engine,
            keys,
            address,
            stop,
        };
        stage.until_the_shop_is_open().await;
        stage
    }

    /// Until the plugin answers at the address that is declared for it.
    async fn until_the_shop_is_open(&self) {
        let owner = format!("Bearer {TOKEN}");
        let end = Instant::now() + PATIENCE;
        let [look, ..] = served();
        while self.status(&look, &[("Authorization", &owner)]).await != 200 {
            assert!(Instant::now() < end, "the plugin is never reached");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Everything that comes back until the instance closes the connection.
    async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // A request that is refused early closes the connection while more of it is sent.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Status of a request without a body.
    async fn status(&self, operation: &Operation, headers: &[(&str, &str)]) -> u16 {
        let own = self.address.to_string();
        let host = headers.iter().find(|(name, _)| *name == "Host");
        let mut request = format!(
            "{} {} HTTP/1.1\r\nConnection: close\r\nHost: {}\r\n",
            operation.method,
            operation.path,
            host.map_or(own.as_str(), |(_, value)| *value)
        );
        for (name, value) in headers.iter().filter(|(name, _)| *name != "Host") {
            request += &format!("{name}: {value}\r\n");
        }
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all((request + "\r\n").as_bytes()).await.unwrap();
        // The first line is enough: some answers have no end.
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await.unwrap();
        status(&line)
    }

    async fn end(self) {
        self.stop.cancel();
        self.engine.shutdown().await;
    }
}

fn status(answer: &str) -> u16 {
    let word = answer.split(' ').nth(1);
    word.and_then(|word| word.parse().ok())
        .unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

/// What a plugin serves: to look at, to press, and to change, one for each role.
fn shop() -> Value {
    let route = |method: &str, path: &str, access: &str| json!({ "type": "route", "method": method, "path": path, "access": access });
    json!({
        "apiVersion": "aggregation.orrery/v1alpha1", "kind": "DataPlaneService",
        "metadata": { "name": "shop" },
        "spec": {
            "pluginID": "shop", "pluginType": "app", "group": "shop.example", "version": "v1",
            "services": [route("GET", "look", "view"), route("POST", "buy", "control"), route("DELETE", "all", "admin")],
        },
    })
}

/// The same as operations.
fn served() -> [Operation; 3] {
    let operation = |method: &str, path: &str, role: &str| Operation {
        method: method.to_owned(),
        path: format!("/apis/shop.example/v1/{path}"),
        role: role.to_owned(),
        changes: method != "GET",
    };
    [
        operation("GET", "look", "view"),
        operation("POST", "buy", "control"),
        operation("DELETE", "all", "admin"),
    ]
}

/// An operation of the description, at an address where nothing is.
#[derive(Debug)]
struct Operation {
    method: String,
    path: String,
    role: String,
    changes: bool,
}

fn operations() -> Vec<Operation> {
    let document = orrery_gateway::openapi_document();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let path: Vec<&str> = path
            .split('/')
            .map(|part| match part {
                "{order}" => "restart",
                part if part.starts_with('{') => "nothing",
                part => part,
            })
            .collect();
        for (method, operation) in item.as_object().unwrap() {
            let Some(role) = operation["x-role"].as_str() else {
                continue;
            };
            all.push(Operation {
                method: method.to_uppercase(),
                path: path.join("/"),
                role: role.to_owned(),
                changes: operation["x-changes"] == Value::Bool(true),
            });
        }
    }
    assert!(all.len() > 70, "{}", all.len());
    all.extend(served());
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_answers_strangers_foreign_pages_or_foreign_names() {
    let stage = Stage::set(false).await;
    let own = format!("Bearer {TOKEN}");
    let own = ("Authorization", own.as_str());
    let gone = stage.keys.make("gone", Role::Admin).unwrap();
    let gone = format!("Bearer {}", gone.reveal());
    stage.keys.revoke("gone").unwrap();
    let page = format!("http://localhost:{}", stage.address.port() ^ 1);
    for operation in operations() {
        let cases: [(u16, &[(&str, &str)]); 8] = [
            (401, &[]),
            (401, &[("Authorization", "Bearer 0123456789abcdef0124")]),
            (401, &[("Authorization", &gone)]),
            (401, &[("Cookie", "orrery_token=")]),
            (403, &[own, ("Host", "rebound.example")]),
            (403, &[own, ("Origin", "http://evil.example")]),
            (403, &[own, ("Origin", &page)]),
            (403, &[own, ("Sec-Fetch-Site", "cross-site")]),
        ];
        for (wanted, headers) in cases {
            let got = stage.status(&operation, headers).await;
            assert_eq!(got, wanted, "{operation:?} {headers:?}");
        }
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_refused_to_lesser_roles_and_every_change_in_read_only_mode() {
    let (stage, still) = (Stage::set(false).await, Stage::set(true).await);
    let bearer = |name, role| format!("Bearer {}", stage.keys.make(name, role).unwrap().reveal());
    let view = bearer("looks", Role::View);
    let control = bearer("presses", Role::Control);
    let owner = format!("Bearer {TOKEN}");
    let mut roles = BTreeSet::new();
    for operation in operations() {
        let may_view = operation.role == "view";
        let got = stage.status(&operation, &[("Authorization", &view)]).await;
        assert_eq!(got == 403, !may_view, "{operation:?}: {got}");
        if operation.role == "admin" {
            let got = stage.status(&operation, &[("Authorization", &control)]).await;
            assert_eq!(got, 403, "{operation:?}");
        }
        if operation.changes {
            let got = still.status(&operation, &[("Authorization", &owner)]).await;
            assert_eq!(got, 403, "{operation:?} in read-only mode");
        }
        roles.insert(operation.role);
    }
    assert_eq!(roles.len(), 3, "{roles:?}");
    stage.end().await;
    still.end().await;
}

/// A request after which another is hidden, if its end is read in another way than it is written.
fn smuggled(head: &str, body: &str, address: SocketAddr) -> String {
    format!(
        "POST /api/call HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\n{head}\r\n\r\n{body}\
         DELETE /api/tokens/kept HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\n\
         Connection: close\r\n\r\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_end_can_be_read_in_two_ways_hides_no_other() {
    let stage = Stage::set(false).await;
    stage.keys.make("kept", Role::View).unwrap();
    let kept = || {
        stage
            .keys
            .list()
            .iter()
            .any(|k| k.name == "kept" && k.revoked_ms.is_none())
    };
    // Each of these is either refused, which closes the connection, or swallows all that follows as its body.
    let bad = [
        ("Content-Length: 5\r\nContent-Length: 6", "hello"),
        ("Content-Length: 5, 6", "hello"),
        ("Content-Length: +5", "hello"),
        ("Content-Length: -1", ""),
        ("Content-Length: 0x5", "hello"),
        ("Content-Length: 99999999999999999999", ""),
        ("Transfer-Encoding: chunked, identity", "0\r\n\r\n"),
        ("Transfer-Encoding: xchunked", "0\r\n\r\n"),
        ("Transfer-Encoding: gzip", "0\r\n\r\n"),
        ("Transfer-Encoding : chunked", "0\r\n\r\n"),
        ("Transfer-Encoding: chunked", "zz\r\n\r\n"),
        ("Transfer-Encoding: chunked", "FFFFFFFFFFFFFFFFF\r\n\r\n"),
        ("Transfer-Encoding: chunked", "5\rhello\r\n0\r\n\r\n"),
        ("X: a\r\n Transfer-Encoding: chunked", "0\r\n\r\n"),
        ("Bad Header: x", ""),
        ("X: a\0b", ""),
    ];
    for (head, body) in bad {
        let answer = stage.raw(&smuggled(head, body, stage.address)).await;
        assert!(
            kept(),
            "{head:?} {body:?} let the hidden request through: {answer:?}"
        );
        assert!(
            answer.is_empty() || status(&answer) >= 400,
            "{head:?} {body:?} was taken: {answer:?}"
        );
    }
    // Where both are there the body is the chunks, and the connection is not used again.
    let both = smuggled(
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "0\r\n\r\n",
        stage.address,
    );
    let answer = stage.raw(&both).await;
    assert!(status(&answer) >= 400, "{answer:?}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_address_is_refused_in_the_form_of_every_error() {
    let stage = Stage::set(false).await;
    let ask = async |line: &str, head: &str, body: &str| {
        let (address, length) = (stage.address, body.len());
        let request = format!(
            "{line} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\
             Content-Length: {length}\r\n{head}\r\n{body}"
        );
        stage.raw(&request).await
    };
    let long = format!("GET /api/history?node={}", "x".repeat(60_000));
    let longer = format!("X: {}\r\n", "x".repeat(64 * 1024));
    let large = format!("{{\"op\": \"search\", \"query\": \"{}\"}}", "x".repeat(300_000));
    let cases = [
        (405, "PUT /api/status", "", ""),
        (405, "BREW /api/topology", "", ""),
        (400, "GET /api/topology/%ff", "", ""),
        (404, "GET /api/topology/%zz", "", ""),
        (404, "GET /api/../etc/passwd", "", ""),
        (404, "GET /api/%2e%2e/token", "", ""),
        (400, "GET /api/history?node=a&metric=b&from=x&to=1", "", ""),
        (400, long.as_str(), "", ""),
        (431, "GET /api/status", longer.as_str(), ""),
        (400, "POST /api/call", "", "{"),
        (400, "POST /api/call", "", "{\"op\": \"status\", \"more\": 1}"),
        (400, "POST /api/tokens", "", "[]"),
        (415, "POST /api/call", "Content-Type: text/plain\r\n", "{}"),
        (
            413,
            "POST /api/call",
            "Content-Type: application/json\r\n",
            large.as_str(),
        ),
        (
            413,
            "PUT /apis/aggregation.orrery/v1alpha1/dataplaneservices",
            "Content-Type: application/json\r\n",
            large.as_str(),
        ),
        (400, "GET /api/view", "", ""),
    ];
    for (wanted, line, head, body) in cases {
        let answer = ask(line, head, body).await;
        let shown: String = line.chars().take(60).collect();
        assert_eq!(status(&answer), wanted, "{shown} {head:?}: {answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let error: Value = serde_json::from_str(body).unwrap_or_else(|e| panic!("{shown}: {e}: {body:?}"));
        assert!(
            error["code"].is_string() && error["message"].is_string(),
            "{shown}: {body}"
        );
        if wanted == 405 {
            assert!(head.to_lowercase().contains("\r\nallow: "), "{shown}: {head}");
        }
    }
    stage.end().await;
}
