//! What is kept of a plugin: output and resource points.

use orrery_supervisor::EventKind;
use orrery_supervisor::view::InstanceState as S;

use crate::support::{LONG, Lab, ms, until};

#[tokio::test(flavor = "multi_thread")]
async fn resource_points_come_regularly_and_reading_takes_none_away() {
    let lab = Lab::new().await;
    let mut spec = lab.spec("busy", &["--fork"]);
    spec.metrics.keep = 4;
    lab.put("busy", spec).await;
    lab.until("busy", S::Running).await;
    until("six points", || {
        lab.supervisor
            .usage("busy", 0)
            .last()
            .is_some_and(|point| point.seq >= 6)
    })
    .await;
    let points = lab.supervisor.usage("busy", 0);
    assert_eq!(points.len(), 4);
    let numbers: Vec<u64> = points.iter().map(|point| point.seq).collect();
    assert!(
        numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{numbers:?}"
    );
    let last = points.last().expect("there is one");
    // The plugin, its child's shell and that one's child.
    assert!(
        last.processes >= 2 && last.memory_bytes > 0 && last.open_files > 2,
        "{last:?}"
    );
    assert!(last.memory_peak_bytes >= last.memory_bytes);
    assert_eq!(lab.supervisor.usage("busy", numbers[1])[0].seq, numbers[2]);
    assert!(lab.view("busy").usage.is_some());
    // None are made up while it does not run, and what there is stays.
    lab.supervisor
        .want(
            "busy",
            orrery_supervisor::Want::Rest(orrery_supervisor::spec::Rest::Stopped),
        )
        .await
        .expect("known");
    lab.until("busy", S::Stopped).await;
    let before = lab.supervisor.usage("busy", 0);
    tokio::time::sleep(ms(400)).await;
    assert_eq!(lab.supervisor.usage("busy", 0), before);
    assert_eq!(lab.supervisor.usage("nobody", 0), []);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_goes_on_over_restarts_and_can_be_followed() {
    let lab = Lab::new().await;
    let mut spec = lab.spec(
        "writes",
        &["--say", "WARN it is cold", "--exit-after", "200", "--code", "1"],
    );
    spec.log_file = Some(lab.path("logs/writes.log"));
    lab.put("writes", spec).await;
    let mut changes = lab.supervisor.log_changes("writes").expect("known");
    let mut seen = Vec::new();
    let mut next = 0;
    let follow = async {
        while seen
            .iter()
            .filter(|(_, text): &&(String, String)| text == "WARN it is cold")
            .count()
            < 2
        {
            changes.changed().await.expect("goes on");
            let page = lab.supervisor.logs("writes", next, 100).expect("known");
            next = page.next;
            seen.extend(page.lines.into_iter().map(|line| (line.stream, line.text)));
        }
    };
    tokio::time::timeout(LONG, follow).await.expect("comes in time");
    let ours: Vec<&str> = seen
        .iter()
        .filter(|(stream, _)| stream == "orrery")
        .map(|(_, text)| text.as_str())
        .collect();
    assert!(
        ours.iter().any(|text| text.starts_with("Started as process ")),
        "{ours:?}"
    );
    assert!(ours.contains(&"It exited with code 1."), "{ours:?}");
    let exited = lab.until_event("writes", EventKind::Exited).await;
    assert!(exited.last_lines.contains(&"WARN it is cold".to_owned()));
    assert!(
        exited
            .last_lines
            .iter()
            .all(|line| !line.starts_with("Started as")),
        "{exited:?}"
    );
    lab.supervisor.forget("writes").await;
    let file = std::fs::read_to_string(lab.path("logs/writes.log")).expect("is there");
    assert!(file.contains("it is cold"), "{file}");
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_most_thirty_last_lines_go_with_an_end() {
    let lab = Lab::new().await;
    let many = (0..100)
        .map(|n| format!("line {n}"))
        .collect::<Vec<_>>()
        .join("\n");
    lab.put(
        "chatty",
        lab.spec("chatty", &["--say", &many, "--exit-after", "100", "--code", "1"]),
    )
    .await;
    let view = lab.until_view("chatty", |view| view.last_exit.is_some()).await;
    let lines = view.last_exit.expect("there is one").last_lines;
    assert!(lines.len() <= 30, "{}", lines.len());
    assert!(
        lines.contains(&"line 99".to_owned()) && !lines.contains(&"line 60".to_owned()),
        "{lines:?}"
    );
    lab.end().await;
}
