//! The whole backend behind its HTTP surface: real plugin, real sockets, real clients.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod stage;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Method, StatusCode};
use orrery_engine::api::{Code, Request};
use orrery_engine::topology::view::{VIEW_PROTOCOL, ViewRequest, ViewSpec};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::stage::{NODE, PATIENCE, Stage, TOKEN, lamp, raw_status, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_comes_in_without_the_token_or_from_elsewhere() {
    let stage = Stage::set(false).await;
    let address = stage.address;
    assert!(
        stage.remote(TOKEN).call(&Request::Status).await.is_ok(),
        "the token opens"
    );
    let refused = stage
        .remote("0123456789abcdef0124")
        .call(&Request::Status)
        .await
        .unwrap_err();
    assert_eq!(refused.code, Code::Forbidden, "another token does not");
    for path in [
        "/api",
        "/api/report",
        "/api/topology",
        "/api/topology/hosts",
        "/api/plugins",
        "/api/view",
    ] {
        let status = raw_status(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n")).await;
        assert_eq!(status, 401, "{path} without a token");
    }
    let with = format!("Authorization: Bearer {TOKEN}\r\n");
    let rebound = raw_status(
        address,
        &format!("GET /api HTTP/1.1\r\nHost: evil.example\r\n{with}"),
    )
    .await;
    assert_eq!(rebound, 403, "a name that rebinding would bring");
    let foreign = raw_status(
        address,
        &format!("GET /api HTTP/1.1\r\nHost: {address}\r\nOrigin: http://evil.example\r\n{with}"),
    )
    .await;
    assert_eq!(foreign, 403, "a page of another origin");
    let own = raw_status(
        address,
        &format!("GET /api HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\n{with}"),
    )
    .await;
    assert_eq!(own, 200, "the own page");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scopes_addresses_answer_in_scopes_shapes() {
    let stage = Stage::set(false).await;
    let local = stage.local();
    let (_, api) = local.get("/api").await;
    assert_eq!(api["plugins"][0]["id"], "lamp", "{api}");
    assert!(api["id"].is_string() && api["version"].is_string() && api["hostname"].is_string());
    let (_, topologies) = local.get("/api/topology").await;
    let names: Vec<_> = topologies
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["name"].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"Hosts") && names.is_sorted(),
        "by name: {names:?}"
    );
    let (_, hosts) = local.get("/api/topology/hosts").await;
    assert_eq!(hosts["nodes"][NODE]["label"], "lamphost", "{hosts}");
    let (_, node) = local.get("/api/topology/hosts/lamphost;%3Chost%3E").await;
    assert_eq!(node["node"]["controls"][0]["id"], "lamp~light", "{node}");
    assert_eq!(
        local.get("/api/topology/hosts/nobody").await.0,
        StatusCode::NOT_FOUND
    );
    assert_eq!(local.get("/api/topology/nothing").await.0, StatusCode::NOT_FOUND);
    let (_, report) = local.get("/api/report").await;
    assert!(
        report["Host"]["nodes"][NODE].is_object(),
        "the merged report holds the node"
    );
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_control_by_scopes_address_shows_in_the_very_next_request() {
    let stage = Stage::set(false).await;
    let local = stage.local();
    let probe = stage.engine.probe_id().to_owned();
    let node = "lamphost;%3Chost%3E";
    let lit = Arc::new(AtomicBool::new(false));
    let (reported, pressed) = (lit.clone(), lit);
    stage
        .plugin
        .on_report(move |_| lamp(reported.load(Ordering::SeqCst)).into());
    stage.plugin.on_control(move |_| {
        pressed.store(true, Ordering::SeqCst);
        json!({ "shortcutReport": lamp(true) }).into()
    });
    let (status, answer) = local
        .post(&format!("/api/control/{probe}/{node}/lamp~light"), &Value::Null)
        .await;
    assert_eq!((status, answer), (StatusCode::OK, json!({})));
    let (_, shown) = local.get(&format!("/api/topology/hosts/{node}")).await;
    let controls = shown["node"]["controls"].as_array().unwrap();
    let controls: Vec<_> = controls.iter().map(|control| &control["id"]).collect();
    assert_eq!(controls, ["lamp~darken"], "what the answer brought is there");
    assert_eq!(stage.plugin.controls(), 1);
    let (status, error) = local
        .post(&format!("/api/control/{probe}/{node}/lamp~what"), &Value::Null)
        .await;
    assert_eq!(
        (status, error),
        (
            StatusCode::BAD_REQUEST,
            json!("Control \"lamp~what\" not recognised")
        )
    );
    let (status, error) = local
        .post(&format!("/api/control/nobody/{node}/lamp~light"), &Value::Null)
        .await;
    assert_eq!(
        (status, error),
        (
            StatusCode::BAD_REQUEST,
            json!("probe nobody is not connected right now")
        )
    );
    stage
        .plugin
        .on_control(|_| json!({ "error": "the bulb is broken" }).into());
    let forced = format!("/api/control/{probe}/{node}/lamp~light?force=1");
    let (status, error) = local.post(&forced, &Value::Null).await;
    assert_eq!(
        (status, error),
        (StatusCode::BAD_REQUEST, json!("the bulb is broken")),
        "the plugin's own words"
    );
    let events = local.0.call(&Request::Events {
        from_ms: 0,
        to_ms: i64::MAX,
        limit: None,
    });
    until("the record of both", async || {
        let events = local
            .0
            .call(&Request::Events {
                from_ms: 0,
                to_ms: i64::MAX,
                limit: None,
            })
            .await
            .unwrap();
        let text = events.to_string();
        text.contains("done in") && text.contains("the bulb is broken")
    })
    .await;
    assert!(events.await.is_ok());
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_controls_are_refused_and_read_only_refuses_all() {
    let stage = Stage::set(false).await;
    let request = |control: &str| Request::Control {
        node: NODE.into(),
        control: control.into(),
        args: Default::default(),
        force: false,
    };
    let dead = stage.local().0.call(&request("lamp~darken")).await.unwrap_err();
    assert_eq!(dead.code, Code::Conflict, "{dead}");
    assert_eq!(stage.plugin.controls(), 0, "the plugin never hears of it");
    stage.strike().await;

    let stage = Stage::set(true).await;
    let refused = stage.local().0.call(&request("lamp~light")).await.unwrap_err();
    assert_eq!(refused.code, Code::Forbidden, "{refused}");
    let (status, _) = stage.local().post("/api/report", &json!({})).await;
    assert_eq!(
        status,
        StatusCode::FORBIDDEN,
        "reports from outside change what is shown"
    );
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_posted_report_is_merged_and_a_broken_one_is_refused() {
    let stage = Stage::set(false).await;
    let local = stage.local();
    let now = stage.engine.now().to_string();
    let report = json!({ "ID": "far", "Host": { "nodes": { "far;<host>": {
        "latest": { "host_name": { "timestamp": now, "value": "far" } } } } } });
    assert_eq!(local.post("/api/report", &report).await.0, StatusCode::OK);
    until("the far host", async || {
        local.get("/api/topology/hosts").await.1["nodes"]["far;<host>"].is_object()
    })
    .await;
    let (_, probes) = local.get("/api/probes").await;
    assert!(
        probes.to_string().contains("far"),
        "the sender is listed: {probes}"
    );
    let answer = local
        .0
        .send(Method::POST, "/api/report", Some("application/json"), "{".into())
        .await
        .unwrap();
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_view_channel_sends_a_frame_then_what_changed() {
    let stage = Stage::set(false).await;
    let (requests, requests_in) = mpsc::channel(4);
    let (messages, mut messages_out) = mpsc::channel(4);
    let instance = stage.remote(TOKEN);
    let serving = tokio::spawn(async move { instance.serve_view(requests_in, messages).await });
    let spec = ViewSpec {
        topology: "hosts".into(),
        ..ViewSpec::default()
    };
    requests
        .send(ViewRequest::Open {
            version: VIEW_PROTOCOL,
            spec,
        })
        .await
        .unwrap();
    let mut next = async || -> Value {
        let message = timeout(PATIENCE, messages_out.recv()).await.unwrap().unwrap();
        serde_json::from_str(&message).unwrap()
    };
    let frame = next().await;
    assert_eq!(frame["type"], "frame");
    assert_eq!(frame["nodes"][0]["id"], NODE);
    let report = json!({ "ID": "far", "Host": { "nodes": { "far;<host>": {} } } });
    stage.local().post("/api/report", &report).await;
    let delta = loop {
        let message = next().await;
        if message["type"] == "delta" && message["nodes"].to_string().contains("far;<host>") {
            break message;
        }
    };
    assert!(delta["seq"].as_u64() > frame["seq"].as_u64(), "numbers rise");
    requests.send(ViewRequest::Resync).await.unwrap();
    while next().await["type"] != "frame" {}
    let spec = ViewSpec {
        topology: "nothing".into(),
        ..ViewSpec::default()
    };
    requests
        .send(ViewRequest::Open {
            version: VIEW_PROTOCOL,
            spec,
        })
        .await
        .unwrap();
    let failed = loop {
        let message = next().await;
        if message["type"] == "failed" {
            break message;
        }
    };
    assert_eq!(
        failed["code"], "not_found",
        "the channel says why and stays open: {failed}"
    );
    drop(requests);
    assert!(
        timeout(PATIENCE, serving).await.unwrap().unwrap().is_ok(),
        "it closes when the client does"
    );
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_are_remembered_and_exported() {
    let stage = Stage::set(false).await;
    let local = stage.local();
    let engine = stage.engine.clone();
    stage.plugin.on_report(move |_| {
        let mut report = lamp(false);
        report["Host"]["nodes"][NODE]["metrics"]["brightness"]["samples"][0]["date"] =
            engine.now().to_string().into();
        report.into()
    });
    let history = async || {
        let now = stage.engine.now().as_millis();
        let request = Request::History {
            node: NODE.into(),
            metric: "brightness".into(),
            from_ms: now - 60_000,
            to_ms: now + 1_000,
            max_points: None,
        };
        local.0.call(&request).await.unwrap()
    };
    until("two samples", async || {
        history().await["points"].as_array().unwrap().len() >= 2
    })
    .await;
    let now = stage.engine.now().as_millis();
    let request = Request::ExportHistory {
        node: NODE.into(),
        metrics: vec![],
        from_ms: now - 60_000,
        to_ms: now + 1_000,
    };
    let exported = local.0.call(&request).await.unwrap();
    let text = exported["text"].as_str().unwrap();
    assert!(
        text.starts_with("time,node,metric,value\n") && text.lines().count() >= 3,
        "{text}"
    );
    assert!(text.contains("lamphost;<host>,brightness,1"), "{text}");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bundle_is_served_with_a_strict_policy_and_the_token_becomes_a_cookie() {
    let stage = Stage::set(false).await;
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    let head = format!(
        "GET /?token={TOKEN} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        stage.address
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let answer = answer.to_lowercase();
    assert!(answer.starts_with("http/1.1 303"), "{answer}");
    assert!(
        answer.contains("set-cookie: orrery_token=") && answer.contains("httponly"),
        "{answer}"
    );
    let page = stage
        .local()
        .0
        .send(Method::GET, "/", None, Vec::new().into())
        .await
        .unwrap();
    assert_eq!(
        (page.status, page.media_type.as_str()),
        (StatusCode::OK, "text/html; charset=utf-8")
    );
    let missing = stage
        .local()
        .0
        .send(Method::GET, "/nothing.js", None, Vec::new().into())
        .await
        .unwrap();
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_streamed_and_a_watcher_goes_on_where_it_was() {
    let stage = Stage::set(false).await;
    let watch = async |extra: &str| {
        let mut stream = TcpStream::connect(stage.address).await.unwrap();
        let head = format!(
            "GET /api/events HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\n\
             Accept: text/event-stream\r\n{extra}\r\n",
            stage.address
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    };
    let read_until = async |stream: &mut TcpStream, wanted: &str| {
        let mut text = String::new();
        let mut buffer = [0; 4096];
        while !text.contains(wanted) {
            let read = timeout(PATIENCE, stream.read(&mut buffer))
                .await
                .unwrap()
                .unwrap();
            assert_ne!(read, 0, "the stream ended before {wanted:?}: {text}");
            text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        text
    };
    let press = async || {
        let request = Request::Control {
            node: NODE.into(),
            control: "lamp~light".into(),
            args: Default::default(),
            force: true,
        };
        stage.local().0.call(&request).await.unwrap();
    };
    let mut first = watch("").await;
    read_until(&mut first, "\r\n\r\n").await;
    press().await;
    let seen = read_until(&mut first, "done in").await;
    assert!(seen.contains("event: control"), "{seen}");
    let id = seen
        .lines()
        .find_map(|l| l.strip_prefix("id: "))
        .unwrap()
        .to_owned();
    drop(first);
    stage
        .plugin
        .on_control(|_| json!({ "error": "the bulb is broken" }).into());
    let refused = Request::Control {
        node: NODE.into(),
        control: "lamp~light".into(),
        args: Default::default(),
        force: true,
    };
    assert!(stage.local().0.call(&refused).await.is_err());
    let mut second = watch(&format!("Last-Event-ID: {id}\r\n")).await;
    let seen = read_until(&mut second, "the bulb is broken").await;
    assert!(
        !seen.contains("done in"),
        "what it has seen does not come again: {seen}"
    );
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plugins_have_plain_addresses_and_faults_one_form() {
    let stage = Stage::set(false).await;
    let local = stage.local();
    let (_, list) = local.get("/api/plugins?origin=external").await;
    assert_eq!(
        (list[0]["id"].as_str(), list[0]["state"].as_str()),
        (Some("lamp"), Some("external_up")),
        "{list}"
    );
    assert_eq!(local.get("/api/plugins?origin=managed").await.1, json!([]));
    assert_eq!(local.get("/api/plugins/lamp").await.1["socket"]["state"], "ok");
    let (status, health) = local.get("/api/plugins/lamp/health").await;
    assert_eq!(
        (status, health["source"].as_str()),
        (StatusCode::OK, Some("report"))
    );
    let check = async |path: &str, status: StatusCode, code: &str| {
        let (got, body) = local.get(path).await;
        assert_eq!(
            (got, body["code"].as_str()),
            (status, Some(code)),
            "{path}: {body}"
        );
    };
    check("/api/plugins/nobody", StatusCode::NOT_FOUND, "not_found").await;
    check("/api/plugins/nobody/logs", StatusCode::NOT_FOUND, "not_found").await;
    check("/api/ops", StatusCode::SERVICE_UNAVAILABLE, "unavailable").await;
    check("/api/history?from=x", StatusCode::BAD_REQUEST, "bad_request").await;
    check("/api/events?from=x", StatusCode::BAD_REQUEST, "bad_request").await;
    check(
        "/api/report?timestamp=9999",
        StatusCode::BAD_REQUEST,
        "bad_request",
    )
    .await;
    let (status, body) = local.get("/api/plugins/nobody/health").await;
    assert_eq!(
        (status, body["message"].as_str()),
        (StatusCode::NOT_FOUND, Some("Plugin not found"))
    );
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scopes_addresses_hide_what_is_asked_and_filter_by_the_query_language() {
    let stage = Stage::set(false).await;
    let local = stage.local();
    let at = stage.engine.now().to_string();
    let said = |value: &str| json!({ "timestamp": at, "value": value });
    let report = json!({ "ID": "far",
        "Process": {
            "nodes": {
                "far;1": { "latest": { "name": said("serve"), "cmdline": said("serve --password hunter2") } },
                "far;2": { "latest": { "name": said("idle"), "cmdline": said("idle") } },
            },
            "metadata_templates": { "cmdline": { "id": "cmdline", "label": "Command", "from": "latest" } },
        },
        "Container": {
            "nodes": { "c1;<container>": { "latest": {
                "docker_container_name": said("web"), "docker_container_state": said("running"),
                "docker_env_TOKEN": said("hunter2"),
            } } },
            "table_templates": { "docker_env_": {
                "id": "docker_env_", "label": "Environment variables", "prefix": "docker_env_", "type": "property-list",
            } },
        },
    });
    assert_eq!(local.post("/api/report", &report).await.0, StatusCode::OK);
    until("the processes", async || {
        local.get("/api/topology/processes").await.1["nodes"]["far;1"].is_object()
    })
    .await;
    let hide = "hideCommandLineArguments=true&hideEnvironmentVariables=true";
    for path in [
        "/api/report",
        "/api/topology/processes",
        "/api/topology/processes/far;1",
        "/api/topology/containers",
        "/api/topology/containers/c1;%3Ccontainer%3E",
    ] {
        let shown = local.get(&format!("{path}?unconnected=show")).await.1.to_string();
        assert!(
            shown.contains("hunter2"),
            "{path} tells without the parameters: {shown}"
        );
        let (status, hidden) = local.get(&format!("{path}?unconnected=show&{hide}")).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        let hidden = hidden.to_string();
        assert!(
            !hidden.contains("hunter2") && !hidden.contains("password"),
            "{path}: {hidden}"
        );
    }
    let filtered = local
        .get("/api/topology/processes?unconnected=show&q=command:serve")
        .await
        .1;
    let ids: Vec<&String> = filtered["nodes"].as_object().unwrap().keys().collect();
    assert_eq!(ids, ["far;1"], "{filtered}");
    let (status, error) = local.get("/api/topology/processes?q=(serve").await;
    assert_eq!(
        (status, error["code"].as_str()),
        (StatusCode::BAD_REQUEST, Some("bad_query"))
    );
    assert!(error["at"].is_array(), "the place of the fault is told: {error}");
    stage.strike().await;
}
