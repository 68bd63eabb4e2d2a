//! Bodies, headers, limits, failures.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use hyper::body::Frame;

use crate::world::{World, data, fed, full, object, until};

const ROUTES: &str = "[{type: route, path: '/{name}', timeout: 300ms, idleTimeout: 300ms, maxBody: 64KiB}, \
    {type: route, path: '/status/{code}'}, \
    {type: route, path: /hold, timeout: 20s}]";

#[tokio::test]
async fn px3_an_upload_streams() {
    let (world, plugin) = World::serving("[{type: route, path: /upload}]").await;
    let (feed, body) = fed();
    let sent = tokio::spawn(async move {
        let answer = world.send("POST", "/apis/g.example/v1/upload", body).await;
        (world, answer)
    });
    feed.send(data("first")).await.unwrap();
    until("the first byte is there before the last is sent", || async {
        plugin.seen.received.load(Ordering::SeqCst) == 5
    })
    .await;
    feed.send(data(" last")).await.unwrap();
    drop(feed);
    let (world, answer) = sent.await.unwrap();
    assert_eq!(answer.json()["body"], "first last");
    assert_eq!(answer.saw("content-length"), None);
    let traffic = &world.plane.traffic()[0];
    assert_eq!(
        (traffic.request_bytes, traffic.open_streams, traffic.in_flight),
        (10, 0, 0)
    );
    assert_eq!(traffic.response_bytes, answer.text.len() as u64);
}

#[tokio::test]
async fn px4_bodies_that_are_too_large_are_refused_however_they_come() {
    let (world, plugin) = World::serving(ROUTES).await;
    let announced = world
        .send("POST", "/apis/g.example/v1/x", full(vec![b'x'; 65 * 1024]))
        .await;
    assert_eq!(announced.reason(), (413, "TooLarge".to_owned()));
    assert_eq!(plugin.requests(), 0);
    let (feed, body) = fed();
    let feeding = tokio::spawn(async move {
        for _ in 0..5 {
            let piece = Frame::data(Bytes::from(vec![b'x'; 16 * 1024]));
            let _ = feed.send(Ok(piece)).await;
        }
        feed
    });
    let chunked = world.send("POST", "/apis/g.example/v1/x", body).await;
    assert_eq!(chunked.reason(), (413, "TooLarge".to_owned()));
    drop(feeding.await.unwrap());
    let fits = world
        .send("POST", "/apis/g.example/v1/x", full(vec![b'x'; 64 * 1024]))
        .await;
    assert_eq!(fits.status, 200);
    let wide = Request::get("/apis/g.example/v1/x")
        .header("x-wide", "x".repeat(70 * 1024))
        .body(full(""))
        .unwrap();
    assert_eq!(
        world.request(wide).await.reason(),
        (431, "HeadTooLarge".to_owned())
    );
    assert_eq!(world.counted("client_error"), 3);
}

