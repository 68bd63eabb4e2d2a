//! `docs/scope.md` lists every difference from Scope with the test that holds it, and nothing else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// Names of tests in the last column of the document's tables.
fn documented() -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("docs/scope.md")).expect("docs/scope.md is there");
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'));
    let last = rows.filter_map(|row| row.trim_end_matches(['|', ' ']).rsplit(" | ").next());
    let names = last.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    names.map(str::to_owned).collect()
}

/// Names of functions in Rust files below a folder.
fn functions(folder: &Path, out: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                functions(&path, out);
            }
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = std::fs::read_to_string(&path).expect("readable");
            let after = text.split("fn ").skip(1);
            out.extend(
                after
                    .filter_map(|rest| rest.split(['(', '<']).next())
                    .map(str::to_owned),
            );
        }
    }
}

#[test]
fn the_document_and_the_tests_name_the_same() {
    let documented = documented();
    assert!(documented.len() > 30, "{documented:?}");
    let mut own = BTreeSet::new();
    functions(
        &PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scope"),
        &mut own,
    );
    own.retain(|name| name.starts_with("defect_") || name.starts_with("differs_"));
    let missing: Vec<&String> = own.difference(&documented).collect();
    assert!(missing.is_empty(), "docs/scope.md does not list {missing:?}");

    let mut every = BTreeSet::new();
    functions(&root().join("src-tauri/crates"), &mut every);
    functions(&root().join("tests"), &mut every);
    let unheld: Vec<&String> = documented.difference(&every).collect();
    assert!(
        unheld.is_empty(),
        "docs/scope.md names tests that do not exist: {unheld:?}"
    );
}
