//! Manifests: what they may say, and where it is said when they are wrong.

use std::fs;
use std::path::Path;
use std::time::Duration;

use orrery_packages::manifest::{
    Activation, Enforce, Handover, Interface, ManifestFault, RestartPolicy, schema,
};
use orrery_packages::{Manifest, PluginId, limits};

/// Every key that there is.
const FULL: &str = r#"
manifest = 1
id = "http-stats"
version = "1.4.0"
label = "HTTP statistics"
description = "Requests per second"
api_version = "1"
interfaces = ["reporter", "controller", "config"]

[run]
entry = "bin/http-stats"
args = ["--quiet", "--socket={socket}"]
socket = "{socket}"
handover = "listen-fd"
activation = "trigger"
user = "scope-plugin"
env = { RUST_LOG = "info", STATE = "{state_dir}" }
idle_stop = "90s"

[run.trigger]
at_start = true
first_start = false
every = "1h"
timeout = "4m"

[start]
attempts = 4
timeout = "11s"
backoff = { first = "2s", factor = 3.0, max = "6m", jitter = 0.5 }

[stop]
timeout = "6s"
[health]
interval = "12s"
timeout = "3s"
failures = 4
[restart]
policy = "always"
window = "11m"
max = 6
stable_after = "3m"

[limits]
memory = "64MiB"
cpu = "150%"
pids = 32
open_files = 256
enforce = "required"

[metrics]
interval = "11s"
keep = 61

[host]
os = ["linux"]
arch = ["x86_64", "aarch64"]
kernel = ">=4.9"

[[policy]]
prefix = "/http-stats"
key = "sample_rate"
type = "integer"
description = "How many"
default = 10
min = 1
max = 1000
required = false

[[policy]]
key = "every"
type = "duration"
min = "1s"

[[service]]
name = "anything"
nested = { deep = [1, 2] }
"#;

#[test]
fn every_key_is_understood() {
    let manifest = Manifest::parse(FULL).unwrap();
    assert_eq!(manifest.id, "http-stats");
    assert_eq!(manifest.version, semver::Version::new(1, 4, 0));
    assert_eq!(
        manifest.interfaces,
        [Interface::Reporter, Interface::Controller, Interface::Config]
    );
    let run = &manifest.run;
    assert_eq!(
        (run.handover, run.activation),
        (Handover::ListenFd, Activation::Trigger)
    );
    assert_eq!(run.idle_stop, Duration::from_secs(90));
    assert_eq!(run.env["RUST_LOG"], "info");
    let trigger = run.trigger.as_ref().unwrap();
    assert_eq!(
        (trigger.at_start, trigger.every),
        (true, Some(Duration::from_secs(3600)))
    );
    assert_eq!(manifest.start.backoff.max, Duration::from_secs(360));
    assert_eq!(manifest.restart.policy, RestartPolicy::Always);
    let limits = &manifest.limits;
    assert_eq!((limits.memory, limits.cpu), (Some(64 << 20), Some(150.0)));
    assert_eq!(
        (limits.pids, limits.open_files, limits.enforce),
        (Some(32), Some(256), Enforce::Required)
    );
    assert_eq!(manifest.metrics.keep, 61);
    assert_eq!(manifest.policy[1].min, Some(1.0));
    assert_eq!(
        manifest.policy[1].prefix, "/http-stats",
        "a prefix is the id's when not given"
    );
    assert_eq!(manifest.service[0]["nested"]["deep"][1], 2);
    manifest.check_packaged().unwrap();
}

/// A35 and the defaults of the rest: five lines are enough for a plugin that knows nothing of us.
#[test]
fn five_lines_are_enough_for_an_unmodified_scope_plugin() {
    let manifest = Manifest::parse(
        r#"
id = "iowait"
version = "1.0.0"
run.entry = "/usr/local/bin/iowait"
run.args = ["-hostname", "box"]
run.socket = "/var/run/scope/plugins/iowait/iowait.sock"
"#,
    )
    .unwrap();
    assert_eq!(manifest.label, "iowait");
    assert_eq!(manifest.interfaces, [Interface::Reporter]);
    assert_eq!(manifest.run.activation, Activation::Always);
    assert!(!manifest.run.chooses_socket());
    assert!(manifest.check_packaged().is_err(), "it is for a local plugin");
    assert_eq!(
        (manifest.metrics.interval, manifest.metrics.keep),
        (Duration::from_secs(10), 60)
    );
    assert_eq!(
        (manifest.start.attempts, manifest.start.timeout),
        (3, Duration::from_secs(10))
    );
    assert_eq!(manifest.limits, orrery_packages::manifest::Limits::default());
}

#[test]
fn what_is_written_is_read_back() {
    for text in [FULL, "id = \"a\"\nversion = \"1.0.0\"\nrun.entry = \"a\"\n"] {
        let manifest = Manifest::parse(text).unwrap();
        let written = manifest.to_toml().unwrap();
        assert_eq!(Manifest::parse(&written).unwrap(), manifest, "{written}");
    }
}

