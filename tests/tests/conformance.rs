//! docs/conformance.md is whole, and every test that it names is there.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const DOCUMENT: &str = include_str!("../../docs/conformance.md");

/// The lists, each from 1 to its last number.
const LISTS: &[(&str, u32)] = &[
    ("A", 58),
    ("N", 30),
    ("PM", 18),
    ("LG", 3),
    ("HL", 6),
    ("AG", 12),
    ("PX", 10),
    ("SE", 4),
    ("MX", 10),
    ("S", 63),
];

/// Where the paths of the document begin.
const ROOTS: &[&str] = &["../src-tauri/crates", ".."];

/// A line of a table: number, what it demands, what proves it.
struct Line {
    number: &'static str,
    proof: &'static str,
}

fn lines() -> Vec<Line> {
    let rows = DOCUMENT.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = rows.map(|row| row.trim_end_matches('|').split(" | ").map(str::trim).collect());
    let lines = cells.filter_map(|cells: Vec<&str>| {
        let [number, _, proof] = cells.as_slice() else {
            panic!("a line has three parts: {cells:?}");
        };
        number
            .ends_with(|last: char| last.is_ascii_digit())
            .then_some(Line { number, proof })
    });
    lines.collect()
}

/// Names in backticks that have a file: `runner/tests/it/death.rs: nothing_survives_the_application`.
fn tests(proof: &str) -> impl Iterator<Item = (&str, &str)> {
    proof
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|quoted| quoted.split_once(".rs: "))
}

fn source(file: &str) -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut places = ROOTS
        .iter()
        .map(|root| here.join(root).join(format!("{file}.rs")));
    let Some(place) = places.find(|place| place.is_file()) else {
        panic!("{file}.rs is not there");
    };
    std::fs::read_to_string(place).unwrap()
}

#[test]
fn every_number_stands_there_exactly_once() {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for line in lines() {
        *counts.entry(line.number.to_owned()).or_default() += 1;
    }
    let wanted: BTreeMap<String, u32> = LISTS
        .iter()
        .flat_map(|(list, last)| (1..=*last).map(move |n| (format!("{list}{n}"), 1)))
        .collect();
    assert_eq!(counts, wanted);
}

#[test]
fn every_number_has_a_test_or_a_reason() {
    for line in lines() {
        let reasons = ["changed: ", "not applicable: ", "with tasks: "];
        let reasoned = reasons.iter().any(|reason| line.proof.contains(reason));
        assert!(
            reasoned || tests(line.proof).next().is_some(),
            "{} has neither",
            line.number
        );
    }
}

#[test]
fn every_test_that_is_named_is_there() {
    let named: BTreeSet<_> = lines().iter().flat_map(|line| tests(line.proof)).collect();
    for (file, test) in named {
        assert!(
            source(file).contains(&format!("fn {test}(")),
            "{file}.rs has no {test}"
        );
    }
}
