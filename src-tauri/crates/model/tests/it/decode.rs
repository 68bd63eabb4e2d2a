//! Every shape of report that was ever sent reads.

use std::collections::BTreeSet;

use orrery_model::{Decoded, MetadataSource, Node, OWN_CONTROLS, Report, TableType, Timestamp, TopologyKind};

pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000_000_000);

#[track_caller]
pub(crate) fn read(json: &str) -> Decoded {
    Report::from_json(json.as_bytes(), NOW).unwrap_or_else(|e| panic!("{e}: {json}"))
}

/// Reads without a warning.
#[track_caller]
fn quiet(json: &str) -> Report {
    let decoded = read(json);
    assert!(decoded.warnings.is_empty(), "{:?}", decoded.warnings);
    decoded.report
}

/// The node `h` of topology Host in a report with this text for it.
#[track_caller]
fn node(text: &str) -> Node {
    let report = quiet(&format!(r#"{{"Host":{{"nodes":{{"h":{text}}}}}}}"#));
    (**report.node(TopologyKind::Host, "h").unwrap()).clone()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap().0
}

fn set(ids: &[&str]) -> BTreeSet<orrery_model::SmolStr> {
    ids.iter().map(|id| (*id).into()).collect()
}

#[test]
fn nothing_is_a_report_too() {
    for json in [
        "{}",
        "null",
        " {} ",
        r#"{"Host":null,"Plugins":null,"DNS":null,"TS":null}"#,
    ] {
        assert_eq!(quiet(json), Report::default(), "{json}");
    }
}

#[test]
fn the_top_level() {
    let report = quiet(
        r#"{"TS":"2026-11-21T00:23:04.5Z","Sampling":{"Count":3,"Total":9},"Window":1.5e+10,
            "Shortcut":true,"ID":6458615938795662709,"Unknown":{"deep":[1,{"x":null}]},
            "DNS":{"10.0.0.1":{"forward":["a"],"reverse":["b","c"]}},"nodes":{"10.0.0.2":{"reverse":["d"]}},
            "Plugins":[{"id":"p","label":"P","description":"d","interfaces":["reporter","x"],
            "api_version":"1","status":"error: I say so","extra":1}]}"#,
    );
    assert_eq!(report.ts, at("2026-11-21T00:23:04.5Z"));
    assert_eq!((report.sampling.count, report.sampling.total), (3, 9));
    assert_eq!((report.window_ns, report.shortcut), (15_000_000_000, true));
    assert_eq!(report.id, "6458615938795662709");
    assert_eq!(report.dns["10.0.0.1"].reverse, set(&["b", "c"]));
    assert_eq!(report.dns["10.0.0.2"].reverse, set(&["d"]), "the old spelling");
    let plugin = &report.plugins[0];
    assert_eq!(
        (plugin.label.as_str(), plugin.status.as_str()),
        ("P", ""),
        "its own status is ignored"
    );
    assert_eq!(plugin.interfaces, ["reporter", "x"]);
}

#[test]
fn dns_wrapped_in_nodes() {
    let report = quiet(r#"{"DNS":{"nodes":{"10.0.0.1":{"forward":["a"]}}}}"#);
    assert_eq!(report.dns["10.0.0.1"].forward, set(&["a"]));
}

#[test]
fn keys_are_case_sensitive() {
    assert_eq!(
        quiet(r#"{"host":{"nodes":{"h":{}}},"plugins":[{"id":"p"}],"ts":"x"}"#),
        Report::default()
    );
    assert_eq!(
        node(r#"{"Latest":{"k":{"timestamp":"x","value":"v"}}}"#),
        Node::new("h", "")
    );
}

#[test]
fn bytes_after_the_report_are_tolerated() {
    assert_eq!(quiet("{} trailing } bytes"), Report::default());
}

#[test]
fn nodes_without_an_id_take_their_key() {
    assert_eq!(node("{}").id, "h");
    assert_eq!(node(r#"{"id":""}"#).id, "h");
    assert_eq!(node(r#"{"id":"h","topology":"host"}"#), Node::new("h", "host"));
}

#[test]
fn the_key_of_a_node_is_its_identity() {
    let decoded = read(r#"{"Host":{"nodes":{"h":{"id":"other"}}}}"#);
    assert_eq!(decoded.report.node(TopologyKind::Host, "h").unwrap().id, "h");
    assert_eq!(
        decoded.warnings[0].to_string(),
        r#"node "h" says its id is "other": its key counts"#
    );
}

#[test]
fn nulls_stand_for_nothing() {
    let all = r#"{"id":null,"topology":null,"sets":null,"adjacency":null,"latest":null,"metrics":null,
        "parents":null,"children":null,"latestControls":null,"counters":null,"edges":null,"controls":null}"#;
    assert_eq!(node(all), Node::new("h", ""));
    let inside = r#"{"sets":{"a":null},"parents":{"host":null},"metrics":{"m":null},"latest":{"k":null}}"#;
    let read = node(inside);
    assert!(read.sets.is_empty() && read.parents.is_empty() && read.latest.is_empty());
    assert_eq!(read.metrics["m"], orrery_model::Metric::default());
}

#[test]
fn facts_sets_parents_and_edges() {
    let read = node(
        r#"{"latest":{"k":{"timestamp":"2026-11-21T00:00:00Z","value":"v\u003c"},"n":{"value":5,
            "timestamp":"2026-11-21T00:00:00Z"},"b":{"timestamp":"2026-11-21T00:00:00Z","value":true}},
            "sets":{"s":["b","a","b"],"one":"x"},"parents":{"host":["h;<host>"],"pod":[]},
            "adjacency":["z","y"],"edges":{"old":{"max_conn_count_tcp":1}}}"#,
    );
    assert_eq!(read.latest("k"), Some("v<"));
    assert_eq!((read.latest("n"), read.latest("b")), (Some("5"), Some("true")));
    assert_eq!(read.latest["k"].timestamp, at("2026-11-21T00:00:00Z"));
    assert_eq!(read.sets["s"], set(&["a", "b"]).into());
    assert_eq!(read.sets["one"], set(&["x"]).into());
    assert_eq!(read.parents.keys().collect::<Vec<_>>(), ["host"]);
    assert_eq!(read.adjacency, set(&["old", "y", "z"]));
}

#[test]
fn counters_become_facts() {
    let read = node(r#"{"counters":{"n":3,"k":1.2e1},"latest":{"k":{"timestamp":null,"value":"v"}}}"#);
    assert_eq!(
        (read.latest("n"), read.latest("k")),
        (Some("3"), Some("v")),
        "a fact goes before a counter"
    );
    assert_eq!(read.latest["n"].timestamp, NOW);
}

#[test]
fn the_old_form_of_active_controls() {
    let read = node(
        r#"{"latestControls":{"on":{"timestamp":"2026-11-21T00:00:00Z","value":{"dead":false}},
            "off":{"timestamp":"2026-11-21T00:00:00Z","value":{"dead":true}},"bare":{"value":null}}}"#,
    );
    assert_eq!(read.controls().into_iter().collect::<Vec<_>>(), ["bare", "on"]);
    assert!(read.latest_controls["off"].dead);
    assert!(read.active_controls.is_empty());
}

#[test]
fn the_newer_form_of_active_controls() {
    let read = node(r#"{"latest":{"active_controls":{"timestamp":"2026-11-21T00:00:00Z","value":"b;;a"}}}"#);
    assert_eq!(
        read.active_controls[OWN_CONTROLS],
        (at("2026-11-21T00:00:00Z"), set(&["a", "b"]))
    );
    assert!(read.latest.is_empty(), "they are no fact");
    let none = node(r#"{"latest":{"active_controls":{"timestamp":"2026-11-21T00:00:00Z","value":""}}}"#);
    assert_eq!(
        none.active_controls[OWN_CONTROLS].1,
        set(&[]),
        "none is an answer too"
    );
}

#[test]
fn active_controls_of_2016() {
    let read =
        node(r#"{"controls":{"timestamp":"2016-01-22T11:35:53Z","controls":["docker_start_container"]}}"#);
    assert_eq!(
        read.active_controls[OWN_CONTROLS].1,
        set(&["docker_start_container"])
    );
    assert!(node(r#"{"controls":{}}"#).active_controls.is_empty());
}

#[test]
fn metrics_with_odd_numbers() {
    let read = node(
        r#"{"metrics":{"m":{"samples":[{"date":"2026-11-21T00:00:01Z","value":1.2275712E+07},
            {"date":"2026-11-21T00:00:00Z","value":"5"}],"min":0,"max":1.8446744073709552e19,"first":"x"}}}"#,
    );
    let metric = &read.metrics["m"];
    assert_eq!(
        metric.samples.iter().map(|s| s.value).collect::<Vec<_>>(),
        [5.0, 12_275_712.0]
    );
    assert_eq!((metric.min, metric.max), (0.0, 18_446_744_073_709_551_616.0));
}

#[test]
fn readings_that_are_none_are_left_out() {
    let decoded = read(
        r#"{"Host":{"nodes":{"h":{"metrics":{"m":{"samples":[{"date":"2026-11-21T00:00:00Z","value":null},
            {"date":"2026-11-21T00:00:01Z","value":"NaN"},{"value":7}],"max":"many"}}}}}}"#,
    );
    let metric = &decoded.report.node(TopologyKind::Host, "h").unwrap().metrics["m"];
    assert_eq!(
        (metric.samples.len(), metric.samples[0].date, metric.max),
        (1, NOW, 0.0)
    );
    let warnings: Vec<String> = decoded.warnings.into_iter().map(String::from).collect();
    assert_eq!(
        warnings,
        [
            "a sample has no value: ignored (2 times)",
            "\"NaN\" is not a finite number: ignored (2 times)"
        ]
    );
}

