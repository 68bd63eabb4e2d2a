//! Programs that say themselves where they listen.

use orrery_supervisor::spec::{Handover, Rest};
use orrery_supervisor::view::{ExitKind, InstanceState as S, InstanceView};
use orrery_supervisor::{Spec, Want};

use crate::support::{Lab, ms};

/// A program that is given a directory and says where it listens; `{socket}` stands for a path in it.
fn saying(lab: &Lab, id: &str, ways: &[&str]) -> Spec {
    let mut spec = lab.staged(id, ways);
    spec.socket.handover = Handover::Stdout;
    spec
}

#[tokio::test(flavor = "multi_thread")]
async fn what_says_where_it_listens_is_found_where_everybody_looks() {
    let lab = Lab::new().await;
    // It binds some time after it has said so.
    let ways = ["--first", "{socket}", "--bind-after", "200"];
    lab.put("says", saying(&lab, "says", &ways)).await;
    let first = lab.until("says", S::Running).await;
    assert_eq!(first.socket, lab.socket("says").display().to_string());
    assert!(lab.socket("says").exists());
    lab.supervisor.restart("says").await.expect("is known");
    let is_next = |view: &InstanceView| view.generation > first.generation && view.state == S::Running;
    let second = lab.until_view("says", is_next).await;
    assert_ne!(second.pid, first.pid);
    lab.supervisor
        .want("says", Want::Rest(Rest::Stopped))
        .await
        .expect("is known");
    lab.until("says", S::Stopped).await;
    let left: Vec<_> = std::fs::read_dir(lab.path("staging"))
        .expect("is there")
        .collect();
    assert!(left.is_empty(), "{left:?}");
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_says_its_version_and_takes_over() {
    let lab = Lab::new().await;
    lab.put("says", saying(&lab, "says", &["--first", "unix:{socket}"]))
        .await;
    let old = lab.until("says", S::Running).await;
    let line = r#"{"socket": "{socket}", "id": "says", "version": "1.2.3"}"#;
    let spec = saying(&lab, "says", &["--first", line, "--mark", "new"]);
    let mut candidate = lab.supervisor.candidate("says", spec).await.expect("is free");
    let facts = candidate.ready().await.expect("is a plugin");
    assert_eq!(
        facts.version.map(|version| version.to_string()).as_deref(),
        Some("1.2.3")
    );
    candidate.promote(Want::Automatic).await.expect("takes over");
    let is_new = |view: &InstanceView| view.state == S::Running && view.pid != old.pid;
    let new = lab.until_view("says", is_new).await;
    assert_eq!(new.socket, lab.socket("says").display().to_string());
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_say_where_is_ended_with_the_reason() {
    let lab = Lab::new().await;
    let check = async |id: &str, ways: &[&str], kind: ExitKind, why: &str| {
        let mut spec = saying(&lab, id, ways);
        // Only silence lasts as long as that.
        spec.start.timeout = ms(if kind == ExitKind::StartTimeout {
            1_000
        } else {
            60_000
        });
        lab.put(id, spec).await;
        let view = lab.until_view(id, |view| view.last_exit.is_some()).await;
        let exit = view.last_exit.expect("there is one");
        assert_eq!(exit.kind, kind, "{id}: {exit:?}");
        assert!(exit.text.contains(why), "{id}: {exit:?}");
        lab.supervisor.forget(id).await;
        exit
    };
    let outside = lab.path("elsewhere.sock").display().to_string();
    let long = "x".repeat(20_000);
    let (long, outside) = (["--first", &long], ["--first", &outside]);
    let fails = r#"{"State": 1, "ErrorMessage": "no such device"}"#;
    let fails = ["--first", fails];
    let other = ["--first", r#"{"socket": "{socket}", "id": "someone"}"#];
    let (.., ended) = tokio::join!(
        check(
            "junk",
            &["--first", "hello"],
            ExitKind::Protocol,
            "`hello`, which is neither"
        ),
        check(
            "silent",
            &["--mute"],
            ExitKind::StartTimeout,
            "it has not said where it listens"
        ),
        check("long", &long, ExitKind::Protocol, "more than 16384 bytes"),
        check(
            "outside",
            &outside,
            ExitKind::Protocol,
            "outside of its own directory"
        ),
        check(
            "nowhere",
            &["--first", "{socket}", "--never-bind"],
            ExitKind::StartTimeout,
            "where there is no socket"
        ),
        check("other", &other, ExitKind::Protocol, "load it under that name"),
        check("fails", &fails, ExitKind::Protocol, "it failed: no such device"),
        check(
            "ends",
            &[
                "--mute",
                "--say",
                "no licence",
                "--exit-after",
                "0",
                "--code",
                "4"
            ],
            ExitKind::Code,
            "code 4 before its first report"
        ),
    );
    assert!(
        ended.last_lines.iter().any(|line| line == "no licence"),
        "{ended:?}"
    );
    lab.end().await;
}
