//! The window against a model of it that is too simple to be wrong: every single thing that a source says is
//! a line in a list with the time when it was said last. Step by step or from the list, the outcome is the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use orrery_model::window::{Completeness, SourceId, Window};
use orrery_model::{Metric, Node, Report, SmolStr, Timestamp, TopologyKind};
use proptest::prelude::*;

use crate::strategies::report;

const SECOND: i64 = 1_000_000_000;
const SPAN: i64 = 5 * SECOND;

/// What may be said: a report that says just this.
type Line = Report;

/// Identity of a line: two lines with the same one replace each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    kind: Option<TopologyKind>,
    node: SmolStr,
    field: &'static str,
    key: SmolStr,
    element: SmolStr,
}

#[derive(Debug, Default)]
struct Source {
    lines: BTreeMap<Key, (Timestamp, Line)>,
}

fn key(kind: Option<TopologyKind>, node: &SmolStr, field: &'static str, key: &str, element: &str) -> Key {
    Key {
        kind,
        node: node.clone(),
        field,
        key: key.into(),
        element: element.into(),
    }
}

/// Takes a report apart into lines.
fn lines(report: &Report) -> Vec<(Key, Line)> {
    let mut all = Vec::new();
    let none = SmolStr::default();
    let mut head = |field, name: &str, line: Report| all.push((key(None, &none, field, name, ""), line));
    head(
        "times",
        "",
        Report {
            ts: report.ts,
            sampling: report.sampling,
            ..Report::default()
        },
    );
    for (address, record) in &report.dns {
        let dns = [(address.clone(), record.clone())].into();
        head(
            "dns",
            address,
            Report {
                dns,
                ..Report::default()
            },
        );
    }
    for plugin in &report.plugins {
        head(
            "plugins",
            &plugin.id,
            Report {
                plugins: vec![plugin.clone()],
                ..Report::default()
            },
        );
    }
    for (kind, topology) in &report.topologies {
        let mut say = |field, name: &str, write: &dyn Fn(&mut orrery_model::Topology)| {
            let mut line = Report::default();
            write(line.topology_mut(*kind));
            all.push((key(Some(*kind), &none, field, name, ""), line));
        };
        if !topology.shape.is_empty() {
            say("shape", "", &|t| t.shape = topology.shape.clone());
        }
        if !topology.tag.is_empty() {
            say("tag", "", &|t| t.tag = topology.tag.clone());
        }
        if !topology.label.is_empty() {
            say("label", "", &|t| t.label = topology.label.clone());
        }
        if !topology.label_plural.is_empty() {
            say("plural", "", &|t| t.label_plural = topology.label_plural.clone());
        }
        for (id, v) in &topology.controls {
            say("controls", id, &|t| {
                drop(t.controls.insert(id.clone(), v.clone()));
            });
        }
        for (id, v) in &topology.metadata_templates {
            say("metadata", id, &|t| {
                drop(t.metadata_templates.insert(id.clone(), v.clone()));
            });
        }
        for (id, v) in &topology.metric_templates {
            say("metrics", id, &|t| {
                drop(t.metric_templates.insert(id.clone(), v.clone()));
            });
        }
        for (id, v) in &topology.table_templates {
            say("tables", id, &|t| {
                drop(t.table_templates.insert(id.clone(), v.clone()));
            });
        }
        for (id, node) in &topology.nodes {
            node_lines(*kind, id, node, &mut all);
        }
    }
    all
}

