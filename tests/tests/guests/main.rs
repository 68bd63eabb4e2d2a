//! The way back: plugins that we run call us; and plugins that sleep until somebody calls them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod stage;

use http::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use stage::{PATIENCE, Stage};

/// What the plugin `guest` hears when it asks its host.
async fn asked(stage: &Stage, query: &str) -> (u64, String) {
    let path = format!("/apis/guest.example/v1/ask?{query}");
    let said = stage.until(&path, StatusCode::OK).await;
    (
        said["status"].as_u64().unwrap(),
        said["body"].as_str().unwrap().to_owned(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_lists_apis_follows_events_and_is_refused_everything_else() {
    let stage = Stage::set().await;
    let told = stage.home().join("told");
    stage.install("guest", &[told.to_str().unwrap()], "").await;

    let (status, groups) = asked(&stage, "path=/apis").await;
    assert_eq!(status, 200, "{groups}");
    assert!(groups.contains("guest.example"), "{groups}");
    let (status, objects) = asked(&stage, "path=/apis/aggregation.orrery/v1alpha1/dataplaneservices").await;
    assert_eq!(status, 200, "{objects}");
    let (status, own) = asked(&stage, "path=/apis/guest.example/v1/token").await;
    assert_eq!(status, 200, "it may call what plugins serve: {own}");

    // Whatever it is not meant to see or do, however it asks.
    let instance = stage.instance_socket();
    let elsewhere = format!("where={}&path=/api/status", instance.display());
    for (query, expected) in [
        ("path=/api/status", 403),
        ("path=/api/report", 403),
        ("path=/api/plugins", 403),
        ("path=/api/audit", 403),
        ("path=/metrics", 403),
        ("path=/", 403),
        ("path=/apis/../api/status", 404),
        ("method=POST&path=/api/events", 405),
        ("method=POST&path=/api/call&body={}", 403),
        (
            "method=POST&path=/apis/aggregation.orrery/v1alpha1/dataplaneservices&body={}",
            403,
        ),
        (
            "method=DELETE&path=/apis/aggregation.orrery/v1alpha1/dataplaneservices/guest",
            403,
        ),
        ("method=POST&path=/apis/guest.example/v1/pressed", 403),
        ("anonymous=1&path=/apis", 401),
        (elsewhere.as_str(), 401),
    ] {
        let (status, said) = asked(&stage, query).await;
        assert_eq!(status, expected, "{query}: {said}");
    }

    // What happens from here on, such as another plugin.
    let heard = |what: &'static str| {
        let told = told.clone();
        async move || std::fs::read_to_string(&told).unwrap_or_default().contains(what)
    };
    stage.holds("its stream is open", heard("200\n")).await;
    stage.install("other", &[], "").await;
    stage
        .holds("it hears of the other plugin", heard("plugin:other"))
        .await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_with_its_process_and_so_does_what_it_opened() {
    let stage = Stage::set().await;
    stage.install("guest", &[], "").await;
    let own = stage.until("/apis/guest.example/v1/token", StatusCode::OK).await;
    let (token, socket) = (own["token"].as_str().unwrap(), own["socket"].as_str().unwrap());
    let open = async |accept: &str| {
        let mut stream = UnixStream::connect(socket).await.unwrap();
        let request = format!(
            "GET /api/events HTTP/1.1\r\nHost: orrery\r\nAuthorization: Bearer {token}\r\nAccept: {accept}\r\n\
             Connection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        (String::from_utf8_lossy(&head).into_owned(), stream)
    };
    let (head, mut events) = open("text/event-stream").await;
    assert_eq!(head, "HTTP/1.1 200");

    let (status, done) = stage.post("/api/plugins/guest/stop?wait=true", &json!({})).await;
    assert_eq!(status, StatusCode::OK, "{done:#}");
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, events.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the stream ends with the process that it was for");
    assert_eq!(open("*/*").await.0, "HTTP/1.1 401");

    // The next process has another.
    let (status, done) = stage.post("/api/plugins/guest/start?wait=true", &json!({})).await;
    assert_eq!(status, StatusCode::OK, "{done:#}");
    let next = stage.until("/apis/guest.example/v1/token", StatusCode::OK).await;
    assert_ne!(next["token"], own["token"]);
    assert_eq!(open("*/*").await.0, "HTTP/1.1 401");
    stage.end().await;
}

const ON_DEMAND: &str = "activation = \"on-demand\"\nidle_stop = \"1s\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_request_wakes_a_plugin_and_it_stays_awake_for_as_long_as_a_stream_is_open() {
    let stage = Stage::set().await;
    stage.install("guest", &[], ON_DEMAND).await;
    stage.reaches("guest", "idle").await;

    // Whoever comes while it starts waits too.
    let path = "/apis/guest.example/v1/token";
    let answers = futures_util::future::join_all((0..20).map(|_| stage.get(path))).await;
    for (status, said) in &answers {
        assert_eq!(*status, StatusCode::OK, "{said}");
    }
    stage.reaches("guest", "idle").await;

    // Longer than its idle time, by the plugin's own clock.
    let mut ticks = stage.open("/apis/guest.example/v1/ticks").await;
    let mut text = String::new();
    while text.matches("data: ").count() < 30 {
        let mut piece = [0; 4096];
        let read = tokio::time::timeout(PATIENCE, ticks.read(&mut piece))
            .await
            .unwrap()
            .unwrap();
        assert_ne!(read, 0, "the stream ended: {text}");
        text.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    let pids: std::collections::BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .collect();
    assert_eq!(pids.len(), 1, "{pids:?}");
    drop(ticks);
    stage.reaches("guest", "idle").await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_woken_says_why() {
    let stage = Stage::set().await;
    let told = stage.home().join("told");
    stage.install("guest", &[told.to_str().unwrap()], ON_DEMAND).await;
    stage.reaches("guest", "idle").await;
    std::fs::write(told.with_extension("broken"), "").unwrap();
    let answer = stage
        .by_hand("GET /apis/guest.example/v1/token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(head.contains("retry-after: "), "{answer}");
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["pluginId"], "guest", "{body:#}");
    let reason = body["reason"].as_str().unwrap();
    assert!(["Asleep", "CrashLoop"].contains(&reason), "{body:#}");
    stage.end().await;
}