#[tokio::test]
async fn px4_failures_are_told_as_what_they_are() {
    let (world, plugin) = World::serving(ROUTES).await;
    let began = Instant::now();
    assert_eq!(
        world.get("/apis/g.example/v1/hang").await.reason(),
        (504, "Timeout".to_owned())
    );
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert_eq!(
        world.get("/apis/g.example/v1/close").await.reason(),
        (502, "BadAnswer".to_owned())
    );
    let broken = world.get("/apis/g.example/v1/broken").await;
    assert!(
        broken.status == 200 && broken.broken,
        "an aborted body is no clean end: {broken:?}"
    );
    let stalled = world.get("/apis/g.example/v1/stall").await;
    assert!(stalled.broken, "{stalled:?}");
    assert_eq!(world.plane.traffic().iter().map(|t| t.stalled).sum::<u64>(), 1);
    until("the plugin is rid of it", || async {
        plugin.seen.listening.load(Ordering::SeqCst) == 0
    })
    .await;
    plugin.crash();
    let refused = world.get("/apis/g.example/v1/x").await;
    assert_eq!(refused.status, 503);
    assert!(refused.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn px4_a_body_that_does_not_come_is_the_callers_fault() {
    let (world, _plugin) = World::serving(ROUTES).await;
    let (feed, body) = fed();
    feed.send(data("first")).await.unwrap();
    let answer = world.send("POST", "/apis/g.example/v1/x", body).await;
    assert_eq!(answer.reason(), (408, "BodyTimeout".to_owned()));
    drop(feed);
}

#[tokio::test]
async fn px5_headers_are_cleaned_both_ways() {
    let (world, _plugin) = World::serving(ROUTES).await;
    let request = Request::get("/apis/g.example/v1/namespaces/n1/echo")
        .header("authorization", "Bearer secret")
        .header("cookie", "orrery_token=secret")
        .header("connection", "x-hop")
        .header("x-hop", "1")
        .header("te", "trailers")
        .header("x-orrery-user", "root")
        .header("x-orrery-token", "secret")
        .header("x-forwarded-for", "6.6.6.6")
        .header("x-dataplane-group", "forged")
        .header("forwarded", "for=6.6.6.6")
        .header("origin", "http://evil.example")
        .header("host", "evil.example")
        .header("accept", "text/plain")
        .header(
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
        .body(full(""))
        .unwrap();
    let answer = world.request(request).await;
    assert!(
        !answer.text.contains("secret") && !answer.text.contains("6.6.6.6"),
        "{}",
        answer.text
    );
    for gone in [
        "authorization",
        "cookie",
        "connection",
        "x-hop",
        "te",
        "x-orrery-token",
        "forwarded",
        "origin",
    ] {
        assert_eq!(answer.saw(gone), None, "{gone}");
    }
    let set = [
        ("host", "plugin"),
        ("accept", "text/plain"),
        ("x-orrery-user", "tester"),
        ("x-orrery-role", "admin"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-prefix", "/apis/g.example/v1/namespaces/n1"),
        ("x-dataplane-group", "g.example"),
        ("x-dataplane-version", "v1"),
        ("x-dataplane-namespace", "n1"),
    ];
    for (name, value) in set {
        assert_eq!(answer.saw(name).as_deref(), Some(value), "{name}");
    }
    let trace = answer.saw("traceparent").unwrap();
    assert!(trace.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && !trace.contains("b7ad6b7169203331"));
    assert!(answer.saw("x-request-id").is_some_and(|id| id.len() == 32));
    for gone in [
        "set-cookie",
        "x-secret",
        "x-orrery-user",
        "access-control-allow-origin",
    ] {
        assert_eq!(answer.headers.get(gone), None, "{gone}");
    }
    assert_eq!(answer.headers["x-own"], "kept");
    assert_eq!(answer.headers["content-security-policy"], "sandbox");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn px6_one_full_plugin_refuses_at_once_and_leaves_others_alone() {
    let (world, plugin) = World::serving(ROUTES).await;
    let other = world.plugin("q");
    world.apply(&object("q", "q", "q.example", "v1", ROUTES)).await;
    let world = Arc::new(world);
    let mut held = Vec::new();
    for _ in 0..128 {
        let world = Arc::clone(&world);
        held.push(tokio::spawn(async move {
            world.get("/apis/g.example/v1/hold").await.status.as_u16()
        }));
    }
    until("64 run", || async { plugin.requests() == 64 }).await;
    until("64 wait", || async { world.plane.traffic()[0].in_flight == 128 }).await;
    let refused = world.get("/apis/g.example/v1/hold").await;
    assert_eq!(refused.reason(), (503, "Saturated".to_owned()));
    assert_eq!(refused.headers["retry-after"], "1");
    assert_eq!(world.get("/apis/q.example/v1/x").await.status, 200);
    assert_eq!(other.requests(), 1);
    plugin.seen.release.add_permits(1_000);
    for held in held {
        assert_eq!(held.await.unwrap(), 200);
    }
    assert_eq!(plugin.requests(), 128);
}

#[tokio::test]
async fn px7_what_may_have_had_effects_is_not_repeated() {
    let (world, plugin) = World::serving(ROUTES).await;
    assert_eq!(
        world.get("/apis/g.example/v1/x").await.status,
        200,
        "a connection is kept"
    );
    assert_eq!(
        world
            .send("POST", "/apis/g.example/v1/close", full("pay"))
            .await
            .status,
        502
    );
    assert_eq!(world.get("/apis/g.example/v1/close").await.status, 502);
    assert_eq!(plugin.requests(), 3);
}

#[tokio::test]
async fn mx7_every_end_is_counted_once() {
    let (world, plugin) = World::serving(ROUTES).await;
    world.get("/apis/g.example/v1/x").await;
    world.get("/apis/g.example/v1/status/404").await;
    world.get("/apis/g.example/v1/status/500").await;
    world.get("/apis/g.example/v1/hang").await;
    let mut connection = world.connect().await;
    let asked = tokio::spawn(async move {
        let gone = tokio::time::timeout(
            Duration::from_millis(100),
            connection.get("/apis/g.example/v1/hold"),
        )
        .await;
        assert!(gone.is_err());
        connection.cut();
    });
    asked.await.unwrap();
    until("the caller's going is seen", || async {
        world.counted("canceled") == 1
    })
    .await;
    plugin.crash();
    world.get("/apis/g.example/v1/x").await;
    let counts = [
        "ok",
        "client_error",
        "server_error",
        "unavailable",
        "timeout",
        "canceled",
    ];
    assert_eq!(counts.map(|result| world.counted(result)), [1; 6]);
    world.plane.registry().delete("p", None).await.unwrap();
    assert!(
        world.plane.traffic().is_empty(),
        "mx10: with the object its series go"
    );
}

#[tokio::test]
async fn an_answer_is_passed_on_whatever_its_status() {
    let (world, _plugin) = World::serving(ROUTES).await;
    let answer = world.get("/apis/g.example/v1/status/404").await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (404, "told"));
    let mut connection = world.connect().await;
    for _ in 0..3 {
        let response = connection.get("/apis/g.example/v1/status/500").await;
        assert_eq!(response.status(), 500);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "told");
    }
}
