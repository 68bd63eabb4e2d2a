//! What is asked of the speed of a report's way, each beside its goal: reached or missed.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use orrery_engine::Published;
use orrery_engine::model::window::{Completeness, SourceId, Window};
use orrery_engine::model::{Report, Sample, Timestamp, TopologyKind};
use orrery_engine::topology::derive::Derivation;

use crate::backend::Backend;
use crate::table::{Table, time};
use crate::yardstick::{NOW, SECOND_NS, WINDOW_NS, Yardstick, cpu, repeated};

/// Sources that each hold a whole report.
const SOURCES: usize = 14;
/// Times that arrivals are repeated; the mean counts.
const ROUNDS: i64 = 12;
/// Longest wait for the first answer with [`SOURCES`] reports held.
const FIRST_ANSWER: Duration = Duration::from_millis(15);
/// Most resident memory with them, in MB.
const HELD_MB: f64 = 60.0;
/// Backends that are started one after the other for it.
const BACKENDS: usize = 5;
/// Time after which memory is looked at again.
const LATER: Duration = Duration::from_secs(3);

/// Measures what needs no running command.
pub(crate) fn measure(yardstick: &Yardstick, table: &mut Table) -> anyhow::Result<()> {
    let json = &yardstick.json;
    table.section("goals (CPU time of one thread, and as a multiple of P)");
    let cost = repeated(|| drop(black_box(Report::from_json(json, NOW))))?;
    yardstick.goal(table, "decode JSON", cost, 0.20);
    let report = Report::from_json(json, NOW)?.report;
    let msgpack = report.to_msgpack();
    let cost = repeated(|| drop(black_box(Report::from_msgpack(&msgpack, NOW))))?;
    yardstick.goal(table, "decode MessagePack", cost, 0.06);
    let (taken, seen) = arrivals(&report)?;
    yardstick.goal(table, "take in a new report of a known source", taken, 0.05);
    yardstick.goal(table, "publish what has not changed", seen, 0.002);
    let report = Arc::new(report);
    let fresh = || Derivation::new(report.clone(), None);
    for topology in ["processes", "hosts"] {
        let cost = repeated(|| drop(black_box(fresh().scope_nodes(topology, None))))?;
        yardstick.goal(table, &format!("render and summarise {topology}"), cost, 0.012);
    }
    let cost = first_answer(json)?;
    table.row(
        &format!("first answer with the reports of {SOURCES} sources held, in memory"),
        format!("{:<10}", time(cost)),
    );
    Ok(())
}

/// Every reading is a new one, as a second later.
fn a_second_later(report: &mut Report, seconds: i64) {
    for topology in report.topologies.values_mut() {
        for node in topology.nodes.values_mut() {
            for metric in Arc::make_mut(node).metrics.values_mut() {
                let Some(last) = metric.samples.last().copied() else {
                    continue;
                };
                let next = Sample {
                    date: Timestamp(last.date.0 + seconds * SECOND_NS),
                    value: last.value + 1.0,
                };
                metric.samples = metric.samples.iter().skip(1).copied().chain([next]).collect();
            }
        }
    }
}

/// Taking in whole reports of one source, everything read anew; then publishing what is the same as before.
fn arrivals(report: &Report) -> anyhow::Result<(Duration, Duration)> {
    let source = SourceId::probe("host");
    let mut window = Window::new(WINDOW_NS);
    window.take(&source, report.clone(), Completeness::Whole, NOW);
    let mut held = window.snapshot(NOW);
    let mut taken = Duration::ZERO;
    let mut next = report.clone();
    let mut now = NOW;
    for second in 1..=ROUNDS {
        now = Timestamp(NOW.0 + second * SECOND_NS);
        a_second_later(&mut next, 1);
        let arrived = next.clone();
        let begin = cpu()?;
        window.take(&source, arrived, Completeness::Whole, now);
        window.expire(now);
        held = window.snapshot(now);
        taken += cpu()? - begin;
    }
    let mut published = Published::of(&held, 0);
    drop(published.derivation.scope_nodes("processes", None));
    let seen = repeated(|| {
        window.expire(now);
        let snapshot = window.snapshot(now);
        published = published.next(&snapshot, 1);
        drop(black_box(published.derivation.basis("processes")));
    })?;
    Ok((taken / u32::try_from(ROUNDS)?, seen))
}

/// The processes as Scope's clients ask for them, right after the last of the reports was taken in.
fn first_answer(json: &[u8]) -> anyhow::Result<Duration> {
    let mut window = Window::new(WINDOW_NS);
    for n in 0..SOURCES {
        let report = Report::from_json(json, NOW)?.report;
        window.take(
            &SourceId::remote(n.to_string()),
            report,
            Completeness::Partial,
            NOW,
        );
    }
    let begin = cpu()?;
    let first = Published::of(&window.snapshot(NOW), 0);
    let nodes = first.derivation.scope_nodes("processes", None);
    drop(black_box(serde_json::to_vec(&nodes)));
    Ok(cpu()? - begin)
}

