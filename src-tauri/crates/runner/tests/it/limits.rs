//! Limits that hold, and what is told when they are hit.

use std::time::Duration;

use orrery_runner::{HeldBy, LimitKind, Process, Violation};
use tokio::sync::broadcast;

use crate::support::{bare, line, plain_runner, runner, sh, soon};

/// True when the kernel holds the limit; otherwise says that the test is skipped.
fn held(process: &Process, kind: LimitKind) -> bool {
    let held = process
        .limits()
        .iter()
        .any(|limit| limit.kind == kind && !limit.advisory);
    if !held {
        println!(
            "skipped: the kernel does not hold the {kind} limit here: {:?}",
            process.limits()
        );
    }
    held
}

async fn violation(violations: &mut broadcast::Receiver<Violation>, kind: LimitKind) -> Violation {
    soon(async {
        loop {
            let violation = violations.recv().await.expect("the program is known");
            if violation.limit == kind {
                return violation;
            }
        }
    })
    .await
}

/// Takes far more memory than allowed, in one process.
const HOG: &str = "exec dd if=/dev/zero of=/dev/null bs=400M count=1";

#[tokio::test]
async fn a_memory_hog_is_killed_and_told_apart() {
    let runner = runner().await;
    let mut launch = sh(&format!("read go < \"$0\"; {HOG}"));
    let dir = tempfile::tempdir().expect("a directory");
    let gate = dir.path().join("gate");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &gate,
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .expect("makes");
    launch.args.push(gate.display().to_string());
    launch.limits.memory_bytes = Some(64 << 20);
    let process = runner.launch(launch).await.expect("launches");
    if !held(&process, LimitKind::Memory) {
        return;
    }
    let mut violations = process.violations();
    tokio::task::spawn_blocking(move || std::fs::write(gate, "go\n"))
        .await
        .expect("ends")
        .expect("writes");
    let exit = soon(process.gone()).await;
    assert_eq!(bare(&exit), (None, Some("SIGKILL".to_owned()), true, false));
    assert_eq!(violation(&mut violations, LimitKind::Memory).await.times, 1);
    assert_eq!(process.violated(LimitKind::Memory), 1);
}

#[tokio::test]
async fn a_child_killed_for_memory_explains_its_parents_end() {
    let runner = runner().await;
    let mut launch = sh("dd if=/dev/zero of=/dev/null bs=400M count=1; exit 9");
    launch.limits.memory_bytes = Some(64 << 20);
    let process = runner.launch(launch).await.expect("launches");
    if !held(&process, LimitKind::Memory) {
        return;
    }
    let exit = soon(process.gone()).await;
    assert!(exit.oom, "{exit:?}");
    // Killed from outside with the same signal is another thing.
    let mut launch = sh("kill -KILL $$");
    launch.limits.memory_bytes = Some(64 << 20);
    let exit = soon(runner.launch(launch).await.expect("launches").gone()).await;
    assert_eq!(bare(&exit), (None, Some("SIGKILL".to_owned()), false, false));
}

#[tokio::test]
async fn without_control_groups_memory_is_sampled() {
    let runner = plain_runner().await;
    // In a child of its own session, so that all descendants are counted; it holds what it took.
    let script = "(setsid sh -c 'head -c 200m /dev/zero | tail' &) ; exec sleep 1000";
    let mut launch = sh(script);
    launch.limits.memory_bytes = Some(64 << 20);
    let process = runner.launch(launch).await.expect("launches");
    let limit = &process.limits()[0];
    assert_eq!((limit.held_by, limit.advisory), (HeldBy::Sampling, true));
    let mut violations = process.violations();
    // Zeros come fast; when the machine was too slow for a sample to see them, there is nothing to see.
    match tokio::time::timeout(Duration::from_secs(10), process.gone()).await {
        Ok(exit) => {
            assert_eq!(bare(&exit), (None, Some("SIGKILL".to_owned()), true, false));
            assert!(violation(&mut violations, LimitKind::Memory).await.times >= 1);
        }
        Err(_) => panic!("the hog was not seen: {:?}", process.usage().await),
    }
}

