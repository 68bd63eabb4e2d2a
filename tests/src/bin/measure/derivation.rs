//! What deriving costs: from nothing, from the publication before, and of many hosts.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use orrery_engine::Published;
use orrery_engine::model::window::{Completeness, SourceId, Window};
use orrery_engine::model::{NodeId, Report, Timestamp, TopologyKind};
use orrery_engine::topology::derive::{Chosen, Derivation, Options};
use orrery_engine::topology::view::ViewState;
use orrery_testkit::ReportGen;

use crate::table::{Table, time};
use crate::yardstick::{NOW, Yardstick, cpu, repeated};

const SECOND_NS: i64 = 1_000_000_000;
const WINDOW_NS: i64 = 15 * SECOND_NS;
/// Sources that each hold a whole report.
const SOURCES: usize = 14;
/// One process in this many says something new.
const CHANGED: usize = 100;
/// Times that arrivals are repeated; the mean counts.
const ROUNDS: i64 = 12;

type Changed = BTreeSet<(TopologyKind, NodeId)>;

/// Measures all of it against P.
pub(crate) fn measure(yardstick: &Yardstick, table: &mut Table) -> anyhow::Result<()> {
    let report = Arc::new(Report::from_json(&yardstick.json, NOW)?.report);
    table.section("deriving from the same report (CPU time, and as a multiple of P)");
    cold(&report, yardstick, table)?;
    carried(&report, yardstick, table)?;
    arrivals(&yardstick.json, yardstick, table)?;
    many_hosts(yardstick, table)
}

fn unconnected() -> Options {
    [("unconnected".to_owned(), "show".to_owned())].into()
}

fn cold(report: &Arc<Report>, yardstick: &Yardstick, table: &mut Table) -> anyhow::Result<()> {
    let fresh = || Derivation::new(report.clone(), None);
    for topology in ["processes", "hosts"] {
        let cost = repeated(|| drop(black_box(fresh().scope_nodes(topology, None))))?;
        yardstick.row(table, &format!("render and summarise {topology}"), cost);
    }
    let render = repeated(|| drop(black_box(fresh().derive("processes", Chosen::Unfiltered))))?;
    yardstick.row(table, "  of it: render processes", render);
    let written = repeated(|| {
        let nodes = fresh().scope_nodes("processes", None);
        drop(black_box(serde_json::to_vec(&nodes)));
    })?;
    yardstick.row(table, "the same and written as JSON", written);
    let picture = repeated(|| drop(black_box(fresh().picture("processes", &unconnected(), ""))))?;
    yardstick.row(table, "picture of all processes", picture);
    Ok(())
}

/// A report in which every [`CHANGED`]th process has a new reading.
fn one_per_cent(report: &Report) -> (Arc<Report>, Changed) {
    let mut next = report.clone();
    let mut changed = Changed::new();
    let processes = &mut next.topology_mut(TopologyKind::Process).nodes;
    for (id, node) in processes.iter_mut().step_by(CHANGED) {
        for metric in Arc::make_mut(node).metrics.values_mut() {
            if let Some(sample) = metric.samples.last_mut() {
                sample.value += 1.0;
            }
        }
        changed.insert((TopologyKind::Process, id.clone()));
    }
    (Arc::new(next), changed)
}

