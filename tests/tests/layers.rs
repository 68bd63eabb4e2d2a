//! Who may know whom: the crates' edges, and what the pure ones may not touch.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Every edge between our crates that is allowed; see docs/ARCHITECTURE.md.
const ALLOWED: &[(&str, &[&str])] = &[
    ("orrery-model", &[]),
    ("orrery-topology", &["orrery-model"]),
    ("orrery-plugins", &["orrery-model", "orrery-sockets"]),
    // Who may listen on a plugin's socket, for those that talk to plugins.
    ("orrery-sockets", &[]),
    ("orrery-probes", &["orrery-model"]),
    ("orrery-history", &["orrery-model", "orrery-sqlite"]),
    // How a database is opened, for those that keep one.
    ("orrery-sqlite", &[]),
    ("orrery-store", &["orrery-sqlite"]),
    ("orrery-packages", &[]),
    ("orrery-runner", &[]),
    ("orrery-supervisor", &["orrery-runner"]),
    // The manager turns what a package says into what the supervisor runs, and keeps the record.
    (
        "orrery-manager",
        &[
            // Config in layers.
            "orrery-catalog",
            "orrery-packages",
            "orrery-store",
            "orrery-supervisor",
        ],
    ),
    (
        "orrery-engine",
        &[
            "orrery-catalog",
            "orrery-history",
            "orrery-manager",
            "orrery-model",
            "orrery-packages",
            "orrery-plugins",
            "orrery-probes",
            "orrery-runner",
            "orrery-store",
            "orrery-supervisor",
            "orrery-tasks",
            "orrery-topology",
        ],
    ),
    ("orrery-services", &["orrery-sockets"]),
    // Names and rules: it reads what reports and manifests say.
    ("orrery-catalog", &["orrery-model", "orrery-packages"]),
    // Its OTLP publisher sends messages that `export` makes.
    ("orrery-tasks", &["orrery-export"]),
    ("orrery-exposition", &[]),
    // What is exposed and what is sent are the same families.
    ("orrery-export", &["orrery-exposition"]),
    (
        "orrery-gateway",
        &[
            "orrery-engine",
            "orrery-exposition",
            "orrery-export",
            "orrery-services",
        ],
    ),
    (
        "orrery-cli",
        // What a person who writes a plugin needs, it does without an instance.
        &[
            "orrery-engine",
            "orrery-gateway",
            "orrery-model",
            "orrery-packages",
            "orrery-plugins",
            "orrery-runner",
            "orrery-sockets",
            "orrery-supervisor",
        ],
    ),
    (
        "orrery-desktop",
        &["orrery-engine", "orrery-gateway", "orrery-notices"],
    ),
    ("orrery-notices", &[]),
    ("orrery-testkit", &["orrery-model"]),
    // Tests may know everybody.
    (
        "orrery-tests",
        &[
            "orrery-engine",
            "orrery-exposition",
            "orrery-gateway",
            "orrery-history",
            "orrery-manager",
            "orrery-model",
            "orrery-packages",
            "orrery-plugins",
            "orrery-runner",
            "orrery-services",
            "orrery-store",
            "orrery-supervisor",
            "orrery-testkit",
            "orrery-topology",
        ],
    ),
    // Examples are guides for people who have nothing of ours.
    ("orrery-example-iowait", &[]),
    ("orrery-example-http-statistics", &[]),
    ("orrery-example-traffic-control", &[]),
];

/// What the pure crates may use; none of it does I/O, reads a clock or starts a thread.
const PURE: &[&str] = &[
    "flate2",
    "indexmap",
    "jiff",
    "petgraph",
    "regex",
    "rmp",
    "rmp-serde",
    "rustc-hash",
    "schemars",
    "serde",
    "serde_json",
    "smol_str",
    "thiserror",
    "ts-rs",
];

fn metadata() -> Value {
    let out = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
            "--manifest-path",
        ])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    serde_json::from_slice(&out.stdout).unwrap()
}

/// Ordinary dependencies by package; those for tests alone do not count.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let name = |v: &Value| v["name"].as_str().unwrap().to_owned();
    packages
        .iter()
        .map(|p| {
            let ordinary = p["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|d| d["kind"].is_null());
            (name(p), ordinary.map(name).collect())
        })
        .collect()
}

#[test]
fn crates_know_only_whom_they_may() {
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    for (package, uses) in dependencies() {
        let Some(may) = allowed.get(package.as_str()) else {
            panic!("{package} is new: say here and in docs/ARCHITECTURE.md whom it may know");
        };
        for used in uses.iter().filter(|u| u.starts_with("orrery-")) {
            assert!(
                may.contains(&used.as_str()),
                "{package} may not know {used}: an edge needs a reason"
            );
        }
    }
}

#[test]
fn the_pure_crates_use_nothing_that_touches_the_world() {
    let all = dependencies();
    for package in ["orrery-model", "orrery-topology", "orrery-exposition"] {
        for used in &all[package] {
            assert!(
                PURE.contains(&used.as_str()) || used == "orrery-model",
                "{package} is pure and may not use {used}"
            );
        }
    }
}

#[test]
fn every_crate_takes_the_workspaces_lints() {
    for package in metadata()["packages"].as_array().unwrap() {
        let manifest = std::fs::read_to_string(package["manifest_path"].as_str().unwrap()).unwrap();
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{} takes no lints",
            package["name"]
        );
    }
}

#[test]
fn generated_types_are_current() {
    let stale = orrery_tests::codegen::stale(&orrery_tests::codegen::committed()).unwrap();
    assert!(stale.is_empty(), "run `make types` and commit: {stale:?}");
}

#[test]
fn the_description_of_the_http_surface_is_current() {
    let stale = orrery_tests::codegen::openapi_is_stale(&orrery_tests::codegen::openapi()).unwrap();
    assert!(!stale, "run `make types` and commit docs/openapi.json");
}
