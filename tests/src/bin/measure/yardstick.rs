//! What handling a report of 2,000 processes costs, against P: the time that Python's json.loads takes for
//! the same bytes, in the same run on the same machine.
//!
//! All of it is CPU time of one thread, so that other work on the machine disturbs the ratios little. What a
//! step makes is freed within its time, here and in Python.

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use orrery_engine::model::window::{Completeness, SourceId, Window};
use orrery_engine::model::{Report, Timestamp};
use orrery_engine::topology::derive::{Derivation, Options};
use orrery_testkit::ReportGen;

use crate::machine;
use crate::table::{Table, time};

pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000_000_000);
pub(crate) const SECOND_NS: i64 = 1_000_000_000;
const WINDOW_SECONDS: i64 = 15;
pub(crate) const WINDOW_NS: i64 = WINDOW_SECONDS * SECOND_NS;
const PROCESSES: usize = 2_000;
/// Times that each step is done; the mean counts.
const ROUNDS: u32 = 24;

const PYTHON: &str = "
import json, sys, time
data = open(sys.argv[1], 'rb').read()
json.loads(data)
start = time.process_time_ns()
for _ in range(24):
    json.loads(data)
print((time.process_time_ns() - start) // 24)
";

/// The report that everything is measured with, and P.
pub(crate) struct Yardstick {
    pub(crate) json: Vec<u8>,
    /// Resident memory that the decoded report takes, in MB.
    pub(crate) resident_mb: f64,
    p: Duration,
}

impl Yardstick {
    /// Adds a cost and what it is of P.
    pub(crate) fn row(&self, table: &mut Table, name: &str, cost: Duration) {
        let ratio = cost.as_secs_f64() / self.p.as_secs_f64();
        table.row(name, format!("{:<10} {ratio:.4} P", time(cost)));
    }

    /// Adds a cost, what it is of P, and whether that is within the goal.
    pub(crate) fn goal(&self, table: &mut Table, name: &str, cost: Duration, goal: f64) {
        let ratio = cost.as_secs_f64() / self.p.as_secs_f64();
        let verdict = if ratio <= goal { "reached" } else { "MISSED" };
        let goal = format!("{goal} P");
        let cost = time(cost);
        table.row(
            name,
            format!("{cost:<10} {ratio:.4} P   goal {goal:<10} {verdict}"),
        );
    }
}

/// Measures P and the steps.
pub(crate) fn measure(table: &mut Table) -> anyhow::Result<Yardstick> {
    let (json, origin) = json()?;
    // Before anything else leaves free memory behind that would be used again.
    let resident_mb = resident(&json)?;
    let p = python(&json)?;
    table.section(&format!(
        "a report of 2,000 processes, {:.1} MB of JSON, {origin} (CPU time, and as a multiple of P)",
        json.len() as f64 / 1e6
    ));
    table.row("P: json.loads of Python", time(p));
    let mut row = |name: &str, cost: Duration| {
        let ratio = cost.as_secs_f64() / p.as_secs_f64();
        table.row(name, format!("{:<10} {ratio:.3} P", time(cost)));
    };
    let report = Report::from_json(&json, NOW)?.report;
    row(
        "encode MessagePack",
        repeated(|| drop(black_box(report.to_msgpack())))?,
    );
    let report = Arc::new(report);
    row(
        "picture of the mixed view",
        repeated(|| {
            let derivation = Derivation::new(report.clone(), None);
            drop(black_box(derivation.picture(
                "everything",
                &Options::default(),
                "",
            )));
        })?,
    );
    let seconds = 3 + WINDOW_SECONDS + i64::from(ROUNDS);
    let generator = ReportGen::of_processes(PROCESSES);
    let reports: Vec<Report> = (0..seconds)
        .map(|n| generator.report(Timestamp(NOW.0 + n * SECOND_NS)))
        .collect();
    row(
        "merge 5 generated reports",
        repeated(|| {
            let mut merged = Report::default();
            for report in reports.iter().take(5) {
                merged.merge(report);
            }
            drop(black_box(merged));
        })?,
    );
    row("a second of the window, generated", window(reports)?);
    Ok(Yardstick { json, resident_mb, p })
}

/// One more report into a full window, and the snapshot, while the one before is still held.
fn window(reports: Vec<Report>) -> anyhow::Result<Duration> {
    let source = SourceId::probe("host");
    let mut window = Window::new(WINDOW_NS);
    let mut held = window.snapshot(NOW);
    let mut begin = Duration::ZERO;
    let warm_up = reports.len() - ROUNDS as usize;
    for (n, report) in reports.into_iter().enumerate() {
        if n == warm_up {
            begin = cpu()?;
        }
        let now = report.ts;
        window.take(&source, report, Completeness::Whole, now);
        window.expire(now);
        held = window.snapshot(now);
    }
    let spent = cpu()? - begin;
    drop(held);
    Ok(spent / ROUNDS)
}

/// The recorded report of the folder in `ORRERY_DATA`, or else a generated one.
fn json() -> anyhow::Result<(Vec<u8>, &'static str)> {
    let Some(folder) = std::env::var_os("ORRERY_DATA") else {
        let report = ReportGen::of_processes(PROCESSES).with_samples(15).report(NOW);
        return Ok((report.to_json(), "generated"));
    };
    let path = Path::new(&folder).join("report-2000.json.gz");
    let packed = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut json = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut json)?;
    Ok((json, "recorded"))
}

fn resident(json: &[u8]) -> anyhow::Result<f64> {
    const HELD: usize = 8;
    let decoded = || Report::from_json(json, NOW);
    drop(decoded()?);
    let first = decoded()?;
    let before = machine::resident_mb("self")?;
    let held = (0..HELD).map(|_| decoded()).collect::<Result<Vec<_>, _>>()?;
    let each = (machine::resident_mb("self")? - before) / HELD as f64;
    drop((first, held));
    Ok(each)
}

fn python(json: &[u8]) -> anyhow::Result<Duration> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(json)?;
    let output = Command::new("python3")
        .args(["-c", PYTHON])
        .arg(file.path())
        .output()
        .context("python3 is needed for the yardstick")?;
    if !output.status.success() {
        bail!("python3: {}", String::from_utf8_lossy(&output.stderr));
    }
    let ns = String::from_utf8(output.stdout)?.trim().parse()?;
    Ok(Duration::from_nanos(ns))
}

/// Mean CPU time of a step, after doing it once unmeasured.
pub(crate) fn repeated(mut step: impl FnMut()) -> anyhow::Result<Duration> {
    step();
    let begin = cpu()?;
    for _ in 0..ROUNDS {
        step();
    }
    Ok((cpu()? - begin) / ROUNDS)
}

/// CPU time of this thread.
pub(crate) fn cpu() -> anyhow::Result<Duration> {
    // Otherwise it would be what the scheduler knew at its last tick, milliseconds ago.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let ns = text.split_whitespace().next().context("schedstat is empty")?;
    Ok(Duration::from_nanos(ns.parse()?))
}
