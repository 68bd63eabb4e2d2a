//! Writing a tick of 2,000 series, sealing them, reading a day, and what a sample costs on disk.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use orrery_history::{Config, History, Sample, SeriesSamples};
use orrery_model::TopologyKind;
use tokio::runtime::Runtime;

const T0: i64 = 1_767_225_600_000;
const SERIES: i64 = 2_000;
const CHUNK_TICKS: i64 = 300;
const DAY_TICKS: i64 = 86_400;

struct Place {
    folder: tempfile::TempDir,
    now: Arc<AtomicI64>,
    runtime: Runtime,
    history: History,
}

impl Place {
    fn new() -> std::io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let now = Arc::new(AtomicI64::new(T0));
        let clock = Arc::clone(&now);
        let config = Config {
            clock: Arc::new(move || clock.load(Ordering::Relaxed)),
            ..Config::new(folder.path().join("history.db"))
        };
        let runtime = Runtime::new()?;
        let history = runtime
            .block_on(History::open(config))
            .map_err(std::io::Error::other)?;
        Ok(Place {
            folder,
            now,
            runtime,
            history,
        })
    }

    fn tick(&self, tick: i64) {
        self.now.store(T0 + tick * 1_000, Ordering::Relaxed);
        self.history.append((0..SERIES).map(|n| series(n, tick)));
        settle(self.runtime.block_on(self.history.flush()));
    }

    fn tidy(&self) {
        settle(self.runtime.block_on(self.history.tidy()));
    }
}

/// What a machine gives: a quarter idle processes, a quarter busy ones, a quarter memory, a quarter counters.
fn value(n: i64, tick: i64) -> f64 {
    let noise = ((tick * 2_654_435_761 + n * 40_503) >> 7) & 0xffff;
    match n % 4 {
        0 if noise < 1_000 => 1.0,
        0 => 0.0,
        1 => noise as f64 / 655.36 / 1.003,
        2 => ((50_000 + n * 10 + (tick / 20) % 50) * 4_096) as f64,
        _ => (tick * 1_500 + noise % 100) as f64,
    }
}

fn series(n: i64, tick: i64) -> SeriesSamples {
    // Ticks come a few milliseconds early or late, the same for all.
    let jitter = (tick * 7_919) % 7;
    SeriesSamples {
        node: format!("host;{}", n / 4).into(),
        kind: TopologyKind::Process,
        incarnation_ms: T0 - n,
        metric: ["cpu", "busy", "memory", "bytes"][(n % 4) as usize].into(),
        label: "".into(),
        format: "".into(),
        samples: vec![Sample {
            t_ms: T0 + tick * 1_000 + jitter,
            value: value(n, tick),
        }],
    }
}

fn writing(c: &mut Criterion) {
    let Ok(place) = Place::new() else { return };
    let mut tick = 0;
    let mut group = c.benchmark_group("2000 series");
    group.sample_size(20).measurement_time(Duration::from_secs(20));
    group.bench_function("60 ticks, each committed", |b| {
        b.iter_custom(|rounds| {
            let mut spent = Duration::ZERO;
            for _ in 0..rounds {
                let start = Instant::now();
                for _ in 0..60 {
                    place.tick(tick);
                    tick += 1;
                }
                spent += start.elapsed();
                place.tidy();
            }
            spent
        });
    });
    group.bench_function("handing in a tick", |b| {
        b.iter_custom(|rounds| {
            let mut spent = Duration::ZERO;
            for _ in 0..rounds {
                let batch: Vec<_> = (0..SERIES).map(|n| series(n, tick)).collect();
                place.now.store(T0 + tick * 1_000, Ordering::Relaxed);
                let start = Instant::now();
                place.history.append(batch);
                spent += start.elapsed();
                settle(place.runtime.block_on(place.history.flush()));
                tick += 1;
            }
            spent
        });
    });
    group.bench_function("sealing five minutes", |b| {
        b.iter_custom(|rounds| {
            let mut spent = Duration::ZERO;
            for _ in 0..rounds {
                place.now.store(T0 + tick * 1_000, Ordering::Relaxed);
                place.tidy();
                tick = (tick / CHUNK_TICKS + 1) * CHUNK_TICKS;
                place
                    .now
                    .store(T0 + (tick + CHUNK_TICKS) * 1_000, Ordering::Relaxed);
                for n in 0..SERIES {
                    let mut all = series(n, tick);
                    all.samples = (tick..tick + CHUNK_TICKS)
                        .flat_map(|t| series(n, t).samples)
                        .collect();
                    place.history.append(vec![all]);
                }
                settle(place.runtime.block_on(place.history.flush()));
                tick += CHUNK_TICKS;
                place.now.store(T0 + (tick + 61) * 1_000, Ordering::Relaxed);
                let start = Instant::now();
                place.tidy();
                spent += start.elapsed();
            }
            spent
        });
    });
    group.finish();
    let stats = place.history.stats();
    report(&format!(
        "{} samples, {} dropped, {} ignored",
        stats.samples, stats.dropped, stats.ignored
    ));
}

/// A day of 40 series, one sample a second.
fn reading(c: &mut Criterion) {
    const LINES: i64 = 40;
    let Ok(place) = Place::new() else { return };
    for chunk in 0..DAY_TICKS / CHUNK_TICKS {
        let ticks = chunk * CHUNK_TICKS..(chunk + 1) * CHUNK_TICKS;
        place.now.store(T0 + (ticks.end + 61) * 1_000, Ordering::Relaxed);
        let line = |n| {
            let mut all = series(n, ticks.start);
            all.samples = ticks.clone().flat_map(|t| series(n, t).samples).collect();
            all
        };
        place.history.append((0..LINES).map(line));
        place.tidy();
    }
    let stats = place.history.stats();
    let folder = place.folder.path();
    let bytes = std::fs::metadata(folder.join("history.db")).map_or(0, |m| m.len());
    report(&format!(
        "{bytes} bytes, {:.2} per sample",
        bytes as f64 / stats.samples as f64
    ));

    let day = (T0, T0 + DAY_TICKS * 1_000);
    let hour = (T0 + 3_600_000, T0 + 7_200_000);
    let mut group = c.benchmark_group("range");
    for (name, (from, to), points) in [
        ("a day in 250 points", day, 250),
        ("a day in 600 points", day, 600),
        ("an hour in 600 points", hour, 600),
        ("an hour of samples", hour, 10_000),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let answer = place
                    .runtime
                    .block_on(place.history.range("host;2", "busy", from, to, points));
                black_box(answer.map(|series| series.points.len())).ok()
            });
        });
    }
    group.finish();
}

fn settle(outcome: Result<(), orrery_history::HistoryError>) {
    if let Err(error) = outcome {
        report(&error.to_string());
    }
}

#[expect(clippy::print_stderr, reason = "a benchmark's findings are for people")]
fn report(text: &str) {
    eprintln!("{text}");
}

criterion_group!(benches, writing, reading);
criterion_main!(benches);
