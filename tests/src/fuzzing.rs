//! What the fuzz targets feed with bytes, and what must hold for any of them.
//!
//! Nothing here may panic but the assertions. `tests/fuzz` calls these functions with bytes a fuzzer makes up,
//! `tests/tests/corpus.rs` with the files of its corpus.

#[path = "fuzzing/services.rs"]
mod services;

use std::sync::Arc;

use orrery_model::window::{Completeness, SourceId, Window};
use orrery_model::{Limits, Report, Timestamp};
use orrery_topology::derive::{Chosen, Derivation, Options};
use orrery_topology::query::Query;

pub use services::{resource_parse, route_table};

/// When everything is received.
const NOW: Timestamp = Timestamp(1_700_000_000_000_000_000);
/// Span of the window that reports go through, in nanoseconds.
const SPAN_NS: i64 = 15_000_000_000;
/// Reports read of one input.
const REPORTS: usize = 3;
/// Nodes of each topology whose details are asked for.
const DETAILED_NODES: usize = 4;
/// Values of each option that are tried.
const TRIED_VALUES: usize = 3;
/// Bytes of an unpacked body, small so that bombs end soon.
const BODY_BYTES: usize = 1 << 20;

/// Takes one input; panics when something does not hold.
pub type Entry = fn(&[u8]);

/// All entries by the name of their fuzz target, which is that of their corpus folder.
pub const ENTRIES: [(&str, Entry); 8] = [
    ("json_decode", json_decode),
    ("msgpack_decode", msgpack_decode),
    ("merge", merge),
    ("derive", derive),
    ("query_parse", query_parse),
    ("exposition", exposition),
    ("resource_parse", resource_parse),
    ("route_table", route_table),
];

/// A report in JSON: refused with a short reason, or read; what was read survives writing and reading.
pub fn json_decode(bytes: &[u8]) {
    match Report::from_json(bytes, NOW) {
        Ok(decoded) => {
            short(decoded.warnings.iter().map(ToString::to_string));
            survives(&decoded.report);
        }
        Err(error) => short([error.to_string()]),
    }
}

/// A report in msgpack, or a body whose form has to be found out.
pub fn msgpack_decode(bytes: &[u8]) {
    match Report::from_msgpack(bytes, NOW) {
        Ok(decoded) => {
            short(decoded.warnings.iter().map(ToString::to_string));
            survives(&decoded.report);
        }
        Err(error) => short([error.to_string()]),
    }
    for encoding in ["", "gzip"] {
        if let Err(error) = Report::decode_body_within(bytes, "", encoding, &small(), NOW) {
            short([error.to_string()]);
        }
    }
}

/// Up to three reports in JSON, one a line: merging is a join, and the window merges them alike.
pub fn merge(bytes: &[u8]) {
    let reports: Vec<Report> = lines(bytes);
    let [a, b, ..] = reports.as_slice() else {
        return;
    };
    let third = Report::default();
    let c = reports.get(2).unwrap_or(&third);
    let left = merged(&[&merged(&[a, b]), c]);
    same(&left, &merged(&[c, b, a]), "order matters");
    same(&left, &merged(&[b, &merged(&[c, a])]), "grouping matters");
    same(&left, &merged(&[&left, a]), "repetition matters");
    window(&[a, b, c]);
}

/// A report: every topology of it, with its options, and details of some nodes.
pub fn derive(bytes: &[u8]) {
    let Some(report) = read(bytes) else {
        return;
    };
    let derivation = Derivation::new(Arc::new(report), None);
    for topology in derivation.topologies() {
        let mut choices = vec![Options::new()];
        for option in &topology.options {
            let values = option.values.iter().map(|v| v.value.clone());
            let odd = [String::new(), ",".to_owned(), "nothing such".to_owned()];
            let tried = values.take(TRIED_VALUES).chain(odd);
            choices.extend(tried.map(|value| Options::from([(option.id.clone(), value)])));
        }
        for options in &choices {
            derive_with(&derivation, &topology.id, Chosen::Values(options));
        }
        derive_with(&derivation, &topology.id, Chosen::Unfiltered);
    }
}

/// A query: parsed and evaluated, or refused with a place inside the text.
pub fn query_parse(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Err(error) = Query::parse(&text) {
        let (start, end) = (error.start as usize, error.end as usize);
        assert!(
            start <= end && end <= text.len(),
            "the fault lies outside of the text: {error:?}"
        );
        assert!(
            text.is_char_boundary(start) && text.is_char_boundary(end),
            "the fault cuts a character: {error:?}"
        );
        assert!(!error.message.is_empty(), "a fault has a reason");
        return;
    }
    let derivation = Derivation::new(Arc::new(small_report()), None);
    let found = derivation.search(&text, DETAILED_NODES);
    assert!(found.is_ok(), "what parses can be searched for: {found:?}");
}