#[test]
fn children_nest_in_order() {
    let read = node(
        r#"{"children":[{"id":"b","topology":"process"},{"id":"a","topology":"process","children":[{"id":"x"}]},
            {"id":"c","topology":"container"},{"id":"b","topology":"process","adjacency":["q"]},{}]}"#,
    );
    let ids: Vec<&str> = read.children.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(ids, ["c", "a", "b"]);
    assert_eq!(read.children[1].children[0].id, "x");
    assert_eq!(
        read.children[2].adjacency,
        set(&["q"]),
        "what is said twice is joined"
    );
}

#[test]
fn declarations_take_their_key_and_the_time_of_the_report() {
    let report = quiet(
        r#"{"Container":{"shape":"hexagon","label":"container","label_plural":"containers","controls":{"c":
            {"human":"Do","icon":"fa-cut","rank":23.0,"confirmation":"Sure?","probeId":"p"}},
            "metadata_templates":{"m":{"label":"L","truncate":12,"dataType":"ip","priority":"13.5","from":"sets"}},
            "metric_templates":{"x":{"id":"x","format":"percent","group":"load","priority":0.1}},
            "table_templates":{"t":{"prefix":"t-","type":"multicolumn-table","columns":[{"id":"a","label":"A",
            "dataType":"number"}],"fixedRows":{"k":"Label"}}}},"TS":"2026-11-21T00:00:00Z"}"#,
    );
    let container = report.topology(TopologyKind::Container);
    let control = &container.controls["c"];
    assert_eq!(
        (control.id.as_str(), control.rank, control.confirmation.as_str()),
        ("c", 23, "Sure?")
    );
    assert_eq!(
        control.declared,
        at("2026-11-21T00:00:00Z"),
        "though the time comes after it"
    );
    let metadata = &container.metadata_templates["m"];
    assert_eq!(
        (metadata.id.as_str(), metadata.truncate, metadata.priority),
        ("m", 12, 13.5)
    );
    assert_eq!(metadata.from, MetadataSource::Sets);
    assert_eq!(container.metric_templates["x"].group, "load");
    let table = &container.table_templates["t"];
    assert_eq!(
        (table.id.as_str(), table.table_type),
        ("t", TableType::Multicolumn)
    );
    assert_eq!(
        (table.columns[0].label.as_str(), table.fixed_rows["k"].as_str()),
        ("A", "Label")
    );
}