/// Checks where and how a manifest is refused. `~` marks nothing; the place is line and column.
fn check(text: &str, fault: ManifestFault, line: usize, column: usize, says: &str) {
    let error = Manifest::parse(text).expect_err(text);
    assert_eq!(
        (error.fault, error.line, error.column),
        (fault, line, column),
        "{error}\n{text}"
    );
    assert!(error.message.contains(says), "{error}\n{text}");
}

#[test]
fn what_is_wrong_is_said_with_line_and_column() {
    use ManifestFault::{Invalid, Syntax, UnknownKey, Unsupported};
    // Three lines that are right; what is tried begins at line 4.
    let base = "id = \"a\"\nversion = \"1.0.0\"\nrun.entry = \"bin/a\"\n";
    for (more, fault, line, column, says) in [
        ("lable = \"x\"", UnknownKey, 4, 1, "unknown key `lable`"),
        ("[limits]\nmemroy = \"1MiB\"", UnknownKey, 5, 1, "memory"),
        (
            "[start]\n  backoff = { frist = \"1s\" }",
            UnknownKey,
            5,
            15,
            "frist",
        ),
        (
            "[[policy]]\nkey = \"a\"\ntype = \"bool\"\nmni = 1",
            UnknownKey,
            7,
            1,
            "mni",
        ),
        ("[host]\ndistro = \"x\"", UnknownKey, 5, 1, "distro"),
        ("run.triger = {}", UnknownKey, 4, 5, "triger"),
        ("manifest = 2\nnew = 1", Unsupported, 4, 12, "form 2"),
        ("manifest = 0", Unsupported, 4, 12, "form 0"),
        ("manifest = \"1\"", Syntax, 4, 12, "number"),
        (
            "start.timeout = \"10\"",
            Syntax,
            4,
            17,
            "whole number with one of",
        ),
        ("start.timeout = 10", Syntax, 4, 17, "string"),
        ("limits.memory = \"64M\"", Syntax, 4, 17, "64MiB"),
        ("limits.cpu = 50", Syntax, 4, 14, "string"),
        ("limits.cpu = \"50\"", Syntax, 4, 14, "per cent"),
        ("limits.pids = -1", Syntax, 4, 15, ""),
        (
            "interfaces = [\"reporter\", \"reportr\"]",
            Syntax,
            4,
            27,
            "reportr",
        ),
        ("run.activation = \"sometimes\"", Syntax, 4, 18, "on-demand"),
        ("host.kernel = \"new\"", Syntax, 4, 15, ""),
        ("label = 'ä' oops", Syntax, 4, 13, ""),
        ("limits.memory = \"0B\"", Invalid, 4, 17, "leave"),
        ("limits.cpu = \"0%\"", Invalid, 4, 14, "leave it out"),
        ("limits.pids = 0", Invalid, 4, 15, "leave it out"),
        ("start.timeout = \"0s\"", Invalid, 4, 17, "longer than nothing"),
        ("start.attempts = 0", Invalid, 4, 18, "from 1"),
        ("metrics.keep = 0", Invalid, 4, 16, "from 1"),
        ("metrics.interval = \"10ms\"", Invalid, 4, 20, "1s"),
        (
            "start.backoff = { first = \"1m\", max = \"1s\" }",
            Invalid,
            4,
            39,
            "no shorter",
        ),
        ("start.backoff.factor = 0.5", Invalid, 4, 24, "factor"),
        ("start.backoff.factor = nan", Invalid, 4, 24, "factor"),
        ("start.backoff.jitter = 2.0", Invalid, 4, 24, "jitter"),
        ("interfaces = []", Invalid, 4, 14, "at least one"),
        ("interfaces = [\"health\", \"health\"]", Invalid, 4, 14, "twice"),
        ("label = \"a\\nb\"", Invalid, 4, 9, "one line"),
        ("run.socket = \"a.sock\"", Invalid, 4, 14, "absolute"),
        ("run.socket = \"/run/b.sock\"", Invalid, 4, 14, "a.sock"),
        ("run.socket = \"/run/../a.sock\"", Invalid, 4, 14, "upwards"),
        ("run.socket = \"{state_dir}/a.sock\"", Invalid, 4, 14, "absolute"),
        (
            "run.socket = \"/run/a.sock\"\nrun.handover = \"listen-fd\"",
            Invalid,
            5,
            16,
            "{socket}",
        ),
        ("run.args = [\"-x\", \"{sockets}\"]", Invalid, 4, 19, "{sockets}"),
        ("run.env = { A = \"{sockets}\" }", Invalid, 4, 17, "{sockets}"),
        ("run.env = { \"A=B\" = \"x\" }", Invalid, 4, 11, "A=B"),
        ("run.user = \"-x\"", Invalid, 4, 12, "user"),
        ("run.activation = \"trigger\"", Invalid, 4, 18, "[run.trigger]"),
        ("run.trigger.at_start = true", Invalid, 4, 5, "activation"),
        (
            "run.activation = \"trigger\"\n[run.trigger]\nat_start = false",
            Invalid,
            5,
            1,
            "at_start",
        ),
        (
            "[[policy]]\nkey = \"a\"\ntype = \"integer\"\ndefault = \"x\"",
            Invalid,
            7,
            11,
            "whole number",
        ),
        (
            "[[policy]]\nkey = \"a\"\ntype = \"bool\"\n[[policy]]\nkey = \"a\"\ntype = \"bool\"",
            Invalid,
            8,
            7,
            "already",
        ),
    ] {
        check(&format!("{base}{more}\n"), fault, line, column, says);
    }
}

