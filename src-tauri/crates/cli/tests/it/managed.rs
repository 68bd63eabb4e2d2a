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

    // Nobody waits for this one; it is cancelled by its id.
    let install = ["plugin", "install", "mute-0.1.0.tar.gz", "--no-wait", "--json"];
    let ordered = instance.orrery(&install).expect(0).json();
    let id = ordered["id"].as_str().unwrap();
    instance.orrery(&["ops", "--cancel", id]).expect(0);
    let state = || {
        let all = instance.orrery(&["ops", "--json"]).expect(0).json();
        let found = all.as_array().into_iter().flatten().find(|o| o["id"] == id);
        found.map(|o| o["state"].clone()).unwrap_or_default()
    };
    let until = Instant::now() + PATIENCE;
    while state() != "cancelled" {
        assert!(Instant::now() < until, "it is cancelled: {}", state());
        std::thread::sleep(Duration::from_millis(50));
    }
    instance.orrery(&["plugin", "show", "mute"]).expect(3);
    // What has ended cannot be cancelled.
    instance.orrery(&["ops", "--cancel", id]).expect(5);
}

/// Answers the question how far it is, with one more every time, and keeps what it is told.
const ANSWERING: &str = r#"#!/usr/bin/env python3
import http.server, json, os, socketserver, sys
asked = 0
class Plugin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def address_string(self): return "peer"
    def log_message(self, *_): pass
    def say(self, value, status=200):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        global asked
        if self.path.startswith("/health?about=how%20far"):
            asked += 1
            return self.say({"status": "ok", "code": asked, "messages": ["at %d" % asked]})
        if self.path.startswith("/health"): return self.say({"status": "ok", "code": 0})
        self.say({"Plugins": [{"id": "answering", "label": "x", "interfaces": ["reporter"], "api_version": "1"}]})
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        open("told", "ab").write(body + b"\n")
        self.say({}, 500 if b"bad" in body else 200)
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
Server(sys.argv[1], Plugin).serve_forever()
"#;

#[test]
fn plugins_are_asked_and_told() {
    let instance = Instance::start();
    let home = instance.home.path();
    fs::create_dir_all(home.join("answering")).unwrap();
    let program = home.join("answering/run");
    fs::write(&program, ANSWERING).unwrap();
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let manifest = "id = \"answering\"\nversion = \"1.0.0\"\ninterfaces = [\"reporter\", \"events\"]\n\
                    run.entry = \"run\"\nrun.args = [\"{socket}\"]\n";
    fs::write(home.join("answering/plugin.toml"), manifest).unwrap();
    orrery(home, &["plugin", "pack", "answering"]).expect(0);
    instance
        .orrery(&["plugin", "install", "answering-1.0.0.tar.gz"])
        .expect(0);

    let wait = |code: &str, timeout: &str| {
        let words = [
            "plugin",
            "wait",
            "answering",
            "how far",
            "--code",
            code,
            "--timeout",
            timeout,
        ];
        instance.orrery(&words)
    };
    let answered = wait("2", "60s").expect(0);
    assert_eq!(answered.out, "ok\nat 2\n");
    let other = wait("1", "1s").expect(1);
    assert!(other.err.contains("code"), "{other:?}");
    instance
        .orrery(&["plugin", "wait", "nobody", "how far"])
        .expect(3);

    let details = [
        "plugin",
        "broadcast",
        "resumed",
        "--details",
        "{\"after\": \"2h\"}",
    ];
    let told = instance.orrery(&details).expect(0);
    assert!(
        told.out.contains("answering") && told.out.contains("ok"),
        "{told:?}"
    );
    let heard = fs::read_to_string(home.join("data/plugins/state/answering/told")).unwrap();
    let heard: Value = serde_json::from_str(&heard).unwrap();
    assert_eq!(heard, json!({ "event": "resumed", "details": { "after": "2h" } }));
    let failed = instance
        .orrery(&["plugin", "broadcast", "bad", "--json"])
        .expect(1);
    assert_eq!(failed.json()[0]["result"], "failed");
    instance.orrery(&["plugin", "broadcast", "two words"]).expect(2);
    instance
        .orrery(&["plugin", "broadcast", "x", "--details", "{"])
        .expect(2);
}

#[test]
fn removing_all_leaves_local_ones_alone() {
    let instance = Instance::start();
    let home = instance.home.path();
    instance.orrery(&["plugin", "remove", "--all", "--yes"]).expect(0);
    // One that is the user's own, beside two that are installed.
    let watched = home.join("data/config/plugins.d");
    fs::create_dir_all(&watched).unwrap();
    orrery(home, &["plugin", "init", "mine"]).expect(0);
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .arg(home.join("mine"))
        .arg(watched.join("mine"))
        .status();
    assert!(copied.unwrap().success());
    for id in ["one", "two"] {
        orrery(home, &["plugin", "init", id]).expect(0);
        orrery(home, &["plugin", "pack", id]).expect(0);
        instance
            .orrery(&["plugin", "install", &format!("{id}-0.1.0.tar.gz")])
            .expect(0);
    }
    let ids = |filter: &[&str]| -> Vec<String> {
        let list = instance.orrery(&[&["plugin", "list", "--json"], filter].concat());
        let list = list.expect(0).json();
        let ids = list.as_array().into_iter().flatten();
        ids.map(|e| e["id"].as_str().unwrap().to_owned()).collect()
    };
    let until = Instant::now() + PATIENCE;
    while ids(&["--state", "running"]) != ["mine", "one", "two"] {
        assert!(Instant::now() < until, "{:?}", ids(&[]));
        std::thread::sleep(Duration::from_millis(50));
    }
    instance.orrery(&["plugin", "remove", "--all"]).expect(5);
    instance.orrery(&["plugin", "remove", "--all", "--yes"]).expect(0);
    assert_eq!(ids(&[]), ["mine"]);
    assert_eq!(ids(&["--state", "running"]), ["mine"]);
    instance.orrery(&["plugin", "remove", "mine", "--yes"]).expect(5);
    assert!(watched.join("mine/plugin.toml").exists());
}
