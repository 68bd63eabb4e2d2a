//! The life of a task against what is expected of it, case by case; beside a reference in `reference`.

mod reference;

use super::*;
use crate::schedule::Cron;

const WALL: i64 = 1_800_000_000_000;
const INTERVAL_S: u64 = 10;

fn at(seconds: u64) -> Now {
    Now {
        monotonic: Duration::from_secs(seconds),
        wall_ms: WALL + seconds as i64 * 1000,
    }
}

fn rules(count: Option<u64>, after: u32, then: Then) -> Rules {
    Rules {
        schedule: Schedule::Simple {
            interval: Duration::from_secs(INTERVAL_S),
            count,
            jitter: Duration::ZERO,
        },
        on_failure: OnFailure { after, then },
        share: 0.0,
    }
}

fn failed() -> Input {
    Input::RunEnded(Outcome::Failed("no".to_owned()))
}

const DONE: Input = Input::RunEnded(Outcome::Ok);

/// A life and what it said, step by step.
struct Watched {
    life: Life,
    now: u64,
    said: Vec<Effect>,
}

impl Watched {
    fn of(rules: Rules) -> Watched {
        Watched {
            life: Life::new(rules),
            now: 0,
            said: Vec::new(),
        }
    }

    /// A task with everything that it needs.
    fn running(rules: Rules) -> Watched {
        let mut watched = Watched::of(rules);
        watched.must(Input::Start);
        watched.must(Input::Bound(Ok(())));
        watched
    }

    fn must(&mut self, input: Input) -> &mut Self {
        self.said = self.life.step(input, at(self.now)).unwrap();
        self
    }

    fn refuses(&mut self, input: Input) -> Refusal {
        let before = self.life.clone();
        let refusal = self.life.step(input, at(self.now)).unwrap_err();
        assert_eq!(self.life.phase(), before.phase(), "a refusal changes nothing");
        refusal
    }

    fn tick_at(&mut self, now: u64) -> &mut Self {
        self.now = now;
        self.must(Input::Tick)
    }

    fn fires(&self) -> bool {
        self.said.contains(&Effect::Fire)
    }
}

#[test]
fn a_task_runs_stops_and_runs_again() {
    let mut task = Watched::of(rules(None, 10, Then::Slow));
    assert_eq!(task.refuses(Input::Stop), Refusal::AlreadyStopped);
    assert_eq!(task.refuses(Input::Enable), Refusal::NotDisabled);
    task.must(Input::Start);
    assert!(task.said.contains(&Effect::Subscribe));
    assert_eq!(task.life.phase(), Phase::Waiting);
    assert_eq!(task.refuses(Input::Start), Refusal::AlreadyStarted);
    assert_eq!(task.refuses(Input::Remove), Refusal::NotStopped);
    task.must(Input::Bound(Ok(())));
    assert_eq!(task.life.phase(), Phase::Scheduled);
    task.tick_at(0);
    assert!(task.fires());
    assert_eq!(task.refuses(Input::RunNow), Refusal::Running);
    task.must(Input::Stop);
    assert_eq!(task.life.phase(), Phase::Stopping, "the run may finish");
    assert_eq!(task.refuses(Input::Start), Refusal::Stopping);
    assert_eq!(task.refuses(Input::Stop), Refusal::Stopping);
    task.must(DONE);
    assert_eq!(task.life.phase(), Phase::Stopped);
    assert!(task.said.contains(&Effect::Unsubscribe));
    task.must(Input::Start).must(Input::Bound(Ok(())));
    task.tick_at(3);
    assert!(task.fires(), "the first run after a start is at once");
    task.must(DONE).must(Input::Stop).must(Input::Remove);
    assert_eq!(task.said, [Effect::Tell(Happened::Removed)]);
}

