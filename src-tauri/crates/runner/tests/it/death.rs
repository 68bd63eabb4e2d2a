//! The application dies, the guardian dies, an earlier run left something.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use orrery_runner::{Runner, RunnerConfig};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{config, group_dirs, line, lives, marked, runner, sh, soon, until};

/// Names the runner of the application that is to be killed.
const APP: &str = "ORRERY_TEST_APP";

/// Not a test of its own: the application that the others kill.
#[test]
fn application() {
    let Ok(name) = std::env::var(APP) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let cgroups = !name.ends_with("-plain");
        let runner = Runner::start(RunnerConfig {
            cgroups,
            name,
            ..config()
        })
        .await
        .expect("a runner");
        let mut processes = Vec::new();
        for _ in 0..10 {
            let script = "trap '' TERM; (setsid sh -c 'trap \"\" TERM HUP; exec sleep 1000' &); echo ready; \
                while :; do sleep 0.1; done";
            let process = runner.launch(sh(script)).await.expect("launches");
            line(&process, "ready").await;
            processes.push(process);
        }
        println!("guardian {}", runner.guardian_pid());
        std::future::pending::<()>().await;
    });
}

/// Starts the application and gives it with its guardian's pid.
fn start_application(name: &str) -> (std::process::Child, i32) {
    let own = std::env::current_exe().expect("is known");
    let mut child = Command::new(own)
        .args(["death::application", "--exact", "--nocapture"])
        .env(APP, name)
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let out = BufReader::new(child.stdout.take().expect("is piped"));
    let line = out
        .lines()
        .map_while(Result::ok)
        .find(|line| line.contains("guardian "))
        .expect("it is up");
    let guardian = line
        .rsplit(' ')
        .next()
        .and_then(|pid| pid.parse().ok())
        .expect("a pid");
    (child, guardian)
}

