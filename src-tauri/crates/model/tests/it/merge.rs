//! Merging is a join.

use orrery_model::{Control, Latest, Metric, MetricTemplate, Node, Report, Sample, Timestamp, TopologyKind};
use proptest::prelude::*;

use crate::strategies::report;

fn merged(reports: &[&Report]) -> Report {
    let mut all = Report::default();
    for report in reports {
        all.merge(report);
    }
    all
}

/// `window_ns` is a sum, all else is a join.
fn without_window(mut report: Report) -> Report {
    report.window_ns = 0;
    report
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn order_does_not_matter(a in report(), b in report()) {
        prop_assert_eq!(merged(&[&a, &b]), merged(&[&b, &a]));
    }

    #[test]
    fn grouping_does_not_matter(a in report(), b in report(), c in report()) {
        let left = merged(&[&merged(&[&a, &b]), &c]);
        let right = merged(&[&a, &merged(&[&b, &c])]);
        prop_assert_eq!(left, right);
    }

    #[test]
    fn repetition_does_not_matter(a in report(), b in report()) {
        let mut twice = a.clone();
        twice.merge(&a);
        prop_assert_eq!(without_window(twice), without_window(a.clone()), "merged with itself");
        let once = merged(&[&a, &b]);
        let mut again = once.clone();
        again.merge(&b);
        prop_assert_eq!(without_window(again), without_window(once), "merged with a part of itself");
    }

    #[test]
    fn the_empty_report_changes_nothing(a in report()) {
        let mut with_empty = a.clone();
        with_empty.merge(&Report::default());
        prop_assert_eq!(&with_empty, &a);
        prop_assert_eq!(&merged(&[&a]), &a);
    }
}

/// Merges in both orders, checks that the outcome is the same, and gives it.
#[track_caller]
fn both_ways(a: &Node, b: &Node) -> Node {
    let (mut ab, mut ba) = (a.clone(), b.clone());
    ab.merge(b);
    ba.merge(a);
    assert_eq!(ab, ba);
    ab
}

fn fact(timestamp: i64, value: &str) -> Node {
    Node::new("n", "host").with_latest("key", Timestamp(timestamp), value)
}

#[test]
fn the_newest_fact_wins_and_ties_go_to_the_larger_json() {
    assert_eq!(both_ways(&fact(1, "z"), &fact(2, "a")).latest("key"), Some("a"));
    assert_eq!(both_ways(&fact(1, "b"), &fact(1, "a")).latest("key"), Some("b"));
    // As JSON `"x"` is larger than `"x!"`, for the closing quote sorts after the exclamation mark.
    assert_eq!(both_ways(&fact(1, "x"), &fact(1, "x!")).latest("key"), Some("x"));
}

#[test]
fn readings_join_by_time_and_ranges_widen() {
    let metric = |samples: &[(i64, f64)], min, max| Metric {
        samples: samples
            .iter()
            .map(|(at, value)| Sample {
                date: Timestamp(*at),
                value: *value,
            })
            .collect(),
        min,
        max,
    };
    let node = |m: Metric| Node::new("n", "host").with_metric("cpu", m);
    let joined = both_ways(
        &node(metric(&[(1, 1.0), (2, 10.0), (4, 4.0)], 1.0, 10.0)),
        &node(metric(&[(2, 9.0), (3, 3.0)], 0.0, 5.0)),
    );
    // At 2 both say something: "9.0" is the larger JSON.
    assert_eq!(
        joined.metrics["cpu"],
        metric(&[(1, 1.0), (2, 9.0), (3, 3.0), (4, 4.0)], 0.0, 10.0)
    );
}

#[test]
fn control_owners_are_united_and_the_newest_word_of_each_counts() {
    let node = |owner: &str, at: i64, ids: &[&str]| {
        let mut node = Node::new("n", "host");
        let ids = ids.iter().map(|id| (*id).into()).collect();
        node.active_controls.insert(owner.into(), (Timestamp(at), ids));
        node
    };
    let joined = both_ways(
        &node("", 1, &["host_exec"]),
        &node("iowait", 1, &["switchToIdle"]),
    );
    assert_eq!(
        joined.controls().into_iter().collect::<Vec<_>>(),
        ["host_exec", "switchToIdle"]
    );
    let toggled = both_ways(&joined, &node("iowait", 2, &["switchToIOWait"]));
    assert_eq!(
        toggled.controls().into_iter().collect::<Vec<_>>(),
        ["host_exec", "switchToIOWait"]
    );
}

#[test]
fn declarations_go_by_priority_and_time() {
    let report = |priority: f64, label: &str, declared: i64| {
        let mut report = Report {
            ts: Timestamp(declared),
            ..Report::default()
        };
        let topology = report.topology_mut(TopologyKind::Host);
        let template = MetricTemplate {
            id: "m".into(),
            label: label.into(),
            priority,
            ..MetricTemplate::default()
        };
        topology.metric_templates.insert("m".into(), template);
        let control = Control {
            id: "c".into(),
            human: label.into(),
            declared: Timestamp(declared),
            ..Control::default()
        };
        topology.controls.insert("c".into(), control);
        report
    };
    let (high, low) = (report(5.0, "high", 10), report(1.0, "low", 20));
    for all in [merged(&[&high, &low]), merged(&[&low, &high])] {
        let host = all.topology(TopologyKind::Host);
        assert_eq!(host.metric_templates["m"].label, "high");
        assert_eq!(host.controls["c"].human, "low", "the later declaration counts");
        assert_eq!(all.ts, Timestamp(10), "the earliest time counts");
    }
}

#[test]
fn nodes_that_one_side_names_stay_shared() {
    let mut a = Report::default();
    a.topology_mut(TopologyKind::Process)
        .insert(Node::new("h;1", "process"));
    let mut all = Report::default();
    all.merge(&a);
    all.merge(&a);
    let (one, other) = (
        a.node(TopologyKind::Process, "h;1"),
        all.node(TopologyKind::Process, "h;1"),
    );
    assert!(std::sync::Arc::ptr_eq(one.unwrap(), other.unwrap()));
}

#[test]
fn two_names_of_a_nodes_topology_are_no_reason_to_fail() {
    let mut other = Node::new("n", "process");
    other.latest.insert(
        "name".into(),
        Latest {
            timestamp: Timestamp(1),
            value: "sh".into(),
        },
    );
    let joined = both_ways(&fact(1, "v"), &other);
    assert_eq!(joined.topology, "process");
    assert_eq!(
        (joined.latest("key"), joined.latest("name")),
        (Some("v"), Some("sh"))
    );
}