#[test]
fn every_order_is_taken_or_refused_in_every_state() {
    use Refusal::{AlreadyStarted, AlreadyStopped, Disabled, Ended, NotDisabled, NotStopped, Stopping};
    let slow = || Watched::running(rules(None, 1, Then::Slow));
    let mut waiting = Watched::of(rules(None, 1, Then::Slow));
    waiting.must(Input::Start);
    let (mut firing, mut stopping, mut failing) = (slow(), slow(), slow());
    firing.tick_at(0);
    stopping.tick_at(0).must(Input::Stop);
    failing.tick_at(0).must(failed());
    let mut ended = Watched::running(rules(Some(1), 1, Then::Slow));
    ended.tick_at(0).must(DONE);
    let mut disabled = Watched::running(rules(None, 1, Then::Disable));
    disabled.tick_at(0).must(failed());
    let started = [Some(AlreadyStarted), None, Some(NotDisabled), Some(NotStopped)];
    let orders = [Input::Start, Input::Stop, Input::Enable, Input::Remove];
    for (task, phase, answers) in [
        (
            Watched::of(rules(None, 1, Then::Slow)),
            Phase::Stopped,
            [None, Some(AlreadyStopped), Some(NotDisabled), None],
        ),
        (waiting, Phase::Waiting, started.clone()),
        (slow(), Phase::Scheduled, started.clone()),
        (firing, Phase::Firing, started.clone()),
        (failing, Phase::Failing, started),
        (
            stopping,
            Phase::Stopping,
            [
                Some(Stopping.clone()),
                Some(Stopping),
                Some(NotDisabled),
                Some(NotStopped),
            ],
        ),
        (ended, Phase::Ended, [None, Some(Ended), Some(NotDisabled), None]),
        (
            disabled,
            Phase::Disabled,
            [Some(Disabled.clone()), Some(Disabled), None, None],
        ),
    ] {
        assert_eq!(task.life.phase(), phase);
        for (order, answer) in orders.iter().zip(answers) {
            let mut life = task.life.clone();
            let refusal = life.step(order.clone(), at(task.now)).err();
            assert_eq!(refusal, answer, "{order:?} while {phase:?}");
        }
    }
}

#[test]
fn count_is_the_number_of_runs() {
    let mut task = Watched::running(rules(Some(2), 10, Then::Slow));
    task.tick_at(0).must(DONE);
    // Three slots pass unused; they use up no run.
    task.tick_at(45).must(DONE);
    assert_eq!(task.life.phase(), Phase::Ended);
    assert_eq!(task.life.counts().runs, 2);
    assert_eq!(task.life.counts().missed.late, 3);
    assert_eq!(task.refuses(Input::Stop), Refusal::Ended);
    task.must(Input::Start).must(Input::Bound(Ok(())));
    task.tick_at(46);
    assert!(task.fires(), "started again it counts anew");
}

#[test]
fn runs_never_overlap_and_what_is_missed_is_counted() {
    let mut task = Watched::running(rules(None, 10, Then::Slow));
    task.tick_at(0);
    task.now = 35;
    task.must(Input::Tick);
    assert!(!task.fires());
    task.must(DONE);
    assert_eq!(
        task.life.counts().missed,
        Missed {
            busy: 3,
            ..Missed::default()
        }
    );
    assert_eq!(task.said, [Effect::Wake(Some(Duration::from_secs(40)))]);
}

#[test]
fn waiting_is_not_failing() {
    let mut task = Watched::running(rules(None, 1, Then::Disable));
    task.tick_at(0).must(DONE);
    task.must(Input::Bound(Err("plugin a is not there".to_owned())));
    assert_eq!(task.life.phase(), Phase::Waiting);
    assert_eq!(task.life.waits_for(), Some("plugin a is not there"));
    for now in [10, 20, 30] {
        task.tick_at(now);
        assert!(!task.fires());
    }
    assert!(matches!(task.refuses(Input::RunNow), Refusal::Waiting(_)));
    task.now = 35;
    task.must(Input::Bound(Ok(())));
    assert!(task.said.contains(&Effect::Tell(Happened::Ready)));
    task.tick_at(40);
    assert!(task.fires());
    let counts = task.life.counts();
    assert_eq!((counts.failed, counts.missed.waiting), (0, 3));
}

#[test]
fn what_it_needs_may_go_while_it_runs() {
    let mut task = Watched::running(rules(None, 1, Then::Disable));
    task.tick_at(0).must(Input::Bound(Err("gone".to_owned())));
    assert_eq!(
        task.life.phase(),
        Phase::Firing,
        "the run goes on with what it has"
    );
    task.must(DONE);
    assert_eq!(task.life.phase(), Phase::Waiting);
}

