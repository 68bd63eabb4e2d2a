//! What more clients of one of Scope's websockets cost.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures_util::StreamExt as _;
use orrery_engine::model::{Report, TopologyKind};
use orrery_testkit::ReportGen;
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::backend::{Backend, PATIENCE};
use crate::table::{Table, time};
use crate::yardstick::{NOW, Yardstick};

/// Reports posted while they watch, one in a second.
const REPORTS: u32 = 10;
const BEAT: Duration = Duration::from_secs(1);
/// One process in this many says something else in every report.
const CHANGED: usize = 100;

/// Measures with few clients and with many, of what one machine reports and of what twenty do.
pub(crate) async fn measure(orrery: &Path, yardstick: &Yardstick, table: &mut Table) -> anyhow::Result<()> {
    let name = "orrery serve takes reports of 2,000 processes, 1 % of them different";
    with_clients(orrery, yardstick, &yardstick.json, name, table).await?;
    let many = ReportGen::new(20, 300, 200, 6_000, 1).report(NOW).to_json();
    let name = "orrery serve takes reports of 6,000 processes of 20 hosts, 1 % of them different";
    with_clients(orrery, yardstick, &many, name, table).await
}

async fn with_clients(
    orrery: &Path,
    yardstick: &Yardstick,
    json: &[u8],
    name: &str,
    table: &mut Table,
) -> anyhow::Result<()> {
    let backend = Backend::start(orrery).await?;
    let reports = reports(json)?;
    backend.post_report(&reports[0]).await?;
    table.section(&format!(
        "{name} ({REPORTS} of them, CPU time for each, all of it)"
    ));
    let begin = Instant::now();
    backend.get("/api/topology/processes").await?;
    table.row("first answer: GET /api/topology/processes", time(begin.elapsed()));
    let mut resident = Vec::new();
    for clients in [0, 1, 50] {
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
        // The first message to each is the whole topology.
        let messages = received
            .load(Ordering::Relaxed)
            .checked_div(clients)
            .map_or(0, |each| each - 1);
        let name = format!("{clients} clients of Scope's processes, {messages} deltas to each");
        yardstick.row(table, &name, spent);
        resident.push(format!("{:.0} MB", backend.resident_mb()?));
        watching.shutdown().await;
    }
    table.row("resident memory with 0, 1, 50 clients", resident.join(", "));
    table.row(
        "resident memory, at most",
        format!("{:.0} MB", backend.peak_mb()?),
    );
    Ok(())
}

/// Reports of one probe that differ in a fact of some processes. Readings would not do: of two at one moment the
/// window keeps the larger, so that only the first of them would be news.
fn reports(json: &[u8]) -> anyhow::Result<[Vec<u8>; 2]> {
    let report = Report::from_json(json, NOW)?.report;
    let [one, other] = ["1", "2"].map(|threads| {
        let mut report = report.clone();
        let processes = &mut report.topology_mut(TopologyKind::Process).nodes;
        for node in processes.values_mut().step_by(CHANGED) {
            let node = Arc::make_mut(node);
            *node = std::mem::take(node).with_latest("threads", NOW, threads);
        }
        report.to_json()
    });
    Ok([one, other])
}

/// Counts what one client receives, for as long as it is polled. It looks at all processes: those of one machine
/// report no connections, and would be hidden.
async fn watch(socket: std::path::PathBuf, received: Arc<AtomicUsize>) -> anyhow::Result<()> {
    let stream = UnixStream::connect(socket).await?;
    let address = "ws://localhost/api/topology/processes/ws?t=200ms&unconnected=show";
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
