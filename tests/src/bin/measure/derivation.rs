//! What deriving costs: from nothing, from the publication before, and of many hosts.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::Arc;

use orrery_engine::model::{NodeId, Report, TopologyKind};
use orrery_engine::topology::derive::{Chosen, Derivation, Options};
use orrery_engine::topology::view::ViewState;
use orrery_testkit::ReportGen;

use crate::table::Table;
use crate::yardstick::{NOW, Yardstick, repeated};

/// One process in this many says something new.
const CHANGED: usize = 100;

type Changed = BTreeSet<(TopologyKind, NodeId)>;

/// Measures all of it against P.
pub(crate) fn measure(yardstick: &Yardstick, table: &mut Table) -> anyhow::Result<()> {
    let report = Arc::new(Report::from_json(&yardstick.json, NOW)?.report);
    table.section("deriving from the same report (CPU time, and as a multiple of P)");
    cold(&report, yardstick, table)?;
    carried(&report, yardstick, table)?;
    many_hosts(yardstick, table)?;
    dense(yardstick, table)
}

fn unconnected() -> Options {
    [("unconnected".to_owned(), "show".to_owned())].into()
}

fn cold(report: &Arc<Report>, yardstick: &Yardstick, table: &mut Table) -> anyhow::Result<()> {
    let fresh = || Derivation::new(report.clone(), None);
    let render = repeated(|| drop(black_box(fresh().derive("processes", Chosen::Unfiltered))))?;
    yardstick.row(table, "render processes", render);
    let written = repeated(|| {
        let nodes = fresh().scope_nodes("processes", None);
        drop(black_box(serde_json::to_vec(&nodes)));
    })?;
    yardstick.row(table, "render and summarise processes, written as JSON", written);
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
        let _ = black_box(same.basis("processes") == base.basis("processes"));
    })?;
    yardstick.row(table, "nothing changed: find that out", cost);
    Ok(())
}

/// Everything connected to everything.
fn dense(yardstick: &Yardstick, table: &mut Table) -> anyhow::Result<()> {
    const ENDPOINTS: usize = 2_000;
    let ids: Vec<String> = (0..ENDPOINTS).map(|n| format!("\";10.0.0.1;{n}\"")).collect();
    let adjacency = ids.join(",");
    let nodes: Vec<String> = ids
        .iter()
        .map(|id| format!("{id}:{{\"adjacency\":[{adjacency}],\"latest\":{{}}}}"))
        .collect();
    let json = format!("{{\"Endpoint\":{{\"nodes\":{{{}}}}}}}", nodes.join(","));
    drop(nodes);
    table.section(&format!(
        "{ENDPOINTS} endpoints, each connected to each: {:.0} MB of JSON, {} edges kept",
        json.len() as f64 / 1e6,
        orrery_engine::model::limits::EDGES
    ));
    match Report::from_json(json.as_bytes(), NOW) {
        Err(error) => table.row("decode JSON", error.to_string()),
        Ok(decoded) => {
            for warning in &decoded.warnings {
                table.row("said of it", warning.to_string());
            }
            let report = Arc::new(decoded.report);
            let cost = repeated(|| drop(black_box(Report::from_json(json.as_bytes(), NOW))))?;
            yardstick.row(table, "decode JSON", cost);
            let fresh = || Derivation::new(report.clone(), None);
            let cost = repeated(|| drop(black_box(fresh().picture("everything", &Options::new(), ""))))?;
            yardstick.row(table, "picture of the mixed view", cost);
        }
    }
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
