//! `orrery plugin probe` on plugins that behave and plugins that do not.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use orrery_testkit::plugin::spec_json;
use orrery_testkit::{GoodPlugin, HostilePlugin, Hostility, Reply};
use serde_json::{Value, json};

use crate::run::{Ran, command, orrery};

/// A private folder with room for a socket of this id.
fn socket(home: &Path, id: &str) -> PathBuf {
    let folder = home.join(id);
    std::fs::DirBuilder::new().mode(0o700).create(&folder).unwrap();
    folder.join(format!("{id}.sock"))
}

async fn probe(home: &Path, path: &Path, json: bool) -> Ran {
    let (home, path) = (home.to_owned(), path.display().to_string());
    let words = move || {
        let json: &[&str] = if json { &["--json"] } else { &[] };
        orrery(&home, &[&["plugin", "probe", &path], json].concat())
    };
    tokio::task::spawn_blocking(words).await.unwrap()
}

/// What a plugin with this report is told; its id is `p`.
async fn told(report: Value) -> (i32, Value) {
    let home = tempfile::tempdir().unwrap();
    let plugin = GoodPlugin::start(socket(home.path(), "p")).unwrap();
    plugin.on_report(move |_| Reply::from(report.clone()));
    let ran = probe(home.path(), plugin.path(), true).await;
    (ran.code, ran.json())
}

fn says(found: &Value, verdict: &str, text: &str) -> bool {
    found["checks"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|check| check["verdict"] == verdict && check["text"].as_str().is_some_and(|t| t.contains(text)))
}

#[tokio::test]
async fn a_good_plugin_is_told_so() {
    let home = tempfile::tempdir().unwrap();
    let plugin = GoodPlugin::start(socket(home.path(), "p")).unwrap();
    plugin.on_report(|_| {
        let node = json!({ "h;<host>": { "latest": { "fact": { "timestamp": "2026-01-01T00:00:00Z", "value": "1" } } } });
        let rows = json!({ "fact": { "id": "fact", "label": "Fact", "priority": 1, "from": "latest" } });
        Reply::from(json!({
            "Host": { "nodes": node, "metadata_templates": rows },
            "Plugins": [spec_json("p", &["reporter"])],
        }))
    });
    plugin.on_other(|_| Reply::status(404, "no"));
    let ran = probe(home.path(), plugin.path(), false).await.expect(0);
    assert!(ran.out.contains("This is a plugin as it should be."), "{ran:?}");
    let found = probe(home.path(), plugin.path(), true).await.expect(0).json();
    assert_eq!((&found["ok"], &found["id"]), (&json!(true), &json!("p")));
    assert_eq!(found["report"]["nodes"], 1, "{found:#}");

    plugin.on_other(|request| match request.target.as_str() {
        "/health" => Reply::from(json!({ "status": "degraded", "messages": ["the disk is slow"] })),
        _ => Reply::status(404, "no"),
    });
    let found = probe(home.path(), plugin.path(), true).await.expect(0).json();
    assert!(
        says(&found, "ok", "GET /health says degraded: the disk is slow"),
        "{found:#}"
    );
}

