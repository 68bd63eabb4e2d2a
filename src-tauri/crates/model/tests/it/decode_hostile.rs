//! What nobody should send is refused with a reason, within bounds, and never with a panic.

use orrery_model::{DecodeError, Limits, Report, Timestamp, limits};
use proptest::prelude::*;

use crate::decode::NOW;
use crate::strategies::report;

/// Refused, with an error that contains each of these.
#[track_caller]
fn refused(json: &str, reasons: &[&str]) {
    let error = Report::from_json(json.as_bytes(), NOW)
        .expect_err("it should not read")
        .to_string();
    for reason in reasons {
        assert!(error.contains(reason), "{reason:?} is not in: {error}");
    }
    assert!(error.len() < 400, "{} bytes of error", error.len());
    assert!(!error.chars().any(char::is_control), "{error:?}");
}

#[test]
fn other_shapes_name_the_culprit() {
    refused("", &["EOF"]);
    refused("<html>", &["expected value"]);
    refused("[1]", &["expected a report", "line 1"]);
    refused("\"text\"", &["expected a report"]);
    refused(r#"{"Host":5}"#, &["Host: ", "expected a topology"]);
    refused(
        r#"{"Host":{"nodes":["a"]}}"#,
        &["Host: ", "expected a map of nodes"],
    );
    refused(
        r#"{"Host":{"nodes":{"web":7}}}"#,
        &["Host: node \"web\": ", "expected a node"],
    );
    refused(
        r#"{"Process":{"nodes":{"h;1":{"latest":[3]}}}}"#,
        &["Process: node \"h;1\": ", "a map of facts"],
    );
    refused(
        r#"{"Process":{"nodes":{"h;1":{"adjacency":{"x":1}}}}}"#,
        &["node \"h;1\"", "a list of texts"],
    );
    refused(r#"{"Plugins":{"id":"p"}}"#, &["expected a list of plugins"]);
    refused(
        r#"{"Host":{"nodes":{"h":{"metrics":{"m":{"samples":[5]}}}}}}"#,
        &["a sample with date and value"],
    );
    refused(r#"{"Host":{"nodes":{"#, &["EOF"]);
}

#[test]
fn edges_from_everything_to_everything_are_cut() {
    const NODES: usize = 1_000;
    let ids = |n: usize| format!("\";{n};80\"");
    let all: Vec<String> = (0..NODES).map(ids).collect();
    let adjacency = all.join(",");
    let nodes: Vec<String> = all
        .iter()
        .map(|id| format!("{id}:{{\"adjacency\":[{adjacency}]}}"))
        .collect();
    let json = format!("{{\"Endpoint\":{{\"nodes\":{{{}}}}}}}", nodes.join(","));
    let decoded = Report::from_json(json.as_bytes(), NOW).unwrap();
    let nodes = &decoded
        .report
        .topology(orrery_model::TopologyKind::Endpoint)
        .nodes;
    assert_eq!(nodes.len(), NODES);
    assert_eq!(
        nodes.values().map(|n| n.adjacency.len()).sum::<usize>(),
        limits::EDGES
    );
    let warnings: Vec<String> = decoded.warnings.into_iter().map(Into::into).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("more than 500000 edges"), "{warnings:?}");
    const { assert!(NODES * NODES > limits::EDGES) };
}

#[test]
fn deep_nesting_is_refused() {
    refused(&format!("{{\"x\":{}", "[".repeat(100_000)), &["line 1"]);
    refused(
        &format!("{{\"Host\":{{\"nodes\":{{\"h\":{}", "{\"latest\":".repeat(300)),
        &["node \"h\""],
    );
    let depth = limits::CHILDREN_DEPTH + 1;
    let nested = format!(
        "{}{}",
        r#"{"id":"c","children":["#.repeat(depth),
        "]}".repeat(depth)
    );
    refused(
        &format!(r#"{{"Pod":{{"nodes":{{"p":{{"id":"p","children":[{nested}]}}}}}}}}"#),
        &["Pod: node \"p\": ", "nodes nest deeper than 8 levels"],
    );
}

#[test]
fn huge_texts_are_refused() {
    let long = "x".repeat(limits::ID_BYTES + 1);
    refused(
        &format!(r#"{{"Host":{{"nodes":{{"{long}":{{}}}}}}}}"#),
        &["is longer than 4096 bytes"],
    );
    refused(
        &format!(r#"{{"Plugins":[{{"id":"{long}"}}]}}"#),
        &["id \"xxx", "is longer than 4096 bytes"],
    );
    let huge = "y".repeat(limits::VALUE_BYTES + 1);
    refused(
        &format!(r#"{{"Host":{{"nodes":{{"h":{{"latest":{{"k":{{"value":"{huge}"}}}}}}}}}}}}"#),
        &["Host: node \"h\": ", "is longer than 1048576 bytes"],
    );
}

#[test]
fn too_many_of_anything_are_refused() {
    let many = vec!["\"x\""; limits::ENTRIES + 1].join(",");
    refused(
        &format!(r#"{{"Host":{{"nodes":{{"h":{{"adjacency":[{many}]}}}}}}}}"#),
        &["more than 100000"],
    );
    let plugins = vec!["{}"; limits::PLUGINS + 1].join(",");
    refused(
        &format!(r#"{{"Plugins":[{plugins}]}}"#),
        &["a list of plugins has more than 1000"],
    );
    let three = br#"{"Host":{"nodes":{"a":{},"b":{"children":[{"id":"c"}]}}}}"#;
    let read = |nodes| {
        let limits = Limits {
            nodes,
            ..Limits::default()
        };
        Report::decode_body_within(three, "application/json", "", &limits, NOW)
    };
    assert!(read(3).is_ok());
    assert_eq!(
        read(2).unwrap_err().to_string(),
        "Host: node \"b\": more than 2 nodes at line 1 column 53",
        "nested ones count"
    );
}

#[test]
fn invalid_utf8_is_named_by_its_place() {
    let error = Report::from_json(b"{\"Host\":\"\xff\"}", NOW).unwrap_err();
    assert_eq!(error, DecodeError::Json("invalid UTF-8 at byte 9".into()));
}

#[test]
fn warnings_are_few_and_short() {
    let mut json = String::from(r#"{"Host":{"nodes":{"#);
    for n in 0..1000 {
        let comma = if n == 0 { "" } else { "," };
        let key = "k".repeat(500);
        json.push_str(&format!(
            r#"{comma}"{n}":{{"latest":{{"{key}":{{"timestamp":"bad{n}{key}","value":1}}}}}}"#
        ));
    }
    json.push_str("}}}");
    let decoded = Report::from_json(json.as_bytes(), NOW).unwrap();
    assert_eq!(decoded.warnings.len(), 1);
    assert_eq!(decoded.warnings[0].times, 1000);
    assert!(decoded.warnings[0].text.len() < 300, "{}", decoded.warnings[0]);
}

#[test]
fn bodies_beyond_the_limits_are_refused() {
    let limits = Limits {
        body_bytes: 100,
        unpacked_bytes: 1000,
        ..Limits::default()
    };
    let read = |bytes: &[u8], encoding| {
        Report::decode_body_within(bytes, "application/json", encoding, &limits, NOW).map(|d| d.report)
    };
    assert_eq!(read(b"{}", ""), Ok(Report::default()));
    assert_eq!(
        read(&[b' '; 101], "").unwrap_err().to_string(),
        "too large: 101 bytes, at most 100 are read"
    );
    let bomb = crate::decode_msgpack::gzip(&vec![b' '; 100_000]);
    assert!(bomb.len() > 100, "the packed size is a limit of its own");
    let limits = Limits {
        body_bytes: 10_000,
        ..limits
    };
    let error = Report::decode_body_within(&bomb, "", "gzip", &limits, NOW).unwrap_err();
    assert_eq!(
        error.to_string(),
        "too large: more than 1000 bytes when unpacked (UNPACKED_BYTES)"
    );
    assert!(matches!(read(b"{}", "br"), Err(DecodeError::Encoding(e)) if e == "br"));
    assert!(matches!(read(b"{}", "gzip"), Err(DecodeError::Gzip(_))));
}

/// Cuts, flips and repeats bytes.
fn damaged(bytes: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let len = bytes.len();
    proptest::collection::vec((0..len, any::<u8>(), 0..4_u8), 1..6).prop_map(move |edits| {
        let mut bytes = bytes.clone();
        for (at, byte, how) in edits {
            let at = at.min(bytes.len().saturating_sub(1));
            match how {
                0 => bytes.truncate(at),
                1 => drop(bytes.drain(at..(at + 3).min(bytes.len()))),
                2 => bytes.insert(at, byte),
                _ => {
                    if let Some(held) = bytes.get_mut(at) {
                        *held = byte;
                    }
                }
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damaged_json_never_panics(bytes in report().prop_flat_map(|r| damaged(r.to_json()))) {
        let _ = Report::from_json(&bytes, NOW);
    }

    #[test]
    fn damaged_msgpack_never_panics(bytes in report().prop_flat_map(|r| damaged(r.to_msgpack()))) {
        let _ = Report::from_msgpack(&bytes, NOW);
    }

    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Report::decode_body(&bytes, "", "", NOW);
        let _ = Report::from_msgpack(&bytes, NOW);
        let _ = Timestamp::parse(&String::from_utf8_lossy(&bytes));
    }
}