#[test]
fn the_address_topology_is_named_and_passed_over() {
    let decoded = read(r#"{"Address":{"nodes":{"x":{}}},"Host":{"nodes":{"h":{}}}}"#);
    assert_eq!(decoded.report.node_count(), 1);
    assert_eq!(
        decoded.warnings[0].to_string(),
        "the old topology \"Address\" is ignored"
    );
}

#[test]
fn a_node_in_the_wrong_topology_goes_where_it_says_it_is() {
    let decoded = read(
        r#"{"Host":{"nodes":{"p":{"topology":"process","adjacency":["q"]}}},"Process":{"nodes":{"p":{}}}}"#,
    );
    assert_eq!(decoded.report.node(TopologyKind::Host, "p"), None);
    assert_eq!(
        decoded.report.node(TopologyKind::Process, "p").unwrap().adjacency,
        set(&["q"])
    );
    assert_eq!(
        decoded.warnings[0].to_string(),
        "node \"p\" stands in Host but says it is \"process\": taken as Process"
    );
    let unknown = read(r#"{"Host":{"nodes":{"p":{"topology":"hosts"}}}}"#);
    assert_eq!(
        unknown.report.node(TopologyKind::Host, "p").unwrap().topology,
        "hosts"
    );
    assert_eq!(unknown.warnings.len(), 1);
}

#[test]
fn no_timestamp_is_a_reason_to_drop_a_report() {
    let decoded = read(
        r#"{"TS":[1,"x",{}],"Host":{"nodes":{"h":{"latest":{
            "a":{"timestamp":"2016-07-20T15:51:05Z01:00","value":"1"},
            "b":{"timestamp":"yesterday","value":"2"},"c":{"timestamp":{"at":1},"value":"3"},
            "d":{"timestamp":1469029865,"value":"4"},"e":{"timestamp":false,"value":"5"},
            "f":{"value":"6"},"g":"7"}}}}}"#,
    );
    let read = decoded.report.node(TopologyKind::Host, "h").unwrap();
    assert_eq!(read.latest["a"].timestamp, at("2016-07-20T15:51:05+01:00"));
    for key in ["b", "c", "d", "e", "g"] {
        assert_eq!(read.latest[key].timestamp, NOW, "{key}");
    }
    assert_eq!(read.latest["f"].timestamp, Timestamp::ZERO);
    assert_eq!(decoded.report.ts, NOW);
    let warnings: Vec<String> = decoded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "the timestamp \"of another kind\" cannot be read: taken as the time of receipt (5 times)",
            "the timestamp \"2016-07-20T15:51:05Z01:00\" is not RFC 3339: read as 2016-07-20T14:51:05Z",
            "the fact \"7\" has no timestamp around it: taken as of the time of receipt",
        ]
    );
}

#[test]
fn what_python_writes_for_odd_file_names_reads() {
    let decoded = read(r#"{"Host":{"nodes":{"h":{"latest":{"k":{"timestamp":null,"value":"a\udcffb"}}}}}}"#);
    let read = decoded.report.node(TopologyKind::Host, "h").unwrap();
    assert_eq!(read.latest("k"), Some("a\u{fffd}b"));
    assert_eq!(decoded.warnings.len(), 1);
}

#[test]
fn a_key_that_comes_twice_is_read_twice() {
    let report = quiet(r#"{"Host":{"nodes":{"a":{}}},"Host":{"nodes":{"b":{}}}}"#);
    assert_eq!(report.topology(TopologyKind::Host).nodes.len(), 2);
}
