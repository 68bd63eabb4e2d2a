//! How punctual a thousand tasks are. Nothing is judged here but that all of them run; the figures are printed.

use std::time::Duration;

use crate::world::{World, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_tasks_over_a_hundred_plugins_all_run() {
    let world = World::new();
    let tasks = world.tasks();
    for number in 0..1000 {
        let text = format!(
            "version: 2\nname: t{number}\nschedule: {{ type: simple, interval: 1s, jitter: 1s }}\n\
             collect: {{ /p{}/host/*/m: }}\npublish: [ {{ plugin: topology }} ]",
            number % 100
        );
        tasks.create(&text, "me", None, false).await.unwrap();
    }
    for number in 0..1000 {
        until(&tasks, &format!("t{number}"), "runs", |info| info.counts.ok > 1).await;
    }
    let mut late = tasks.lateness();
    late.sort();
    assert!(late.len() >= 2000);
    let p99: Duration = late[late.len() * 99 / 100];
    println!("{} starts, 99 of 100 at most {p99:?} late", late.len());
    tasks.shutdown().await;
}
