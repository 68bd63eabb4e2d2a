//! Who comes in, and how far: tokens, roles, browsers, hosts and origins, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::net::SocketAddr;

use http::{Method, StatusCode};
use orrery_engine::api::Role;
use orrery_engine::{Config, Engine};
use orrery_gateway::{Door, Gateway, Instance, Keys, Token};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

const TOKEN: &str = "0123456789abcdef0123";

struct Stage {
    home: TempDir,
    engine: Engine,
    keys: Keys,
    address: SocketAddr,
    stop: CancellationToken,
}

impl Stage {
    async fn set(read_only: bool, scope_open: bool) -> Stage {
        let home = tempfile::tempdir().unwrap();
        let mut config = Config::new(home.path().join("data"));
        config.probes.clear();
        config.read_only = read_only;
        let engine = Engine::start(config).await.unwrap();
        let keys = Keys::open(home.path(), Token::parse(TOKEN, "the test").unwrap()).unwrap();
        let gateway = Gateway::new(engine.clone(), keys.clone(), None).scope_open(scope_open);
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = gateway.router(Door::tcp(address));
        tokio::spawn(orrery_gateway::serve_tcp(listener, routes, stop.clone()));
        let socket = orrery_gateway::bind(&home.path().join("instance.sock"))
            .await
            .unwrap();
        let routes = gateway.router(Door::socket());
        tokio::spawn(orrery_gateway::serve_unix(socket, routes, stop.clone()));
        Stage {
            home,
            engine,
            keys,
            address,
            stop,
        }
    }

