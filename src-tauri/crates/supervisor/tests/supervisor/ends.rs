//! How plugins end and come back.

use std::time::Instant;

use orrery_supervisor::spec::{Rest, RestartPolicy};
use orrery_supervisor::view::{ExitKind, InstanceState as S, InstanceView};
use orrery_supervisor::{EventKind, Want};

use crate::support::{Lab, is_alive, kill, ms, until};

const STOP: Want = Want::Rest(Rest::Stopped);

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_plugin_comes_back_again_and_again() {
    let lab = Lab::new().await;
    let mut pid = lab
        .run("killed", &["--say", "my last words"])
        .await
        .pid
        .expect("has one");
    for round in 1..=3 {
        kill(pid);
        let view = lab
            .until_view("killed", |view| view.state == S::Running && view.pid != Some(pid))
            .await;
        assert_eq!((view.generation, view.restarts), (round + 1, round));
        let exit = view.last_exit.expect("there is one");
        assert_eq!(
            (exit.kind, exit.signal.as_deref()),
            (ExitKind::Signal, Some("SIGKILL"))
        );
        assert_eq!(exit.text, "It was killed by SIGKILL.");
        assert!(
            exit.last_lines.iter().any(|line| line == "my last words"),
            "{exit:?}"
        );
        pid = view.pid.expect("has one");
    }
    let kinds: Vec<EventKind> = lab.events("killed").into_iter().map(|event| event.kind).collect();
    let life = [
        EventKind::Starting,
        EventKind::Running,
        EventKind::Exited,
        EventKind::Backoff,
    ];
    assert_eq!(kinds[..4], life);
    assert_eq!(lab.count("killed", EventKind::Exited), 3);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_with_code_0_is_a_decision_unless_the_policy_is_always() {
    let lab = Lab::new().await;
    lab.put("ends", lab.spec("ends", &["--exit-after", "300"])).await;
    let view = lab.until("ends", S::Stopped).await;
    assert_eq!(view.reason, "It exited with code 0. It is done.");
    lab.supervisor.want("ends", Want::Run).await.expect("known");
    lab.until_view("ends", |view| view.generation == 2 && view.state == S::Stopped)
        .await;

    let mut spec = lab.spec("always", &["--exit-after", "300"]);
    spec.restart.policy = RestartPolicy::Always;
    lab.put("always", spec).await;
    lab.until_view("always", |view| view.generation >= 2).await;

    let mut spec = lab.spec("never", &["--exit-after", "300", "--code", "2"]);
    spec.restart.policy = RestartPolicy::Never;
    lab.put("never", spec).await;
    let view = lab.until("never", S::Crashed).await;
    assert_eq!(
        view.reason,
        "It exited with code 2. Its restart policy leaves it so."
    );
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lasting_start_makes_up_for_earlier_failures() {
    let lab = Lab::new().await;
    let mut spec = lab.spec("settles", &[]);
    spec.restart.stable_after = ms(300);
    spec.restart.max = 3;
    lab.put("settles", spec).await;
    for _ in 0..2 {
        let pid = lab.until("settles", S::Running).await.pid.expect("has one");
        kill(pid);
        lab.until_view("settles", |view| view.pid != Some(pid)).await;
    }
    lab.until("settles", S::Running).await;
    let event = lab.until_event("settles", EventKind::Settled).await;
    assert!(event.text.contains("2 failures"), "{}", event.text);
    // The third end would have been the one too many.
    kill(lab.view("settles").pid.expect("has one"));
    let event = lab.until_view("settles", |view| view.restarts == 3).await;
    assert_eq!(event.last_exit.map(|exit| exit.kind), Some(ExitKind::Signal));
    assert_eq!(lab.count("settles", EventKind::CrashLoop), 0);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_loop_is_slow_and_ends_with_a_restart_or_another_program() {
    let lab = Lab::new().await;
    let mut spec = lab.spec("loops", &["--exit-after", "0", "--code", "9", "--say", "no disk"]);
    spec.restart.max = 3;
    spec.start.backoff.max = ms(60_000);
    let program = lab.path("program");
    std::fs::copy(&spec.program, &program).expect("copies");
    spec.program.clone_from(&program);
    lab.put("loops", spec).await;
    let view = lab.until("loops", S::CrashLoop).await;
    assert_eq!(view.generation, 3);
    let says = |view: &InstanceView, ends: &str| {
        let words = &view.reason;
        assert!(words.contains(&format!("It ended {ends} times in ")), "{words}");
        assert!(words.ends_with("and is tried every 60 s now."), "{words}");
    };
    says(&view, "3");
    let event = lab.until_event("loops", EventKind::CrashLoop).await;
    assert!(event.last_lines.contains(&"no disk".to_owned()), "{event:?}");
    let wait = view.next_try_ms.expect("is tried again") - view.since_ms;
    assert!((58_000..=62_000).contains(&wait), "{wait}");
    // By hand.
    lab.supervisor.restart("loops").await.expect("known");
    lab.until_view("loops", |view| view.generation == 6 && view.state == S::CrashLoop)
        .await;
    // Another program.
    std::fs::write(lab.path("good"), "#!/bin/sh\nexec sleep 600 # good\n").expect("writes");
    std::process::Command::new("chmod")
        .arg("755")
        .arg(lab.path("good"))
        .status()
        .expect("runs");
    std::fs::rename(lab.path("good"), &program).expect("moves");
    lab.until_view("loops", |view| view.generation == 7 && view.state == S::Starting)
        .await;
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_asks_first_then_kills_everything_and_is_final() {
    let lab = Lab::new().await;
    // One that listens.
    let pid = lab.run("polite", &[]).await.pid.expect("has one");
    lab.supervisor.want("polite", STOP).await.expect("known");
    let view = lab.until("polite", S::Stopped).await;
    assert!(!is_alive(pid));
    let exit = view.last_exit.expect("there is one");
    assert_eq!((exit.kind, exit.code), (ExitKind::Requested, Some(0)));
    assert_eq!(view.reason, "Stopped by the user.");

    // One that does not, and has a child that left its group.
    let mut spec = lab.spec("rude", &["--ignore-term", "--fork"]);
    spec.stop_timeout = ms(300);
    lab.put("rude", spec).await;
    lab.until("rude", S::Running).await;
    until("two processes", || lab.processes().len() == 2).await;
    lab.supervisor.want("rude", STOP).await.expect("known");
    let view = lab.until("rude", S::Stopped).await;
    let exit = view.last_exit.expect("there is one");
    assert_eq!(
        (exit.kind, exit.signal.as_deref()),
        (ExitKind::Requested, Some("SIGKILL"))
    );
    assert!(lab.lines("rude").contains(&"TERM ignored".to_owned()));
    assert_eq!(lab.processes(), [] as [u32; 0]);
    assert!(!lab.socket("rude").exists());

    tokio::time::sleep(ms(500)).await;
    assert_eq!(
        (lab.view("polite").state, lab.view("rude").state),
        (S::Stopped, S::Stopped)
    );
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_it_starts_or_waits_is_final_too() {
    let lab = Lab::new().await;
    lab.put("starts", lab.spec("starts", &["--bind-after", "300"]))
        .await;
    lab.until_view("starts", |view| view.pid.is_some()).await;
    lab.put("waits", lab.spec("waits", &["--exit-after", "0", "--code", "1"]))
        .await;
    lab.until("waits", S::Backoff).await;
    for id in ["starts", "waits"] {
        lab.supervisor.want(id, STOP).await.expect("known");
        lab.until(id, S::Stopped).await;
    }
    // One that is stopped before its launch has come about.
    lab.put("early", lab.spec("early", &[])).await;
    lab.supervisor.want("early", STOP).await.expect("known");
    lab.until("early", S::Stopped).await;
    tokio::time::sleep(ms(800)).await;
    for id in ["starts", "waits", "early"] {
        assert_eq!(lab.view(id).state, S::Stopped);
    }
    assert_eq!(lab.count("starts", EventKind::Running), 0);
    assert_eq!(lab.processes(), [] as [u32; 0]);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_leaves_behind_ends_with_it() {
    let lab = Lab::new().await;
    lab.put(
        "forks",
        lab.spec("forks", &["--fork", "--exit-after", "300", "--code", "1"]),
    )
    .await;
    until("its child", || {
        lab.lines("forks").iter().any(|line| line.starts_with("child: "))
    })
    .await;
    let child = lab
        .lines("forks")
        .iter()
        .find_map(|line| line.strip_prefix("child: ")?.parse::<u32>().ok());
    let child = child.expect("a number");
    lab.until_view("forks", |view| view.last_exit.is_some()).await;
    assert!(!is_alive(child));
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_does_not_answer_is_started_anew() {
    let lab = Lab::new().await;
    let pid = lab.run("hangs", &[]).await.pid;
    lab.order("hang", "");
    let event = lab.until_event("hangs", EventKind::Unresponsive).await;
    assert_eq!(event.text, "3 checks in a row failed: no answer in time.");
    std::fs::remove_file(lab.path("hang")).expect("removes");
    let view = lab
        .until_view("hangs", |view| view.state == S::Running && view.pid != pid)
        .await;
    assert_eq!(
        view.last_exit.map(|exit| (exit.kind, exit.text)),
        Some((ExitKind::Unresponsive, event.text))
    );

    // With the policy never it is left alone, and may come back by itself.
    let mut spec = lab.spec("left", &[]);
    spec.restart.policy = RestartPolicy::Never;
    lab.put("left", spec).await;
    let pid = lab.until("left", S::Running).await.pid;
    lab.order("hang", "");
    lab.until("left", S::Unresponsive).await;
    std::fs::remove_file(lab.path("hang")).expect("removes");
    assert_eq!(lab.until("left", S::Running).await.pid, pid);
    lab.until_event("left", EventKind::Recovered).await;
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_uses_too_much_memory_is_told_from_other_deaths() {
    let lab = Lab::with_groups(true).await;
    let mut spec = lab.spec("eats", &["--bind-after", "100", "--eat", "268435456"]);
    spec.limits.memory_bytes = Some(32 << 20);
    spec.restart.max = 2;
    lab.put("eats", spec).await;
    let view = lab.until("eats", S::CrashLoop).await;
    let exit = view.last_exit.expect("there is one");
    assert_eq!(exit.kind, ExitKind::OutOfMemory);
    assert_eq!(
        exit.text,
        "It used more memory than its limit of 32 MiB and was killed."
    );
    assert!(
        view.reason.contains("Its memory limit may be too low."),
        "{}",
        view.reason
    );
    let event = lab.until_event("eats", EventKind::LimitExceeded).await;
    assert_eq!(event.text, "It used more memory than allowed.");
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_ends_at_once_within_one_deadline() {
    let lab = Lab::new().await;
    for n in 0..6 {
        let mut spec = lab.spec(&format!("rude-{n}"), &["--ignore-term", "--fork"]);
        spec.stop_timeout = ms(60_000);
        lab.put(&format!("rude-{n}"), spec).await;
    }
    lab.put("starts", lab.spec("starts", &["--never-bind"])).await;
    lab.put("waits", lab.spec("waits", &["--exit-after", "0"])).await;
    for n in 0..6 {
        lab.until(&format!("rude-{n}"), S::Running).await;
    }
    let began = Instant::now();
    lab.supervisor.shutdown(ms(1_500)).await;
    assert!(began.elapsed() < ms(30_000), "{:?}", began.elapsed());
    assert_eq!(lab.processes(), [] as [u32; 0]);
    let refused = lab
        .supervisor
        .put("late", lab.spec("late", &[]), Want::Automatic)
        .await;
    assert!(refused.is_err());
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_plugin_leaves_nothing() {
    let lab = Lab::new().await;
    let pid = lab
        .run("gone", &["--fork", "--keep-socket"])
        .await
        .pid
        .expect("has one");
    let candidate = lab.supervisor.candidate("gone", lab.staged("gone", &[])).await;
    let mut candidate = candidate.expect("is taken in");
    candidate.ready().await.expect("works");
    lab.supervisor.forget("gone").await;
    assert!(!is_alive(pid));
    assert_eq!(lab.processes(), [] as [u32; 0]);
    assert!(lab.supervisor.view("gone").is_none());
    assert!(!lab.socket("gone").exists());
    assert!(candidate.promote(Want::Automatic).await.is_err());
    // It may come again.
    lab.run("gone", &[]).await;
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_holding_the_supervisor_is_the_end_of_all() {
    let lab = Lab::new().await;
    lab.run("orphan", &["--ignore-term"]).await;
    let directory = lab.path("").display().to_string();
    let Lab {
        supervisor,
        directory: kept,
        ..
    } = lab;
    drop(supervisor);
    until("no process", || {
        crate::support::processes_with(&directory).is_empty()
    })
    .await;
    drop(kept);
}
