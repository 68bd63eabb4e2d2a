//! What a report costs: decoding, merging, and one second of the window.
//!
//! With `ORRERY_DATA` set, on the real report of 2,006 processes in that folder, else on a generated one.

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::path::Path;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use orrery_model::window::{Completeness, SourceId, Window};
use orrery_model::{Report, Timestamp};
use orrery_testkit::ReportGen;

const NOW: Timestamp = Timestamp(1_800_000_000_000_000_000);
const SECOND: i64 = 1_000_000_000;
const SPAN: i64 = 15 * SECOND;

fn real_json() -> Option<Vec<u8>> {
    let folder = std::env::var_os("ORRERY_DATA")?;
    let packed = std::fs::read(Path::new(&folder).join("report-2000.json.gz")).ok()?;
    let mut json = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice())
        .read_to_end(&mut json)
        .ok()?;
    Some(json)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap_or_default();
    encoder.finish().unwrap_or_default()
}

fn decode(c: &mut Criterion) {
    let json = real_json().unwrap_or_else(|| {
        ReportGen::of_processes(2000)
            .with_samples(15)
            .report(NOW)
            .to_json()
    });
    let Ok(decoded) = Report::from_json(&json, NOW) else {
        return;
    };
    let report = decoded.report;
    let msgpack = report.to_msgpack();
    let packed = gzip(&msgpack);
    c.bench_function("decode json", |b| {
        b.iter(|| Report::from_json(black_box(&json), NOW));
    });
    c.bench_function("decode msgpack", |b| {
        b.iter(|| Report::from_msgpack(black_box(&msgpack), NOW));
    });
    c.bench_function("decode msgpack.gz", |b| {
        b.iter(|| Report::decode_body(black_box(&packed), "application/msgpack", "gzip", NOW));
    });
    c.bench_function("encode json", |b| b.iter(|| black_box(&report).to_json()));
    c.bench_function("encode msgpack", |b| b.iter(|| black_box(&report).to_msgpack()));
}

fn merge(c: &mut Criterion) {
    let generator = ReportGen::of_processes(2000);
    let reports: Vec<Report> = (0..5)
        .map(|n| generator.report(Timestamp(NOW.0 + n * SECOND)))
        .collect();
    c.bench_function("merge 5", |b| {
        b.iter(|| {
            let mut merged = Report::default();
            for report in &reports {
                merged.merge(report);
            }
            merged
        });
    });
}

fn window(c: &mut Criterion) {
    let processes = ReportGen::new(1, 2000, 0, 0, 1);
    let everything = ReportGen::of_processes(2000);
    one_second(c, "window, 2000 processes", &processes, Completeness::Whole);
    one_second(
        c,
        "window, 2000 processes, 4000 endpoints, 200 containers",
        &everything,
        Completeness::Whole,
    );
    one_second(
        c,
        "window, 2000 processes, partial",
        &processes,
        Completeness::Partial,
    );
}

/// A full window, one more report, and the snapshot, while the one before is still held.
fn one_second(c: &mut Criterion, name: &str, generator: &ReportGen, completeness: Completeness) {
    let source = SourceId::probe("host");
    let plugin = SourceId::plugin("iowait");
    let mut window = Window::new(SPAN);
    let mut now = NOW;
    let other = ReportGen::new(1, 0, 0, 0, 1).report(NOW);
    let mut held = Vec::new();
    for _ in 0..16 {
        now.0 += SECOND;
        window.take(&source, generator.report(now), completeness, now);
        window.take(&plugin, other.clone(), Completeness::Whole, now);
        window.expire(now);
        held = vec![window.snapshot(now)];
    }
    c.bench_function(name, |b| {
        b.iter_batched(
            || {
                now.0 += SECOND;
                (now, generator.report(now))
            },
            |(now, report)| {
                window.take(&source, report, completeness, now);
                window.expire(now);
                held.push(window.snapshot(now));
                held.remove(0)
            },
            BatchSize::PerIteration,
        );
    });
}

criterion_group!(benches, decode, merge, window);
criterion_main!(benches);
