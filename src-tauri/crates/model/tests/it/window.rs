//! The sliding window, scene by scene.

use std::collections::BTreeSet;
use std::sync::Arc;

use orrery_model::window::{Completeness, Snapshot, SourceId, Window};
use orrery_model::{Control, Metric, Node, Report, SmolStr, Timestamp, TopologyKind};
use orrery_testkit::ReportGen;

use Completeness::{Partial, Whole};

const SECOND: i64 = 1_000_000_000;

/// Seconds into the test.
fn at(seconds: i64) -> Timestamp {
    Timestamp(1_790_000_000_000_000_000 + seconds * SECOND)
}

fn window() -> Window {
    Window::new(15 * SECOND)
}

/// A report of hosts with these ids.
fn hosts(ids: &[&str]) -> Report {
    let mut report = Report::default();
    for id in ids {
        report
            .topology_mut(TopologyKind::Host)
            .insert(Node::new(*id, "host"));
    }
    report
}

fn one(node: Node) -> Report {
    let mut report = Report::default();
    report.topology_mut(TopologyKind::Host).insert(node);
    report
}

fn ids(snapshot: &Snapshot) -> Vec<&str> {
    snapshot
        .report
        .topology(TopologyKind::Host)
        .nodes
        .keys()
        .map(SmolStr::as_str)
        .collect()
}

fn host<'a>(snapshot: &'a Snapshot, id: &str) -> &'a Arc<Node> {
    snapshot
        .report
        .node(TopologyKind::Host, id)
        .unwrap_or_else(|| panic!("no host {id}"))
}

fn changed(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.changed.iter().map(|(_, id)| id.as_str()).collect()
}

fn stale(snapshot: &Snapshot, id: &str) -> bool {
    snapshot
        .origins
        .get(TopologyKind::Host, &id.into())
        .unwrap_or_else(|| panic!("no host {id}"))
        .stale
}

/// Ages, then looks.
fn look(window: &mut Window, seconds: i64) -> Snapshot {
    window.expire(at(seconds));
    window.snapshot(at(seconds))
}

#[test]
fn what_a_whole_report_does_not_name_is_gone_at_once() {
    let (mut window, source) = (window(), SourceId::probe("host"));
    window.take(&source, hosts(&["a", "b", "c"]), Whole, at(0));
    assert_eq!(ids(&look(&mut window, 0)), ["a", "b", "c"]);
    window.take(&source, hosts(&["b", "d"]), Whole, at(1));
    let snapshot = look(&mut window, 1);
    assert_eq!(ids(&snapshot), ["b", "d"]);
    assert_eq!(changed(&snapshot), ["a", "c", "d"], "b is the same");
}

#[test]
fn what_a_partial_report_does_not_name_ages_out() {
    let (mut window, source) = (window(), SourceId::remote("1"));
    window.take(&source, hosts(&["a", "b"]), Partial, at(0));
    window.take(&source, hosts(&["b"]), Partial, at(10));
    assert_eq!(ids(&look(&mut window, 15)), ["a", "b"]);
    let snapshot = look(&mut window, 16);
    assert_eq!(ids(&snapshot), ["b"]);
    assert_eq!(changed(&snapshot), ["a"]);
    assert_eq!(ids(&look(&mut window, 26)), [""; 0]);
}

#[test]
fn a_silent_source_ages_out_whole() {
    let (mut window, source) = (window(), SourceId::probe("host"));
    let mut report = hosts(&["a"]);
    report.topology_mut(TopologyKind::Host).label = "host".into();
    report.ts = at(0);
    window.take(&source, report, Whole, at(0));
    assert_eq!(ids(&look(&mut window, 15)), ["a"]);
    let snapshot = look(&mut window, 16);
    assert!(snapshot.report.topologies.is_empty());
    assert_eq!(snapshot.report.ts, Timestamp::ZERO);
    assert!(snapshot.origins.get(TopologyKind::Host, &"a".into()).is_none());
}

