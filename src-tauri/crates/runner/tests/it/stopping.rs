//! How programs end, by themselves and when asked.

use std::time::{Duration, Instant};

use crate::support::{bare, line, lives, marked, number, plain_runner, runner, sh, soon, until};

#[tokio::test]
async fn an_exit_is_known_at_once_and_with_its_reason() {
    let runner = runner().await;
    let cases = [
        ("exit 0", Some(0), None),
        ("exit 3", Some(3), None),
        ("kill -SEGV $$", None, Some("SIGSEGV")),
        ("kill -KILL $$", None, Some("SIGKILL")),
    ];
    for (script, code, signal) in cases {
        let script = format!("echo out; echo err >&2; {script}");
        let process = runner.launch(sh(&script)).await.expect("launches");
        let exit = soon(process.exited()).await;
        assert_eq!(
            bare(&exit),
            (code, signal.map(str::to_owned), false, false),
            "{script}"
        );
        let mut lines: Vec<&str> = exit.last_lines.iter().map(|line| line.text.as_str()).collect();
        lines.sort_unstable();
        assert_eq!(lines, ["err", "out"]);
        assert_eq!(soon(process.gone()).await, exit);
        assert_eq!(process.exit(), Some(exit));
        assert_eq!(process.usage().await, None);
        assert!(!process.owns(process.pid()));
    }
    assert_eq!(runner.running(), 0);
}

#[tokio::test]
async fn the_last_lines_are_of_this_process_alone() {
    let runner = runner().await;
    let first = sh("for i in $(seq 100); do echo first $i; done");
    let output = first.output.clone();
    soon(runner.launch(first).await.expect("launches").gone()).await;
    let mut second = sh("echo second; exit 1");
    second.output = output.clone();
    let exit = soon(runner.launch(second).await.expect("launches").gone()).await;
    assert_eq!(
        exit.last_lines
            .iter()
            .map(|line| line.text.as_str())
            .collect::<Vec<_>>(),
        ["second"]
    );
    assert_eq!(output.newest(), 101, "one log over restarts");
    let third = sh("for i in $(seq 100); do echo third $i; done");
    let exit = soon(runner.launch(third).await.expect("launches").gone()).await;
    assert_eq!(exit.last_lines.len(), 30);
    assert_eq!(exit.last_lines[29].text, "third 100");
}

#[tokio::test]
async fn one_that_obeys_is_not_killed() {
    let runner = runner().await;
    let process = runner
        .launch(sh(
            "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done",
        ))
        .await;
    let process = process.expect("launches");
    line(&process, "ready").await;
    let exit = soon(process.stop(Duration::from_secs(60))).await;
    assert_eq!(bare(&exit), (Some(7), None, false, true));
    assert_eq!(exit.last_lines.last().map(|line| line.text.as_str()), Some("bye"));
    assert_eq!(
        soon(process.stop(Duration::from_secs(60))).await,
        exit,
        "a second time is no fault"
    );
}

#[tokio::test]
async fn one_that_ignores_is_killed_with_all_it_started() {
    for runner in [runner().await, plain_runner().await] {
        let script = "trap '' TERM; setsid sh -c 'trap \"\" TERM; echo far $$; while :; do sleep 0.05; done' & \
            (sh -c 'trap \"\" TERM; echo near $$; while :; do sleep 0.05; done' &) ; echo ready; \
            while :; do sleep 0.05; done";
        let process = runner.launch(sh(script)).await.expect("launches");
        line(&process, "ready").await;
        let (far, near) = (number(&process, "far").await, number(&process, "near").await);
        assert!(lives(far) && lives(near));
        assert!(process.owns(far.unsigned_abs()) && process.owns(near.unsigned_abs()));
        assert!(!process.owns(1) && !process.owns(std::process::id()));
        let exit = soon(process.stop(Duration::from_millis(50))).await;
        // A shell that may start nothing any more, as its group is being killed, may end with 2 before its turn comes.
        let killed = (None, Some("SIGKILL".to_owned()), false, true);
        let gave_up = (Some(2), None, false, true);
        assert!([killed, gave_up].contains(&bare(&exit)), "{exit:?}");
        assert!(
            !lives(far) && !lives(near),
            "everything was gone when the stop was over"
        );
        assert!(crate::support::stat(far).is_none(), "not even a zombie is left");
    }
}

