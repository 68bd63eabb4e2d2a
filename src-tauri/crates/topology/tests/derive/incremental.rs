//! A derivation made of the one before and what changed is the same as one made from scratch.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use orrery_model::{NodeId, Report, TopologyKind};
use orrery_topology::derive::{CATALOG, Derivation, Options, OriginLookup};

use crate::fixture::options;
use crate::generate::{Dice, change_one, report};

/// Random reports tried, and changes made to each, one after the other.
const REPORTS: u64 = 60;
const STEPS: usize = 12;

/// Says where nodes come from: by numbers that some of them are marked with.
#[derive(Clone, Default)]
struct Marks(std::collections::BTreeMap<(TopologyKind, NodeId), usize>);

impl OriginLookup for Marks {
    fn sources(&self, kind: TopologyKind, id: &NodeId) -> Vec<String> {
        match self.0.get(&(kind, id.clone())) {
            Some(1) => vec!["probe:x".to_owned(), "plugin:p".to_owned()],
            Some(_) => vec!["probe:y".to_owned()],
            None => vec!["probe:x".to_owned()],
        }
    }

    fn stale_since_ms(&self, kind: TopologyKind, id: &NodeId) -> Option<i64> {
        (self.0.get(&(kind, id.clone())) == Some(&2)).then_some(17)
    }
}

/// Everything that clients can see, as text.
fn seen(derivation: &Derivation) -> String {
    let mut out = String::new();
    let choices: [Options; 3] = [
        Options::new(),
        options(&[
            ("unconnected", "show"),
            ("pseudo", "show"),
            ("system", "all"),
            ("stopped", "both"),
            ("storage", "show"),
            ("snapshot", "show"),
        ]),
        options(&[
            ("namespace", "default"),
            ("local", "hide"),
            ("stopped", "stopped"),
        ]),
    ];
    let _ = writeln!(out, "topologies {}", json(&derivation.topologies()));
    for entry in &CATALOG {
        for chosen in &choices {
            let picture = derivation.picture(entry.id, chosen, "").unwrap();
            let _ = writeln!(out, "{} {chosen:?} {picture:?}", entry.id);
            let nodes = derivation.scope_nodes(entry.id, Some(chosen));
            let _ = writeln!(out, "{} {chosen:?} {}", entry.id, json(&nodes));
        }
        let _ = writeln!(
            out,
            "{} {}",
            entry.id,
            json(&derivation.scope_nodes(entry.id, None))
        );
    }
    out
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap()
}

/// What differs between two reports, as the window tells it.
fn differing(was: &Report, is: &Report) -> BTreeSet<(TopologyKind, NodeId)> {
    let mut out = BTreeSet::new();
    for kind in TopologyKind::ALL {
        let (was, is) = (&was.topology(kind).nodes, &is.topology(kind).nodes);
        for id in was.keys().chain(is.keys()) {
            let same = match (was.get(id), is.get(id)) {
                (Some(a), Some(b)) => Arc::ptr_eq(a, b),
                _ => false,
            };
            if !same {
                out.insert((kind, id.clone()));
            }
        }
    }
    out
}

#[test]
fn a_derivation_made_of_the_one_before_equals_one_from_scratch() {
    for seed in 0..REPORTS {
        let mut dice = Dice::new(seed + 1);
        let mut now = report(seed, 5);
        let mut marks = Marks::default();
        let of = |report: &Report, marks: &Marks| {
            Derivation::new(Arc::new(report.clone()), Some(Arc::new(marks.clone())))
        };
        let mut derivation = of(&now, &marks);
        for step in 0..STEPS {
            // What nobody looks at is not carried along; look now and then, and sometimes at a part.
            match dice.below(4) {
                0 => {}
                1 => {
                    let entry = &CATALOG[dice.below(CATALOG.len())];
                    let _ = derivation.picture(entry.id, &Options::new(), "").unwrap();
                }
                _ => {
                    let _ = seen(&derivation);
                }
            }
            let was = now.clone();
            for _ in 0..=dice.below(3) {
                change_one(&mut now, &mut dice);
            }
            let mut changed = differing(&was, &now);
            if dice.often(30) {
                let processes: Vec<_> = now
                    .topology(TopologyKind::Process)
                    .nodes
                    .keys()
                    .cloned()
                    .collect();
                if let Some(id) = processes.get(dice.below(processes.len())) {
                    let marked = (TopologyKind::Process, id.clone());
                    marks.0.insert(marked.clone(), dice.below(3));
                    changed.insert(marked);
                }
            }
            derivation = derivation.next(Arc::new(now.clone()), Some(Arc::new(marks.clone())), &changed);
            let (ours, theirs) = (seen(&derivation), seen(&of(&now, &marks)));
            for (ours, theirs) in ours.lines().zip(theirs.lines()) {
                assert_eq!(ours, theirs, "report {seed}, step {step}, changed {changed:?}");
            }
        }
    }
}

#[test]
fn what_did_not_change_is_taken_over() {
    let was = report(3, 6);
    let first = Derivation::new(Arc::new(was.clone()), None);
    let before = first.scope_nodes("processes", None).unwrap();
    let mut is = was.clone();
    let (id, node) = is
        .topology_mut(TopologyKind::Process)
        .nodes
        .iter_mut()
        .next()
        .unwrap();
    let id = id.clone();
    Arc::make_mut(node).latest.insert(
        "cmdline".into(),
        orrery_model::Latest {
            timestamp: orrery_model::Timestamp(1),
            value: "changed".into(),
        },
    );
    let second = first.next(Arc::new(is.clone()), None, &differing(&was, &is));
    let after = second.scope_nodes("processes", None).unwrap();
    assert!(before.nodes.len() > 3, "{} processes", before.nodes.len());
    assert_eq!(before.nodes.len(), after.nodes.len());
    for (old, new) in before.nodes.iter().zip(&after.nodes) {
        let same = Arc::ptr_eq(&old.summary, &new.summary);
        assert_eq!(same, new.summary.id != id, "{}", new.summary.id);
    }
}