#[test]
fn facts_age_one_by_one() {
    let (mut window, source) = (window(), SourceId::remote("1"));
    let fact = |key: &str, value: &str, s| one(Node::new("a", "host").with_latest(key, at(s), value));
    window.take(&source, fact("old", "1", 0), Partial, at(0));
    window.take(&source, fact("new", "2", 10), Partial, at(10));
    window.take(&source, fact("new", "3", 12), Partial, at(12));
    let snapshot = look(&mut window, 15);
    assert_eq!(
        (
            host(&snapshot, "a").latest("old"),
            host(&snapshot, "a").latest("new")
        ),
        (Some("1"), Some("3"))
    );
    let snapshot = look(&mut window, 16);
    assert_eq!(
        (
            host(&snapshot, "a").latest("old"),
            host(&snapshot, "a").latest("new")
        ),
        (None, Some("3"))
    );
    assert_eq!(changed(&snapshot), ["a"]);
}

#[test]
fn two_sources_join_on_a_node() {
    let mut window = window();
    let (probe, plugin) = (SourceId::probe("host"), SourceId::plugin("iowait"));
    let from_probe = Node::new("a", "host").with_latest("os", at(0), "linux");
    window.take(&probe, one(from_probe), Whole, at(0));
    let alone = look(&mut window, 0);
    window.take(
        &plugin,
        one(Node::new("a", "").with_latest("idle", at(1), "3")),
        Whole,
        at(1),
    );
    let both = look(&mut window, 1);
    let node = host(&both, "a");
    assert_eq!(
        (node.latest("os"), node.latest("idle"), node.topology.as_str()),
        (Some("linux"), Some("3"), "host")
    );
    assert_eq!(
        both.origins.sources(TopologyKind::Host, &"a".into()),
        ["probe:host", "plugin:iowait"]
    );
    assert!(
        host(&alone, "a").latest("idle").is_none(),
        "a snapshot never changes"
    );
    window.take(&plugin, Report::default(), Whole, at(2));
    let again = look(&mut window, 2);
    assert_eq!(again.report.topologies, alone.report.topologies);
    assert!(
        Arc::ptr_eq(host(&again, "a"), host(&alone, "a")),
        "a node of one source is shared"
    );
}

#[test]
fn controls_are_replaced_at_once_and_owners_united() {
    let mut window = window();
    let (probe, plugin, other) = (
        SourceId::probe("host"),
        SourceId::plugin("iowait"),
        SourceId::plugin("tc"),
    );
    let active = |owner: &str, control: &str, s| {
        let mut node = Node::new("a", "host");
        node.active_controls
            .insert(owner.into(), (at(s), [control.into()].into()));
        let mut report = one(node);
        let declared = Control {
            id: control.into(),
            ..Control::default()
        };
        report
            .topology_mut(TopologyKind::Host)
            .controls
            .insert(control.into(), declared);
        report
    };
    window.take(&probe, active("", "host_exec", 0), Whole, at(0));
    window.take(&plugin, active("iowait", "iowait~idle", 0), Whole, at(0));
    window.take(&other, active("tc", "tc~slow", 0), Whole, at(0));
    let names = |snapshot: &Snapshot| {
        host(snapshot, "a")
            .controls()
            .into_iter()
            .map(String::from)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(&look(&mut window, 0)),
        ["host_exec", "iowait~idle", "tc~slow"]
    );

    // A shortcut report of one of them, between two ticks.
    let mut toggled = active("iowait", "iowait~wait", 1);
    toggled.shortcut = true;
    window.take(&plugin, toggled, Partial, at(1));
    let snapshot = look(&mut window, 1);
    assert_eq!(names(&snapshot), ["host_exec", "iowait~wait", "tc~slow"]);
    assert!(!snapshot.report.shortcut);

    window.take(&plugin, active("iowait", "iowait~idle", 2), Whole, at(2));
    let snapshot = look(&mut window, 2);
    assert_eq!(names(&snapshot), ["host_exec", "iowait~idle", "tc~slow"]);
    let declared: Vec<&str> = snapshot
        .report
        .topology(TopologyKind::Host)
        .controls
        .keys()
        .map(SmolStr::as_str)
        .collect();
    assert_eq!(
        declared,
        ["host_exec", "iowait~idle", "tc~slow"],
        "a declaration goes with its report"
    );
}

