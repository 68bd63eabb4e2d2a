//! What this machine's memory gives, and how many bytes a report is: the physical bounds of all other figures.

use std::hint::black_box;
use std::time::Duration;

use anyhow::Context as _;
use orrery_engine::model::Report;

use crate::table::Table;
use crate::yardstick::{NOW, Yardstick, repeated};

const MB: f64 = 1e6;
/// Size of what is read and copied, far beyond any cache.
const STREAM_BYTES: usize = 256 << 20;
/// Sizes within which single lines are read one after the other: of a report, and beyond the caches.
const WALKS: [(&str, usize); 2] = [
    ("4 MB, a report", 4 << 20),
    ("256 MB, beyond the caches", 256 << 20),
];
const LINE_BYTES: usize = 64;
/// Lines read in one walk.
const STEPS: usize = 1 << 20;

/// Measures this machine's memory and a report's size.
pub(crate) fn measure(yardstick: &Yardstick, table: &mut Table) -> anyhow::Result<()> {
    table.section("bounds of this machine (one thread), and bytes of the same report");
    let words: Vec<u64> = (0..STREAM_BYTES as u64 / 8).collect();
    let read = repeated(|| {
        black_box(words.iter().fold(0_u64, |sum, word| sum.wrapping_add(*word)));
    })?;
    table.row("memory, read in order", per_second(read));
    let mut copy = vec![0_u64; words.len()];
    let copied = repeated(|| black_box(&mut copy).copy_from_slice(black_box(&words)))?;
    table.row("memory, copied in order", per_second(copied));
    drop((words, copy));
    for (name, bytes) in WALKS {
        let lines = cycle(bytes / LINE_BYTES);
        let cost = repeated(|| {
            let mut at = 0_u32;
            for _ in 0..STEPS {
                at = lines[at as usize][0];
            }
            black_box(at);
        })?;
        let each = cost.as_secs_f64() * 1e9 / STEPS as f64;
        table.row(
            &format!("a line of memory anywhere within {name}"),
            format!("{each:.1} ns"),
        );
    }
    let json = &yardstick.json;
    let report = Report::from_json(json, NOW)?.report;
    let mb = |bytes: usize| format!("{:.1} MB", bytes as f64 / MB);
    table.row("the report in memory", format!("{:.1} MB", yardstick.resident_mb));
    table.row("the report as JSON", mb(json.len()));
    table.row("the report as MessagePack", mb(report.to_msgpack().len()));
    let samples = report
        .topologies
        .values()
        .flat_map(|t| t.nodes.values())
        .flat_map(|n| n.metrics.values())
        .map(|m| m.samples.len());
    table.row("readings in it", samples.sum::<usize>().to_string());
    Ok(())
}

fn per_second(cost: Duration) -> String {
    format!("{:.1} GB/s", STREAM_BYTES as f64 / cost.as_secs_f64() / 1e9)
}

/// Lines that each name another one, in a single cycle without an order that could be foreseen.
fn cycle(lines: usize) -> Vec<[u32; LINE_BYTES / 4]> {
    let mut order: Vec<u32> = (0..lines as u32).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for at in (1..lines).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        // Never itself: that gives one cycle through all.
        order.swap(at, (state >> 33) as usize % at);
    }
    order.into_iter().map(|to| [to; LINE_BYTES / 4]).collect()
}

/// Resident memory of a process, in MB.
pub(crate) fn resident_mb(pid: &str) -> anyhow::Result<f64> {
    memory_mb(pid, "VmRSS:")
}

/// The most resident memory that a process had so far, in MB.
pub(crate) fn peak_mb(pid: &str) -> anyhow::Result<f64> {
    memory_mb(pid, "VmHWM:")
}

fn memory_mb(pid: &str, what: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|l| l.strip_prefix(what));
    let line = line.with_context(|| format!("no {what}"))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024.0 / MB)
}