#[test]
fn a_task_that_fails_is_slowed_and_recovers_by_itself() {
    let mut task = Watched::running(rules(None, 2, Then::Slow));
    task.tick_at(0).must(failed());
    assert_eq!(task.life.phase(), Phase::Scheduled);
    task.tick_at(10).must(failed());
    assert_eq!(task.life.phase(), Phase::Failing);
    assert!(
        task.said
            .contains(&Effect::Tell(Happened::Failing("no".to_owned())))
    );
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let Some(wake) = task.life.wake else {
            panic!("it sleeps for good")
        };
        pauses.push(wake.as_secs() - task.now);
        task.tick_at(wake.as_secs());
        assert!(task.fires());
        task.must(failed());
    }
    assert_eq!(pauses, [20, 40, 80, 160, 300, 300, 300, 300]);
    task.tick_at(task.life.wake.unwrap().as_secs()).must(DONE);
    assert_eq!(task.life.phase(), Phase::Scheduled);
    assert!(task.said.contains(&Effect::Tell(Happened::Recovered)));
    assert!(task.life.counts().missed.slow > 100);
    task.tick_at(task.now + 10);
    assert!(task.fires(), "at its own pace again");
}

#[test]
fn a_task_may_be_disabled_by_failures_and_enabled_again() {
    let mut task = Watched::running(rules(None, 2, Then::Disable));
    task.tick_at(0).must(failed());
    task.tick_at(10).must(DONE);
    task.tick_at(20).must(failed());
    assert_eq!(task.life.phase(), Phase::Scheduled, "a good run forgives");
    task.tick_at(30).must(failed());
    assert_eq!(task.life.phase(), Phase::Disabled);
    assert!(task.said.contains(&Effect::Unsubscribe));
    for input in [Input::Start, Input::Stop, Input::RunNow] {
        assert_eq!(task.refuses(input), Refusal::Disabled);
    }
    task.must(Input::Enable);
    assert_eq!(task.life.phase(), Phase::Stopped);
    task.must(Input::Start);
}

#[test]
fn failures_may_be_ignored() {
    let mut task = Watched::running(rules(None, 1, Then::Ignore));
    for now in 0..20 {
        task.tick_at(now * 10).must(failed());
        assert_eq!(task.life.phase(), Phase::Scheduled);
    }
    let counts = task.life.counts();
    assert_eq!((counts.failed, counts.errors.len()), (20, 1));
    assert_eq!(counts.errors[0].times, 20);
}

#[test]
fn a_stopped_task_runs_once_when_asked() {
    let mut task = Watched::of(rules(None, 10, Then::Slow));
    task.must(Input::RunNow);
    assert!(!task.fires());
    task.must(Input::Bound(Ok(())));
    assert!(task.fires());
    assert_eq!(task.life.kept().phase, Phase::Stopped, "it is not resumed");
    task.must(DONE);
    assert_eq!(task.life.phase(), Phase::Stopped);
    assert!(task.said.contains(&Effect::Unsubscribe));
}

#[test]
fn a_run_by_hand_leaves_plan_and_count_alone() {
    let mut task = Watched::running(rules(Some(2), 10, Then::Slow));
    task.tick_at(0).must(DONE);
    task.now = 5;
    task.must(Input::RunNow);
    assert!(task.fires());
    task.must(DONE);
    assert_eq!(task.life.phase(), Phase::Scheduled);
    task.tick_at(10).must(DONE);
    assert_eq!(task.life.phase(), Phase::Ended);
    assert_eq!(task.life.counts().runs, 3);
}

#[test]
fn a_window_in_the_past_is_not_started() {
    let window = |stop_s: i64| Rules {
        schedule: Schedule::Windowed {
            interval: Duration::from_secs(10),
            start_ms: None,
            stop_ms: Some(WALL + stop_s * 1000),
            count: None,
            jitter: Duration::ZERO,
        },
        ..rules(None, 10, Then::Slow)
    };
    let mut task = Watched::of(window(0));
    assert_eq!(task.refuses(Input::Start), Refusal::Past);
    let mut task = Watched::running(window(25));
    task.tick_at(0).must(DONE);
    task.tick_at(25);
    assert_eq!(task.life.phase(), Phase::Ended);
    assert_eq!(task.refuses(Input::Start), Refusal::Past);
    // It ends while it waits, too.
    let mut task = Watched::of(window(25));
    task.must(Input::Start).tick_at(25);
    assert_eq!(task.life.phase(), Phase::Ended);
}

