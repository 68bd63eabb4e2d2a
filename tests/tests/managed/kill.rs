//! The application is killed, again and again, and its plugins meanwhile.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::package::Package;
use crate::stage::{Api, PATIENCE, kill, processes, traces};

/// The whole backend as a process of its own.
struct Backend {
    process: Child,
    api: Api,
}

impl Backend {
    async fn start(home: &Path) -> Backend {
        let mut process = Command::new(env!("CARGO_BIN_EXE_backend"))
            .arg(home)
            .arg(home.join("run/plugins"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap();
        assert_eq!(line.as_deref(), Some("ready"));
        Backend {
            process,
            api: Api::of(home),
        }
    }

    async fn kill(mut self) {
        self.process.kill().await.unwrap();
    }

    async fn end(mut self) {
        drop(self.process.stdin.take());
        let status = timeout(PATIENCE, self.process.wait()).await.unwrap().unwrap();
        assert!(status.success(), "{status}");
    }
}

/// Waits until no plugin's process is left, before anything is started that could end it.
async fn nothing_runs(home: &Path, ids: &[&str]) {
    let until = Instant::now() + PATIENCE;
    loop {
        let left: Vec<u32> = ids.iter().flat_map(|id| processes(home, id)).collect();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < until, "{left:?} outlive the application");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_it_leaves_no_process_and_all_run_again() {
    const IDS: [&str; 3] = ["lamp", "stubborn", "forks"];
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let backend = Backend::start(home).await;
    backend.api.install(&Package::lamp("1.0.0", "dim")).await;
    let stubborn = Package::new("stubborn", "1.0.0").way("ignore-term").way("fork");
    backend.api.install(&stubborn).await;
    backend
        .api
        .install(&Package::new("forks", "1.0.0").way("fork"))
        .await;
    backend.kill().await;
    for round in 0..5 {
        nothing_runs(home, &IDS).await;
        let backend = Backend::start(home).await;
        for id in IDS {
            backend.api.reaches(id, "running").await;
        }
        // Plugins die as well, and some of them while the application does.
        for id in &IDS[..round % 3] {
            if let Some(pid) = backend.api.pid(id).await {
                kill(pid);
            }
        }
        sleep(Duration::from_millis(40) * u32::try_from(round).unwrap()).await;
        backend.kill().await;
    }
    nothing_runs(home, &IDS).await;
    // And one that ends in order leaves nothing either.
    let backend = Backend::start(home).await;
    for id in IDS {
        backend.api.reaches(id, "running").await;
    }
    backend.end().await;
    assert!(IDS.iter().all(|id| processes(home, id).is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_an_order_it_finds_the_state_before_or_after() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let old = Package::lamp("1.0.0", "dim").pack(&home.join("packages"));
    let new = Package::lamp("2.0.0", "bright").pack(&home.join("packages"));
    let source = |path: &Path| json!({ "from": "file", "path": path });
    for wait_ms in [0, 20, 60, 120, 250, 500, 900] {
        let backend = Backend::start(home).await;
        let (status, done) = backend
            .api
            .post("/api/plugins?wait=true&force=true", &source(&old))
            .await;
        assert!(status.is_success(), "{done:#}");
        let (status, said) = backend.api.post("/api/plugins", &source(&new)).await;
        assert!(status.is_success(), "{said:#}");
        sleep(Duration::from_millis(wait_ms)).await;
        backend.kill().await;
        nothing_runs(home, &["lamp"]).await;

        let backend = Backend::start(home).await;
        backend.api.reaches("lamp", "running").await;
        let settled = async || {
            let entry = backend.api.entry("lamp").await;
            let version = &entry["managed"]["current"]["version"];
            let word = backend.api.word("lamp").await;
            let pair = (version.as_str(), word.as_str());
            entry["managed"]["operation"].is_null()
                && [(Some("1.0.0"), Some("dim")), (Some("2.0.0"), Some("bright"))].contains(&pair)
        };
        backend.api.until("one of two legal states", settled).await;
        assert_eq!(processes(home, "lamp").len(), 1);
        // The same for its removal.
        let (status, said) = backend.api.delete("/api/plugins/lamp").await;
        assert!(status.is_success(), "{said:#}");
        sleep(Duration::from_millis(wait_ms / 4)).await;
        backend.kill().await;
        nothing_runs(home, &["lamp"]).await;
        let backend = Backend::start(home).await;
        backend
            .api
            .until("there or not", async || {
                let (status, entry) = backend.api.get("/api/plugins/lamp").await;
                match status.as_u16() {
                    404 => traces(home, "lamp").is_empty(),
                    _ => entry["state"] == "running" && entry["managed"]["operation"].is_null(),
                }
            })
            .await;
        backend.end().await;
    }
}
