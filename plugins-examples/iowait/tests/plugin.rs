//! The real program on a real socket.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

struct Running {
    child: Child,
    root: tempfile::TempDir,
}

impl Running {
    fn start() -> Running {
        let root = tempfile::tempdir().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_iowait"))
            .args(["--hostname", "h", "--plugins"])
            .arg(root.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let running = Running { child, root };
        until("the socket", || UnixStream::connect(running.socket()).is_ok());
        running
    }

    fn socket(&self) -> PathBuf {
        self.root.path().join("iowait/iowait.sock")
    }

    fn ask(&self, request: &str) -> (u16, Value) {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    fn report(&self) -> Value {
        let (status, report) = self.ask(
            "GET /report?api_version=1&probe_id=1f HTTP/1.1\r\nHost: plugin\r\nConnection: close\r\n\r\n",
        );
        assert_eq!(status, 200);
        report
    }

    fn press(&self, control: &str) -> Value {
        let body = json!({ "AppID": "a", "NodeID": "h;<host>", "Control": control, "ControlArgs": null })
            .to_string();
        let length = body.len();
        let (status, answer) = self.ask(&format!(
            "POST /control HTTP/1.1\r\nHost: plugin\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ));
        assert_eq!(status, 200);
        answer
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < end, "waited for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

#[test]
fn the_report_follows_the_protocol_and_carries_a_share() {
    let plugin = Running::start();
    let report = plugin.report();
    assert_eq!(
        report["Plugins"][0]["id"], "iowait",
        "the id is the socket's name"
    );
    assert_eq!(report["Plugins"][0]["api_version"], "1");
    let share = || {
        let report = plugin.report();
        report["Host"]["nodes"]["h;<host>"]["metrics"]["iowait"]["samples"][0]["value"].as_f64()
    };
    until("a share", || share().is_some());
    assert!((0.0..=100.0).contains(&share().unwrap()), "a share in per cent");
}

#[test]
fn the_control_switches_and_the_next_report_agrees() {
    let plugin = Running::start();
    let answer = plugin.press("switchToIdle");
    assert!(
        answer["shortcutReport"]["Host"]["metric_templates"]["idle"].is_object(),
        "{answer}"
    );
    assert!(
        plugin.report()["Host"]["metric_templates"]["idle"].is_object(),
        "it stays switched"
    );
    assert!(
        plugin.press("explode")["error"].is_string(),
        "unknown controls are errors"
    );
}

#[test]
fn only_the_owner_reaches_the_socket() {
    let plugin = Running::start();
    let mode = std::fs::metadata(plugin.socket().parent().unwrap())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn signals_end_it_cleanly() {
    for signal in ["-INT", "-TERM"] {
        let mut plugin = Running::start();
        let folder = plugin.root.path().join("iowait");
        Command::new("kill")
            .args([signal, &plugin.child.id().to_string()])
            .status()
            .unwrap();
        assert!(
            plugin.child.wait().unwrap().success(),
            "{signal} is an ordinary end"
        );
        assert!(!exists(&folder), "{signal}: socket and folder are removed");
    }
}

#[test]
fn an_error_leaves_nothing_behind_and_a_stale_socket_is_replaced() {
    let plugin = Running::start();
    let second = Command::new(env!("CARGO_BIN_EXE_iowait"))
        .arg("--plugins")
        .arg(plugin.root.path())
        .output()
        .unwrap();
    assert!(
        !second.status.success() && exists(&plugin.socket()),
        "the first keeps its socket"
    );
    let mut plugin = plugin;
    plugin.child.kill().unwrap();
    plugin.child.wait().unwrap();
    assert!(exists(&plugin.socket()), "a kill leaves the socket behind");
    let mut again = Command::new(env!("CARGO_BIN_EXE_iowait"))
        .args(["--hostname", "h", "--plugins"])
        .arg(plugin.root.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("the new socket", || UnixStream::connect(plugin.socket()).is_ok());
    again.kill().unwrap();
    again.wait().unwrap();
}

#[test]
fn the_host_may_choose_the_socket() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("chosen.sock");
    let mut plugin = Command::new(env!("CARGO_BIN_EXE_iowait"))
        .arg("--socket")
        .arg(&path)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("the socket", || UnixStream::connect(&path).is_ok());
    Command::new("kill")
        .args(["-TERM", &plugin.id().to_string()])
        .status()
        .unwrap();
    assert!(plugin.wait().unwrap().success());
    assert!(!exists(&path), "the socket is removed");
    assert!(exists(root.path()), "a folder that is not its own stays");
}
