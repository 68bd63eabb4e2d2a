//! Reports that are too much, sent to a running backend: each is refused or cut, the sender and the list of probes
//! are told, memory stays bounded, and the backend goes on answering.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use http::{Method, StatusCode};
use orrery_engine::Paths;
use orrery_gateway::Instance;
use orrery_tests::excess;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// Longest wait for the backend's start and for what was sent to be seen, on any machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// Most memory that the backend may ever take, in KiB. Half of it is what half a million nodes take.
const PEAK_KIB: u64 = 1 << 20;

struct Backend {
    child: Child,
    home: TempDir,
}

impl Backend {
    async fn start() -> Backend {
        let home = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_backend"))
            .args([home.path().join("data"), home.path().join("plugins")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap();
        assert_eq!(line.as_deref(), Some("ready"));
        Backend { child, home }
    }

    fn instance(&self) -> Instance {
        Instance::Socket(Paths::below(&self.home.path().join("data")).instance_socket())
    }

    async fn post(&self, media_type: &str, body: Vec<u8>) -> (StatusCode, Vec<u8>) {
        let answer = self
            .instance()
            .send(Method::POST, "/api/report", Some(media_type), body.into())
            .await
            .unwrap();
        (answer.status, answer.body.to_vec())
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self
            .instance()
            .send(Method::GET, path, None, Default::default())
            .await
            .unwrap();
        assert!(answer.status.is_success(), "{path}: {}", answer.status);
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// The most memory it ever had resident, in KiB.
    fn peak_kib(&self) -> u64 {
        let path: PathBuf = ["/proc", &self.child.id().unwrap().to_string(), "status"]
            .iter()
            .collect();
        let status = std::fs::read_to_string(path).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_that_are_too_much_are_refused_or_cut_and_the_sender_is_told() {
    let backend = Backend::start().await;
    let truncated = {
        let report = json!({ "Host": { "nodes": { "h;<host>": { "latest": {} } } } });
        let read =
            orrery_model::Report::from_json(report.to_string().as_bytes(), orrery_model::Timestamp::ZERO);
        let mut packed = read.unwrap().report.to_msgpack();
        packed.truncate(packed.len() / 2);
        packed
    };
    let json = "application/json";
    let refused = [
        (
            "a million nodes",
            json,
            excess::million_nodes(),
            400,
            "more than 500000 nodes",
        ),
        (
            "an id of a megabyte",
            json,
            excess::long_id(),
            400,
            "longer than 4096 bytes",
        ),
        (
            "ten thousand controls",
            json,
            excess::many_controls(10_000),
            400,
            "more than 5000 entries",
        ),
        (
            "a hundred nested nodes",
            json,
            excess::nested(),
            400,
            "nest deeper than 8 levels",
        ),
        (
            "a gigabyte in a gzip bomb",
            json,
            excess::bomb(),
            413,
            "UNPACKED_BYTES",
        ),
        (
            "half a msgpack",
            "application/msgpack",
            truncated,
            400,
            "does not decode",
        ),
    ];
    for (what, media_type, body, status, why) in refused {
        let (answered, body) = backend.post(media_type, body).await;
        let body = String::from_utf8_lossy(&body);
        assert_eq!(answered.as_u16(), status, "{what}: {body}");
        assert!(body.contains(why), "{what}: {body}");
        assert!(body.len() < 1_000, "{what} is not repeated in full");
    }
    assert_eq!(
        backend.get("/api/topology/hosts").await["nodes"]
            .as_object()
            .unwrap()
            .len(),
        1
    );

    let (status, body) = backend.post(json, excess::all_to_all(800)).await;
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(status, StatusCode::OK);
    let warning = &answer["warnings"][0];
    assert!(
        warning.as_str().unwrap().contains("more than 500000 edges"),
        "{answer}"
    );
    let listed = backend.get("/api/probes").await;
    let probe = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["id"] == "upload")
        .unwrap();
    assert_eq!(&probe["warnings"][0], warning, "the list of probes says it too");
    let drawn = timeout(PATIENCE, async {
        loop {
            let processes = backend.get("/api/topology/processes").await;
            let drawn = processes["nodes"].as_object().unwrap().keys();
            if drawn.filter(|id| !id.contains(';')).count() == 800 {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    });
    drawn.await.unwrap();

    let (status, body) = backend
        .post(json, br#"{"Host":{"nodes":{"far;<host>":{}}}}"#.to_vec())
        .await;
    assert_eq!(
        (status, body.as_slice()),
        (StatusCode::OK, b"".as_slice()),
        "as Scope answered"
    );
    let peak = backend.peak_kib();
    assert!(peak < PEAK_KIB, "{peak} KiB at its peak");
}