#[test]
fn samples_accumulate_over_the_window() {
    let (mut window, source) = (window(), SourceId::probe("host"));
    let reading = |s: i64, value: f64| {
        one(Node::new("a", "host").with_metric("load", Metric::of(at(s), value, value, value)))
    };
    for s in 0..20 {
        window.take(
            &source,
            reading(s, [5.0, 1.0, 9.0][usize::try_from(s % 3).unwrap()]),
            Whole,
            at(s),
        );
    }
    let snapshot = look(&mut window, 19);
    let metric = &host(&snapshot, "a").metrics["load"];
    let dates: Vec<Timestamp> = metric.samples.iter().map(|s| s.date).collect();
    assert_eq!(dates, (4..20).map(at).collect::<Vec<_>>());
    assert_eq!((metric.min, metric.max), (1.0, 9.0), "the range of what is held");

    // The metric is not repeated, the node is.
    window.take(&source, hosts(&["a"]), Whole, at(20));
    assert_eq!(
        host(&look(&mut window, 34), "a").metrics["load"].samples.len(),
        16
    );
    window.take(&source, hosts(&["a"]), Whole, at(30));
    assert!(host(&look(&mut window, 35), "a").metrics.is_empty());
}

#[test]
fn a_clock_that_is_wrong_or_set_does_no_harm() {
    let (mut window, source) = (window(), SourceId::plugin("p"));
    let reading = |s: i64| one(Node::new("a", "host").with_metric("m", Metric::of(at(s), 1.0, 0.0, 1.0)));
    // A day ahead, then set right.
    for s in 0..3 {
        window.take(&source, reading(86_400 + s), Whole, at(s));
    }
    assert_eq!(host(&look(&mut window, 2), "a").metrics["m"].samples.len(), 3);
    for s in 3..6 {
        window.take(&source, reading(s), Whole, at(s));
    }
    let snapshot = look(&mut window, 5);
    let dates: Vec<Timestamp> = host(&snapshot, "a").metrics["m"]
        .samples
        .iter()
        .map(|s| s.date)
        .collect();
    assert_eq!(dates, [at(3), at(4), at(5)]);
}

#[test]
fn nodes_of_a_source_that_is_gone_are_stale_until_they_age_out() {
    let mut window = window();
    let (probe, plugin) = (SourceId::probe("host"), SourceId::plugin("p"));
    window.take(&probe, hosts(&["a"]), Whole, at(0));
    window.take(&plugin, hosts(&["a", "b"]), Whole, at(0));
    let before = look(&mut window, 0);
    assert!(!stale(&before, "b"));
    window.forget(&plugin, at(1));
    let gone = look(&mut window, 1);
    assert_eq!(
        (stale(&gone, "a"), stale(&gone, "b")),
        (false, true),
        "a is named by the probe too"
    );
    assert_eq!(
        gone.origins.stale_since(TopologyKind::Host, &"b".into()),
        Some(at(0))
    );
    assert_eq!(gone.origins.stale_since(TopologyKind::Host, &"a".into()), None);
    assert!(changed(&gone).contains(&"b") && gone.seq > before.seq);
    assert!(!stale(&before, "b"), "a snapshot never changes");

    // It comes back.
    window.take(&plugin, hosts(&["b"]), Whole, at(5));
    let back = look(&mut window, 5);
    assert!(!stale(&back, "b") && changed(&back).contains(&"b"));

    window.forget(&plugin, at(6));
    window.take(&probe, hosts(&["a"]), Whole, at(20));
    assert_eq!(ids(&look(&mut window, 20)), ["a", "b"]);
    assert_eq!(ids(&look(&mut window, 21)), ["a"]);
    window.forget(&SourceId::plugin("never seen"), at(22));
}