    /// An answer in whole: head and body.
    async fn raw(&self, request: &str, headers: &[(&str, &str)]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut head = format!("{request} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            head += &format!("Host: {}\r\n", self.address);
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn status(&self, request: &str, headers: &[(&str, &str)]) -> u16 {
        let answer = self.raw(request, headers).await;
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    async fn local(&self, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        let instance = Instance::Socket(self.home.path().join("instance.sock"));
        let body = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        let answer = instance.send(method, path, None, body.into()).await.unwrap();
        let value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        (answer.status, value)
    }

    async fn strike(self) {
        self.stop.cancel();
        self.engine.shutdown().await;
    }
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_goes_as_far_as_it_says() {
    let stage = Stage::set(false, false).await;
    let token = |role: Role, name: &str| bearer(stage.keys.make(name, role).unwrap().reveal());
    let tokens = [
        token(Role::View, "v"),
        token(Role::Control, "c"),
        token(Role::Admin, "a"),
        bearer(TOKEN),
    ];
    let check = async |request: &str, first: usize| {
        for (i, token) in tokens.iter().enumerate() {
            let given = [("Authorization", token.as_str()), ("Content-Length", "0")];
            let status = stage.status(request, &given).await;
            assert_eq!(status != 403, i >= first, "{request} by token {i}: {status}");
        }
        let stranger = stage.status(request, &[("Content-Length", "0")]).await;
        assert_eq!(stranger, 401, "{request} without a token");
    };
    check("GET /api/report", 0).await;
    check("HEAD /api/report", 0).await;
    check("GET /metrics", 0).await;
    check("POST /api/report", 1).await;
    check("POST /api/control/p/n/c", 1).await;
    check("DELETE /api/pipe/p", 1).await;
    check("POST /api/plugins/p/start", 2).await;
    check("DELETE /api/plugins/p", 2).await;
    check("POST /api/uploads", 2).await;
    check("GET /api/tokens", 2).await;
    check("DELETE /api/tokens/nobody", 2).await;
    // An operation says by itself what it needs.
    for (i, token) in tokens.iter().enumerate() {
        let instance = Instance::Address {
            url: format!("http://{}", stage.address),
            token: token.trim_start_matches("Bearer ").to_owned(),
        };
        let order = br#"{"op": "cancel_operation", "id": "x"}"#;
        let answer = instance
            .send(Method::POST, "/api/call", None, order.as_slice().into())
            .await
            .unwrap();
        assert_eq!(answer.status == StatusCode::FORBIDDEN, i < 2, "{answer:?}");
    }
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_made_listed_and_revoked_over_the_socket() {
    let stage = Stage::set(false, false).await;
    let new = json!({ "name": "ci", "role": "view" });
    let (status, made) = stage.local(Method::POST, "/api/tokens", &new).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let token = bearer(made["token"].as_str().unwrap());
    assert_eq!(stage.status("GET /api", &[("Authorization", &token)]).await, 200);
    let (_, list) = stage.local(Method::GET, "/api/tokens", &Value::Null).await;
    assert_eq!(
        (&list[0]["name"], &list[0]["role"]),
        (&json!("ci"), &json!("view"))
    );
    assert!(
        list[0]["used_ms"].is_i64() && list[0]["revoked_ms"].is_null(),
        "{list}"
    );
    assert!(
        !list.to_string().contains(made["token"].as_str().unwrap()),
        "{list}"
    );
    let again = stage.local(Method::POST, "/api/tokens", &new).await;
    assert_eq!(again.0, StatusCode::CONFLICT, "{}", again.1);
    let odd = stage
        .local(
            Method::POST,
            "/api/tokens",
            &json!({ "name": "x", "role": "king" }),
        )
        .await;
    assert_eq!(odd.0, StatusCode::BAD_REQUEST, "{}", odd.1);
    let gone = stage.local(Method::DELETE, "/api/tokens/ci", &Value::Null).await;
    assert_eq!(gone.0, StatusCode::NO_CONTENT);
    assert_eq!(stage.status("GET /api", &[("Authorization", &token)]).await, 401);
    stage.strike().await;
}

fn cookie_of(answer: &str) -> Option<&str> {
    let line = answer.lines().find_map(|l| l.strip_prefix("set-cookie: "))?;
    line.split(';').next()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_lets_one_browser_in_and_its_cookie_is_no_token() {
    let stage = Stage::set(false, false).await;
    let (status, link) = stage.local(Method::POST, "/api/links", &Value::Null).await;
    assert_eq!(status, StatusCode::CREATED, "{link}");
    let request = format!("GET {}", link["path"].as_str().unwrap());
    let answer = stage.raw(&request, &[]).await;
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    for want in [
        "HttpOnly",
        "SameSite=Strict",
        "location: /\r\n",
        "cache-control: no-store",
        "no-referrer",
    ] {
        assert!(answer.contains(want), "{want}: {answer}");
    }
    let cookie = cookie_of(&answer).unwrap().to_owned();
    let secret = link["path"].as_str().unwrap().trim_start_matches("/?token=");
    assert!(!cookie.contains(secret) && !cookie.contains(TOKEN), "{cookie}");
    assert_eq!(stage.status("GET /api", &[("Cookie", &cookie)]).await, 200);
    let again = stage.raw(&request, &[]).await;
    assert!(cookie_of(&again).is_none(), "a link opens once: {again}");

    let foreign = [("Cookie", cookie.as_str()), ("Origin", "http://evil.example")];
    assert_eq!(stage.status("GET /api", &foreign).await, 403);
    let site = [("Cookie", cookie.as_str()), ("Sec-Fetch-Site", "same-site")];
    assert_eq!(
        stage.status("GET /api", &site).await,
        403,
        "another port of this machine"
    );
    let upgrade = [
        ("Cookie", cookie.as_str()),
        ("Origin", "http://evil.example"),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    assert_eq!(
        stage.status("GET /api/view", &upgrade).await,
        403,
        "a websocket of another page"
    );

    let left = stage.raw("DELETE /api/session", &[("Cookie", &cookie)]).await;
    assert!(left.contains("Max-Age=0"), "{left}");
    assert_eq!(stage.status("GET /api", &[("Cookie", &cookie)]).await, 401);
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_turns_a_token_into_a_cookie_without_an_address() {
    let stage = Stage::set(true, false).await;
    let token = bearer(TOKEN);
    let answer = stage.raw("POST /api/session", &[("Authorization", &token)]).await;
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    let cookie = cookie_of(&answer).unwrap();
    assert_eq!(stage.status("GET /api", &[("Cookie", cookie)]).await, 200);
    assert_eq!(
        stage
            .status("POST /api/session", &[("Authorization", "Bearer x")])
            .await,
        401
    );
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_only_refuses_every_change_and_says_why() {
    let stage = Stage::set(true, false).await;
    let token = bearer(TOKEN);
    for request in [
        "POST /api/report",
        "POST /api/control/p/n/c",
        "POST /api/plugins",
        "POST /api/plugins/p/restart",
        "PUT /api/plugins/p/config",
        "DELETE /api/plugins/p",
        "DELETE /api/ops/x",
        "POST /api/uploads",
        "POST /api/tokens",
        "DELETE /api/tokens/x",
        "DELETE /api/pipe/p",
    ] {
        let given = [("Authorization", token.as_str()), ("Content-Length", "0")];
        let answer = stage.raw(request, &given).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{request}: {answer}");
        assert!(answer.contains(r#""reason":"read_only""#), "{request}: {answer}");
    }
    assert_eq!(
        stage
            .status("GET /api/report", &[("Authorization", &token)])
            .await,
        200
    );
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scopes_addresses_are_open_where_the_owner_says_so_and_controls_never() {
    let open = Stage::set(false, true).await;
    let closed = Stage::set(false, false).await;
    let check = async |request: &str, in_open: u16| {
        let given = [("Content-Length", "2"), ("Content-Type", "application/json")];
        assert_eq!(open.status(request, &given).await, in_open, "{request}");
        assert_eq!(closed.status(request, &given).await, 401, "{request}");
    };
    check("GET /api", 200).await;
    check("GET /api/topology", 200).await;
    check("GET /api/report", 200).await;
    check("POST /api/control/p/n/c", 401).await;
    check("GET /api/pipe/p", 401).await;
    check("POST /api/call", 401).await;
    check("GET /api/tokens", 401).await;
    check("GET /metrics", 401).await;
    assert_eq!(open.status("GET /api", &[("Host", "evil.example")]).await, 403);
    assert_eq!(
        open.status("GET /api", &[("Origin", "http://evil.example")])
            .await,
        403
    );
    open.strike().await;
    closed.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_addresses_and_methods_tell_strangers_nothing() {
    let stage = Stage::set(false, false).await;
    let token = bearer(TOKEN);
    let known = [("Authorization", token.as_str())];
    assert_eq!(stage.status("GET /api/nothing", &[]).await, 401);
    assert_eq!(stage.status("GET /api/nothing", &known).await, 404);
    assert_eq!(stage.status("PATCH /api/report", &[]).await, 401);
    assert_eq!(stage.status("PATCH /api/report", &known).await, 405);
    assert_eq!(stage.status("POST /", &[]).await, 401);
    let page = stage.raw("GET /", &[]).await;
    for want in [
        "script-src 'self'",
        "frame-ancestors 'none'",
        "nosniff",
        "no-referrer",
        "x-frame-options: DENY",
    ] {
        assert!(page.contains(want), "{want}: {page}");
    }
    let api = stage.raw("GET /api", &known).await;
    assert!(
        api.contains("default-src 'none'") && api.contains("no-store"),
        "{api}"
    );
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_did_what_from_where_and_what_became_of_it_is_noted() {
    let stage = Stage::set(false, false).await;
    let new = json!({ "name": "ci", "role": "view" });
    let (_, made) = stage.local(Method::POST, "/api/tokens", &new).await;
    let token = bearer(made["token"].as_str().unwrap());
    let given = [("Authorization", token.as_str()), ("Content-Length", "0")];
    assert_eq!(stage.status("GET /api/report", &given).await, 200);
    assert_eq!(stage.status("DELETE /api/plugins/lamp", &given).await, 403);
    assert_eq!(stage.status("POST /api/report", &given).await, 403);
    let press = json!({ "op": "control", "node": "n;<host>", "control": "lamp~light" });
    stage.local(Method::POST, "/api/call", &press).await;
    stage.local(Method::DELETE, "/api/tokens/ci", &Value::Null).await;

    let (status, noted) = stage.local(Method::GET, "/api/audit", &Value::Null).await;
    assert_eq!(status, StatusCode::OK, "{noted}");
    let own = stage.local(Method::GET, "/api/status", &Value::Null).await.1["role"].clone();
    assert_eq!(own, "admin");
    let short: Vec<Value> = noted
        .as_array()
        .unwrap()
        .iter()
        .map(|e| json!([e["id"], e["what"], e["subject"], e["result"], e["origin"]]))
        .collect();
    assert_eq!(
        Value::from(short),
        json!([
            [1, "make token", "ci view", "done", "socket"],
            [2, "DELETE /api/plugins/{id}", "lamp", "forbidden", "http"],
            [3, "control", "n;<host>", "failed", "socket"],
            [4, "revoke token", "ci", "done", "socket"],
        ]),
        "{noted:#}"
    );
    let refused = &noted[1];
    assert_eq!(
        (&refused["user"], &refused["from"]),
        (&json!("token ci"), &json!("127.0.0.1"))
    );
    assert!(
        refused["took_ms"].is_u64() && refused["at_ms"].is_i64(),
        "{refused}"
    );
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains("Admin"), "why not is told: {message}");
    let (_, page) = stage
        .local(Method::GET, "/api/audit?after=1&limit=2", &Value::Null)
        .await;
    assert_eq!(
        (&page[0]["id"], &page[1]["id"], page.as_array().unwrap().len()),
        (&json!(2), &json!(3), 2)
    );
    stage.strike().await;
}