#[test]
fn the_three_keys_that_have_to_be_there_are_named() {
    use ManifestFault::{Invalid, Syntax};
    for (text, fault, says) in [
        ("", Syntax, "`id`"),
        ("id = \"a\"", Syntax, "`version`"),
        ("id = \"a\"\nversion = \"1.0.0\"", Syntax, "`run`"),
        ("id = \"a\"\nversion = \"1.0.0\"\n[run]", Syntax, "`entry`"),
        (
            "id = \"a_b\"\nversion = \"1.0.0\"\nrun.entry = \"a\"",
            Syntax,
            "a_b",
        ),
        ("id = \"a\"\nversion = \"1\"\nrun.entry = \"a\"", Syntax, ""),
        (
            "id = \"a\"\nversion = \"1.0.0\"\nrun.entry = \"\"",
            Invalid,
            "program",
        ),
        (
            "id = \"a\"\nversion = \"1.0.0\"\nrun.entry = \"../a\"",
            Invalid,
            "upwards",
        ),
        (
            "id = \"a\"\nversion = \"1.0.0\"\nrun.entry = \"bin/../../a\"",
            Invalid,
            "upwards",
        ),
    ] {
        let error = Manifest::parse(text).expect_err(text);
        assert_eq!(error.fault, fault, "{error}");
        assert!(error.message.contains(says), "{error}");
        assert!(error.line > 0, "{error}");
    }
}

#[test]
fn endless_texts_and_lists_are_refused() {
    let base = "id = \"a\"\nversion = \"1.0.0\"\nrun.entry = \"bin/a\"\n";
    let long = "x".repeat(limits::TEXT_MAX_BYTES + 1);
    let many = format!("[{}]", "\"x\",".repeat(limits::LIST_MAX + 1));
    for more in [
        format!("label = \"{long}\""),
        format!("description = \"{long}\""),
        format!("run.args = [\"{long}\"]"),
        format!("run.args = {many}"),
        format!("run.socket = \"/{long}/a.sock\""),
        format!("run.user = \"{long}\""),
        format!("run.env.{long} = \"x\""),
        format!("host.os = {many}"),
        format!("host.os = [\"{long}\"]"),
        format!("api_version = \"{long}\""),
        format!("service = [{}]", "{},".repeat(limits::LIST_MAX + 1)),
        format!("# {}", "x".repeat(300 << 10)),
        format!("x = {}{}", "[".repeat(5000), "]".repeat(5000)),
    ] {
        assert!(Manifest::parse(&format!("{base}{more}\n")).is_err());
    }
    let version = format!(
        "id = \"a\"\nversion = \"1.0.0-{}\"\nrun.entry = \"bin/a\"\n",
        "x".repeat(300)
    );
    assert!(Manifest::parse(&version).is_err());
}

#[test]
fn the_manifest_that_init_writes_is_right() {
    let id: PluginId = "my-plugin".parse().unwrap();
    let manifest = Manifest::parse(&Manifest::example(&id)).unwrap();
    assert_eq!(
        (manifest.id.clone(), manifest.run.entry.as_str()),
        (id, "bin/my-plugin")
    );
    manifest.check_packaged().unwrap();
}

#[test]
fn the_manifests_of_the_examples_are_right() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../plugins-examples");
    let mut found = 0;
    for entry in fs::read_dir(examples).unwrap() {
        let dir = entry.unwrap().path();
        // `pressure` is an example of a program without a manifest.
        if dir.is_dir() && !dir.ends_with("pressure") {
            let manifest = Manifest::read(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
            manifest.check_packaged().unwrap();
            assert_eq!(dir.file_name().unwrap(), manifest.id.as_str());
            found += 1;
        }
    }
    assert_eq!(found, 6);
}

/// The schema in the documentation is the one of the code.
#[test]
fn the_published_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/plugin.schema.json");
    let published: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert!(
        published == schema(),
        "write it anew: cargo run -p orrery-packages --example schema > docs/plugin.schema.json"
    );
}
