//! What more clients of one of Scope's websockets cost.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_util::StreamExt as _;
use orrery_engine::model::{Report, TopologyKind};
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::backend::{Backend, PATIENCE};
use crate::table::Table;
use crate::yardstick::{NOW, Yardstick};

/// Clients of one topology.
const CLIENTS: [usize; 2] = [1, 50];
/// Reports posted while they watch, one in a second.
const REPORTS: u32 = 10;
const BEAT: Duration = Duration::from_secs(1);
/// One process in this many says something else in every report.
const CHANGED: usize = 100;

/// Measures with few clients and with many.
pub(crate) async fn measure(orrery: &Path, yardstick: &Yardstick, table: &mut Table) -> anyhow::Result<()> {
    let backend = Backend::start(orrery).await?;
    let reports = reports(&yardstick.json)?;
    backend.post_report(&reports[0]).await?;
    table.section(&format!(
        "orrery serve takes {REPORTS} reports of 2,000 processes, 1 % of them different (its CPU time for each)"
    ));
    for clients in CLIENTS {
        let received = Arc::new(AtomicUsize::new(0));
        let mut watching = JoinSet::new();
        for _ in 0..clients {
            watching.spawn(watch(backend.socket(), received.clone()));
        }
        until(&received, clients).await?;
        let begin = cpu(backend.pid()?)?;
        for n in 1..=REPORTS as usize {
            backend.post_report(&reports[n % 2]).await?;
            sleep(BEAT).await;
        }
        let spent = (cpu(backend.pid()?)? - begin) / REPORTS;
        let messages = received.load(Ordering::Relaxed) / clients - 1;
        let name = format!("{clients} clients of Scope's processes, {messages} messages to each");
        yardstick.row(table, &name, spent);
        watching.shutdown().await;
    }
    Ok(())
}

/// The recorded report and one in which some readings differ.
fn reports(json: &[u8]) -> anyhow::Result<[Vec<u8>; 2]> {
    let mut other = Report::from_json(json, NOW)?.report;
    let processes = &mut other.topology_mut(TopologyKind::Process).nodes;
    for node in processes.values_mut().step_by(CHANGED) {
        for metric in Arc::make_mut(node).metrics.values_mut() {
            if let Some(sample) = metric.samples.last_mut() {
                sample.value += 1.0;
            }
        }
    }
    Ok([json.to_vec(), other.to_json()])
}

/// Counts what one client receives, for as long as it is polled.
async fn watch(socket: std::path::PathBuf, received: Arc<AtomicUsize>) -> anyhow::Result<()> {
    let stream = UnixStream::connect(socket).await?;
    let address = "ws://localhost/api/topology/processes/ws?t=200ms";
    let (mut source, _) = tokio_tungstenite::client_async(address, stream).await?;
    while let Some(message) = source.next().await {
        if let Message::Text(_) = message? {
            received.fetch_add(1, Ordering::Relaxed);
        }
    }
    bail!("the websocket was closed")
}

async fn until(received: &AtomicUsize, wanted: usize) -> anyhow::Result<()> {
    let all = async {
        while received.load(Ordering::Relaxed) < wanted {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, all)
        .await
        .context("the clients are sent nothing")
}

/// CPU time of all threads of a process.
fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let mut ns = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread that ended meanwhile had its time, which is then missing: blocking threads live for seconds.
        let Ok(text) = std::fs::read_to_string(task?.path().join("schedstat")) else {
            continue;
        };
        ns += text
            .split_whitespace()
            .next()
            .context("schedstat is empty")?
            .parse::<u64>()?;
    }
    Ok(Duration::from_nanos(ns))
}