#[test]
fn cron_runs_when_it_matches() {
    let mut task = Watched::running(Rules {
        schedule: Schedule::Cron {
            cron: Cron::new("* * * * *", "UTC").unwrap(),
            count: Some(1),
        },
        ..rules(None, 10, Then::Slow)
    });
    task.tick_at(0);
    assert!(!task.fires());
    task.tick_at(60);
    assert!(task.fires());
    task.must(DONE);
    assert_eq!(task.life.phase(), Phase::Ended);
}

#[test]
fn a_stream_runs_on_what_arrives_and_keeps_its_pause() {
    let mut task = Watched::running(Rules {
        schedule: Schedule::Stream {
            pause: Duration::from_secs(5),
            max_samples: 10,
            count: None,
        },
        ..rules(None, 10, Then::Slow)
    });
    assert!(!task.fires());
    task.must(Input::Arrived);
    assert!(task.fires());
    task.must(Input::Arrived);
    assert!(!task.fires(), "no overlap");
    task.now = 1;
    task.must(DONE);
    assert_eq!(
        task.said,
        [Effect::Wake(Some(Duration::from_secs(5)))],
        "it takes what came, later"
    );
    task.tick_at(5);
    assert!(task.fires());
    task.must(DONE);
    task.tick_at(60);
    assert!(!task.fires(), "nothing came");
}

#[test]
fn a_manual_task_runs_only_when_asked() {
    let mut task = Watched::running(Rules {
        schedule: Schedule::Manual,
        ..rules(None, 10, Then::Slow)
    });
    task.tick_at(100);
    assert!(!task.fires());
    task.must(Input::RunNow);
    assert!(task.fires());
    task.must(DONE);
    assert_eq!(task.life.phase(), Phase::Scheduled);
}

#[test]
fn a_change_takes_hold_at_once() {
    let mut task = Watched::running(rules(None, 1, Then::Slow));
    task.tick_at(0).must(failed());
    assert_eq!(task.life.phase(), Phase::Failing);
    task.now = 1;
    task.must(Input::Replace(Rules {
        schedule: Schedule::Simple {
            interval: Duration::from_secs(3),
            count: None,
            jitter: Duration::ZERO,
        },
        ..rules(None, 1, Then::Slow)
    }));
    assert!(task.said.contains(&Effect::Subscribe));
    assert_eq!(
        task.life.phase(),
        Phase::Scheduled,
        "what failed was something else"
    );
    task.tick_at(1);
    assert!(task.fires());
    task.must(DONE);
    assert_eq!(task.life.wake, Some(Duration::from_secs(4)));
    assert_eq!(task.life.counts().runs, 2, "counts stay");
}

#[test]
fn what_was_started_goes_on_after_a_restart() {
    let mut task = Watched::running(rules(Some(3), 10, Then::Slow));
    task.tick_at(0).must(DONE);
    let kept = serde_json::to_string(&task.life.kept()).unwrap();
    let kept: Kept = serde_json::from_str(&kept).unwrap();
    let (life, said) = Life::resume(rules(Some(3), 10, Then::Slow), kept, at(0));
    assert_eq!(life.phase(), Phase::Waiting);
    assert!(said.contains(&Effect::Subscribe));
    let mut task = Watched { life, now: 0, said };
    task.must(Input::Bound(Ok(())));
    task.tick_at(0).must(DONE);
    task.tick_at(10).must(DONE);
    assert_eq!(task.life.phase(), Phase::Ended, "two more, not three");
    assert_eq!(task.life.counts().runs, 3);
    for phase in [Phase::Stopped, Phase::Ended, Phase::Disabled] {
        let kept = Kept {
            phase,
            runs: 0,
            counts: Counts::default(),
        };
        let (life, said) = Life::resume(rules(None, 10, Then::Slow), kept, at(0));
        assert_eq!((life.phase(), said), (phase, Vec::new()));
    }
}