/// Whose reports are held.
#[derive(Clone, Copy)]
enum Reporters {
    /// One probe's, as its window fills.
    OneProbe,
    /// Those of as many probes, which name the same nodes.
    Probes,
    /// Those of as many hosts, which have no node in common.
    Hosts,
}

impl Reporters {
    const ALL: [Reporters; 3] = [Reporters::OneProbe, Reporters::Probes, Reporters::Hosts];

    fn name(self) -> &'static str {
        match self {
            Reporters::OneProbe => "of one probe",
            Reporters::Probes => "of as many probes, which name the same nodes",
            Reporters::Hosts => "of as many probes of as many hosts",
        }
    }

    /// The reports as JSON, one made when the one before was sent.
    fn reports(self, json: &[u8]) -> anyhow::Result<impl Iterator<Item = Vec<u8>>> {
        let mut report = Report::from_json(json, NOW)?.report;
        let mut hosts = report.topology(TopologyKind::Host).nodes.keys();
        let host = hosts.next().and_then(|id| id.split(';').next());
        let host = host.context("the report has no host")?.to_owned();
        Ok((0..SOURCES).map(move |n| {
            // Without the header that names the probe, the id of a report does.
            report.id = match self {
                Reporters::OneProbe => "probe".into(),
                Reporters::Probes | Reporters::Hosts => format!("probe-{n}").into(),
            };
            a_second_later(&mut report, 1);
            let json = report.to_json();
            match (self, String::from_utf8(json)) {
                (Reporters::Hosts, Ok(text)) => text.replace(&host, &format!("{host}-{n}")).into_bytes(),
                (_, Ok(text)) => text.into_bytes(),
                (_, Err(error)) => error.into_bytes(),
            }
        }))
    }
}

/// What was found with one backend.
struct Found {
    before_mb: f64,
    waited: Duration,
    answer_mb: f64,
    later_mb: f64,
}

/// Measures what the command answers and holds when [`SOURCES`] reports were posted, a few times.
pub(crate) async fn held(orrery: &Path, yardstick: &Yardstick, table: &mut Table) -> anyhow::Result<()> {
    for reporters in Reporters::ALL {
        let mut found = Vec::new();
        for _ in 0..BACKENDS {
            found.push(held_once(orrery, yardstick, reporters).await?);
        }
        table.section(&format!(
            "orrery serve with {SOURCES} reports held, {} (the median of {BACKENDS}, and the worst)",
            reporters.name()
        ));
        let waited = Spread::of(&found, |f| f.waited.as_secs_f64());
        let answered = Spread::of(&found, |f| f.answer_mb);
        let seconds = |s: f64| time(Duration::from_secs_f64(s));
        let mb = |mb: f64| format!("{mb:.0} MB");
        let name = "first answer: GET /api/topology/processes, wall time";
        let [first, memory] = [waited.told(seconds), answered.told(mb)];
        if matches!(reporters, Reporters::Hosts) {
            table.row(name, first);
            table.row("resident memory then", memory);
        } else {
            let reached = waited.median <= FIRST_ANSWER.as_secs_f64();
            goal(table, name, &first, &time(FIRST_ANSWER), reached);
            let reached = answered.worst <= HELD_MB;
            goal(table, "resident memory then", &memory, &mb(HELD_MB), reached);
        }
        table.row(
            "  three seconds later",
            Spread::of(&found, |f| f.later_mb).told(mb),
        );
        table.row(
            "  before the first report",
            Spread::of(&found, |f| f.before_mb).told(mb),
        );
    }
    Ok(())
}

async fn held_once(orrery: &Path, yardstick: &Yardstick, reporters: Reporters) -> anyhow::Result<Found> {
    let backend = Backend::start(orrery).await?;
    backend.get("/api/topology").await?;
    let before_mb = backend.resident_mb()?;
    for report in reporters.reports(&yardstick.json)? {
        backend.post_report(&report).await?;
    }
    let begin = Instant::now();
    let answer = backend.get("/api/topology/processes").await?;
    let waited = begin.elapsed();
    let answer_mb = backend.resident_mb()?;
    let answer: serde_json::Value = serde_json::from_slice(&answer)?;
    answer.get("nodes").context("the answer has no nodes")?;
    tokio::time::sleep(LATER).await;
    Ok(Found {
        before_mb,
        waited,
        answer_mb,
        later_mb: backend.resident_mb()?,
    })
}

/// The middle and the largest of some figures.
struct Spread {
    median: f64,
    worst: f64,
}

impl Spread {
    fn of(found: &[Found], figure: impl Fn(&Found) -> f64) -> Self {
        let mut all: Vec<f64> = found.iter().map(figure).collect();
        all.sort_by(f64::total_cmp);
        Spread {
            median: all.get(all.len() / 2).copied().unwrap_or_default(),
            worst: all.last().copied().unwrap_or_default(),
        }
    }

    fn told(&self, write: impl Fn(f64) -> String) -> String {
        format!("{} ({})", write(self.median), write(self.worst))
    }
}

fn goal(table: &mut Table, name: &str, figure: &str, goal: &str, reached: bool) {
    let verdict = if reached { "reached" } else { "MISSED" };
    table.row(name, format!("{figure:<19}   goal {goal:<10} {verdict}"));
}
