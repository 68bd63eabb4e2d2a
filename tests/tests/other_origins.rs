//! S60: pages of other origins. Those that the owner lists may ask, with a token as bearer and with nothing that a
//! browser adds by itself; no others may.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::net::SocketAddr;

use orrery_engine::{Config, Engine, Paths};
use orrery_gateway::{Door, Gateway, PageOrigin, ServicesConfig, Token};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

const TOKEN: &str = "0123456789abcdef0123";
const LISTED: &str = "https://grafana.example";
const OBJECTS: &str = "/apis/aggregation.orrery/v1alpha1/dataplaneservices";

struct Stage {
    _home: TempDir,
    engine: Engine,
    address: SocketAddr,
    stop: CancellationToken,
}

/// Status and headers of an answer.
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
}

impl Answer {
    fn says(&self, name: &str) -> Option<String> {
        let said = self.headers.iter().filter(|(n, _)| n == name);
        let values: Vec<&str> = said.map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", ").to_ascii_lowercase())
    }

    fn allows(&self) -> Option<String> {
        self.says("access-control-allow-origin")
    }

    fn varies(&self) -> bool {
        let vary = self.says("vary").unwrap_or_default();
        vary.split(',').any(|name| name.trim() == "origin")
    }
}

impl Stage {
    async fn set() -> Stage {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::below(home.path());
        let mut config = Config::new(paths.data.clone());
        config.probes.clear();
        let engine = Engine::start(config).await.unwrap();
        let gateway = Gateway::new(engine.clone(), Token::parse(TOKEN, "the test").unwrap(), None)
            .with_services(ServicesConfig::at(&paths))
            .await
            .unwrap();
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listed: PageOrigin = LISTED.parse().unwrap();
        let front = gateway.router(Door::tcp(address).open_to([listed]));
        tokio::spawn(orrery_gateway::serve_tcp(listener, front, stop.clone()));
        Stage {
            _home: home,
            engine,
            address,
            stop,
        }
    }

    /// The answer to a request with these headers beside the usual host.
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask_at(&self.address.to_string(), method, path, headers)
            .await
    }

    async fn ask_at(&self, host: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        let (head, _) = answer.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let pair = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        Answer {
            status: status.parse().unwrap(),
            headers: lines.filter_map(pair).collect(),
        }
    }

    async fn strike(self) {
        self.stop.cancel();
        self.engine.shutdown().await;
    }
}

fn bearer() -> String {
    format!("Bearer {TOKEN}")
}

const ASKS_FIRST: [(&str, &str); 2] = [
    ("Access-Control-Request-Method", "PUT"),
    ("Access-Control-Request-Headers", "authorization,content-type"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s60_a_listed_page_may_ask_with_a_bearer_and_is_told_so() {
    let stage = Stage::set().await;
    let bearer = bearer();
    let page = ("Origin", LISTED);
    for path in ["/api/topology", OBJECTS, "/metrics"] {
        let first = stage
            .ask("OPTIONS", path, &[&[page][..], &ASKS_FIRST].concat())
            .await;
        assert_eq!(first.status, 200, "{path}: a preflight carries no token");
        assert_eq!(first.allows().as_deref(), Some(LISTED), "{path}");
        let methods = first.says("access-control-allow-methods").unwrap();
        for method in ["get", "head", "post", "put", "patch", "delete"] {
            assert!(
                methods.split(',').any(|m| m.trim() == method),
                "{path}: {methods}"
            );
        }
        let headers = first.says("access-control-allow-headers").unwrap();
        assert!(headers.contains("authorization"), "{path}: {headers}");
        assert!(first.varies(), "{path}");
        let then = stage
            .ask(
                "GET",
                path,
                &[page, ("Authorization", &bearer), ("Sec-Fetch-Site", "cross-site")],
            )
            .await;
        assert_eq!(
            (then.status, then.allows().as_deref()),
            (200, Some(LISTED)),
            "{path}"
        );
        assert!(then.varies(), "{path}");
        for answer in [first, then] {
            assert_eq!(answer.says("access-control-allow-credentials"), None, "{path}");
        }
    }
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s60_what_a_browser_adds_by_itself_does_not_count_for_a_page() {
    let stage = Stage::set().await;
    let bearer = bearer();
    let page = ("Origin", LISTED);
    let cookie = format!("orrery_token={TOKEN}");
    // The password of `:0123456789abcdef0123`.
    let basic = "Basic OjAxMjM0NTY3ODlhYmNkZWYwMTIz";
    for (what, shown) in [
        ("nothing", &[page][..]),
        ("a cookie", &[page, ("Cookie", &cookie)]),
        ("a password", &[page, ("Authorization", basic)]),
        (
            "another token",
            &[page, ("Authorization", "Bearer 0123456789abcdef0124")],
        ),
    ] {
        for path in ["/api/topology", OBJECTS] {
            let refused = stage.ask("GET", path, shown).await;
            assert_eq!(refused.status, 401, "{what}");
            assert_eq!(
                refused.allows().as_deref(),
                Some(LISTED),
                "{what}: it may read why"
            );
        }
    }
    let own = stage.ask("GET", "/api/topology", &[("Cookie", &cookie)]).await;
    assert_eq!(own.status, 200, "which counts without a page");
    let own = stage
        .ask("GET", "/api/topology", &[("Authorization", basic)])
        .await;
    assert_eq!(own.status, 200, "which counts without a page");
    let entered = stage
        .ask("POST", "/api/session", &[page, ("Authorization", &bearer)])
        .await;
    assert_eq!((entered.status, entered.says("set-cookie")), (204, None));
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s60_no_other_page_may_ask_nor_any_by_a_foreign_name() {
    let stage = Stage::set().await;
    let bearer = bearer();
    let token = ("Authorization", bearer.as_str());
    for other in [
        "http://grafana.example",
        "https://grafana.example:8443",
        "https://grafana.example.evil.example",
        "https://evil.example",
        "null",
        "*",
    ] {
        for path in ["/api/topology", OBJECTS] {
            let asks = stage.ask("GET", path, &[("Origin", other), token]).await;
            assert_eq!((asks.status, asks.allows()), (403, None), "{other}");
            let first = stage
                .ask("OPTIONS", path, &[&[("Origin", other)][..], &ASKS_FIRST].concat())
                .await;
            assert_eq!((first.status, first.allows()), (403, None), "{other}");
        }
    }
    let two = [("Origin", LISTED), ("Origin", "https://evil.example"), token];
    let two = stage.ask("GET", "/api/topology", &two).await;
    assert_eq!((two.status, two.allows()), (403, None), "two origins");
    for method in ["GET", "OPTIONS"] {
        let headers = [&[("Origin", LISTED), token][..], &ASKS_FIRST].concat();
        let rebound = stage
            .ask_at("evil.example", method, "/api/topology", &headers)
            .await;
        assert_eq!((rebound.status, rebound.allows()), (403, None), "{method}");
    }
    let own = format!("http://{}", stage.address);
    let own = stage
        .ask("GET", "/api/topology", &[("Origin", &own), token])
        .await;
    assert_eq!(
        (own.status, own.allows()),
        (200, None),
        "the own page needs no leave"
    );
    assert!(own.varies(), "and its answer is not for others");
    let nobody = stage.ask("GET", "/api/topology", &[token]).await;
    assert_eq!((nobody.status, nobody.allows()), (200, None));
    assert!(nobody.varies());
    stage.strike().await;
}
