//! What comes through the real door on its way to a plugin, in numbers: who hangs up at once, services that change a
//! thousand times under load, and what of a request a plugin gets to see.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use orrery_engine::{Config, Engine, Paths};
use orrery_gateway::{Door, Gateway, ServicesConfig, Token};
use orrery_testkit::plugin::report_json;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(60);
const OBJECTS: &str = "/apis/aggregation.orrery/v1alpha1/dataplaneservices";
const TOKEN: &str = "0123456789abcdef0123";
/// Clients that hang up.
const HASTY: usize = 200;
/// Changes of one service under load.
const CHANGES: usize = 1_000;
/// Callers meanwhile.
const CALLERS: usize = 4;

struct Stage {
    home: TempDir,
    engine: Engine,
    address: SocketAddr,
    stop: CancellationToken,
}

impl Stage {
    /// An instance with a plugin `shop` that says what it got.
    async fn set() -> Stage {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::below(home.path());
        let root = home.path().join("sockets");
        std::fs::create_dir_all(&root).unwrap();
        let plugin = UnixListener::bind(root.join("shop.sock")).unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = plugin.accept().await {
                tokio::spawn(echo(stream));
            }
        });
        let mut config = Config::new(paths.data.clone());
        config.plugin_roots = vec![root];
        config.probes.clear();
        let engine = Engine::start(config).await.unwrap();
        let token = Token::parse(TOKEN, "the test").unwrap();
        let gateway = Gateway::new(engine.clone(), token, None)
            .with_services(ServicesConfig::at(&paths))
            .await
            .unwrap();
        let stop = CancellationToken::new();
        let socket = orrery_gateway::bind(&paths.instance_socket()).await.unwrap();
        let front = gateway.router(Door::socket());
        tokio::spawn(orrery_gateway::serve_unix(socket, front, stop.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let front = gateway.router(Door::tcp(address));
        tokio::spawn(orrery_gateway::serve_tcp(listener, front, stop.clone()));
        Stage {
            home,
            engine,
            address,
            stop,
        }
    }

    fn socket(&self) -> PathBuf {
        Paths::below(self.home.path()).instance_socket()
    }

    async fn socket_client(&self) -> Client<UnixStream> {
        Client::new(UnixStream::connect(self.socket()).await.unwrap())
    }

    async fn tcp_client(&self) -> Client<TcpStream> {
        Client::new(TcpStream::connect(self.address).await.unwrap())
    }

    /// A request in whole.
    fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n{headers}\r\n{body}",
            self.address,
            body.len()
        )
    }

    /// What was noted, oldest first: what, about what, and how it ended.
    async fn noted(&self) -> Vec<(String, String, String)> {
        let entries = self.engine.audit(Some(0), Some(usize::MAX)).await.unwrap();
        let entries = serde_json::to_value(entries).unwrap();
        let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
        let all = entries.as_array().unwrap().iter();
        all.map(|entry| (text(entry, "what"), text(entry, "subject"), text(entry, "result")))
            .collect()
    }

    /// Waits until so many orders of a kind are noted as done, each about another service.
    async fn until_noted(&self, what: &str, count: usize) {
        let until = Instant::now() + PATIENCE;
        loop {
            let noted = self.noted().await;
            let done: BTreeSet<_> = noted
                .iter()
                .filter(|(noted, _, result)| noted == what && result == "done")
                .map(|(_, subject, _)| subject)
                .collect();
            if done.len() == count {
                return;
            }
            assert!(
                Instant::now() < until,
                "{what}: {} of {count} are noted; the last: {:?}",
                done.len(),
                noted.last()
            );
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn end(self) {
        self.stop.cancel();
        self.engine.shutdown().await;
    }
}

/// A client that keeps its connection.
struct Client<S> {
    stream: BufReader<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    fn new(stream: S) -> Self {
        Client {
            stream: BufReader::new(stream),
        }
    }

    /// Status, head and body of the answer.
    async fn ask(&mut self, request: &str) -> (u16, String, String) {
        self.stream.write_all(request.as_bytes()).await.unwrap();
        let head = head(&mut self.stream).await.unwrap();
        let length = field(&head, "content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head, String::from_utf8(body).unwrap())
    }
}

/// A head with its last empty line; none at the end.
async fn head(stream: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    Some(head)
}

fn field(head: &str, name: &str) -> Option<String> {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    fields
        .find(|(field, _)| field.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.to_owned())
}

/// The plugin: reports, and says everything that it got.
async fn echo(stream: UnixStream) {
    let mut stream = BufReader::new(stream);
    while let Some(head) = head(&mut stream).await {
        let length = field(&head, "content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).await.is_err() {
            return;
        }
        let said = if head.starts_with("GET /report") {
            report_json("shop")
        } else {
            json!({ "head": head, "body": String::from_utf8_lossy(&body) })
        };
        let said = said.to_string();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nSet-Cookie: own=1\r\nAccess-Control-Allow-Origin: *\r\nX-Orrery-User: root\r\n\
             Content-Security-Policy: script-src *\r\nX-Own: kept\r\nConnection: X-Once\r\nX-Once: 1\r\n\
             Content-Length: {}\r\n\r\n{said}",
            said.len()
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A service of the plugin `shop`.
fn object(name: &str, group: &str, more: usize) -> String {
    json!({
        "apiVersion": "aggregation.orrery/v1alpha1", "kind": "DataPlaneService",
        "metadata": { "name": name },
        "spec": {
            "pluginID": "shop", "group": group, "version": "v1",
            "services": [{ "type": "route", "path": "/orders" }, { "type": "route", "path": format!("/more{more}") }],
        },
    })
    .to_string()
}

/// Writes a request, in one piece or two, and hangs up at once: both directions, or its own first.
async fn hang_up(mut stream: impl AsyncWrite + Unpin, request: &str, way: usize) {
    let cut = if way.is_multiple_of(3) {
        request.len() / 2
    } else {
        request.len()
    };
    let (first, second) = request.as_bytes().split_at(cut);
    stream.write_all(first).await.unwrap();
    stream.write_all(second).await.unwrap();
    if way.is_multiple_of(2) {
        stream.shutdown().await.unwrap();
    }
}

async fn order_and_hang_up(stage: &Arc<Stage>, request: impl Fn(usize) -> String) {
    let mut clients = Vec::new();
    for way in 0..HASTY {
        let (stage, request) = (Arc::clone(stage), request(way));
        clients.push(tokio::spawn(async move {
            if way % 4 < 2 {
                hang_up(UnixStream::connect(stage.socket()).await.unwrap(), &request, way).await;
            } else {
                hang_up(TcpStream::connect(stage.address).await.unwrap(), &request, way).await;
            }
        }));
    }
    for client in clients {
        client.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_order_that_came_whole_is_carried_out_and_noted_though_its_client_hung_up() {
    let stage = Arc::new(Stage::set().await);
    let put = |n: usize| {
        let name = format!("hasty-{n}");
        let body = object(&name, &format!("{name}.example"), 0);
        stage.request("PUT", &format!("{OBJECTS}/{name}"), "", &body)
    };
    order_and_hang_up(&stage, put).await;
    stage.until_noted("change service", HASTY).await;
    let mut client = stage.socket_client().await;
    let list = stage.request("GET", OBJECTS, "", "");
    let (_, _, listed) = client.ask(&list).await;
    assert_eq!(
        listed.matches("\"name\":\"hasty-").count(),
        HASTY,
        "each is there once"
    );
    let delete = |n: usize| stage.request("DELETE", &format!("{OBJECTS}/hasty-{n}"), "", "");
    order_and_hang_up(&stage, delete).await;
    stage.until_noted("delete service", HASTY).await;
    let (_, _, listed) = client.ask(&list).await;
    assert_eq!(listed.matches("hasty-").count(), 0, "{listed}");
    Arc::into_inner(stage).unwrap().end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_changes_a_thousand_times_over_http_fails_no_request() {
    let stage = Arc::new(Stage::set().await);
    let mut changer = stage.socket_client().await;
    let change = |n: usize| {
        stage.request(
            "PUT",
            &format!("{OBJECTS}/shop"),
            "",
            &object("shop", "shop.example", n),
        )
    };
    let (status, _, said) = changer.ask(&change(0)).await;
    assert_eq!(status, 200, "{said}");
    let ask = stage.request("GET", "/apis/shop.example/v1/orders", "", "");
    let until = Instant::now() + PATIENCE;
    while changer.ask(&ask).await.0 != 200 {
        assert!(Instant::now() < until, "the plugin is not reached");
        sleep(Duration::from_millis(50)).await;
    }
    let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut callers = Vec::new();
    for _ in 0..CALLERS {
        let (stage, ask) = (Arc::clone(&stage), ask.clone());
        let (over, answered) = (Arc::clone(&over), Arc::clone(&answered));
        callers.push(tokio::spawn(async move {
            let mut client = stage.tcp_client().await;
            while !over.load(Ordering::Relaxed) {
                let (status, head, body) = client.ask(&ask).await;
                assert_eq!(status, 200, "{head}{body}");
                answered.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    for n in 1..=CHANGES {
        let (status, _, said) = changer.ask(&change(n)).await;
        assert_eq!(status, 200, "{said}");
    }
    // Everybody was served at least once beside the changes.
    while answered.load(Ordering::Relaxed) < CALLERS as u64 {
        assert!(Instant::now() < until + PATIENCE, "nobody is served");
        sleep(Duration::from_millis(10)).await;
    }
    over.store(true, Ordering::Relaxed);
    for caller in callers {
        timeout(PATIENCE, caller).await.unwrap().unwrap();
    }
    let newest = format!("/apis/shop.example/v1/more{CHANGES}");
    assert_eq!(changer.ask(&stage.request("GET", &newest, "", "")).await.0, 200);
    Arc::into_inner(stage).unwrap().end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_the_token_nor_a_claim_reaches_a_plugin_and_nothing_of_it_leaves_its_answer() {
    let stage = Stage::set().await;
    let mut client = stage.tcp_client().await;
    let put = stage.request(
        "PUT",
        &format!("{OBJECTS}/shop"),
        "",
        &object("shop", "shop.example", 0),
    );
    assert_eq!(client.ask(&put).await.0, 200);
    let claims = "Cookie: orrery_token=0123456789abcdef0123; other=1\r\nX-Orrery-User: root\r\nX-Orrery-Role: admin\r\n\
                  X-Forwarded-For: 192.0.2.7\r\nX-Remote-User: root\r\nX-Dataplane-Group: other\r\nX-Own: kept\r\n\
                  Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\nReferer: http://x.example/secret\r\n";
    let path = "/apis/shop.example/v1/namespaces/team/orders?a=1&b=%2F";
    let ask = stage.request("POST", path, claims, "{\"n\":1}");
    let until = Instant::now() + PATIENCE;
    let (head, said) = loop {
        let (status, head, said) = client.ask(&ask).await;
        if status == 200 {
            break (head, serde_json::from_str::<Value>(&said).unwrap());
        }
        assert!(Instant::now() < until, "{status}: {said}");
        sleep(Duration::from_millis(50)).await;
    };
    let got = said["head"].as_str().unwrap();
    assert!(got.starts_with("POST /orders?a=1&b=%2F HTTP/1.1\r\n"), "{got}");
    assert_eq!(said["body"], "{\"n\":1}");
    assert!(
        !got.contains(TOKEN) && !got.contains("secret") && !got.contains("root"),
        "{got}"
    );
    for (name, value) in [
        ("host", Some("plugin")),
        ("x-orrery-user", Some("token owner")),
        ("x-orrery-role", Some("admin")),
        ("x-forwarded-for", Some("127.0.0.1")),
        ("x-forwarded-proto", Some("http")),
        (
            "x-forwarded-prefix",
            Some("/apis/shop.example/v1/namespaces/team"),
        ),
        ("x-dataplane-group", Some("shop.example")),
        ("x-dataplane-version", Some("v1")),
        ("x-dataplane-namespace", Some("team")),
        ("x-own", Some("kept")),
        ("authorization", None),
        ("cookie", None),
        ("x-remote-user", None),
        ("x-hop", None),
        ("te", None),
        ("connection", None),
    ] {
        assert_eq!(field(got, name).as_deref(), value, "{name} in {got}");
    }
    assert!(
        field(got, "x-request-id").is_some_and(|id| id.len() == 32),
        "{got}"
    );
    assert!(
        field(got, "traceparent").is_some_and(|trace| trace.starts_with("00-")),
        "{got}"
    );
    for (name, value) in [
        ("set-cookie", None),
        ("access-control-allow-origin", None),
        ("x-orrery-user", None),
        ("x-once", None),
        ("x-own", Some("kept")),
        ("content-security-policy", Some("sandbox")),
        ("x-content-type-options", Some("nosniff")),
        ("x-frame-options", Some("DENY")),
        ("cache-control", Some("no-store")),
    ] {
        assert_eq!(field(&head, name).as_deref(), value, "{name} in {head}");
    }
    stage.end().await;
}