#[tokio::test]
async fn what_is_left_behind_goes_with_the_main_process() {
    for runner in [runner().await, plain_runner().await] {
        // Another program keeps running, so that it must be told whose the child is.
        let other = runner
            .launch(sh(
                "(setsid sh -c 'echo kept $$; exec sleep 1000' &); exec sleep 1000",
            ))
            .await;
        let other = other.expect("launches");
        let kept = number(&other, "kept").await;
        let script =
            "(setsid sh -c 'trap \"\" TERM HUP; echo left $$; exec sleep 1000' &) ; sleep 0.2; exit 4";
        let process = runner.launch(sh(script)).await.expect("launches");
        let left = number(&process, "left").await;
        let exit = soon(process.gone()).await;
        assert_eq!(bare(&exit), (Some(4), None, false, false));
        assert!(!lives(left));
        assert!(lives(kept) && other.exit().is_none(), "others are left alone");
        soon(other.kill()).await;
        assert!(!lives(kept));
    }
}

#[tokio::test]
async fn forks_without_end_are_ended() {
    // Each generation starts the next and goes, in a session of its own.
    let script = "cat > \"$TMPDIR/walk\" <<'EOF'\n#!/bin/sh\nsetsid \"$0\" &\nexit 0\nEOF\n\
        chmod +x \"$TMPDIR/walk\"; \"$TMPDIR/walk\"; echo walking; exec sleep 1000";
    for runner in [runner().await, plain_runner().await] {
        let dir = tempfile::tempdir().expect("a directory");
        let mut launch = sh(script);
        launch.private_tmp = Some(dir.path().join("own"));
        launch.limits.pids = Some(64);
        let process = runner.launch(launch).await.expect("launches");
        line(&process, "walking").await;
        soon(process.kill()).await;
        assert_eq!(runner.running(), 0);
    }
}

#[tokio::test]
async fn one_that_nobody_holds_is_ended() {
    let runner = runner().await;
    let process = runner
        .launch(sh("echo ready; exec sleep 1000"))
        .await
        .expect("launches");
    let copy = process.clone();
    let pid = i32::try_from(process.pid()).expect("small");
    drop(process);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(lives(pid));
    drop(copy);
    until("it is gone", || !lives(pid)).await;
    until("it is forgotten", || runner.running() == 0).await;
}

#[tokio::test]
async fn a_launch_that_nobody_waits_for_leaves_nothing() {
    let config = crate::support::config();
    let runner = orrery_runner::Runner::start(config.clone())
        .await
        .expect("a runner");
    for micros in [0, 50, 200, 1_000, 2_000, 4_000, 8_000] {
        let launching = runner.launch(sh("exec sleep 1000"));
        let _ = tokio::time::timeout(Duration::from_micros(micros), launching).await;
    }
    until("all are gone", || {
        runner.running() == 0 && marked(&config.name).is_empty()
    })
    .await;
}

#[tokio::test]
async fn shutdown_is_parallel_and_whole() {
    let config = crate::support::config();
    let runner = orrery_runner::Runner::start(config.clone())
        .await
        .expect("a runner");
    let mut processes = Vec::new();
    for _ in 0..20 {
        let script = "trap '' TERM; setsid sh -c 'trap \"\" TERM; while :; do sleep 0.1; done' & echo ready; \
            while :; do sleep 0.1; done";
        processes.push(runner.launch(sh(script)).await.expect("launches"));
    }
    for process in &processes {
        line(process, "ready").await;
    }
    let guardian = i32::try_from(runner.guardian_pid()).expect("small");
    let start = Instant::now();
    runner.shutdown(Duration::from_secs(1)).await;
    // One after the other would take twenty times the grace.
    assert!(start.elapsed() < Duration::from_secs(18), "{:?}", start.elapsed());
    assert_eq!(marked(&config.name), Vec::<i32>::new());
    assert!(!lives(guardian));
    assert_eq!(
        crate::support::group_dirs(&config.name),
        Vec::<std::path::PathBuf>::new()
    );
    for process in processes {
        assert!(soon(process.exited()).await.requested);
    }
    assert_eq!(
        runner.launch(sh("true")).await.expect_err("is closed").code(),
        "shut_down"
    );
    runner.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn a_runner_that_is_dropped_ends_everything() {
    let config = crate::support::config();
    let runner = orrery_runner::Runner::start(config.clone())
        .await
        .expect("a runner");
    let process = runner
        .launch(sh("setsid sleep 1000 & echo ready; exec sleep 1000"))
        .await
        .expect("launches");
    line(&process, "ready").await;
    drop(runner);
    soon(process.gone()).await;
    until("nothing is left", || marked(&config.name).is_empty()).await;
    until("no group is left", || {
        crate::support::group_dirs(&config.name).is_empty()
    })
    .await;
}
