//! What the tests share.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use orrery_runner::{Exit, Launch, Process, Runner, RunnerConfig};

/// For what must happen soon, on a machine that does much else.
pub(crate) const SOON: Duration = Duration::from_secs(20);

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A configuration with a name that no other test uses.
pub(crate) fn config() -> RunnerConfig {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    RunnerConfig {
        helper: env!("CARGO_BIN_EXE_orrery-guardian").into(),
        ..RunnerConfig::new(format!("orrery-test-{}-{number}", std::process::id()))
    }
}

pub(crate) async fn runner() -> Runner {
    Runner::start(config()).await.expect("a runner")
}

/// A runner that may use no control groups.
pub(crate) async fn plain_runner() -> Runner {
    Runner::start(RunnerConfig {
        cgroups: false,
        ..config()
    })
    .await
    .expect("a runner")
}

/// A shell script.
pub(crate) fn sh(script: &str) -> Launch {
    let mut launch = Launch::new("demo", "/bin/sh", "/tmp");
    launch.args = vec!["-c".to_owned(), script.to_owned()];
    launch
}

/// Runs a program to its end and gives what it wrote.
pub(crate) async fn written(runner: &Runner, launch: Launch) -> Vec<String> {
    let output = launch.output.clone();
    let process = runner.launch(launch).await.expect("launches");
    soon(process.gone()).await;
    output
        .page(0, usize::MAX)
        .lines
        .into_iter()
        .map(|line| line.text)
        .collect()
}

/// Waits for a line and gives it.
pub(crate) async fn line(process: &Process, start: &str) -> String {
    let mut follow = process.output().follow();
    soon(async {
        loop {
            let lines = process.output().last(0, usize::MAX);
            if let Some(line) = lines.into_iter().find(|line| line.text.starts_with(start)) {
                return line.text;
            }
            follow.changed().await.expect("the output lives");
        }
    })
    .await
}

/// The number behind a word, such as `pid 4711`.
pub(crate) async fn number(process: &Process, word: &str) -> i32 {
    let line = line(process, word).await;
    line.trim_start_matches(word).trim().parse().expect("a number")
}

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future)
        .await
        .expect("it takes too long")
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < SOON, "still not: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// True while a process exists and is no zombie.
pub(crate) fn lives(pid: i32) -> bool {
    let state = stat(pid).and_then(|stat| stat.rsplit_once(')')?.1.trim_start().chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

pub(crate) fn stat(pid: i32) -> Option<String> {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()
}

/// Processes of a runner: the marks of their environments start with its name.
pub(crate) fn marked(name: &str) -> Vec<i32> {
    let wanted = format!("ORRERY_RUN={name}/");
    let is = |pid: &i32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment)
            .split('\0')
            .any(|entry| entry.starts_with(&wanted))
    };
    let entries = std::fs::read_dir("/proc").expect("reads").filter_map(Result::ok);
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(is)
        .collect()
}

/// Directories of control groups with that name, anywhere.
pub(crate) fn group_dirs(name: &str) -> Vec<std::path::PathBuf> {
    fn walk(dir: &Path, name: &str, depth: usize, found: &mut Vec<std::path::PathBuf>) {
        let Ok(entries) = std::fs::read_dir(dir) else {
            return;
        };
        for entry in entries.filter_map(Result::ok) {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if entry.file_name().to_str() == Some(name) {
                    found.push(entry.path());
                } else if depth < 12 {
                    walk(&entry.path(), name, depth + 1, found);
                }
            }
        }
    }
    let mut found = Vec::new();
    walk(Path::new("/sys/fs/cgroup"), name, 0, &mut found);
    found
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The exit without what differs from run to run.
pub(crate) fn bare(exit: &Exit) -> (Option<i32>, Option<String>, bool, bool) {
    (exit.code, exit.signal_name(), exit.oom, exit.requested)
}
