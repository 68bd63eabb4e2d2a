//! A thousand orders at random on one plugin: never two processes, and at the end it does as it is told.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use orrery_supervisor::Want;
use orrery_supervisor::spec::Rest;
use orrery_supervisor::view::InstanceState as S;

use crate::support::{Lab, kill, ms, processes_with};

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_orders_at_random_never_make_two_processes() {
    let lab = Lab::new().await;
    let mut spec = lab.spec("chaos", &[]);
    spec.start.backoff.first = ms(100);
    lab.put("chaos", spec).await;
    lab.until("chaos", S::Running).await;

    let over = Arc::new(AtomicBool::new(false));
    let most = Arc::new(AtomicUsize::new(0));
    let marker = lab.path("").display().to_string();
    let watcher = {
        let (over, most) = (Arc::clone(&over), Arc::clone(&most));
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                most.fetch_max(processes_with(&marker).len(), Ordering::Relaxed);
            }
        })
    };
    let mut generations = BTreeSet::new();
    let seed = RandomState::new();
    let mut crowd = tokio::task::JoinSet::new();
    for worker in 0..4_u64 {
        let (supervisor, seed) = (lab.supervisor.clone(), seed.clone());
        crowd.spawn(async move {
            for n in 0..250_u64 {
                let draw = seed.hash_one((worker, n));
                match draw % 16 {
                    0..5 => supervisor.want("chaos", Want::Automatic).await.expect("known"),
                    5..8 => supervisor
                        .want("chaos", Want::Rest(Rest::Stopped))
                        .await
                        .expect("known"),
                    8..11 => supervisor.want("chaos", Want::Run).await.expect("known"),
                    11 => supervisor.restart("chaos").await.expect("known"),
                    12 => {
                        if let Some(pid) = supervisor.view("chaos").and_then(|view| view.pid)
                            && crate::support::is_alive(pid)
                        {
                            // It may have ended in between.
                            let _ = std::process::Command::new("/bin/kill")
                                .args(["-KILL", &pid.to_string()])
                                .stderr(std::process::Stdio::null())
                                .status();
                        }
                    }
                    13 => {
                        let asked = supervisor.health("chaos", ms(draw % 2 * 1_000)).await;
                        assert!([200, 503].contains(&asked.status), "{asked:?}");
                    }
                    _ => tokio::time::sleep(ms(draw % 23)).await,
                }
            }
        });
    }
    while let Some(done) = crowd.join_next().await {
        done.expect("does not fail");
        generations.insert(lab.view("chaos").generation);
    }
    over.store(true, Ordering::Relaxed);
    watcher.join().expect("ends");
    let most = most.load(Ordering::Relaxed);
    assert_eq!(most, 1, "{most} processes at once");

    lab.supervisor.want("chaos", Want::Run).await.expect("known");
    let view = lab.until("chaos", S::Running).await;
    assert_eq!(lab.processes(), [view.pid.expect("has one")]);
    assert!(view.generation > 3, "{view:?}");
    kill(view.pid.expect("has one"));
    lab.until_view("chaos", |now| {
        now.state == S::Running && now.generation > view.generation
    })
    .await;
    lab.supervisor
        .want("chaos", Want::Rest(Rest::Stopped))
        .await
        .expect("known");
    lab.until("chaos", S::Stopped).await;
    assert_eq!(lab.processes(), [] as [u32; 0]);
    lab.end().await;
}