#[tokio::test]
async fn what_nobody_would_see_is_noted() {
    let spec = spec_json("p", &["reporter"]);
    let fact = json!({ "timestamp": "2026-01-01T00:00:00Z", "value": "1" });
    let future = json!({ "timestamp": "2126-01-01T00:00:00Z", "value": "1" });
    let metric = json!({ "samples": [], "min": 0, "max": 1 });
    for (report, verdict, text) in [
        (json!({ "Plugins": [spec] }), "note", "no nodes"),
        (
            json!({ "Host": { "nodes": { "h": {} } }, "Plugins": [spec] }),
            "note",
            "<name>;<host>",
        ),
        (
            json!({ "Process": { "nodes": { "h;x": {} } }, "Plugins": [spec] }),
            "note",
            "<hostname>;<pid>",
        ),
        (
            json!({ "Host": { "nodes": { "h;<host>": { "latest": { "fact": fact } } } }, "Plugins": [spec] }),
            "note",
            "metadata_templates",
        ),
        (
            json!({ "Host": { "nodes": { "h;<host>": { "latest": { "fact": future } } } }, "Plugins": [spec] }),
            "note",
            "from the future",
        ),
        (
            json!({ "Host": { "nodes": { "h;<host>": { "metrics": { "m": metric } } } }, "Plugins": [spec] }),
            "note",
            "have no samples: m",
        ),
        (
            json!({ "Host": {
                "nodes": { "h;<host>": {} },
                "metric_templates": { "m": { "id": "m", "label": "M", "format": "furlongs" } },
            }, "Plugins": [spec] }),
            "note",
            "format that is not known",
        ),
        (
            json!({ "Host": {
                "nodes": { "h;<host>": {} },
                "controls": { "go": { "id": "go", "human": "Go" } },
            }, "Plugins": [spec] }),
            "wrong",
            "do not name controller",
        ),
        (
            json!({ "Host": { "nodes": { "h;<host>": {
                "latestControls": { "go": { "timestamp": "2026-01-01T00:00:00Z", "value": { "dead": false } } },
            } } }, "Plugins": [spec_json("p", &["reporter", "controller"])] }),
            "wrong",
            "control go, which",
        ),
        (
            json!({ "Host": { "nodes": { "h;<host>": {} } }, "Plugins": [spec_json("p", &["reporter", "health"])] }),
            "wrong",
            "names the interface health",
        ),
    ] {
        let (code, found) = told(report).await;
        assert!(says(&found, verdict, text), "{text}: {found:#}");
        assert_eq!(code, i32::from(verdict == "wrong"), "{found:#}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_in_the_words_of_the_list_of_plugins() {
    for (how, text) in [
        (Hostility::Slow, "Orrery waits 500 ms"),
        (Hostility::Silent, "GET /report"),
        (Hostility::WrongId, "plugin must not change its id"),
        (Hostility::TwoSpecs, "exactly one plugin (found 2)"),
        (Hostility::NoSpec, "exactly one plugin (found 0)"),
        (Hostility::WrongVersion, "incorrect API version"),
        (Hostility::NoLabel, "spec must contain a label"),
        (Hostility::NoReporter, "reporter"),
        (Hostility::NotJson, "does not read"),
        (Hostility::NoContent, "answered with 204"),
        (Hostility::ServerError, "answered with 500"),
        (Hostility::ControlBytes, ""),
    ] {
        let home = tempfile::tempdir().unwrap();
        let plugin = HostilePlugin::start(socket(home.path(), &how.id()), how).unwrap();
        let ran = probe(home.path(), plugin.path(), false).await.expect(1);
        assert!(ran.out.contains(text), "{how:?}: {ran:?}");
        let control = |c: char| c.is_control() && c != '\n';
        assert!(!ran.out.contains(control), "{how:?}: {ran:?}");
        assert!(ran.err.contains("went wrong"), "{how:?}: {ran:?}");
    }
}

#[tokio::test]
async fn a_socket_that_cannot_be_called_is_told_apart() {
    let home = tempfile::tempdir().unwrap();
    let at = |words: &[&str]| orrery(home.path(), words);
    at(&["plugin", "probe", "nothing.sock"]).expect(3);
    std::fs::write(home.path().join("file.sock"), "").unwrap();
    let file = at(&["plugin", "probe", "file.sock"]).expect(1);
    assert!(file.out.starts_with("wrong  package"), "{file:?}");
    let left = home.path().join("left.sock");
    drop(std::os::unix::net::UnixListener::bind(&left).unwrap());
    let left = at(&["plugin", "probe", "left.sock"]).expect(1);
    assert!(left.out.contains("nobody listens"), "{left:?}");
    let odd = home.path().join("under_score.sock");
    drop(std::os::unix::net::UnixListener::bind(&odd).unwrap());
    let odd = at(&["plugin", "probe", "under_score.sock"]).expect(1);
    assert!(odd.out.contains("is no id"), "{odd:?}");
}

#[test]
fn what_init_writes_runs_and_is_a_plugin() {
    let home = tempfile::tempdir().unwrap();
    orrery(home.path(), &["plugin", "init", "hello"]).expect(0);
    let mut program = std::process::Command::new(home.path().join("hello/bin/hello"));
    program
        .args(["--socket", "run/hello.sock"])
        .current_dir(home.path());
    let Ok(mut program) = program.spawn() else {
        println!("skipped: there is no python3");
        return;
    };
    let path = home.path().join("run/hello.sock");
    let until = Instant::now() + Duration::from_secs(20);
    while std::os::unix::net::UnixStream::connect(&path).is_err() {
        assert!(Instant::now() < until, "the starter listens");
        std::thread::sleep(Duration::from_millis(20));
    }
    let probed: Ran = command(home.path(), &["plugin", "probe", "run/hello.sock"])
        .output()
        .unwrap()
        .into();
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&program),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    let ended = program.wait().unwrap();
    let probed = probed.expect(0);
    assert!(probed.out.contains("as it should be"), "{probed:?}");
    assert!(ended.success() && !path.exists(), "it cleans up: {ended:?}");
}

/// A directory with a program in shell or Python, and more lines for its manifest.
fn plugin(home: &Path, program: &str, more: &str) {
    let _ = std::fs::remove_dir_all(home.join("p"));
    std::fs::create_dir_all(home.join("p/bin")).unwrap();
    std::fs::write(home.join("p/bin/p"), program).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(home.join("p/bin/p"), mode).unwrap();
    let manifest = format!(
        "id = \"p\"\nversion = \"1.0.0\"\n[run]\nentry = \"bin/p\"\nargs = [\"--socket\", \"{{socket}}\"]\n{more}\n"
    );
    std::fs::write(home.join("p/plugin.toml"), manifest).unwrap();
}

#[test]
fn a_directory_or_package_is_started_tried_and_ended() {
    let home = tempfile::tempdir().unwrap();
    let at = |words: &[&str]| orrery(home.path(), words);
    at(&["plugin", "init", "hello"]).expect(0);
    let tried = at(&["plugin", "probe", "hello"]).expect(0);
    for text in [
        "hello 0.1.0",
        "listens after",
        "memory 64MiB",
        "nodes: 1",
        "after SIGTERM",
    ] {
        assert!(tried.out.contains(text), "{text}: {tried:?}");
    }
    at(&["plugin", "pack", "hello"]).expect(0);
    let tried = at(&["plugin", "probe", "hello-0.1.0.tar.gz", "--json"])
        .expect(0)
        .json();
    assert_eq!((&tried["ok"], &tried["id"]), (&json!(true), &json!("hello")));
    assert!(says(&tried, "ok", "unpacks"), "{tried:#}");
    assert!(
        tried["output"][0].as_str().unwrap().contains("listening on"),
        "{tried:#}"
    );
}

#[test]
fn what_is_wrong_with_a_program_is_said_with_its_last_words() {
    let home = tempfile::tempdir().unwrap();
    let starter = {
        orrery(home.path(), &["plugin", "init", "p"]).expect(0);
        std::fs::read_to_string(home.path().join("p/bin/p")).unwrap()
    };
    let stubborn = starter.replace("lambda *_: sys.exit(0)", "signal.SIG_IGN");
    let another = starter.replace("ID = \"p\"", "ID = \"q\"");
    let short = "[start]\ntimeout = \"500ms\"\n[stop]\ntimeout = \"300ms\"";
    let sampled = "[[policy]]\nkey = \"rate\"\ntype = \"integer\"\nrequired = true";
    for (program, more, code, texts) in [
        (
            "#!/bin/sh\necho the bulb is broken >&2\nexit 3\n",
            "",
            1,
            &[
                "ended before it listened: exited with code 3",
                "the bulb is broken",
            ][..],
        ),
        (
            "#!/bin/sh\nexec sleep 600\n",
            short,
            1,
            &["does not listen on", "within 500ms"],
        ),
        (
            "#!/nowhere/sh\n",
            "",
            1,
            &["names an interpreter that does not exist"],
        ),
        (another.as_str(), "", 1, &["plugin must not change its id"]),
        (
            stubborn.as_str(),
            short.replace("500ms", "20s").leak(),
            0,
            &["did not end within 300ms of SIGTERM"],
        ),
        (starter.as_str(), sampled, 0, &["cannot run before it has one"]),
        (
            starter.as_str(),
            "[host]\nos = [\"plan9\"]",
            1,
            &["not for this machine"],
        ),
        (
            "#!/bin/sh\nexit 0\n",
            "activation = \"trigger\"\n[run.trigger]\nat_start = true",
            0,
            &["did its work in"],
        ),
    ] {
        plugin(home.path(), program, more);
        let ran = orrery(home.path(), &["plugin", "probe", "p"]).expect(code);
        for text in texts {
            assert!(ran.out.contains(text), "{text}: {ran:?}");
        }
    }
    plugin(home.path(), "", "memroy = 1");
    let mistyped = orrery(home.path(), &["plugin", "probe", "p"]).expect(1);
    assert!(mistyped.out.contains("unknown key"), "{mistyped:?}");
}
