//! Tasks and the catalog as they are followed, declared and extended: streams, files, plugins that process and publish.

use futures_util::StreamExt as _;
use http::{Method, StatusCode};
use orrery_engine::Paths;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpSocket, UnixStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::package::Package;
use crate::stage::{PATIENCE, Stage};

fn meter(activation: &str) -> Package {
    let run = format!("activation = \"{activation}\"\nidle_stop = \"100ms\"");
    Package::new("meter", "1.0.0").way("metric=load").run(&run)
}

async fn install(stage: &Stage, activation: &str) {
    stage.install(&meter(activation)).await;
    stage
        .until("the catalog has it", async || {
            stage.get("/api/catalog?q=/meter/*").await.1["total"] == 1
        })
        .await;
}

fn manifest(name: &str, more: &Value) -> Value {
    let mut all = json!({
        "version": 2,
        "name": name,
        "schedule": { "type": "simple", "interval": "100ms" },
        "collect": { "/meter/host/*/load": {} },
    });
    for (key, value) in more.as_object().unwrap() {
        all[key] = value.clone();
    }
    all
}

async fn connect(stage: &Stage) -> UnixStream {
    let socket = Paths::below(stage.home()).instance_socket();
    UnixStream::connect(socket).await.unwrap()
}

/// Server-sent events as they come: each with its number and its data.
struct Sent(BufReader<UnixStream>);

impl Sent {
    async fn open(stage: &Stage, path: &str, after: &str) -> Sent {
        let mut stream = connect(stage).await;
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{after}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        Sent(BufReader::new(stream))
    }

    async fn next(&mut self) -> (Option<u64>, Value) {
        let read = async {
            let mut id = None;
            loop {
                let mut line = String::new();
                assert!(self.0.read_line(&mut line).await.unwrap() > 0, "the stream ended");
                if let Some(number) = line.strip_prefix("id: ") {
                    id = number.trim().parse().ok();
                }
                if let Some(data) = line.strip_prefix("data: ") {
                    return (id, serde_json::from_str(data.trim()).unwrap());
                }
            }
        };
        timeout(PATIENCE, read).await.unwrap()
    }
}

/// Messages on a websocket as they come.
struct Socket(tokio_tungstenite::WebSocketStream<UnixStream>);

impl Socket {
    async fn open(stage: &Stage, path: &str) -> Socket {
        let address = format!("ws://localhost{path}");
        let (socket, _) = tokio_tungstenite::client_async(address, connect(stage).await)
            .await
            .unwrap();
        Socket(socket)
    }

