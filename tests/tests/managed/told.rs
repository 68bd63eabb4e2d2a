//! What is told of plugins, and what never is.

use http::StatusCode;
use serde_json::{Value, json};

use crate::package::Package;
use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn health_has_its_status_and_both_spellings() {
    let stage = Stage::set().await;
    let file = stage.home().join("health");
    let package = Package::lamp("1.0.0", "dim")
        .way(format!("health={}", file.display()))
        .top("interfaces = [\"reporter\", \"health\"]");
    std::fs::write(&file, r#"200 {"status":"OK","info":"fine"}"#).unwrap();
    stage.install(&package).await;
    let health = async || stage.get("/api/plugins/lamp/health?max_age=0").await;
    let told = |body: &Value| {
        let told = ["status", "info", "message", "source"].map(|key| body[key].as_str().unwrap().to_owned());
        told.join(" ")
    };
    let (status, body) = health().await;
    assert_eq!(
        (status, told(&body).as_str()),
        (StatusCode::OK, "OK fine fine health"),
        "{body:#}"
    );
    std::fs::write(&file, r#"200 {"status":"ERROR","message":"no disk"}"#).unwrap();
    let (status, body) = health().await;
    assert_eq!(
        (status, told(&body).as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "ERROR no disk no disk health"),
        "{body:#}"
    );
    for nonsense in ["200 hello", r#"200 {"status":"OK","details":[]}"#, "500 oops"] {
        std::fs::write(&file, nonsense).unwrap();
        let (status, body) = health().await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{nonsense}: {body:#}");
        assert_eq!(body["status"], "ERROR", "{nonsense}: {body:#}");
    }
    let (status, _) = stage.get("/api/plugins/nobody/health").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_died_says_why_and_when_to_ask_again() {
    let stage = Stage::set().await;
    let tables = "[start]\nattempts = 1\nbackoff = { first = \"5m\", max = \"5m\" }\n[restart]\nstable_after = \"100ms\"";
    stage
        .install(&Package::lamp("1.0.0", "dim").way("die=1.5").with(tables))
        .await;
    let instance = stage.reaches("lamp", "backoff").await;
    let exit = &instance["last_exit"];
    assert_eq!(
        (&exit["kind"], &exit["code"]),
        (&json!("code"), &json!(9)),
        "{instance:#}"
    );
    let lines = exit["last_lines"].to_string();
    assert!(lines.contains("the bulb blew"), "{lines}");
    let request = "GET /api/plugins/lamp/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answer = stage.by_hand(request).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 503"), "{answer}");
    let after = head.lines().find_map(|line| line.strip_prefix("retry-after: "));
    let after: u64 = after.unwrap().parse().unwrap();
    assert!((200..=420).contains(&after), "{after}");
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        (&body["status"], &body["state"], &body["last_exit"]["code"]),
        (&json!("UNKNOWN"), &json!("backoff"), &json!(9)),
        "{body:#}"
    );
    assert!(
        body["last_exit"]["last_lines"]
            .to_string()
            .contains("the bulb blew")
    );
    // A log is read on from where a reader was.
    let (_, page) = stage.get("/api/plugins/lamp/logs?limit=2").await;
    let next = page["next"].as_u64().unwrap();
    let (_, rest) = stage.get(&format!("/api/plugins/lamp/logs?after={next}")).await;
    let first = rest["lines"][0]["seq"].as_u64().unwrap();
    assert!(
        first > next || page["lines"].as_array().unwrap().len() == 2,
        "{page} {rest}"
    );
    assert!(rest.to_string().contains("the bulb blew"), "{rest}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_told_to_nobody_but_the_plugin() {
    const SECRET: &str = "open-sesame-4711";
    let stage = Stage::set().await;
    let rule = "[[policy]]\nkey = \"token\"\ntype = \"secret\"";
    stage.install(&Package::lamp("1.0.0", "dim").with(rule)).await;
    let file = stage.home().join("token");
    std::fs::write(&file, SECRET).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let config = json!({ "token": format!("file:{}", file.display()) });
    let path = "/api/plugins/lamp/config?wait=true";
    let (status, said) = stage
        .send(http::Method::PUT, path, config.to_string().into_bytes())
        .await;
    assert_eq!(status, StatusCode::OK, "{said:#}");
    stage.reaches("lamp", "running").await;
    // Written where it does not belong, it is refused without being repeated.
    let (status, said) = stage
        .send(
            http::Method::PUT,
            path,
            json!({ "token": SECRET }).to_string().into_bytes(),
        )
        .await;
    assert!(status.is_client_error(), "{said:#}");
    assert!(!said.to_string().contains(SECRET), "{said:#}");
    for path in [
        "/api/plugins",
        "/api/plugins/lamp",
        "/api/plugins/lamp/config",
        "/api/plugins/lamp/logs",
        "/api/plugins/lamp/health",
        "/api/ops",
        "/api/report",
        "/api/events",
    ] {
        let (status, said) = stage.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(!said.to_string().contains(SECRET), "{path}: {said:#}");
    }
    assert!(!stage.event_list().await.to_string().contains(SECRET));
    // On disk it is in the plugin's own config and nowhere else.
    let grep = |home: &std::path::Path| {
        let found = std::process::Command::new("grep")
            .args(["-rl", SECRET])
            .arg(home)
            .output();
        let found = String::from_utf8(found.unwrap().stdout).unwrap();
        found.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let found = grep(stage.home());
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found
            .iter()
            .all(|f| f.ends_with("/token") || f.contains("/run/config/lamp/")),
        "{found:?}"
    );
    let home = stage.end().await;
    let found = grep(home.path());
    assert!(
        found
            .iter()
            .all(|f| f.ends_with("/token") || f.contains("/run/config/lamp/")),
        "{found:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcast_reaches_all_that_listen_and_each_has_its_result() {
    let stage = Stage::set().await;
    let heard = stage.home().join("heard");
    std::fs::write(&heard, "").unwrap();
    let listens = "interfaces = [\"reporter\", \"events\"]";
    let ear = format!("events={}", heard.display());
    let packages = [
        Package::new("listens", "1.0.0").top(listens).way(&ear),
        Package::new("too", "1.0.0").top(listens).way(&ear),
        Package::new("cannot", "1.0.0").top(listens),
        Package::new("does-not", "1.0.0").way(&ear),
        Package::new("stopped", "1.0.0").top(listens).way(&ear),
    ];
    for package in &packages {
        stage.install(package).await;
    }
    stage.tell("stopped", "stop").await;
    let (status, told) = stage
        .post(
            "/api/broadcast",
            &json!({ "event": "specialize", "details": { "zone": 3 } }),
        )
        .await;
    assert_eq!(status, StatusCode::OK, "{told:#}");
    let results: Vec<String> = told
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            format!(
                "{} {}",
                one["plugin"].as_str().unwrap(),
                one["result"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        results,
        [
            "cannot skipped",
            "does-not skipped",
            "listens ok",
            "stopped skipped",
            "too ok"
        ],
        "{told:#}"
    );
    let lines = std::fs::read_to_string(&heard).unwrap();
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(
        lines,
        [r#"/events {"details":{"zone":3},"event":"specialize"}"#; 2]
    );
    // What is no event goes to nobody.
    for body in [
        json!({ "event": "" }),
        json!({ "event": "a b" }),
        json!({ "evnt": "x" }),
        json!([]),
    ] {
        let (status, said) = stage.post("/api/broadcast", &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {said}");
    }
    assert_eq!(std::fs::read_to_string(&heard).unwrap().lines().count(), 2);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_can_be_waited_for() {
    let stage = Stage::set().await;
    let file = stage.home().join("health");
    std::fs::write(&file, r#"200 {"status":"ok","code":1,"messages":["half way"]}"#).unwrap();
    let package = Package::lamp("1.0.0", "dim").way(format!("health={}", file.display()));
    stage.install(&package).await;
    let (status, said) = stage.get("/api/plugins/lamp/health?about=task-7").await;
    assert_eq!((status, &said["code"]), (StatusCode::OK, &json!(1)), "{said:#}");
    let wait = |id: &'static str, timeout: u64| {
        let stage = &stage;
        let question = json!({ "about": "task-7", "code": 2, "timeout": timeout });
        async move { stage.post(&format!("/api/plugins/{id}/wait"), &question).await }
    };
    let (status, said) = wait("lamp", 1).await;
    assert_eq!(status, StatusCode::GATEWAY_TIMEOUT, "{said:#}");
    assert!(said["message"].as_str().unwrap().contains("code 1"), "{said:#}");
    let (waited, ()) = tokio::join!(wait("lamp", 30), async {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        std::fs::write(&file, r#"200 {"status":"ok","code":2,"messages":["done"]}"#).unwrap();
    });
    assert_eq!(
        (waited.0, &waited.1["messages"]),
        (StatusCode::OK, &json!(["done"])),
        "{:#}",
        waited.1
    );
    assert_eq!(wait("nobody", 1).await.0, StatusCode::NOT_FOUND);
    stage.tell("lamp", "stop").await;
    assert_eq!(wait("lamp", 1).await.0, StatusCode::SERVICE_UNAVAILABLE);
    stage.end().await;
}
