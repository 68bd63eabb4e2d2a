//! A report that comes in pieces, in any order and through any probe, is shown as the whole one is; and what
//! was shown in between does not matter.

use std::sync::Arc;

use orrery_model::window::{Completeness, SourceId, Window};
use orrery_model::{Node, Report, Timestamp, Topology, TopologyKind};
use orrery_topology::derive::{Derivation, Options};

use crate::generate::{self, Dice};
use crate::reference::TOPOLOGIES;

/// Random reports tried.
const REPORTS: u64 = 30;
const SPAN_NS: i64 = 15_000_000_000;

/// Everything that Scope's API tells.
fn told(derivation: &Derivation) -> Vec<String> {
    let pairs = |pairs: &[(&str, &str)]| -> Options {
        let pairs = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        pairs.collect()
    };
    let everything = pairs(&[
        ("unconnected", "show"),
        ("pseudo", "show"),
        ("system", "all"),
        ("stopped", "both"),
        ("storage", "show"),
        ("snapshot", "show"),
    ]);
    let mut out = Vec::new();
    for options in [None, Some(&Options::new()), Some(&everything)] {
        out.push(serde_json::to_string(&derivation.scope_topologies_with(options)).unwrap());
        for name in TOPOLOGIES {
            let answer = derivation.scope_nodes(name, options).unwrap();
            for node in &answer.nodes {
                let node = derivation.scope_node(name, &node.summary.id, options, "probe");
                out.push(serde_json::to_string(&node).unwrap());
            }
            out.push(serde_json::to_string(&answer).unwrap());
        }
    }
    out
}

/// Takes a node apart: each thing that it says goes to one of the pieces, and some to two.
fn scatter(node: &Node, kind: TopologyKind, pieces: &mut [Report], dice: &mut Dice) {
    let bare = || Node::new(node.id.clone(), &node.topology);
    let mut parts: Vec<Node> = vec![bare()];
    for (key, fact) in &node.latest {
        let mut part = bare();
        part.latest.insert(key.clone(), fact.clone());
        parts.push(part);
    }
    for (key, set) in &node.sets {
        for value in set {
            let mut part = bare();
            part.sets.entry(key.clone()).or_default().insert(value.clone());
            parts.push(part);
        }
    }
    for (key, ids) in &node.parents {
        parts.extend(ids.iter().map(|id| bare().with_parent(key, id.clone())));
    }
    for (key, metric) in &node.metrics {
        parts.push(bare().with_metric(key, metric.clone()));
    }
    parts.extend(node.adjacency.iter().map(|to| bare().with_adjacent(to.clone())));
    for (owner, said) in &node.active_controls {
        let mut part = bare();
        part.active_controls.insert(owner.clone(), said.clone());
        parts.push(part);
    }
    for (control, state) in &node.latest_controls {
        let mut part = bare();
        part.latest_controls.insert(control.clone(), *state);
        parts.push(part);
    }
    for part in parts {
        let first = dice.below(pieces.len());
        let second = if dice.often(20) {
            dice.below(pieces.len())
        } else {
            first
        };
        for at in [first, second] {
            let nodes = &mut pieces[at].topology_mut(kind).nodes;
            let held = nodes.entry(node.id.clone()).or_insert_with(|| Arc::new(bare()));
            Arc::make_mut(held).merge(&part);
        }
    }
}

fn pieces(report: &Report, dice: &mut Dice) -> Vec<Report> {
    let blank = || Report {
        ts: report.ts,
        ..Report::default()
    };
    let mut out: Vec<Report> = (0..=dice.below(5)).map(|_| blank()).collect();
    for (kind, topology) in &report.topologies {
        for piece in &mut out {
            *piece.topology_mut(*kind) = Topology {
                nodes: Default::default(),
                ..topology.clone()
            };
        }
        for node in topology.nodes.values() {
            scatter(node, *kind, &mut out, dice);
        }
    }
    for (address, record) in &report.dns {
        let at = dice.below(out.len());
        out[at].dns.insert(address.clone(), record.clone());
    }
    // In any order.
    for end in (1..out.len()).rev() {
        out.swap(end, dice.below(end + 1));
    }
    out
}

#[test]
fn pieces_in_any_order_are_shown_as_the_whole() {
    for seed in 0..REPORTS {
        let mut dice = Dice::new(seed + 77);
        let whole = generate::report(seed, 1 + (seed % 4) as usize);
        let mut window = Window::new(SPAN_NS);
        let mut now = Timestamp(whole.ts.0 + 1_000_000_000);
        let mut derivation = Derivation::new(Arc::default(), None);
        let mut pieces = pieces(&whole, &mut dice);
        // Some come again.
        let again: Vec<Report> = pieces.iter().filter(|_| dice.often(30)).cloned().collect();
        pieces.extend(again);
        for piece in pieces {
            let source = SourceId::remote(["a", "b", "c"][dice.below(3)]);
            now.0 += 100_000_000;
            window.take(&source, piece, Completeness::Partial, now);
            if dice.often(60) {
                let snapshot = window.snapshot(now);
                derivation = derivation.next(snapshot.report.clone(), None, &snapshot.changed);
                if dice.often(50) {
                    let _ = told(&derivation);
                }
            }
        }
        let snapshot = window.snapshot(now);
        let derivation = derivation.next(snapshot.report.clone(), None, &snapshot.changed);
        let (ours, wanted) = (told(&derivation), told(&Derivation::new(Arc::new(whole), None)));
        for (ours, wanted) in ours.iter().zip(&wanted) {
            assert_eq!(ours, wanted, "report {seed}");
        }
        assert_eq!(ours.len(), wanted.len());
    }
}