    /// None when the other side closed.
    async fn next(&mut self) -> Option<Value> {
        loop {
            match timeout(PATIENCE, self.0.next()).await.unwrap()?.ok()? {
                Message::Text(text) => return Some(serde_json::from_str(&text).unwrap()),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalog_is_followed_both_ways_and_who_comes_back_learns_what_was_missed() {
    let stage = Stage::set().await;
    install(&stage, "always").await;
    let path = "/api/catalog/watch?q=/meter/host/*/load";
    let mut sent = Sent::open(&stage, path, "").await;
    let mut first = None;
    while first.is_none() {
        let (id, event) = sent.next().await;
        assert_eq!(id, event["id"].as_u64(), "{event}");
        if event["readings"][0]["value"] == 42.0 {
            first = id;
        }
    }
    drop(sent);
    // Some publications pass while nobody looks.
    let newest = stage.engine().publications();
    stage
        .until("further values", async || *newest.borrow() > first.unwrap() + 3)
        .await;
    let resumed = format!("Last-Event-ID: {}\r\n", first.unwrap());
    let mut sent = Sent::open(&stage, path, &resumed).await;
    let (id, lagged) = sent.next().await;
    assert_eq!((id, &lagged["event"]), (None, &json!("lagged")), "{lagged}");
    let (id, event) = sent.next().await;
    assert_eq!(lagged["missed"], id.unwrap() - first.unwrap() - 1, "{event}");

    let mut socket = Socket::open(&stage, &format!("{path}&from={}", first.unwrap())).await;
    assert_eq!(socket.next().await.unwrap()["event"], "lagged");
    let event = socket.next().await.unwrap();
    assert_eq!(event["readings"][0]["value"], 42.0, "{event}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_followed_on_a_websocket_until_it_comes_to_rest() {
    let stage = Stage::set().await;
    install(&stage, "on-demand").await;
    let (status, _) = stage.post("/api/tasks", &manifest("seen", &json!({}))).await;
    assert_eq!(status, StatusCode::CREATED);
    // This one never reads, and delays nobody.
    let _idle = Socket::open(&stage, "/api/tasks/seen/watch?after=0").await;
    let mut socket = Socket::open(&stage, "/api/tasks/seen/watch?after=0").await;
    let mut last = 0;
    let mut runs = 0;
    while runs < 3 {
        let event = socket.next().await.unwrap();
        if event["event"] == "lagged" {
            continue;
        }
        let id = event["id"].as_u64().unwrap();
        assert!(id > last, "{event}");
        last = id;
        runs += u32::from(event["event"] == "run");
    }
    drop(socket);
    let mut socket = Socket::open(&stage, &format!("/api/tasks/seen/watch?from={last}")).await;
    let event = socket.next().await.unwrap();
    assert!(event["event"] == "lagged" || event["id"] == last + 1, "{event}");
    stage.post("/api/tasks/seen/stop", &json!({})).await;
    let mut rest = Value::Null;
    while let Some(event) = socket.next().await {
        rest = event;
    }
    assert_eq!(rest["state"]["kind"], "stopped", "and then it is over");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_run_of_an_on_demand_plugin_is_empty() {
    let stage = Stage::set().await;
    install(&stage, "on-demand").await;
    let (_, made) = stage
        .post(
            "/api/tasks",
            &manifest(
                "one",
                &json!({ "schedule": { "type": "simple", "interval": "100ms", "count": 1 } }),
            ),
        )
        .await;
    assert_eq!(made["name"], "one", "{made:#}");
    let ended = async || stage.get("/api/tasks/one").await.1["state"] == "ended";
    stage.until("its end", ended).await;
    let (_, task) = stage.get("/api/tasks/one").await;
    assert_eq!(
        (&task["counts"]["runs"], &task["counts"]["ok"]),
        (&json!(1), &json!(1)),
        "{task:#}"
    );
    assert_eq!(
        task["values"][0]["value"], 42.0,
        "its only run has a value: {task:#}"
    );
    assert_eq!(task["recent"].as_array().unwrap().last().unwrap()["samples"], 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_declare_tasks_that_no_order_changes() {
    let stage = Stage::set().await;
    install(&stage, "on-demand").await;
    let dir = Paths::below(stage.home()).config.join("tasks.d");
    std::fs::create_dir_all(&dir).unwrap();
    let text = manifest("", &json!({})).to_string();
    std::fs::write(dir.join("loads.json"), &text).unwrap();
    std::fs::write(dir.join("bad.yaml"), "version: 2\n").unwrap();
    let runs = async || stage.get("/api/tasks/loads").await.1["counts"]["ok"].as_u64() > Some(0);
    stage.until("its runs", runs).await;
    let (_, task) = stage.get("/api/tasks/loads").await;
    assert_eq!(task["declared"], json!({ "file": "loads.json", "problem": "" }));
    let told = async || {
        stage
            .get("/api/tasks/files")
            .await
            .1
            .as_array()
            .is_some_and(|files| files.len() == 2)
    };
    stage.until("both files", told).await;
    let (_, files) = stage.get("/api/tasks/files").await;
    assert!(
        files[0]["problem"].as_str().unwrap().contains("schedule"),
        "{files:#}"
    );
    assert_eq!(
        (&files[1]["task"], &files[1]["problem"]),
        (&task["id"], &json!(""))
    );
    let (status, refused) = stage.delete("/api/tasks/loads").await;
    assert_eq!(
        (status, &refused["reason"]),
        (StatusCode::CONFLICT, &json!("declared"))
    );
    let (status, _) = stage
        .send(Method::PUT, "/api/tasks/loads", text.into_bytes())
        .await;
    assert_eq!(status, StatusCode::CONFLICT);
    let (status, _) = stage.post("/api/tasks/loads/stop", &json!({})).await;
    assert_eq!(status, StatusCode::OK, "whether it runs is no matter of the file");
    std::fs::remove_file(dir.join("loads.json")).unwrap();
    let gone = async || stage.get("/api/tasks/loads").await.0 == StatusCode::NOT_FOUND;
    stage.until("it goes with its file", gone).await;
    stage.end().await;
}

/// Lets the program of an example run as a local plugin.
fn example(stage: &Stage, id: &str) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../plugins-examples")
        .join(id);
    let folder = folder.canonicalize().unwrap();
    let text = std::fs::read_to_string(folder.join("plugin.toml")).unwrap();
    let entry = format!("entry = {:?}", folder.join(format!("{id}.py")));
    let text = text.replace(&format!("entry = \"{id}.py\""), &entry);
    let dir = Paths::below(stage.home()).config.join("plugins.d");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join(format!("{id}.toml")), text).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn example_plugins_process_and_publish_and_a_sink_that_was_down_gets_what_waited() {
    if std::process::Command::new("python3")
        .arg("--version")
        .output()
        .is_err()
    {
        println!("skipped: there is no python3");
        return;
    }
    let stage = Stage::set().await;
    install(&stage, "on-demand").await;
    example(&stage, "smoothing");
    example(&stage, "graphite");
    for id in ["smoothing", "graphite"] {
        let known = async || stage.get(&format!("/api/plugins/{id}")).await.0 == StatusCode::OK;
        stage.until(id, known).await;
    }
    // The port is taken, and nobody listens there yet.
    let carbon = TcpSocket::new_v4().unwrap();
    carbon.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = carbon.local_addr().unwrap().port();
    let more = json!({
        "process": [{
            "plugin": "smoothing",
            "config": { "weight": 0.5 },
            "publish": [{ "plugin": "graphite", "config": { "host": "127.0.0.1", "port": port, "prefix": "lab" } }],
        }],
    });
    let body = manifest("sent", &more);
    let has_all = async || stage.post("/api/tasks/dry-run", &body).await.1["faults"] == json!([]);
    stage.until("everything that it needs", has_all).await;
    let wrong = json!({ "process": [{ "plugin": "smoothing", "config": { "weight": 7 } }] });
    let (_, check) = stage.post("/api/tasks/dry-run", &manifest("sent", &wrong)).await;
    assert_eq!(
        check["faults"].as_array().unwrap().len(),
        1,
        "its policy holds: {check:#}"
    );
    let (status, made) = stage.post("/api/tasks", &body).await;
    assert_eq!(status, StatusCode::CREATED, "{made:#}");
    let held = async || stage.get("/api/tasks/sent").await.1["held"].as_u64() > Some(1);
    stage.until("values that wait", held).await;
    let carbon = carbon.listen(8).unwrap();
    let (mut stream, _) = timeout(PATIENCE, carbon.accept()).await.unwrap().unwrap();
    let mut text = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut text))
        .await
        .unwrap()
        .unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() > 1, "what waited comes in order: {text}");
    assert!(
        lines[0].starts_with("lab.meter.host.meterhost_host.load 42.0 "),
        "{text}"
    );
    stage.end().await;
}