async fn check_kill(name: String) {
    let (mut app, guardian) = start_application(&name);
    assert!(marked(&name).len() >= 20);
    let start = Instant::now();
    app.kill().expect("kills");
    app.wait().expect("ends");
    until("nothing is left", || marked(&name).is_empty() && !lives(guardian)).await;
    println!("everything of {name} was gone after {:?}", start.elapsed());
    assert_eq!(group_dirs(&name), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn a_lost_guardian_takes_programs_with_it_although_nobody_else_can() {
    let name = format!("orrery-kill-{}-stopped-plain", std::process::id());
    let (mut app, guardian) = start_application(&name);
    let mains: Vec<i32> = marked(&name)
        .into_iter()
        .filter(|pid| parent(*pid) == Some(guardian) && is_main(*pid))
        .collect();
    assert!(mains.len() >= 10, "{mains:?}");
    let app_pid = Pid::from_child(&app);
    kill_process(app_pid, Signal::STOP).expect("stops");
    kill_process(Pid::from_raw(guardian).expect("is one"), Signal::KILL).expect("kills");
    // Main processes that ignore every other signal: the kernel itself ends them. Their orphans wait for the sweep.
    until("all programs are gone", || {
        !mains.iter().any(|pid| lives(*pid) && is_main(*pid))
    })
    .await;
    app.kill().expect("kills");
    app.wait().expect("ends");
    let runner = Runner::start(RunnerConfig {
        name: name.clone(),
        cgroups: false,
        ..config()
    })
    .await
    .expect("a runner");
    assert_eq!(marked(&name), Vec::<i32>::new(), "the next run ended the rest");
    runner.shutdown(Duration::from_secs(5)).await;
}

fn parent(pid: i32) -> Option<i32> {
    crate::support::stat(pid)?
        .rsplit_once(')')?
        .1
        .split_ascii_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

/// True for the application's script, whose orphans have become something else.
fn is_main(pid: i32) -> bool {
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&words).contains("echo ready")
}

#[tokio::test]
async fn nothing_survives_the_application() {
    check_kill(format!("orrery-kill-{}", std::process::id())).await;
}

#[tokio::test]
async fn nothing_survives_the_application_without_control_groups_either() {
    check_kill(format!("orrery-kill-{}-plain", std::process::id())).await;
}

#[tokio::test]
async fn a_lost_guardian_takes_all_with_it_and_is_replaced() {
    for cgroups in [true, false] {
        let config = RunnerConfig { cgroups, ..config() };
        let runner = Runner::start(config.clone()).await.expect("a runner");
        let script = "(setsid sh -c 'trap \"\" TERM HUP; exec sleep 1000' &); echo ready; exec sleep 1000";
        let process = runner.launch(sh(script)).await.expect("launches");
        line(&process, "ready").await;
        let first = runner.guardian_pid();
        let pid = Pid::from_raw(i32::try_from(first).expect("small")).expect("is one");
        kill_process(pid, Signal::KILL).expect("kills");
        let exit = soon(process.gone()).await;
        assert!(exit.lost && !exit.requested && !exit.oom, "{exit:?}");
        assert_eq!(marked(&config.name), Vec::<i32>::new());

        // What is asked for meanwhile waits for the new guardian.
        let process = soon(async {
            loop {
                match runner.launch(sh("echo again")).await {
                    Ok(process) => return process,
                    Err(error) => assert!(error.retryable(), "{error}"),
                }
            }
        })
        .await;
        assert_eq!(soon(process.gone()).await.code, Some(0));
        assert_ne!(runner.guardian_pid(), first);
        runner.shutdown(Duration::from_secs(5)).await;
    }
}

#[tokio::test]
async fn a_guardian_does_not_mind_being_asked_to_end() {
    let runner = runner().await;
    let process = runner.launch(sh("exec sleep 1000")).await.expect("launches");
    let guardian = Pid::from_raw(i32::try_from(runner.guardian_pid()).expect("small")).expect("is one");
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT] {
        kill_process(guardian, signal).expect("signals");
    }
    assert_eq!(
        soon(runner.launch(sh("exit 5")).await.expect("launches").gone())
            .await
            .code,
        Some(5)
    );
    assert!(process.exit().is_none());
}

#[tokio::test]
async fn what_an_earlier_run_left_is_ended() {
    let config = config();
    // As if guardian and application had been killed at the same instant: processes with the mark, and a stranger.
    let start = |mark: String| {
        let mut command = Command::new("/bin/sleep");
        command
            .arg("1000")
            .env("ORRERY_RUN", mark)
            .spawn()
            .expect("starts")
    };
    let mut left = start(format!("{}/1-1/demo-1-1", config.name));
    let mut stranger = start(format!("{}x/1-1/demo-1-1", config.name));
    let runner = Runner::start(config).await.expect("a runner");
    let ended = left.wait().expect("ends");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ended), Some(9));
    assert!(stranger.try_wait().expect("asks").is_none());
    stranger.kill().expect("kills");
    stranger.wait().expect("ends");
    runner.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn groups_of_an_earlier_run_are_ended_with_what_is_in_them() {
    let config = config();
    let first = Runner::start(config.clone()).await.expect("a runner");
    let process = first.launch(sh("exec sleep 1000")).await.expect("launches");
    let dirs = group_dirs(&config.name);
    if dirs.is_empty() {
        println!("skipped: no control groups may be made here");
        return;
    }
    soon(process.kill()).await;
    let mut left = Command::new("/bin/sleep").arg("1000").spawn().expect("starts");
    for dir in &dirs {
        let unit = dir.join("left-1-1");
        std::fs::create_dir(&unit).expect("makes");
        std::fs::write(unit.join("cgroup.procs"), left.id().to_string()).expect("joins");
    }
    let second = Runner::start(config.clone()).await.expect("a runner");
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&left.wait().expect("ends")),
        Some(9)
    );
    assert!(group_dirs("left-1-1").is_empty());
    first.shutdown(Duration::from_secs(5)).await;
    second.shutdown(Duration::from_secs(5)).await;
}