fn node_lines(kind: TopologyKind, id: &SmolStr, node: &Node, all: &mut Vec<(Key, Line)>) {
    let mut say = |field, name: &str, element: &str, write: &dyn Fn(&mut Node)| {
        let mut said = Node::new(id.clone(), "");
        write(&mut said);
        let mut line = Report::default();
        line.topology_mut(kind).insert(said);
        all.push((key(Some(kind), id, field, name, element), line));
    };
    say("node", "", "", &|_| {});
    if !node.topology.is_empty() {
        say("topology", "", "", &|n| n.topology = node.topology.clone());
    }
    for (k, v) in &node.latest {
        say("latest", k, "", &|n| drop(n.latest.insert(k.clone(), v.clone())));
    }
    for (k, set) in &node.sets {
        for e in set {
            say("sets", k, e, &|n| {
                drop(n.sets.insert(k.clone(), [e.clone()].into()));
            });
        }
    }
    for (k, set) in &node.parents {
        for e in set {
            say("parents", k, e, &|n| {
                drop(n.parents.insert(k.clone(), [e.clone()].into()));
            });
        }
    }
    for e in &node.adjacency {
        say("adjacency", "", e, &|n| n.adjacency.extend([e.clone()]));
    }
    for (k, v) in &node.metrics {
        say("metrics", k, "", &|n| {
            drop(n.metrics.insert(k.clone(), v.clone()));
        });
    }
    for child in &node.children {
        say("children", &child.topology, &child.id, &|n| {
            n.children.push(child.clone());
        });
    }
    for (k, v) in &node.active_controls {
        say("active", k, "", &|n| {
            drop(n.active_controls.insert(k.clone(), v.clone()));
        });
    }
    for (k, v) in &node.latest_controls {
        say("controls", k, "", &|n| {
            n.latest_controls.extend([(k.clone(), *v)]);
        });
    }
}

fn metric_of<'a>(line: &'a mut Line, at: &Key) -> &'a mut Metric {
    let nodes = &mut line.topology_mut(at.kind.unwrap()).nodes;
    Arc::make_mut(nodes.get_mut(&at.node).unwrap())
        .metrics
        .get_mut(&at.key)
        .unwrap()
}

impl Source {
    fn take(&mut self, report: &Report, completeness: Completeness, now: Timestamp) {
        self.expire(now);
        let said: BTreeMap<Key, Line> = lines(report).into_iter().collect();
        let named = |at: &Key| {
            said.contains_key(&Key {
                field: "node",
                key: SmolStr::default(),
                element: SmolStr::default(),
                ..at.clone()
            })
        };
        let is_metric = |at: &Key| at.field == "metrics" && !at.node.is_empty();
        let is_control = |at: &Key| (at.field == "active" || at.field == "controls") && !at.node.is_empty();
        match completeness {
            Completeness::Whole => self.lines.retain(|at, _| is_metric(at) && named(at)),
            Completeness::Partial => self.lines.retain(|at, _| {
                !is_control(at)
                    || !said
                        .keys()
                        .any(|s| is_control(s) && s.kind == at.kind && s.node == at.node)
            }),
        }
        for (at, mut line) in said.clone() {
            if is_metric(&at)
                && let Some((_, held)) = self.lines.get_mut(&at)
            {
                accumulate(metric_of(&mut line, &at), metric_of(held, &at));
            }
            self.lines.insert(at, (now, line));
        }
    }

    fn expire(&mut self, now: Timestamp) {
        self.lines.retain(|_, (seen, _)| seen.0 >= now.0 - SPAN);
    }
}

/// Readings within the window around the newest of the newer ones, and their range where it changes.
fn accumulate(newer: &mut Metric, older: &Metric) {
    let Some(newest) = newer.samples.last().or(older.samples.last()).map(|s| s.date.0) else {
        return;
    };
    let kept = older
        .samples
        .iter()
        .filter(|s| (s.date.0 - newest).abs() <= SPAN)
        .copied()
        .collect::<Vec<_>>();
    // A range that stays the same is a limit.
    let mut range = (newer.min, newer.max);
    for sample in &kept {
        if newer.min != older.min {
            range.0 = range.0.min(sample.value);
        }
        if newer.max != older.max {
            range.1 = range.1.max(sample.value);
        }
    }
    let mut joined = Node::new("n", "").with_metric("m", newer.clone());
    joined.merge(&Node::new("n", "").with_metric(
        "m",
        Metric {
            samples: kept.into(),
            ..newer.clone()
        },
    ));
    *newer = Metric {
        samples: joined.metrics["m"].samples.clone(),
        min: range.0,
        max: range.1,
    };
}