fn carried(report: &Arc<Report>, yardstick: &Yardstick, table: &mut Table) -> anyhow::Result<()> {
    let base = Derivation::new(report.clone(), None);
    let picture = base.picture("processes", &unconnected(), "")?;
    drop(base.scope_nodes("processes", None));
    let mut state = ViewState::new(vec!["host".to_owned()]);
    state.advance(picture, 0);
    let (next, changed) = one_per_cent(report);
    let cost = repeated(|| {
        let derivation = base.next(next.clone(), None, &changed);
        drop(black_box(derivation.scope_nodes("processes", None)));
    })?;
    yardstick.row(table, "1 % of processes changed: summarise processes", cost);
    let cost = repeated(|| {
        let derivation = base.next(next.clone(), None, &changed);
        drop(black_box(derivation.picture("processes", &unconnected(), "")));
    })?;
    yardstick.row(table, "1 % of processes changed: picture of all", cost);
    let second = base.next(next, None, &changed);
    let pictures = [
        second.picture("processes", &unconnected(), "")?,
        base.picture("processes", &unconnected(), "")?,
    ];
    state.advance(pictures[0].clone(), 1);
    let mut at = 1;
    let cost = repeated(|| {
        drop(black_box(state.advance(pictures[at % 2].clone(), at as i64)));
        at += 1;
    })?;
    yardstick.row(table, "1 % of processes changed: box, place, compare", cost);
    let cost = repeated(|| {
        let same = base.next(report.clone(), None, &Changed::new());
        drop(black_box(same.basis("processes") == base.basis("processes")));
    })?;
    yardstick.row(table, "nothing changed: find that out", cost);
    Ok(())
}

/// Reports as they arrive: again and again from one source, and held of many.
fn arrivals(json: &[u8], yardstick: &Yardstick, table: &mut Table) -> anyhow::Result<()> {
    let source = SourceId::probe("host");
    let mut window = Window::new(WINDOW_NS);
    let decoded = || Ok::<_, anyhow::Error>(Report::from_json(json, NOW)?.report);
    window.take(&source, decoded()?, Completeness::Whole, NOW);
    let mut published = Published::of(&window.snapshot(NOW), 0);
    drop(published.derivation.picture("processes", &unconnected(), ""));
    let mut spent = Duration::ZERO;
    let mut publications = 0;
    for second in 1..=ROUNDS {
        let now = Timestamp(NOW.0 + second * SECOND_NS);
        let report = decoded()?;
        let begin = cpu()?;
        window.take(&source, report, Completeness::Whole, now);
        window.expire(now);
        let snapshot = window.snapshot(now);
        if snapshot.seq != published.seq {
            publications += 1;
            published = published.next(&snapshot, second);
            drop(black_box(published.derivation.picture(
                "processes",
                &unconnected(),
                "",
            )));
        }
        spent += cpu()? - begin;
    }
    let name = format!("the same report again: {publications} of {ROUNDS} published");
    yardstick.row(table, &name, spent / u32::try_from(ROUNDS)?);

    let mut window = Window::new(WINDOW_NS);
    for n in 0..SOURCES {
        window.take(
            &SourceId::remote(n.to_string()),
            decoded()?,
            Completeness::Partial,
            NOW,
        );
    }
    let begin = cpu()?;
    let first = Published::of(&window.snapshot(NOW), 0);
    let nodes = first.derivation.scope_nodes("processes", None);
    drop(black_box(serde_json::to_vec(&nodes)));
    let cost = cpu()? - begin;
    table.row(
        &format!("first answer with the reports of {SOURCES} sources held"),
        time(cost),
    );
    Ok(())
}

/// 6,000 processes of 20 hosts that talk to each other.
fn many_hosts(yardstick: &Yardstick, table: &mut Table) -> anyhow::Result<()> {
    let report = Arc::new(ReportGen::new(20, 300, 200, 6_000, 1).report(NOW));
    table.section("6,000 processes of 20 hosts, 200 containers, 6,000 connections, generated");
    let fresh = || Derivation::new(report.clone(), None);
    for (topology, name) in [
        ("processes", "picture of all processes"),
        ("everything", "picture of the mixed view"),
        ("hosts", "picture of the hosts"),
    ] {
        let cost = repeated(|| drop(black_box(fresh().picture(topology, &unconnected(), ""))))?;
        yardstick.row(table, name, cost);
    }
    let cost = repeated(|| drop(black_box(fresh().scope_nodes("processes", None))))?;
    yardstick.row(table, "render and summarise processes", cost);
    let cost = repeated(|| drop(black_box(fresh().topologies())))?;
    yardstick.row(table, "list of topologies, all counted", cost);
    Ok(())
}
