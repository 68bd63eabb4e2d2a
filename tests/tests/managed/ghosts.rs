//! What tasks show on nodes does not outlive the nodes.

use std::process::Command;
use std::time::Duration;

use http::StatusCode;
use orrery_engine::model::{Node, TopologyKind};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::stage::{PATIENCE, Stage};

/// What the task calls its values: as they are called anyway, it reads what it wrote, and otherwise not.
const NAMES: [&str; 2] = ["open_files_count", "files_again"];

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ended_leaves_no_ghost_though_tasks_wrote_on_it() {
    let stage = Stage::set_among_processes().await;
    let mut process = Command::new("sleep").arg("600").spawn().unwrap();
    let ending = format!(";{}", process.id());
    // Once the catalog has it.
    for name in NAMES {
        let until = Instant::now() + PATIENCE;
        loop {
            let (status, answer) = stage.post("/api/tasks", &task(name)).await;
            if status == StatusCode::CREATED {
                break;
            }
            assert!(Instant::now() < until, "{answer:#}");
            sleep(Duration::from_millis(50)).await;
        }
    }
    let is_there = |has: fn(&Node) -> bool| {
        let published = stage.engine().published();
        let nodes = &published.report.topology(TopologyKind::Process).nodes;
        nodes
            .iter()
            .any(|(id, node)| id.as_str().ends_with(&ending) && has(node))
    };
    stage
        .until("the task's value is on the process", async || {
            is_there(|node| node.metrics.get("files_again").is_some())
        })
        .await;
    process.kill().unwrap();
    process.wait().unwrap();
    // What the tasks said last stays for the window, 15 s, and no longer.
    stage
        .until("the process is gone", async || !is_there(|_| true))
        .await;
    stage.end().await;
}

fn task(name: &str) -> Value {
    json!({
        "version": 2,
        "name": name,
        "schedule": { "type": "simple", "interval": "200ms" },
        "collect": { "/orrery/process/*/open_files_count": {} },
        "process": [{
            "plugin": "rename",
            "config": { "metrics": { "open_files_count": name } },
            "publish": [{ "plugin": "topology" }],
        }],
    })
}