#[tokio::test]
async fn cpu_is_held_back_also_above_one_core() {
    let runner = runner().await;
    let mut launch = sh("while :; do :; done & while :; do :; done");
    launch.limits.cpu_percent = Some(150.0);
    let two_cores = runner.launch(launch).await.expect("launches");
    let mut launch = sh("while :; do :; done");
    launch.limits.cpu_percent = Some(10.0);
    let little = runner.launch(launch).await.expect("launches");
    if !held(&two_cores, LimitKind::Cpu) {
        return;
    }
    let mut violations = little.violations();
    assert!(violation(&mut violations, LimitKind::Cpu).await.times > 0);
    assert!(little.violated(LimitKind::Cpu) > 0);

    two_cores.usage().await.expect("runs");
    little.usage().await.expect("runs");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (much, some) = (
        two_cores.usage().await.expect("runs"),
        little.usage().await.expect("runs"),
    );
    println!(
        "limit 150 %: {:.0} %, limit 10 %: {:.0} %",
        much.cpu_percent, some.cpu_percent
    );
    assert!(
        much.cpu_percent < 175.0 && some.cpu_percent < 30.0,
        "{much:?} {some:?}"
    );
    assert_eq!(much.processes, 2);
    let value: Vec<&str> = two_cores
        .limits()
        .iter()
        .map(|limit| limit.value.as_str())
        .collect();
    assert_eq!(value, ["150%"]);
}

#[tokio::test]
async fn processes_are_limited() {
    let runner = runner().await;
    let mut launch = sh("for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1000 & done; echo survived");
    launch.limits.pids = Some(5);
    let process = runner.launch(launch).await.expect("launches");
    if !held(&process, LimitKind::Pids) {
        return;
    }
    let mut violations = process.violations();
    let exit = soon(process.gone()).await;
    assert!(
        exit.last_lines.iter().any(|line| line.text.contains("fork")),
        "{exit:?}"
    );
    assert!(violation(&mut violations, LimitKind::Pids).await.times >= 1);
    assert!(!exit.oom);
}

#[tokio::test]
async fn processes_beyond_the_limit_are_told_without_control_groups() {
    let runner = plain_runner().await;
    let mut launch = sh("for i in 1 2 3 4 5 6; do sleep 1000 & done; wait");
    launch.limits.pids = Some(3);
    let process = runner.launch(launch).await.expect("launches");
    let mut violations = process.violations();
    violation(&mut violations, LimitKind::Pids).await;
    assert!(process.exit().is_none(), "it is told, not ended");
}

#[tokio::test]
async fn open_files_are_limited() {
    let runner = plain_runner().await;
    let mut launch = sh("exec 3</dev/null 4</dev/null 5</dev/null 6</dev/null 7</dev/null; echo survived");
    launch.limits.open_files = Some(6);
    let exit = soon(runner.launch(launch).await.expect("launches").gone()).await;
    assert_ne!(exit.code, Some(0));
    assert!(
        !exit.last_lines.iter().any(|line| line.text == "survived"),
        "{exit:?}"
    );
}

#[tokio::test]
async fn usage_counts_all_descendants() {
    for runner in [runner().await, plain_runner().await] {
        let script = "exec 3</dev/null; (setsid sh -c 'head -c 40m /dev/zero | (read x; echo never) & \
            while :; do :; done' &); (head -c 30m /dev/zero; sleep 1000) | tail & echo ready; while :; do sleep 0.2; done";
        let process = runner.launch(sh(script)).await.expect("launches");
        line(&process, "ready").await;
        let mut usage = process.usage().await.expect("runs");
        let deadline = std::time::Instant::now() + crate::support::SOON;
        while usage.memory_bytes < 30 << 20 || usage.cpu_percent < 5.0 || usage.processes < 4 {
            assert!(std::time::Instant::now() < deadline, "{usage:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
            usage = process.usage().await.expect("runs");
        }
        assert!(usage.memory_peak_bytes >= usage.memory_bytes, "{usage:?}");
        assert!(usage.open_files >= 4, "{usage:?}");
        assert!(usage.at_ms >= process.started_ms());
        soon(process.kill()).await;
        assert_eq!(process.usage().await, None);
    }
}
