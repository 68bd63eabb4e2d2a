//! What programs write.

use std::time::{Duration, Instant};

use orrery_runner::output::{Level, Output, OutputConfig, Stream};

use crate::support::{line, lives, runner, sh, soon};

#[tokio::test]
async fn lines_come_with_stream_and_level() {
    let runner = runner().await;
    let script = "echo plain; sleep 0.1; echo '[WARN] careful' >&2; sleep 0.1; \
        echo '{\"level\":\"debug\",\"msg\":\"found\",\"n\":3}'; sleep 0.1; printf '\\033[31mred\\033[0m\\n'; sleep 0.1; \
        printf \"thread 'main' panicked at a.rs:1:2:\\nboom\\nnote: run with\\n\" >&2; sleep 0.3; printf 'no end'";
    let process = runner.launch(sh(script)).await.expect("launches");
    soon(process.gone()).await;
    let found: Vec<_> = process.output().page(0, 100).lines;
    let found: Vec<_> = found
        .iter()
        .map(|line| (line.stream, line.level, line.text.as_str()))
        .collect();
    let panic = "thread 'main' panicked at a.rs:1:2:\nboom\nnote: run with";
    let expected = [
        (Stream::Stdout, Level::Info, "plain"),
        (Stream::Stderr, Level::Warn, "[WARN] careful"),
        (Stream::Stdout, Level::Debug, "found n=3"),
        (Stream::Stdout, Level::Info, "red"),
        (Stream::Stderr, Level::Error, panic),
        (Stream::Stdout, Level::Info, "no end"),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_panic_is_told_although_nothing_follows() {
    let runner = runner().await;
    let process = runner
        .launch(sh(
            "echo 'panic: oh no'; printf '\\ngoroutine 1 [running]:\\n'; exec sleep 1000",
        ))
        .await;
    let process = process.expect("launches");
    line(&process, "panic: oh no\n").await;
}

#[tokio::test]
async fn a_flood_neither_fills_memory_nor_holds_the_program_up() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("flood.log");
    let output = Output::open(OutputConfig {
        file: path.clone(),
        max_bytes: 512 * 1024,
        kept: 2,
    });
    let runner = runner().await;
    let mut launch = sh(
        "yes 'a line of some forty characters, again and again' | head -c 200m >&2; echo done; exec sleep 1000",
    );
    launch.output = output.clone();
    let start = Instant::now();
    let process = runner.launch(launch).await.expect("launches");
    line(&process, "done").await;
    let took = start.elapsed();
    println!(
        "200 MB of output took {took:?}, {} lines dropped",
        output.page(0, 0).dropped
    );
    assert!(output.page(0, 0).dropped > 3_000_000);
    let mut after = 0;
    let mut bytes = 0;
    loop {
        let page = output.page(after, usize::MAX);
        after = page.next;
        if page.lines.is_empty() {
            break;
        }
        bytes += page.lines.iter().map(|line| line.text.len()).sum::<usize>();
    }
    assert!(bytes <= 1 << 20);
    output.flush().await;
    let files: Vec<u64> = std::fs::read_dir(dir.path())
        .expect("reads")
        .map(|entry| entry.expect("reads").metadata().expect("reads").len())
        .collect();
    assert!(
        files.len() <= 3 && files.iter().sum::<u64>() < 3 << 20,
        "{files:?}"
    );
}

#[tokio::test]
async fn a_line_of_a_mebibyte_is_cut() {
    let runner = runner().await;
    let process = runner
        .launch(sh("head -c 1m /dev/zero | tr '\\0' x; echo; echo after"))
        .await
        .expect("launches");
    soon(process.gone()).await;
    let lines = process.output().page(0, 10).lines;
    assert_eq!(lines.len(), 2);
    assert!(lines[0].text.ends_with("x…") && lines[0].text.len() < 20_000);
    assert_eq!(lines[1].text, "after");
}

#[tokio::test]
async fn pipes_held_open_by_others_do_not_hold_up_the_exit() {
    let runner = runner().await;
    let script = "(setsid sh -c 'trap \"\" TERM; echo held $$; exec sleep 1000' &) ; sleep 0.2; exit 2";
    let process = runner.launch(sh(script)).await.expect("launches");
    let exit = soon(process.exited()).await;
    assert_eq!(exit.code, Some(2));
    let held = crate::support::number(&process, "held").await;
    soon(process.gone()).await;
    assert!(!lives(held));
}

#[tokio::test]
async fn many_followers_see_all_lines() {
    let runner = runner().await;
    let process = runner
        .launch(sh("for i in $(seq 500); do echo line $i; done; exec sleep 1000"))
        .await
        .expect("launches");
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let output = process.output().clone();
            tokio::spawn(async move {
                let mut follow = output.follow();
                let mut seen = Vec::new();
                let mut after = 0;
                while seen.len() < 500 {
                    let page = output.page(after, 7);
                    after = page.next;
                    if page.lines.is_empty() {
                        follow.changed().await.expect("the output lives");
                    }
                    seen.extend(page.lines.into_iter().map(|line| line.seq));
                }
                seen
            })
        })
        .collect();
    for reader in readers {
        let seen = tokio::time::timeout(Duration::from_secs(20), reader)
            .await
            .expect("in time")
            .expect("ends");
        assert_eq!(seen, (1..=500).collect::<Vec<u64>>());
    }
}
