//! Health: what is checked, what is told, what follows.

use orrery_supervisor::spec::Rest;
use orrery_supervisor::view::{HealthState, InstanceState as S};
use orrery_supervisor::{AskError, CallError, Configured, EventKind, HealthReply, Heard, Want};
use serde_json::json;

use crate::support::{LONG, Lab, ms, until};

async fn fresh(lab: &Lab, id: &str) -> HealthReply {
    lab.supervisor.health(id, ms(0)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_have_the_status_and_both_spellings() {
    let lab = Lab::new().await;
    assert_eq!(fresh(&lab, "nobody").await.status, 404);
    lab.run("a", &[]).await;
    let check = async |text: &str, status: u16, word: &str, info: &str| {
        lab.order("health", text);
        let reply = fresh(&lab, "a").await;
        assert_eq!(
            (reply.status, &reply.body["status"]),
            (status, &json!(word)),
            "{reply:?}"
        );
        assert_eq!(
            (&reply.body["info"], &reply.body["message"]),
            (&json!(info), &json!(info))
        );
        assert_eq!(reply.body["source"], "health");
        assert_eq!(reply.body["state"], "running");
        assert!(reply.body["checked_at"].as_i64() > Some(0));
    };
    check(r#"200 {"status":"OK","info":"fine"}"#, 200, "OK", "fine").await;
    check(
        r#"200 {"status":"ERROR","info":"no disk"}"#,
        503,
        "ERROR",
        "no disk",
    )
    .await;
    check(
        r#"503 {"status":"error","messages":["a","b"]}"#,
        503,
        "ERROR",
        "a; b",
    )
    .await;
    check(
        r#"200 {"status":"unknown","message":"who knows"}"#,
        503,
        "UNKNOWN",
        "who knows",
    )
    .await;
    // Answers that are none.
    for text in ["200 hello", r#"200 {"status":"OK","details":[1]}"#] {
        lab.order("health", text);
        let reply = fresh(&lab, "a").await;
        assert_eq!(
            (reply.status, &reply.body["reason"]),
            (503, &json!("BadResponse")),
            "{reply:?}"
        );
    }
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_without_the_route_is_judged_by_its_reports() {
    let lab = Lab::new().await;
    let mut spec = lab.spec("plain", &[]);
    spec.health.interval = LONG;
    lab.put("plain", spec).await;
    lab.until("plain", S::Running).await;
    let reply = fresh(&lab, "plain").await;
    assert_eq!(
        (reply.status, &reply.body["status"], &reply.body["source"]),
        (200, &json!("OK"), &json!("report"))
    );
    // A route that is missing is asked for once.
    for _ in 0..5 {
        fresh(&lab, "plain").await;
    }
    let calls = std::fs::read_to_string(lab.path("health-calls")).expect("was asked");
    assert_eq!(calls, "/health\n");
    let error = CallError::Protocol("bad JSON".to_owned());
    for _ in 0..2 {
        lab.supervisor
            .heard("plain", &lab.socket("plain"), Heard::Bad { error: error.clone() });
    }
    lab.until_view("plain", |view| view.health.state == HealthState::Failing)
        .await;
    let reply = fresh(&lab, "plain").await;
    assert_eq!(
        (reply.status, &reply.body["info"], &reply.body["source"]),
        (503, &json!("bad JSON"), &json!("report"))
    );
    lab.heard_good("plain");
    lab.until_view("plain", |view| view.health.state == HealthState::Ok)
        .await;
    until("two edges", || lab.count("plain", EventKind::HealthChanged) == 2).await;
    let told: Vec<String> = lab
        .events("plain")
        .into_iter()
        .filter(|e| e.kind == EventKind::HealthChanged)
        .map(|e| e.text)
        .collect();
    assert_eq!(told, ["Its health is failing: bad JSON.", "Its health is ok."]);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_run_says_why_and_when_to_ask_again() {
    let lab = Lab::new().await;
    let mut spec = lab.spec("waits", &["--exit-after", "0", "--code", "7", "--say", "no disk"]);
    spec.start.backoff.first = ms(30_000);
    spec.start.backoff.max = ms(30_000);
    lab.put("waits", spec).await;
    lab.until("waits", S::Backoff).await;
    let reply = fresh(&lab, "waits").await;
    assert_eq!(
        (reply.status, &reply.body["status"], &reply.body["state"]),
        (503, &json!("UNKNOWN"), &json!("backoff"))
    );
    assert_eq!(
        reply.body["info"],
        "It exited with code 7 before its first report."
    );
    assert_eq!(reply.body["last_exit"]["code"], 7);
    assert!(
        reply.body["last_exit"]["last_lines"]
            .as_array()
            .expect("lines")
            .contains(&json!("no disk"))
    );
    assert_eq!(reply.body["source"], "process");
    assert!(
        (25..=30).contains(&reply.retry_after_s.expect("is tried again")),
        "{reply:?}"
    );

    lab.supervisor
        .want("waits", Want::Rest(Rest::Stopped))
        .await
        .expect("known");
    lab.until("waits", S::Stopped).await;
    let reply = fresh(&lab, "waits").await;
    assert_eq!((reply.status, reply.retry_after_s), (503, None));
    assert_eq!(reply.body["info"], "Stopped by the user.");
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_answer_is_a_timeout_and_many_askers_are_one_call() {
    let lab = Lab::new().await;
    let mut spec = lab.spec("slow", &[]);
    spec.health.interval = LONG;
    spec.health.timeout = ms(1_500);
    lab.put("slow", spec).await;
    lab.until("slow", S::Running).await;
    lab.order("health", r#"200 {"status":"ok"}"#);
    assert_eq!(fresh(&lab, "slow").await.status, 200);
    lab.order("health-hang", "");
    let askers: Vec<_> = (0..50)
        .map(|_| {
            let supervisor = lab.supervisor.clone();
            tokio::spawn(async move { supervisor.health("slow", ms(0)).await })
        })
        .collect();
    for asker in askers {
        let reply = asker.await.expect("ends");
        assert_eq!(
            (reply.status, &reply.body["reason"]),
            (503, &json!("Timeout")),
            "{reply:?}"
        );
    }
    let calls = || {
        std::fs::read_to_string(lab.path("health-calls"))
            .expect("was asked")
            .lines()
            .count()
    };
    // One good call, and one for all fifty; a straggler may have come after it.
    assert!((2..=3).contains(&calls()), "{}", calls());
    // A finding that is young enough is good enough.
    let before = calls();
    for _ in 0..10 {
        assert_eq!(lab.supervisor.health("slow", LONG).await.status, 503);
    }
    assert_eq!(calls(), before);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn degraded_is_left_alone_and_fatal_is_not() {
    let lab = Lab::new().await;
    lab.order(
        "health",
        r#"200 {"status":"degraded","code":4,"messages":["half the disk is gone"]}"#,
    );
    let pid = lab.run("feels", &[]).await.pid;
    let view = lab.until_view("feels", |view| view.health.streak >= 8).await;
    assert_eq!(
        (view.state, view.pid, view.health.state),
        (S::Running, pid, HealthState::Degraded)
    );
    let check = view.health.checks.last().expect("there is one");
    assert_eq!(
        (check.code, check.messages.join(""), check.source.as_str()),
        (4, "half the disk is gone".to_owned(), "health")
    );
    // Its own word for an error does not restart it either.
    lab.order("health", r#"503 {"status":"error","info":"no disk"}"#);
    let view = lab
        .until_view("feels", |view| {
            view.health.state == HealthState::Failing && view.health.streak >= 6
        })
        .await;
    assert_eq!((view.state, view.pid), (S::Running, pid));
    assert!(view.health.checks.len() <= 20);
    let edges = lab.count("feels", EventKind::HealthChanged);
    assert_eq!(edges, 2, "{:?}", lab.events("feels"));
    // That it cannot go on does.
    lab.order("health", r#"200 {"status":"fatal","message":"lost my mind"}"#);
    let view = lab
        .until_view("feels", |view| view.pid != pid && view.pid.is_some())
        .await;
    assert_eq!(
        view.last_exit.map(|exit| exit.text),
        Some("It said that it cannot go on: lost my mind.".to_owned())
    );
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_health_route_that_stops_answering_is_a_failed_check() {
    let lab = Lab::new().await;
    lab.order("health", r#"200 {"status":"ok"}"#);
    let mut spec = lab.spec("mute", &[]);
    spec.health.timeout = ms(150);
    spec.health.declared = true;
    lab.put("mute", spec).await;
    lab.until("mute", S::Running).await;
    lab.order("health-hang", "");
    let event = lab.until_event("mute", EventKind::Unresponsive).await;
    assert_eq!(event.text, "3 checks in a row failed: no answer in time.");
    lab.until_view("mute", |view| view.restarts >= 1).await;
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_that_are_asked_for_anyway_are_the_checks() {
    let lab = Lab::new().await;
    let mut spec = lab.spec("heard", &[]);
    spec.health.interval = ms(300);
    lab.put("heard", spec).await;
    let pid = lab.until("heard", S::Running).await.pid;
    // Whoever asks it hears good reports, so that nothing is asked beside them even though it would hang now.
    lab.order("hang", "");
    for _ in 0..20 {
        lab.heard_good("heard");
        tokio::time::sleep(ms(50)).await;
    }
    let view = lab.view("heard");
    assert_eq!(
        (view.state, view.pid, view.health.state),
        (S::Running, pid, HealthState::Ok)
    );
    // Reports of some other socket say nothing.
    let error = CallError::Timeout;
    for _ in 0..5 {
        lab.supervisor
            .heard("heard", &lab.socket("other"), Heard::Bad { error: error.clone() });
    }
    assert_eq!(lab.view("heard").health.state, HealthState::Ok);
    // Bad ones count once in each interval.
    for _ in 0..200 {
        lab.supervisor
            .heard("heard", &lab.socket("heard"), Heard::Bad { error: error.clone() });
        tokio::time::sleep(ms(10)).await;
        if lab.count("heard", EventKind::Unresponsive) > 0 {
            break;
        }
    }
    lab.until_event("heard", EventKind::Unresponsive).await;
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_plugin_is_not_asked_and_a_running_one_answers_questions() {
    let lab = Lab::new().await;
    lab.order("health", r#"200 {"status":"ok","code":5}"#);
    lab.run("asked", &[]).await;
    let answer = lab.supervisor.ask("asked", "task-7").await.expect("answers");
    assert_eq!(answer.code, 5);
    let calls = || std::fs::read_to_string(lab.path("health-calls")).expect("was asked");
    assert!(calls().contains("/health?about=task-7\n"), "{}", calls());
    let waited = lab.supervisor.wait_for_code("asked", "task-7", 5, LONG).await;
    assert_eq!(waited.map(|answer| answer.code), Ok(5));
    let waited = lab.supervisor.wait_for_code("asked", "task-7", 6, ms(100)).await;
    assert_eq!(waited, Err(AskError::OtherCode(5)));
    assert_eq!(
        lab.supervisor.configure("asked", &json!({"a": 1})).await,
        Ok(Configured::Applied)
    );

    lab.supervisor
        .want("asked", Want::Rest(Rest::Stopped))
        .await
        .expect("known");
    lab.until("asked", S::Stopped).await;
    let before = calls();
    tokio::time::sleep(ms(500)).await;
    assert_eq!(fresh(&lab, "asked").await.status, 503);
    assert!(matches!(
        lab.supervisor.ask("asked", "x").await,
        Err(AskError::Supervisor(_))
    ));
    assert_eq!(calls(), before);
    assert!(matches!(
        lab.supervisor.wait_for_code("none", "x", 0, LONG).await,
        Err(AskError::Supervisor(_))
    ));
    lab.end().await;
}
