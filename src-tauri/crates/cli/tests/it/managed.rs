//! Plugins of a running instance, from install to removal.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::instance::Instance;
use crate::run::{Ran, command, orrery};

const PATIENCE: Duration = Duration::from_secs(30);

/// Packs the plugin that `init` writes, in a version.
fn package(home: &Path, version: &str) -> String {
    if !home.join("hello").exists() {
        orrery(home, &["plugin", "init", "hello"]).expect(0);
    }
    let path = home.join("hello/plugin.toml");
    let manifest = fs::read_to_string(&path).unwrap();
    let line = manifest.lines().find(|line| line.starts_with("version")).unwrap();
    let manifest = manifest.replace(line, &format!("version = \"{version}\""));
    fs::write(
        &path,
        manifest.replace("policy = \"on-failure\"", "stable_after = \"500ms\""),
    )
    .unwrap();
    orrery(home, &["plugin", "pack", "hello"]).expect(0);
    format!("hello-{version}.tar.gz")
}

fn entry(instance: &Instance) -> Value {
    instance
        .orrery(&["plugin", "show", "hello", "--json"])
        .expect(0)
        .json()
}

#[test]
fn a_plugin_lives_its_life_on_the_command_line() {
    let instance = Instance::start();
    let home = instance.home.path();
    let first = package(home, "0.1.0");

    let sum = "0".repeat(64);
    instance
        .orrery(&["plugin", "install", &first, "--sha256", &sum])
        .expect(5);
    let installed = instance.orrery(&["plugin", "install", &first]).expect(0);
    for step in ["verify", "unpack", "start"] {
        assert!(
            installed.err.lines().any(|l| l.trim().starts_with(step)),
            "{step} is told: {installed:?}"
        );
    }
    let shown = instance.orrery(&["plugin", "list"]).expect(0).out;
    let line = shown
        .lines()
        .find(|l| l.starts_with("hello "))
        .unwrap_or_default();
    assert!(line.contains("managed") && line.contains("0.1.0"), "{shown}");
    let count = |filter: &[&str]| {
        let list = instance.orrery(&[&["plugin", "list", "--json"], filter].concat());
        list.expect(0).json().as_array().unwrap().len()
    };
    for (filter, listed) in [
        (["--origin", "managed"], 1),
        (["--origin", "local"], 0),
        (["--state", "running"], 1),
        (["--state", "stopped"], 0),
        (["--interface", "reporter"], 1),
        (["--interface", "controller"], 0),
    ] {
        assert_eq!(count(&filter), listed, "{filter:?}");
    }
    instance.orrery(&["plugin", "health", "hello"]).expect(0);
    let logs = instance.orrery(&["plugin", "logs", "hello"]).expect(0);
    assert!(logs.out.contains("listening on"), "{logs:?}");

    // From another machine the package travels first.
    let second = package(home, "0.2.0");
    let upgraded = instance.afar(&["plugin", "upgrade", "hello", &second]).expect(0);
    assert!(upgraded.err.contains("send"), "{upgraded:?}");
    assert_eq!(entry(&instance)["managed"]["current"]["version"], "0.2.0");
    instance.orrery(&["plugin", "rollback", "hello"]).expect(0);
    assert_eq!(entry(&instance)["managed"]["current"]["version"], "0.1.0");

    instance.orrery(&["plugin", "stop", "hello"]).expect(0);
    let unwell = instance.orrery(&["plugin", "health", "hello"]).expect(1);
    assert!(!unwell.out.is_empty(), "{unwell:?}");
    instance.orrery(&["plugin", "start", "hello"]).expect(0);
    instance.orrery(&["plugin", "restart", "hello"]).expect(0);
    instance.orrery(&["plugin", "disable", "hello"]).expect(0);
    assert_eq!(entry(&instance)["managed"]["desired"], "disabled");
    instance.orrery(&["plugin", "enable", "hello"]).expect(0);

    let set = [
        "plugin", "config", "hello", "--set", "word=hi", "--set", "n=3", "--json",
    ];
    assert_eq!(instance.orrery(&set).expect(0).json()["state"], "done");
    let config = instance
        .orrery(&["plugin", "config", "hello", "--json"])
        .expect(0)
        .json();
    assert_eq!(config["structured"], json!({ "word": "hi", "n": 3 }));

    // Nobody is there to ask.
    instance.orrery(&["plugin", "remove", "hello"]).expect(5);
    let ordered = instance
        .orrery(&["plugin", "remove", "hello", "--yes", "--no-wait", "--json"])
        .expect(0)
        .json();
    assert_eq!(ordered["kind"], "remove");
    let until = Instant::now() + PATIENCE;
    while instance.orrery(&["plugin", "show", "hello"]).code != 3 {
        assert!(Instant::now() < until, "it goes");
        std::thread::sleep(Duration::from_millis(50));
    }
    let all = instance
        .orrery(&["ops", "--json", "--limit", "50"])
        .expect(0)
        .json();
    let kinds: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|o| o["kind"].clone())
        .collect();
    for kind in [
        "install",
        "upgrade",
        "rollback",
        "stop",
        "start",
        "restart",
        "configure",
        "remove",
    ] {
        assert!(kinds.contains(&json!(kind)), "{kind} in {kinds:?}");
    }
}

