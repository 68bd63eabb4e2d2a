//! Candidates: another spec shows that it works before it takes the place.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use orrery_supervisor::spec::{Activation, Rest, RestartPolicy, SocketSpec};
use orrery_supervisor::view::{ExitKind, InstanceState as S};
use orrery_supervisor::{Calls, EventKind, Spec, SupervisorError, Want};

use crate::support::{LONG, Lab, SocketCalls, is_alive, kill, ms, sockets_below, terminate, until};

/// Asks for reports without a pause until it is stopped; counts good and bad answers.
struct Asker {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<(u64, Vec<String>)>,
}

impl Asker {
    fn start(lab: &Lab, id: &'static str) -> Asker {
        let stop = Arc::new(AtomicBool::new(false));
        let socket = lab.socket(id);
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut good = 0;
            let mut bad = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                match SocketCalls
                    .first_report(&socket, id, Duration::from_secs(5))
                    .await
                {
                    Ok(_) => good += 1,
                    Err(error) => bad.push(error.to_string()),
                }
            }
            (good, bad)
        });
        Asker { stop, task }
    }

    async fn end(self) -> (u64, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.expect("ends")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_takes_the_place_without_a_gap() {
    let lab = Lab::new().await;
    let mut old = lab.staged("up", &["--keep-socket"]);
    old.health.interval = ms(60_000);
    lab.put("up", old.clone()).await;
    let first = lab.until("up", S::Running).await.pid.expect("has one");
    let asker = Asker::start(&lab, "up");
    let mut new = lab.staged("up", &["--mark", "new", "--keep-socket"]);
    new.health.interval = ms(60_000);
    new.restart.stable_after = ms(500);
    let mut candidate = lab.supervisor.candidate("up", new).await.expect("is taken in");
    candidate.ready().await.expect("works");
    // Both run, and only the old one is seen.
    let second = candidate.view().pid.expect("has one");
    assert!(is_alive(first) && is_alive(second));
    assert_eq!(lab.view("up").pid, Some(first));
    let generation = candidate.promote(Want::Automatic).await.expect("takes the place");
    let view = lab.until_view("up", |view| view.pid == Some(second)).await;
    assert_eq!(
        (view.state, view.generation, view.restarts),
        (S::Running, generation, 0)
    );
    assert!(!is_alive(first));
    let (good, bad) = asker.end().await;
    assert!(good > 10 && bad.is_empty(), "{good} good, {bad:?}");
    lab.supervisor.probation("up", generation).await.expect("is well");
    lab.until_event("up", EventKind::Promoted).await;
    assert_eq!(sockets_below(lab.directory.path()), [lab.socket("up")]);
    // Its next process listens at the public path.
    kill(second);
    lab.until_view("up", |view| {
        view.generation > generation && view.state == S::Running
    })
    .await;
    assert!(
        lab.lines("up")
            .iter()
            .any(|line| line.contains(r#""--mark", "new""#))
    );
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_process_that_removes_its_socket_does_not_take_the_new_one_along() {
    let lab = Lab::new().await;
    for round in 0..3 {
        lab.put("tidy", lab.staged("tidy", &[])).await;
        lab.until("tidy", S::Running).await;
        let mut candidate = lab
            .supervisor
            .candidate("tidy", lab.staged("tidy", &["--mark", &round.to_string()]))
            .await
            .expect("is taken in");
        candidate.ready().await.expect("works");
        candidate.promote(Want::Automatic).await.expect("takes the place");
        let report = SocketCalls.first_report(&lab.socket("tidy"), "tidy", LONG).await;
        assert!(report.is_ok(), "{report:?}");
    }
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_process_that_ends_by_itself_does_not_take_a_candidates_socket_along() {
    let lab = Lab::new().await;
    lab.put("tidy", lab.staged("tidy", &[])).await;
    lab.until("tidy", S::Running).await;
    for round in 0..3 {
        // What runs was started at a staging path itself, from the second round on.
        let mut spec = lab.staged("tidy", &["--mark", &round.to_string()]);
        spec.restart.policy = RestartPolicy::Never;
        let mut candidate = lab.supervisor.candidate("tidy", spec).await.expect("is taken in");
        candidate.ready().await.expect("works");
        let staged = candidate.view().socket;
        let old = lab.view("tidy").pid.expect("runs");
        terminate(old);
        until("the old process is gone", || !is_alive(old)).await;
        let report = SocketCalls.first_report(Path::new(&staged), "tidy", LONG).await;
        assert!(report.is_ok(), "round {round}: {report:?}");
        candidate.promote(Want::Automatic).await.expect("takes the place");
        let report = SocketCalls.first_report(&lab.socket("tidy"), "tidy", LONG).await;
        assert!(report.is_ok(), "round {round}: {report:?}");
    }
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_of_two_accounts_do_not_overlap() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: needs root");
        return;
    }
    let lab = Lab::new().await;
    lab.put("two", lab.staged("two", &[])).await;
    let old = lab.until("two", S::Running).await.pid.expect("runs");
    let mut spec = lab.staged("two", &[]);
    spec.user = Some("root".to_owned());
    let mut candidate = lab.supervisor.candidate("two", spec).await.expect("is taken in");
    candidate.ready().await.expect("works");
    assert!(!is_alive(old), "it made room");
    candidate.promote(Want::Automatic).await.expect("takes the place");
    lab.until("two", S::Running).await;
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_that_fails_leaves_everything_as_it_was() {
    let lab = Lab::new().await;
    lab.put("stays", lab.staged("stays", &[])).await;
    let pid = lab.until("stays", S::Running).await.pid.expect("has one");
    let check = async |ways: &[&str], kind: ExitKind, tries: u64| {
        let mut spec = lab.staged("stays", ways);
        spec.start.attempts = 2;
        spec.start.timeout = ms(800);
        let mut candidate = lab
            .supervisor
            .candidate("stays", spec)
            .await
            .expect("is taken in");
        let busy = lab.supervisor.candidate("stays", lab.staged("stays", &[])).await;
        assert_eq!(busy.map(|_| ()), Err(SupervisorError::Busy("stays".to_owned())));
        let failed = candidate.ready().await.expect_err("does not work");
        let exit = failed.last_exit.expect("there is one");
        assert_eq!((exit.kind, failed.restarts), (kind, tries - 1), "{exit:?}");
        assert!(!failed.reason.is_empty());
        candidate.discard().await;
        let view = lab.view("stays");
        assert_eq!(
            (view.state, view.pid, view.generation),
            (S::Running, Some(pid), 1)
        );
    };
    check(
        &["--exit-after", "0", "--code", "5", "--say", "broken"],
        ExitKind::Code,
        2,
    )
    .await;
    check(&["--never-bind"], ExitKind::StartTimeout, 2).await;
    check(&["--html"], ExitKind::Protocol, 2).await;
    // What cannot be started at all is not tried twice.
    let mut spec = lab.staged("stays", &[]);
    spec.program = lab.path("none");
    let mut candidate = lab
        .supervisor
        .candidate("stays", spec)
        .await
        .expect("is taken in");
    let failed = candidate.ready().await.expect_err("does not work");
    assert_eq!(
        (failed.last_exit.map(|exit| exit.kind), failed.restarts),
        (Some(ExitKind::Spawn), 0)
    );
    let refused = candidate.promote(Want::Automatic).await;
    assert!(
        matches!(refused, Err(SupervisorError::NotReady(_))),
        "{refused:?}"
    );
    let event = lab.until_event("stays", EventKind::CandidateFailed).await;
    assert!(event.text.starts_with("The candidate failed: "), "{}", event.text);
    assert!(event.last_lines.contains(&"broken".to_owned()));
    assert_eq!(sockets_below(lab.directory.path()), [lab.socket("stays")]);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_handle_ends_the_candidate() {
    let lab = Lab::new().await;
    lab.put("drops", lab.staged("drops", &[])).await;
    lab.until("drops", S::Running).await;
    let mut candidate = lab
        .supervisor
        .candidate("drops", lab.staged("drops", &[]))
        .await
        .expect("is taken in");
    candidate.ready().await.expect("works");
    let pid = candidate.view().pid.expect("has one");
    drop(candidate);
    until("the candidate's end", || !is_alive(pid)).await;
    // There is room for another one as soon as it is gone, and one that ends by itself is seen to.
    let mut candidate = loop {
        match lab
            .supervisor
            .candidate(
                "drops",
                lab.staged("drops", &["--exit-after", "400", "--code", "1"]),
            )
            .await
        {
            Ok(candidate) => break candidate,
            Err(error) => assert_eq!(error, SupervisorError::Busy("drops".to_owned())),
        }
        tokio::time::sleep(ms(10)).await;
    };
    candidate.ready().await.expect("works at first");
    let failed = tokio::time::timeout(LONG, candidate.failed())
        .await
        .expect("fails");
    assert_eq!(failed.reason, "It exited with code 1.");
    assert!(candidate.promote(Want::Automatic).await.is_err());
    assert_eq!(lab.view("drops").state, S::Running);
    lab.end().await;
}

/// A plugin that chooses its own socket path, so that two cannot run at a time.
fn fixed(lab: &Lab, ways: &[&str]) -> Spec {
    let mut spec = lab.spec("fixed", ways);
    let path = lab.path("own/fixed.sock");
    std::fs::create_dir_all(lab.path("own")).expect("makes");
    spec.args[1] = path.display().to_string();
    spec.socket = SocketSpec {
        path,
        ours: false,
        ..spec.socket
    };
    spec
}

#[tokio::test(flavor = "multi_thread")]
async fn where_two_cannot_overlap_the_old_one_makes_room_and_comes_back() {
    let lab = Lab::new().await;
    lab.put("fixed", fixed(&lab, &[])).await;
    let first = lab.until("fixed", S::Running).await.pid.expect("has one");
    // One that fails: the old one runs again.
    let mut bad = fixed(&lab, &["--html"]);
    bad.start.attempts = 1;
    let mut candidate = lab.supervisor.candidate("fixed", bad).await.expect("is taken in");
    candidate.ready().await.expect_err("does not work");
    assert!(!is_alive(first));
    lab.until("fixed", S::Running).await;
    candidate.discard().await;
    assert_eq!(lab.view("fixed").restarts, 0);
    // One that is given up.
    let mut candidate = lab
        .supervisor
        .candidate("fixed", fixed(&lab, &[]))
        .await
        .expect("is taken in");
    candidate.ready().await.expect("works");
    assert_eq!(lab.view("fixed").state, S::Stopped);
    candidate.discard().await;
    lab.until("fixed", S::Running).await;
    // One that works.
    let mut candidate = lab
        .supervisor
        .candidate("fixed", fixed(&lab, &["--mark", "new"]))
        .await
        .expect("is taken in");
    candidate.ready().await.expect("works");
    let pid = candidate.view().pid;
    candidate.promote(Want::Automatic).await.expect("takes the place");
    let view = lab.until("fixed", S::Running).await;
    assert_eq!(view.pid, pid);
    assert_eq!(lab.processes().len(), 1);
    // Its path is its own business, also at its end.
    let path = lab.path("own/fixed.sock");
    kill(pid.expect("has one"));
    until("a restart", || lab.view("fixed").restarts == 1).await;
    lab.supervisor.forget("fixed").await;
    // A program killed in a directory that is not ours may leave its socket there.
    let _ = std::fs::remove_file(path);
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_process_of_a_plugin_can_be_a_candidate() {
    let lab = Lab::new().await;
    let spec = lab.staged("fresh", &[]);
    lab.supervisor
        .put("fresh", spec.clone(), Want::Rest(Rest::Absent))
        .await
        .expect("is taken in");
    let mut candidate = lab
        .supervisor
        .candidate("fresh", spec)
        .await
        .expect("is taken in");
    assert_eq!(lab.view("fresh").state, S::Absent);
    candidate.ready().await.expect("works");
    candidate.promote(Want::Automatic).await.expect("takes the place");
    assert_eq!(lab.until("fresh", S::Running).await.generation, 2);
    // One that is not to run ends as soon as it has shown that it could.
    let mut spec = lab.staged("manual", &[]);
    spec.activation = Activation::Manual;
    lab.supervisor
        .put("manual", spec.clone(), Want::Automatic)
        .await
        .expect("is taken in");
    let mut candidate = lab
        .supervisor
        .candidate("manual", spec)
        .await
        .expect("is taken in");
    candidate.ready().await.expect("works");
    candidate.promote(Want::Automatic).await.expect("takes the place");
    lab.until("manual", S::Idle).await;
    lab.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn probation_says_what_went_wrong() {
    let lab = Lab::new().await;
    let check = async |id: &str, ways: &[&str], text: &str| {
        let mut spec = lab.staged(id, ways);
        spec.restart.stable_after = ms(1_500);
        lab.supervisor
            .put(id, spec.clone(), Want::Rest(Rest::Absent))
            .await
            .expect("is taken in");
        let mut candidate = lab.supervisor.candidate(id, spec).await.expect("is taken in");
        candidate.ready().await.expect("works at first");
        let generation = candidate.promote(Want::Automatic).await.expect("takes the place");
        let verdict = tokio::time::timeout(LONG, lab.supervisor.probation(id, generation))
            .await
            .expect("ends");
        assert_eq!(verdict, Err(text.to_owned()));
    };
    lab.order("health", r#"200 {"status":"error","message":"no disk"}"#);
    tokio::join!(
        check(
            "crashes",
            &["--exit-after", "700", "--code", "3"],
            "It exited with code 3."
        ),
        check("unwell", &[], "no disk"),
    );
    assert!(lab.supervisor.probation("nobody", 1).await.is_err());
    lab.end().await;
}