#[derive(Debug, Clone)]
enum Act {
    Take(usize, Completeness, Box<Report>),
    Forget(usize),
    Wait(i64),
}

fn act() -> impl Strategy<Value = Act> {
    let completeness = prop_oneof![Just(Completeness::Whole), Just(Completeness::Partial)];
    prop_oneof![
        6 => (0..3_usize, completeness, report()).prop_map(|(s, c, r)| Act::Take(s, c, Box::new(r))),
        1 => (0..3_usize).prop_map(Act::Forget),
        3 => (0..4_i64).prop_map(Act::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn step_by_step_is_the_same_as_from_scratch(acts in proptest::collection::vec(act(), 1..14)) {
        let names = [SourceId::probe("a"), SourceId::plugin("b"), SourceId::remote("c")];
        let mut sources = [Source::default(), Source::default(), Source::default()];
        let mut window = Window::new(SPAN);
        let mut now = Timestamp(1_790_000_000_000_000_000);
        let mut before = window.snapshot(now);
        for act in acts {
            match act {
                Act::Take(source, completeness, report) => {
                    sources[source].take(&report, completeness, now);
                    window.take(&names[source], *report, completeness, now);
                }
                Act::Forget(source) => window.forget(&names[source], now),
                Act::Wait(seconds) => now.0 += seconds * SECOND,
            }
            window.expire(now);
            let mut scratch = Report::default();
            for source in &mut sources {
                source.expire(now);
                for (_, line) in source.lines.values() {
                    scratch.merge(line);
                }
            }
            scratch.topologies.retain(|_, t| *t != orrery_model::Topology::default());
            let snapshot = window.snapshot(now);
            let mut report = (*snapshot.report).clone();
            report.window_ns = 0;
            prop_assert_eq!(&report, &scratch);
            check_changes(&before.report, &snapshot)?;
            check_origins(&sources, &names, &snapshot)?;
            before = snapshot;
        }
    }
}

/// Every node that differs from the snapshot before is named among the changes, and a rise tells of them.
fn check_changes(before: &Report, after: &orrery_model::window::Snapshot) -> Result<(), TestCaseError> {
    for kind in TopologyKind::ALL {
        let (old, new) = (&before.topology(kind).nodes, &after.report.topology(kind).nodes);
        for id in old.keys().chain(new.keys()) {
            if old.get(id) != new.get(id) {
                prop_assert!(after.changed.contains(&(kind, id.clone())), "{} {}", kind, id);
            }
        }
    }
    Ok(())
}

/// The origins of a node are the sources that name it.
fn check_origins(
    sources: &[Source],
    names: &[SourceId],
    snapshot: &orrery_model::window::Snapshot,
) -> Result<(), TestCaseError> {
    for (kind, topology) in &snapshot.report.topologies {
        for id in topology.nodes.keys() {
            let named =
                |s: &&(&Source, &SourceId)| s.0.lines.contains_key(&key(Some(*kind), id, "node", "", ""));
            let pairs: Vec<_> = sources.iter().zip(names).collect();
            let mut expect: Vec<String> = pairs.iter().filter(named).map(|s| s.1.to_string()).collect();
            let mut held = snapshot.origins.sources(*kind, id);
            expect.sort();
            held.sort();
            prop_assert_eq!(held, expect);
            let seen = pairs
                .iter()
                .filter_map(|s| s.0.lines.get(&key(Some(*kind), id, "node", "", "")))
                .map(|(seen, _)| *seen)
                .max();
            prop_assert_eq!(snapshot.origins.get(*kind, id).map(|o| o.last_seen), seen);
        }
    }
    Ok(())
}