/// What docs/packages.md promises: five lines make a package of a program that knows nothing of Orrery and
/// chooses its socket itself.
#[test]
fn five_lines_make_a_package_of_a_plugin_for_scope() {
    let instance = Instance::start();
    let home = instance.home.path();
    orrery(home, &["plugin", "init", "hello"]).expect(0);
    let socket = home.join("scope/plugins/hello/hello.sock");
    let manifest = format!(
        "id = \"hello\"\nversion = \"1.0.0\"\nrun.entry = \"bin/hello\"\n\
         run.args = [\"--socket\", \"{0}\"]\nrun.socket = \"{0}\"\n",
        socket.display()
    );
    fs::write(home.join("hello/plugin.toml"), manifest).unwrap();
    orrery(home, &["plugin", "pack", "hello"]).expect(0);
    instance
        .orrery(&["plugin", "install", "hello-1.0.0.tar.gz"])
        .expect(0);
    assert_eq!(entry(&instance)["state"], "running");
    instance
        .orrery(&["plugin", "probe", socket.to_str().unwrap()])
        .expect(0);
    instance.orrery(&["plugin", "remove", "hello", "--yes"]).expect(0);
    assert!(!socket.exists(), "nothing is left behind");
}

#[test]
fn a_package_that_is_not_taken_is_listed_with_the_reason() {
    let instance = Instance::start();
    let watched = instance.home.path().join("data/config/plugins.d");
    fs::create_dir_all(&watched).unwrap();
    fs::write(watched.join("broken.tar.gz"), "no archive").unwrap();
    let until = Instant::now() + PATIENCE;
    loop {
        let listed = instance.orrery(&["plugin", "list"]).expect(0).out;
        if listed.contains("Not taken:") && listed.contains("broken.tar.gz") {
            break;
        }
        assert!(Instant::now() < until, "it is listed: {listed}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn what_is_not_there_is_told_by_exit_code() {
    let instance = Instance::start();
    for words in [
        &["plugin", "show", "nobody"][..],
        &["plugin", "start", "nobody"],
        &["plugin", "logs", "nobody"],
        &["plugin", "health", "nobody"],
        &["plugin", "config", "nobody"],
        &["plugin", "remove", "nobody", "--yes"],
        &["plugin", "upgrade", "nobody", "x.tar.gz"],
        &["plugin", "install", "nowhere.tar.gz"],
        &["ops", "--cancel", "nothing"],
    ] {
        let ran = instance.orrery(words).expect(3);
        assert!(ran.err.starts_with("orrery: "), "{ran:?}");
    }
    let alone = tempfile::tempdir().unwrap();
    orrery(alone.path(), &["plugin", "list"]).expect(4);
}

#[test]
fn an_interrupt_cancels_what_is_waited_for() {
    let instance = Instance::start();
    let home = instance.home.path();
    // It never listens, so its start takes until its timeout.
    fs::create_dir_all(home.join("mute/bin")).unwrap();
    orrery(home, &["plugin", "init", "mute", "--manifest-only"]).expect(0);
    fs::write(home.join("mute/bin/mute"), "#!/bin/sh\nexec sleep 600\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(home.join("mute/bin/mute"), mode).unwrap();
    let path = home.join("mute/plugin.toml");
    let manifest = fs::read_to_string(&path).unwrap();
    fs::write(&path, manifest.replace("timeout = \"10s\"", "timeout = \"10m\"")).unwrap();
    orrery(home, &["plugin", "pack", "mute"]).expect(0);

    let waiting = command(home, &["plugin", "install", "mute-0.1.0.tar.gz"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let running = || {
        let all = instance.orrery(&["ops", "--json"]).expect(0).json();
        let steps = all[0]["steps"].as_array().cloned().unwrap_or_default();
        steps
            .iter()
            .any(|s| s["id"] == "start" && s["state"] == "running")
    };
    let until = Instant::now() + PATIENCE;
    while !running() {
        assert!(Instant::now() < until, "it starts");
        std::thread::sleep(Duration::from_millis(50));
    }
    kill_process(Pid::from_child(&waiting), Signal::INT).unwrap();
    let ended: Ran = waiting.wait_with_output().unwrap().into();
    let ended = ended.expect(1);
    assert!(
        ended.err.contains("cancelling") && ended.err.contains("was cancelled"),
        "{ended:?}"
    );
    instance.orrery(&["plugin", "show", "mute"]).expect(3);
}