/// Metrics in the text format: read, or refused with a line of the text.
pub fn exposition(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match orrery_exposition::parse(&text) {
        Ok(families) => {
            let mut merged = orrery_exposition::Merged::default();
            merged.plugin("fuzz", &families);
            for format in [
                orrery_exposition::Format::Text,
                orrery_exposition::Format::OpenMetrics,
            ] {
                let again = orrery_exposition::parse(&merged.text(format));
                // The plugin's name before a metric's may make it longer than plugins may send.
                let beyond = |message: &str| message.contains("is longer than");
                assert!(
                    again.as_ref().map_or_else(|e| beyond(&e.message), |_| true),
                    "what is written can be read: {again:?}"
                );
            }
        }
        Err(error) => {
            let lines = text.lines().count().max(1);
            assert!(
                (1..=lines).contains(&error.line),
                "line {} of {lines}: {error}",
                error.line
            );
        }
    }
}

fn derive_with(derivation: &Derivation, topology: &str, chosen: Chosen<'_>) {
    let Ok(derived) = derivation.derive(topology, chosen) else {
        panic!("{topology} is listed but cannot be derived");
    };
    for (source, target, _) in derived.edges() {
        assert!(
            derived.get(&source.id).is_some() && derived.get(&target.id).is_some(),
            "{topology}: an edge ends at what is not shown"
        );
    }
    let Chosen::Values(options) = chosen else {
        return;
    };
    let drawn = derivation.picture(topology, options, "");
    assert!(drawn.is_ok(), "{topology} is derived but cannot be drawn");
    for node in derived.nodes().into_iter().take(DETAILED_NODES) {
        let details = derivation.details(topology, &node.id, options);
        assert!(
            matches!(details, Ok(Some(_))),
            "{topology}: {:?} is shown but has no details",
            node.id
        );
    }
}

/// Takes, expires and looks: order among sources does not matter, and in the end nothing is left.
fn window(reports: &[&Report]) {
    let after = |ns: i64| Timestamp(NOW.0.saturating_add(ns));
    for completeness in [Completeness::Partial, Completeness::Whole] {
        let mut outcomes = Vec::new();
        for order in [[0_usize, 1, 2], [2, 1, 0]] {
            let mut window = Window::new(SPAN_NS);
            let mut seq = 0;
            for (step, number) in (0_i64..).zip(order) {
                let Some(report) = reports.get(number) else {
                    continue;
                };
                let source = SourceId::plugin(number.to_string());
                window.take(&source, (*report).clone(), completeness, NOW);
                let snapshot = window.snapshot(after(step));
                assert!(snapshot.seq >= seq, "snapshots go forward");
                seq = snapshot.seq;
            }
            outcomes.push(window.snapshot(after(3)).report);
            window.take(
                &SourceId::plugin("0"),
                Report::default(),
                completeness,
                after(SPAN_NS / 2),
            );
            window.expire(after(SPAN_NS / 2));
            window.snapshot(after(SPAN_NS / 2));
            window.forget(&SourceId::plugin("1"), after(SPAN_NS / 2));
            let end = after(SPAN_NS.saturating_mul(4));
            window.expire(end);
            assert_eq!(
                window.snapshot(end).report.node_count(),
                0,
                "all of it is older than the window ({completeness:?})"
            );
        }
        if let [forth, back] = outcomes.as_slice() {
            same(forth, back, "order among sources matters");
        }
    }
}

fn small() -> Limits {
    Limits {
        unpacked_bytes: BODY_BYTES,
        ..Limits::default()
    }
}

fn read(bytes: &[u8]) -> Option<Report> {
    let decoded = Report::decode_body_within(bytes, "", "", &small(), NOW);
    decoded.ok().map(|d| d.report)
}

fn lines(bytes: &[u8]) -> Vec<Report> {
    bytes
        .split(|b| *b == b'\n')
        .filter(|line| !line.is_empty())
        .filter_map(read)
        .take(REPORTS)
        .collect()
}

fn merged(reports: &[&Report]) -> Report {
    let mut all = Report::default();
    for report in reports {
        all.merge(report);
    }
    all
}

/// Equal but for the span, which is a sum and no join.
fn same(a: &Report, b: &Report, what: &str) {
    let without_span = |report: &Report| Report {
        window_ns: 0,
        ..report.clone()
    };
    assert_eq!(without_span(a), without_span(b), "{what}");
}

/// What a person is told is one line of bounded length.
fn short(texts: impl IntoIterator<Item = String>) {
    for text in texts {
        assert!(text.len() < 1_000, "{} bytes of text", text.len());
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
}

/// What was read is written and read again as the same, in both forms.
fn survives(report: &Report) {
    let forms = [
        ("JSON", Report::from_json(&report.to_json(), NOW)),
        ("msgpack", Report::from_msgpack(&report.to_msgpack(), NOW)),
    ];
    for (form, read) in forms {
        match read {
            Ok(decoded) => assert_eq!(&decoded.report, report, "{form} tells something else"),
            Err(error) => panic!("what is written cannot be read: {form}: {error}"),
        }
    }
}

/// A few nodes of several kinds to evaluate queries on.
fn small_report() -> Report {
    let json = include_bytes!("fuzzing/small.json");
    read(json).unwrap_or_default()
}
