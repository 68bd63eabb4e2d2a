//! How plugins start, or do not.

use std::os::unix::net::UnixListener;

use orrery_supervisor::spec::{Activation, Handover, Rest, TriggerSpec};
use orrery_supervisor::view::{ExitKind, InstanceState as S, InstanceView};
use orrery_supervisor::{EventKind, Spec, SupervisorError, Want};

use crate::support::{Lab, PROGRAM, is_alive, ms, until};

#[tokio::test(flavor = "multi_thread")]
async fn all_start_at_once_and_one_that_hangs_delays_none() {
    let lab = Lab::new().await;
    let hang: Vec<String> = (0..8).map(|n| format!("hangs-{n}")).collect();
    for id in &hang {
        let mut spec = lab.spec(id, &["--never-bind"]);
        spec.start.timeout = ms(600_000);
        lab.put(id, spec).await;
    }
    lab.put("late", lab.spec("late", &["--bind-after", "300"])).await;
    let view = lab.until("late", S::Running).await;
    assert_eq!((view.generation, view.restarts), (1, 0));
    for id in &hang {
        let has_process = |view: &InstanceView| view.pid.is_some();
        let view = lab.until_view(id, has_process).await;
        assert_eq!(view.state, S::Starting);
        assert_eq!(view.reason, "It has not bound its socket.");
    }
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_starts_are_told_apart_and_tried_again() {
    let lab = Lab::new().await;
    let check = async |id: &str, ways: &[&str], kind: ExitKind, text: &str| {
        let mut spec = lab.spec(id, ways);
        spec.start.timeout = ms(1_500);
        lab.put(id, spec).await;
        let view = lab.until_view(id, |view| view.last_exit.is_some()).await;
        let exit = view.last_exit.expect("there is one");
        assert_eq!(exit.kind, kind, "{id}: {exit:?}");
        assert!(exit.text.contains(text), "{id}: {exit:?}");
        let again = lab.until_view(id, |view| view.generation > 1).await;
        assert!(again.restarts >= 1);
        lab.supervisor.forget(id).await;
    };
    tokio::join!(
        check(
            "never",
            &["--never-bind"],
            ExitKind::StartTimeout,
            "it has not bound its socket"
        ),
        check("hang", &["--hang"], ExitKind::StartTimeout, "no answer in time"),
        check(
            "slow",
            &["--slow", "600"],
            ExitKind::StartTimeout,
            "no answer in time"
        ),
        check(
            "html",
            &["--html"],
            ExitKind::Protocol,
            "It does not answer as a plugin"
        ),
        check(
            "other",
            &["--id", "someone"],
            ExitKind::Protocol,
            "it calls itself 'someone'"
        ),
        check(
            "exits",
            &["--exit-after", "0", "--code", "3"],
            ExitKind::Code,
            "code 3 before its first report"
        ),
        check(
            "ends",
            &["--exit-after", "0"],
            ExitKind::Code,
            "code 0 before its first report"
        ),
    );
    // Whether it is too large or too slow depends on the machine; that it is refused does not.
    let mut spec = lab.spec("huge", &["--huge", "53000000"]);
    spec.start.timeout = ms(2_500);
    lab.put("huge", spec).await;
    let view = lab.until_view("huge", |view| view.last_exit.is_some()).await;
    let kind = view.last_exit.expect("there is one").kind;
    assert!(
        matches!(kind, ExitKind::Protocol | ExitKind::StartTimeout),
        "{kind:?}"
    );
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_put_there_later_starts_by_itself() {
    let lab = Lab::new().await;
    let program = lab.path("program");
    let mut spec = lab.spec("absent", &[]);
    spec.program.clone_from(&program);
    lab.put("absent", spec).await;
    let view = lab.until("absent", S::Backoff).await;
    assert!(view.reason.contains("does not exist"), "{}", view.reason);
    assert!(view.reason.contains("when its files change"), "{}", view.reason);
    assert_eq!(view.last_exit.map(|exit| exit.kind), Some(ExitKind::Spawn));
    lab.until_event("absent", EventKind::NotStartable).await;
    std::fs::copy(PROGRAM, lab.path("copy")).expect("copies");
    std::fs::rename(lab.path("copy"), &program).expect("moves");
    lab.until("absent", S::Running).await;
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_was_exchanged_is_never_executed() {
    let lab = Lab::new().await;
    let program = lab.path("program");
    std::fs::write(&program, "#!/bin/sh\ntouch $0.ran\n").expect("writes");
    std::process::Command::new("chmod")
        .arg("755")
        .arg(&program)
        .status()
        .expect("runs");
    let mut spec = lab.spec("pinned", &[]);
    spec.program.clone_from(&program);
    spec.sha256 = Some("00".repeat(32));
    lab.put("pinned", spec).await;
    let view = lab.until("pinned", S::Backoff).await;
    assert!(view.reason.contains("SHA-256 differs"), "{}", view.reason);
    assert!(!lab.path("program.ran").exists());
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_outlives_whoever_gave_it() {
    let lab = Lab::new().await;
    let supervisor = lab.supervisor.clone();
    let spec = lab.spec("ordered", &["--bind-after", "200"]);
    let order = tokio::spawn(async move {
        supervisor
            .put("ordered", spec, Want::Automatic)
            .await
            .expect("is taken in");
        std::future::pending::<()>().await;
    });
    lab.until_order("ordered").await;
    order.abort();
    lab.until("ordered", S::Running).await;
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_process_left_is_removed_and_what_a_living_one_has_is_not() {
    let lab = Lab::new().await;
    for id in ["stale", "foreign"] {
        std::fs::create_dir_all(lab.socket(id).parent().expect("has one")).expect("makes");
    }
    drop(UnixListener::bind(lab.socket("stale")).expect("binds"));
    assert!(lab.socket("stale").exists());
    lab.run("stale", &[]).await;

    let foreign = UnixListener::bind(lab.socket("foreign")).expect("binds");
    lab.put("foreign", lab.spec("foreign", &[])).await;
    let view = lab.until("foreign", S::Backoff).await;
    let who = format!("process {} listens there", std::process::id());
    assert!(view.reason.contains(&who), "{}", view.reason);
    assert_eq!(view.pid, None);
    assert!(std::os::unix::net::UnixStream::connect(lab.socket("foreign")).is_ok());
    // It goes: that is a change of the files that the start depends on.
    drop(foreign);
    std::fs::remove_file(lab.socket("foreign")).expect("removes");
    lab.until("foreign", S::Running).await;
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_that_takes_the_socket_meanwhile_is_not_taken_for_the_plugin() {
    let lab = Lab::new().await;
    std::fs::create_dir_all(lab.path("plugins/taken")).expect("makes");
    lab.put("taken", lab.spec("taken", &["--never-bind"])).await;
    lab.until_view("taken", |view| view.pid.is_some()).await;
    // Somebody else answers there, and well.
    let mut stranger = std::process::Command::new(PROGRAM)
        .args(["--id", "taken", "--socket"])
        .arg(lab.socket("taken"))
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("starts");
    let view = lab.until_view("taken", |view| view.last_exit.is_some()).await;
    let exit = view.last_exit.expect("there is one");
    assert_eq!(exit.kind, ExitKind::Protocol);
    assert!(
        exit.text.contains(&format!("process {}", stranger.id())),
        "{exit:?}"
    );
    assert!(is_alive(stranger.id()));
    stranger.kill().expect("ends");
    stranger.wait().expect("ends");
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_and_environment_are_what_the_spec_says() {
    let lab = Lab::new().await;
    lab.run("args", &["--mark", "two words; $HOME"]).await;
    let line = lab
        .lines("args")
        .into_iter()
        .find(|line| line.starts_with("args:"))
        .expect("said");
    let socket = lab.socket("args").display().to_string();
    assert!(
        line.starts_with(&format!(r#"args: ["--socket", "{socket}", "--id", "args","#)),
        "{line}"
    );
    assert!(line.ends_with(r#""--mark", "two words; $HOME"]"#), "{line}");

    let mut spec = Spec::new("/usr/bin/env", lab.path("state"), lab.socket("env"));
    spec.env
        .insert("PLUGIN_SOCKET".to_owned(), "unix:{socket}".to_owned());
    lab.put("env", spec).await;
    lab.until_view("env", |view| view.last_exit.is_some()).await;
    let page = lab.supervisor.logs("env", 0, 100).expect("is known");
    let said = page
        .lines
        .iter()
        .filter(|line| line.stream == "stdout")
        .map(|line| line.text.clone());
    let mut names: Vec<String> = said
        .map(|line| line.split('=').next().unwrap_or_default().to_owned())
        .collect();
    names.sort();
    names.dedup();
    assert_eq!(
        names,
        ["HOME", "LANG", "ORRERY_RUN", "PATH", "PLUGIN_SOCKET", "TMPDIR"]
    );
    let given = format!("PLUGIN_SOCKET=unix:{}", lab.socket("env").display());
    assert!(page.lines.iter().any(|line| line.text == given));
    lab.end().await;
}

/// Serves one report after the other on the socket that it inherits.
const INHERITS: &str = r#"
import json, os, socket, sys
assert os.environ["LISTEN_FDS"] == "1" and os.environ["LISTEN_PID"] == str(os.getpid())
server = socket.socket(fileno=3)
body = json.dumps({"Plugins": [{"id": "inherits", "label": "x", "interfaces": ["reporter"], "api_version": "1"}]})
while True:
    peer, _ = server.accept()
    try:
        peer.recv(4096)
        peer.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
    except OSError:
        pass  # Whoever called has gone away meanwhile.
    peer.close()
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_is_handed_over_outlives_the_processes() {
    let Some(python) = ["/usr/bin/python3", "/usr/local/bin/python3"]
        .into_iter()
        .find(|p| std::path::Path::new(p).exists())
    else {
        println!("skipped: there is no Python");
        return;
    };
    let lab = Lab::new().await;
    let mut spec = lab.spec("inherits", &[]);
    spec.program = python.into();
    spec.args = ["-c", INHERITS, &lab.path("").display().to_string()]
        .map(str::to_owned)
        .to_vec();
    spec.socket.handover = Handover::ListenFd;
    lab.put("inherits", spec).await;
    let first = lab.until("inherits", S::Running).await.pid.expect("has one");
    crate::support::kill(first);
    lab.until_view("inherits", |view| view.pid != Some(first)).await;
    // While nobody answers, callers wait instead of being refused.
    let waits = std::os::unix::net::UnixStream::connect(lab.socket("inherits"));
    assert!(waits.is_ok(), "{waits:?}");
    drop(waits);
    lab.until("inherits", S::Running).await;
    lab.supervisor
        .want("inherits", Want::Rest(orrery_supervisor::spec::Rest::Stopped))
        .await
        .expect("known");
    lab.until("inherits", S::Stopped).await;
    until("the socket is gone", || !lab.socket("inherits").exists()).await;
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_shots_work_when_their_trigger_fires() {
    let lab = Lab::new().await;
    let trigger = TriggerSpec {
        at_start: true,
        first_start: false,
        every: None,
        timeout: ms(10_000),
    };
    let script = |text: &str| {
        let mut spec = Spec::new("/bin/sh", lab.path("state"), lab.socket("shot"));
        spec.args = vec!["-c".to_owned(), text.to_owned()];
        spec.activation = Activation::Trigger(trigger);
        spec
    };
    lab.put("done", script("echo worked")).await;
    lab.until("done", S::Completed).await;
    assert!(lab.lines("done").contains(&"worked".to_owned()));
    lab.supervisor.want("done", Want::Run).await.expect("known");
    lab.until_view("done", |view| view.generation == 2 && view.state == S::Completed)
        .await;

    lab.put("fails", script("exit 4")).await;
    let view = lab.until("fails", S::ExecutionFailed).await;
    assert_eq!(view.reason, "It exited with code 4.");

    let mut long = script("sleep 60");
    long.activation = Activation::Trigger(TriggerSpec {
        timeout: ms(200),
        ..trigger
    });
    lab.put("long", long).await;
    let view = lab.until("long", S::ExecutionFailed).await;
    assert_eq!(view.reason, "Its work took too long.");
    lab.end().await;
}

/// On one thread: whoever asks right after an order, asks before the order was looked at.
#[tokio::test]
async fn who_waits_for_a_plugin_hears_of_no_earlier_rest() {
    let lab = Lab::new().await;
    let rest = Want::Rest(Rest::Stopped);
    let put = lab.supervisor.put("p", lab.spec("p", &[]), rest).await;
    put.expect("is taken in");
    lab.until("p", S::Stopped).await;
    lab.supervisor.want("p", Want::Automatic).await.expect("known");
    let generation = lab.supervisor.running("p").await;
    assert_eq!(generation.expect("it is to run"), 1);
    lab.end().await;
}

#[tokio::test]
async fn who_needs_a_plugin_may_wait_for_it() {
    let lab = Lab::new().await;
    let mut spec = lab.spec("demand", &[]);
    spec.activation = Activation::OnDemand { idle_stop: ms(300) };
    lab.put("demand", spec).await;
    lab.until("demand", S::Idle).await;
    let lease = lab.supervisor.acquire("demand").expect("known");
    let generation = lab.supervisor.running("demand").await;
    assert_eq!(generation.expect("somebody needs it"), 1);
    drop(lease);
    lab.end().await;
}

#[tokio::test]
async fn a_lease_is_of_the_plugin_that_it_was_given_for() {
    let lab = Lab::new().await;
    let mut spec = lab.spec("demand", &[]);
    spec.activation = Activation::OnDemand { idle_stop: ms(300) };
    lab.put("demand", spec.clone()).await;
    let old = lab.supervisor.acquire("demand").expect("known");
    assert!(lab.supervisor.holds("demand", &old));
    lab.supervisor.forget("demand").await;
    assert!(!lab.supervisor.holds("demand", &old), "nobody is there");
    lab.put("demand", spec).await;
    assert!(!lab.supervisor.holds("demand", &old), "another is there");
    let new = lab.supervisor.acquire("demand").expect("known");
    assert!(lab.supervisor.holds("demand", &new));
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_demand_plugins_run_while_somebody_needs_them() {
    let lab = Lab::new().await;
    let mut spec = lab.spec("demand", &[]);
    spec.activation = Activation::OnDemand { idle_stop: ms(300) };
    lab.put("demand", spec).await;
    assert_eq!(lab.until("demand", S::Idle).await.pid, None);
    let one = lab.supervisor.acquire("demand").expect("known");
    let two = lab.supervisor.acquire("demand").expect("known");
    let pid = lab.until("demand", S::Running).await.pid;
    drop(one);
    tokio::time::sleep(ms(600)).await;
    assert_eq!(lab.view("demand").pid, pid);
    drop(two);
    assert_eq!(lab.until("demand", S::Idle).await.pid, None);
    assert_eq!(
        lab.supervisor
            .running("demand")
            .await
            .map_err(|error| matches!(error, SupervisorError::NotRunning { .. })),
        Err(true)
    );
    lab.end().await;
}
