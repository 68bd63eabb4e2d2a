//! Much at once, and nothing left of it.

use std::time::Instant;

use orrery_runner::{Launch, Runner};

use crate::support::{config, group_dirs, marked, soon, until};

const LAUNCHES: usize = 2_000;
const AT_ONCE: usize = 16;

fn fds(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("reads")
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_launches_leave_nothing() {
    let config = config();
    let runner = Runner::start(config.clone()).await.expect("a runner");
    let guardian = runner.guardian_pid();
    let before = fds(guardian);
    let start = Instant::now();
    let workers: Vec<_> = (0..AT_ONCE)
        .map(|worker| {
            let runner = runner.clone();
            tokio::spawn(async move {
                for number in 0..LAUNCHES / AT_ONCE {
                    let mut launch = Launch::new(format!("quick-{worker}"), "/bin/true", "/");
                    launch.generation = number as u64;
                    let process = runner.launch(launch).await.expect("launches");
                    let exit = process.gone().await;
                    assert_eq!(exit.code, Some(0));
                }
            })
        })
        .collect();
    for worker in workers {
        tokio::time::timeout(std::time::Duration::from_secs(120), worker)
            .await
            .expect("in time")
            .expect("all went well");
    }
    let took = start.elapsed();
    println!(
        "{LAUNCHES} launches took {took:?}, {:?} each",
        took / u32::try_from(LAUNCHES).expect("small")
    );
    assert_eq!(runner.running(), 0);
    assert_eq!(marked(&config.name), Vec::<i32>::new());
    until("no descriptor is left", || fds(guardian) == before).await;
    let children =
        std::fs::read_to_string(format!("/proc/{guardian}/task/{guardian}/children")).unwrap_or_default();
    assert_eq!(children, "", "no zombie is left");
    for dir in group_dirs(&config.name) {
        let inner = std::fs::read_dir(&dir)
            .expect("reads")
            .filter_map(Result::ok)
            .filter(|entry| entry.path().is_dir());
        assert_eq!(inner.count(), 0, "{}", dir.display());
    }
    soon(runner.shutdown(std::time::Duration::from_secs(5))).await;
}
