//! SIGKILL at any moment: the file stays sound, and what was committed stays.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use orrery_history::{Config, History, NewEvent};

use crate::common::{SECOND, T0, series};

/// Set for the process that is to be killed: path of its history, and the number it begins at.
const CHILD: &str = "ORRERY_HISTORY_KILLED_CHILD";
const KILLS: u32 = 20;
/// Time passes that much per number, so that sealing and clearing happen all the while.
const STEP_MS: i64 = 10 * SECOND;
const SERIES: usize = 20;
/// What was handed in longer ago than this must be there.
const SLACK: Duration = Duration::from_secs(2);

#[test]
fn killed_twenty_times() {
    if let Ok(order) = std::env::var(CHILD) {
        write_until_killed(&order);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let mut next = 0;
    let mut random = 7u64;
    for round in 0..KILLS {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // One life is long enough to prove that commits happen without being asked for.
        let life = if round == KILLS / 2 {
            Duration::from_secs(4)
        } else {
            Duration::from_millis(40 + (random >> 33) % 360)
        };
        let sayings = live_and_die(&path, next, life);
        next = check(&path, next, &sayings, round);
    }
    // A slow disk writes little, but never nothing.
    assert!(next > 3 * i64::from(KILLS), "{next} numbers were written in all");
}

/// What a child said, and when.
struct Sayings {
    appended: Vec<(Instant, i64)>,
    flushed: i64,
    died: Instant,
}

fn live_and_die(path: &Path, first: i64, life: Duration) -> Sayings {
    let mut child: Child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::killed_twenty_times", "--nocapture"])
        .env(CHILD, format!("{first} {}", path.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = Arc::new(Mutex::new((Vec::new(), -1)));
    let output = BufReader::new(child.stdout.take().unwrap());
    let (opened, is_open) = std::sync::mpsc::channel();
    let listener = std::thread::spawn({
        let said = Arc::clone(&said);
        move || {
            for line in output.lines().map_while(Result::ok) {
                let mut said = said.lock().unwrap();
                match line.split_once(' ') {
                    Some(("appended", n)) => said.0.push((Instant::now(), n.parse().unwrap())),
                    Some(("flushed", n)) => said.1 = n.parse().unwrap(),
                    _ if line == "open" => opened.send(()).unwrap(),
                    _ => {}
                }
            }
        }
    });
    is_open
        .recv_timeout(Duration::from_secs(30))
        .expect("the child opens its history");
    std::thread::sleep(life);
    let died = Instant::now();
    child.kill().unwrap();
    child.wait().unwrap();
    listener.join().unwrap();
    let (appended, flushed) = std::mem::take(&mut *said.lock().unwrap());
    Sayings {
        appended,
        flushed,
        died,
    }
}

/// Looks at what the child left; gives the number to go on with.
fn check(path: &Path, first: i64, sayings: &Sayings, round: u32) -> i64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        assert_eq!(integrity(path).await, "ok", "round {round}");
        let (config, clock) = config(path);
        clock.store(T0 + (first + 100_000) * STEP_MS, Ordering::Relaxed);
        // Ages are judged by the clock, which stands still here: nothing must go for it.
        let history = History::open(Config {
            max_age: Duration::MAX,
            frames_max_age: Duration::MAX,
            ..config
        })
        .await
        .unwrap();
        assert_eq!(history.set_aside(), None, "round {round}");
        let from = T0 + first * STEP_MS;
        let mut last = -1;
        for n in 0..SERIES {
            let found = history
                .range(&format!("n{n}"), "m", from, i64::MAX, 10_000)
                .await
                .unwrap();
            assert_eq!(found.step_ms, 0);
            let numbers: Vec<i64> = found.points.iter().map(|p| p.avg as i64).collect();
            let wanted: Vec<i64> = (first..first + numbers.len() as i64).collect();
            assert_eq!(numbers, wanted, "round {round}: no number is missing in between");
            let newest = numbers.last().copied().unwrap_or(-1);
            assert!(
                n == 0 || newest == last,
                "round {round}: a tick is kept as a whole"
            );
            last = newest;
        }
        assert!(
            last >= sayings.flushed,
            "round {round}: {last} stored, {} flushed",
            sayings.flushed
        );
        let due = sayings
            .appended
            .iter()
            .rev()
            .find(|(at, _)| sayings.died.duration_since(*at) >= SLACK);
        if let Some((_, due)) = due {
            assert!(
                last >= *due,
                "round {round}: {last} stored, {due} handed in {SLACK:?} before"
            );
        }
        if last >= 0 {
            let events = history.events(from, i64::MAX, 10_000).await.unwrap();
            let newest = events.last().map_or(-1, |e| e.text.parse().unwrap());
            assert!(newest >= sayings.flushed, "round {round}: events too");
            let (at, bytes) = history.frame_at(i64::MAX).await.unwrap().unwrap();
            assert_eq!(bytes, frame((at - T0) / STEP_MS), "round {round}: frames too");
        }
        assert_eq!(history.stats().last_error, None);
        history.close().await.unwrap();
        last.max(first - 1) + 1
    })
}

async fn integrity(path: &Path) -> String {
    use sqlx::Connection;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut db = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    let verdict = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_one(&mut db)
        .await
        .unwrap();
    db.close().await.unwrap();
    verdict
}

fn config(path: &Path) -> (Config, Arc<AtomicI64>) {
    let now = Arc::new(AtomicI64::new(T0));
    let clock = Arc::clone(&now);
    (
        Config {
            clock: Arc::new(move || clock.load(Ordering::Relaxed)),
            ..Config::new(path)
        },
        now,
    )
}

fn frame(n: i64) -> Vec<u8> {
    format!("the state at {n}; {}", "much stays the same; ".repeat(200)).into_bytes()
}

/// The child: numbers go in as samples, events and frames; every third is flushed, and each is told.
fn write_until_killed(order: &str) -> ! {
    let (first, path) = order.split_once(' ').unwrap();
    let (first, path): (i64, PathBuf) = (first.parse().unwrap(), path.into());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (config, clock) = config(&path);
        let config = Config {
            frames_max_age: Duration::from_secs(600),
            ..config
        };
        clock.store(T0 + first * STEP_MS, Ordering::Relaxed);
        let history = History::open(config).await.unwrap();
        let mut out = std::io::stdout();
        writeln!(out, "\nopen").unwrap();
        for n in first.. {
            let at_ms = T0 + n * STEP_MS;
            clock.store(at_ms, Ordering::Relaxed);
            let batch = (0..SERIES).map(|i| series(&format!("n{i}"), 0, "m", &[(at_ms, n as f64)]));
            history.append(batch);
            history.record(NewEvent {
                at_ms,
                text: n.to_string(),
                ..NewEvent::default()
            });
            history.put_frame(at_ms, frame(n));
            writeln!(out, "appended {n}").unwrap();
            match n % 30 {
                0 => history.tidy().await.unwrap(),
                10 => history.flush().await.unwrap(),
                _ => tokio::time::sleep(Duration::from_millis(4)).await,
            }
            if n % 10 == 0 && n % 30 != 20 {
                writeln!(out, "flushed {n}").unwrap();
            }
        }
    });
    unreachable!("numbers do not end")
}