#[test]
fn a_partial_source_has_three_reports_to_repeat_a_node() {
    let (mut window, source) = (window(), SourceId::remote("1"));
    window.take(&source, hosts(&["a", "b"]), Partial, at(0));
    for s in [3, 6] {
        window.take(&source, hosts(&["b"]), Partial, at(s));
        assert!(!stale(&look(&mut window, s), "a"), "at {s}");
    }
    // A shortcut report is none of the three.
    window.take(
        &source,
        Report {
            shortcut: true,
            ..hosts(&["b"])
        },
        Partial,
        at(7),
    );
    assert!(!stale(&look(&mut window, 7), "a"));
    window.take(&source, hosts(&["b"]), Partial, at(9));
    let snapshot = look(&mut window, 9);
    assert_eq!((stale(&snapshot, "a"), stale(&snapshot, "b")), (true, false));
    assert_eq!(changed(&snapshot), ["a", "b"]);
    assert_eq!(
        snapshot.origins.stale_since(TopologyKind::Host, &"a".into()),
        Some(at(0))
    );
    window.take(&source, hosts(&["a"]), Partial, at(12));
    assert!(!stale(&look(&mut window, 12), "a"));
}

#[test]
fn nothing_new_costs_and_says_nothing() {
    let (mut window, source) = (window(), SourceId::probe("host"));
    window.take(&source, hosts(&["a"]), Whole, at(0));
    let first = look(&mut window, 0);
    let second = look(&mut window, 1);
    assert_eq!(first.seq, second.seq);
    assert!(Arc::ptr_eq(&first.report, &second.report) && Arc::ptr_eq(&first.origins, &second.origins));
    assert!(second.changed.is_empty());
    window.take(&source, hosts(&["a"]), Whole, at(2));
    let third = look(&mut window, 2);
    assert_eq!(first.seq, third.seq, "the same again is no news");
    assert!(Arc::ptr_eq(&first.report, &third.report));
    let origin = third.origins.get(TopologyKind::Host, &"a".into()).unwrap();
    assert_eq!((origin.last_seen, origin.stale), (at(2), false));
}

#[test]
fn dns_and_plugins_go_with_their_source() {
    let mut window = window();
    let (one, two) = (SourceId::remote("1"), SourceId::probe("2"));
    let report = |address: &str, name: &str, plugin: &str| {
        let mut report = Report {
            ts: at(0),
            ..Report::default()
        };
        report
            .dns
            .entry(address.into())
            .or_default()
            .forward
            .insert(name.into());
        report.plugins.push(orrery_model::PluginSpec {
            id: plugin.into(),
            ..Default::default()
        });
        report
    };
    window.take(&one, report("10.0.0.1", "a", "p"), Partial, at(0));
    window.take(&one, report("10.0.0.2", "b", "q"), Partial, at(10));
    window.take(&two, report("10.0.0.1", "c", "r"), Whole, at(10));
    let read = |snapshot: &Snapshot| {
        let names: BTreeSet<String> = snapshot
            .report
            .dns
            .values()
            .flat_map(|r| &r.forward)
            .map(ToString::to_string)
            .collect();
        let plugins: Vec<String> = snapshot.report.plugins.iter().map(|p| p.id.to_string()).collect();
        (names.into_iter().collect::<String>(), plugins.concat())
    };
    assert_eq!(read(&look(&mut window, 10)), ("abc".into(), "pqr".into()));
    assert_eq!(read(&look(&mut window, 16)), ("bc".into(), "qr".into()));
    window.take(&two, Report::default(), Whole, at(17));
    assert_eq!(read(&look(&mut window, 17)), ("b".into(), "q".into()));
    assert_eq!(read(&look(&mut window, 26)), (String::new(), String::new()));
}

#[test]
fn a_large_host_costs_only_what_changes() {
    let mut generator = ReportGen::new(1, 2000, 0, 0, 3);
    let mut window = window();
    let source = SourceId::probe("host");
    window.take(&source, generator.report(at(0)), Whole, at(0));
    let before = look(&mut window, 0);
    generator.churn(0.05);
    // The same moment again: only the processes that came and went differ.
    window.take(&source, generator.report(at(0)), Whole, at(0));
    let after = look(&mut window, 0);
    let (old, new) = (
        before.report.topology(TopologyKind::Process),
        after.report.topology(TopologyKind::Process),
    );
    let shared = new
        .nodes
        .iter()
        .filter(|(id, n)| old.nodes.get(*id).is_some_and(|o| Arc::ptr_eq(o, n)))
        .count();
    assert_eq!(
        after.changed.len(),
        2 * (2000 - shared),
        "each that went and each that came"
    );
    assert!((1800..2000).contains(&shared), "{shared}");
}
