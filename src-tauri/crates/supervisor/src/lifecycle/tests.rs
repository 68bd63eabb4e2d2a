use std::time::Duration;

use proptest::prelude::*;

use super::reference::Reference;
use super::*;
use crate::spec::{BackoffSpec, Rest, RestartPolicy, TriggerSpec};
use crate::view::InstanceState as S;

const SECOND: Duration = Duration::from_secs(1);
const MIDDLE: f64 = 0.5;

fn rules(activation: Activation) -> Rules {
    let spec = Spec::new("/bin/true", "/", "/tmp/x.sock");
    let backoff = BackoffSpec {
        jitter: 0.0,
        ..BackoffSpec::default()
    };
    Rules {
        activation,
        start: StartSpec {
            backoff,
            ..StartSpec::default()
        },
        ..Rules::of(&spec)
    }
}

/// A life cycle and its time.
struct Life {
    cycle: Lifecycle,
    now: Duration,
}

impl Life {
    fn new(rules: Rules) -> Self {
        Life {
            cycle: Lifecycle::new(rules),
            now: Duration::ZERO,
        }
    }

    fn hear(&mut self, input: Input) -> Vec<Effect> {
        self.cycle.step(input, self.now, MIDDLE)
    }

    fn pass(&mut self, time: Duration) -> Vec<Effect> {
        self.now += time;
        self.hear(Input::Tick)
    }

    fn generation(&self) -> u64 {
        self.cycle.generation()
    }

    fn run(&mut self) -> Vec<Effect> {
        let generation = self.generation();
        self.hear(Input::Launched { generation });
        self.hear(Input::Ready { generation })
    }

    fn crash(&mut self) -> Vec<Effect> {
        let generation = self.generation();
        self.hear(Input::Ended {
            generation,
            success: false,
        })
    }

    #[track_caller]
    fn is(&self, state: S) {
        assert_eq!(self.cycle.state(), state, "{:?}", self.cycle);
    }
}

/// A letter per happening, so that whole lives are one line of a table.
fn live(life: &mut Life, script: &str) -> Vec<S> {
    let mut states = Vec::new();
    for letter in script.chars() {
        let generation = life.generation();
        match letter {
            'A' => drop(life.hear(Input::Want(Want::Automatic))),
            'R' => drop(life.hear(Input::Want(Want::Run))),
            'S' => drop(life.hear(Input::Want(Want::Rest(Rest::Stopped)))),
            'D' => drop(life.hear(Input::Want(Want::Rest(Rest::Disabled)))),
            'X' => drop(life.hear(Input::Restart)),
            'l' => drop(life.hear(Input::Launched { generation })),
            'm' => drop(life.hear(Input::NotLaunched {
                generation,
                lasting: true,
            })),
            'n' => drop(life.hear(Input::NotLaunched {
                generation,
                lasting: false,
            })),
            'r' => drop(life.hear(Input::Ready { generation })),
            'u' => drop(life.hear(Input::Unfit { generation })),
            'g' => drop(life.hear(Input::Checked {
                generation,
                check: Check::Good,
            })),
            'b' => drop(life.hear(Input::Checked {
                generation,
                check: Check::Failed,
            })),
            'F' => drop(life.hear(Input::Checked {
                generation,
                check: Check::Fatal,
            })),
            'e' => drop(life.hear(Input::Ended {
                generation,
                success: false,
            })),
            'z' => drop(life.hear(Input::Ended {
                generation,
                success: true,
            })),
            'f' => drop(life.hear(Input::FileChanged)),
            '+' => drop(life.hear(Input::Acquired)),
            '-' => drop(life.hear(Input::Released)),
            'y' => drop(life.hear(Input::Yield)),
            'o' => drop(life.hear(Input::Resume)),
            '1' => drop(life.pass(SECOND)),
            't' => drop(life.pass(10 * SECOND)),
            'T' => drop(life.pass(120 * SECOND)),
            'H' => drop(life.pass(3_600 * SECOND)),
            'Q' => drop(life.hear(Input::Shutdown)),
            other => panic!("no such letter: {other}"),
        }
        states.push(life.cycle.state());
    }
    states
}

#[test]
fn lives_end_where_the_table_says() {
    let check = |activation: Activation, policy: RestartPolicy, script: &str, expected: S| {
        let mut rules = rules(activation);
        rules.restart.policy = policy;
        let mut life = Life::new(rules);
        let states = live(&mut life, script);
        assert_eq!(states.last(), Some(&expected), "{script}: {states:?}");
    };
    use RestartPolicy::{Always, Never, OnFailure};
    let always = Activation::Always;
    let manual = Activation::Manual;
    let demand = Activation::OnDemand {
        idle_stop: 60 * SECOND,
    };
    // A first start has the same treatment as any other.
    check(always, OnFailure, "A", S::Starting);
    check(always, OnFailure, "Al", S::Starting);
    check(always, OnFailure, "Alr", S::Running);
    check(always, OnFailure, "Alt", S::Stopping);
    check(always, OnFailure, "Alte", S::Backoff);
    check(always, OnFailure, "Alte1", S::Starting);
    check(always, OnFailure, "Ale", S::Backoff);
    check(always, OnFailure, "Alu", S::Stopping);
    check(always, OnFailure, "Alue1lr", S::Running);
    check(always, OnFailure, "An1", S::Starting);
    // Ending with code 0 before it ever worked is a failed start; afterwards it is a decision.
    check(always, OnFailure, "Alz", S::Backoff);
    check(always, OnFailure, "Alrz", S::Stopped);
    check(always, OnFailure, "AlrzH", S::Stopped);
    check(always, OnFailure, "AlrzA", S::Stopped);
    check(always, OnFailure, "AlrzR", S::Starting);
    check(always, OnFailure, "AlrzX", S::Starting);
    check(always, Always, "Alrz", S::Backoff);
    check(always, Never, "Alrz", S::Stopped);
    check(always, Never, "Alre", S::Crashed);
    check(always, Never, "AlreH", S::Crashed);
    check(always, Never, "AlreR", S::Starting);
    // What cannot be started waits for a change, or a minute.
    check(always, OnFailure, "Amt", S::Backoff);
    check(always, OnFailure, "Amf", S::Starting);
    check(always, OnFailure, "Amtttttt", S::Starting);
    check(always, Never, "Amtttttt", S::Starting);
    check(always, OnFailure, "Alref", S::Backoff);
    // Checks.
    check(always, OnFailure, "Alrbb", S::Running);
    check(always, OnFailure, "Alrbbgbb", S::Running);
    check(always, OnFailure, "Alrbbb", S::Unresponsive);
    check(always, OnFailure, "Alrbbbg", S::Unresponsive);
    check(always, OnFailure, "Alrbbbe", S::Backoff);
    check(always, Never, "Alrbbb", S::Unresponsive);
    check(always, Never, "Alrbbbg", S::Running);
    check(always, OnFailure, "AlrF", S::Stopping);
    check(always, OnFailure, "AlrFe1", S::Starting);
    check(always, Never, "AlrF", S::Running);
    // Stops in every state.
    check(always, OnFailure, "AS", S::Stopping);
    check(always, OnFailure, "ASn", S::Stopped);
    check(always, OnFailure, "AlSe", S::Stopped);
    check(always, OnFailure, "AlSre", S::Stopped);
    check(always, OnFailure, "AlrSeH", S::Stopped);
    check(always, OnFailure, "AleSH", S::Stopped);
    check(always, OnFailure, "AltSe", S::Stopped);
    check(always, OnFailure, "AlrDe", S::Disabled);
    check(always, OnFailure, "AmS", S::Stopped);
    check(always, OnFailure, "AlrSAe", S::Starting);
    check(always, OnFailure, "AlrSARe", S::Starting);
    // By hand.
    check(always, OnFailure, "AleR", S::Starting);
    check(always, OnFailure, "AleX", S::Starting);
    check(always, OnFailure, "AlrXelr", S::Running);
    check(manual, OnFailure, "A", S::Idle);
    check(manual, OnFailure, "AX", S::Idle);
    check(manual, OnFailure, "ARlr", S::Running);
    check(manual, OnFailure, "ARlre1", S::Starting);
    check(manual, OnFailure, "ARlrA", S::Stopping);
    // Leases.
    check(demand, OnFailure, "A", S::Idle);
    check(demand, OnFailure, "A+lr", S::Running);
    check(demand, OnFailure, "A+lr-t", S::Running);
    check(demand, OnFailure, "A+lr-T", S::Stopping);
    check(demand, OnFailure, "A+lr-Te", S::Idle);
    check(demand, OnFailure, "A+lr-ttttt+T", S::Running);
    check(demand, OnFailure, "A+lr++--T", S::Running);
    check(demand, OnFailure, "A+lr-e", S::Idle);
    check(demand, OnFailure, "A+le", S::Backoff);
    check(demand, OnFailure, "A+le-", S::Idle);
    check(demand, OnFailure, "A+lrz-+", S::Starting);
    check(demand, OnFailure, "RlrT", S::Running);
    // Candidates need room.
    check(always, OnFailure, "Alry", S::Stopping);
    check(always, OnFailure, "Alrye", S::Stopped);
    check(always, OnFailure, "Alryeo", S::Starting);
    check(always, OnFailure, "Aleyo", S::Starting);
    // The end of everything.
    check(always, OnFailure, "AlrQ", S::Stopping);
    check(always, OnFailure, "AlrQeAH", S::Stopped);
    check(always, OnFailure, "AleQH", S::Stopped);
}

#[test]
fn a_crash_loop_slows_down_and_never_ends() {
    let mut life = Life::new(rules(Activation::Always));
    life.hear(Input::Want(Want::Automatic));
    let mut waits = Vec::new();
    for _ in 0..9 {
        let generation = life.generation();
        life.hear(Input::Launched { generation });
        life.crash();
        let wait = life.cycle.next_try().expect("waits") - life.now;
        waits.push(wait.as_secs());
        life.pass(wait);
        life.is(S::Starting);
    }
    assert_eq!(waits, [1, 2, 4, 8, 300, 300, 300, 300, 300]);
    assert_eq!(life.cycle.restarts(), 9);
    // A lasting start makes up for everything.
    life.run();
    let effects = life.pass(120 * SECOND);
    assert!(
        effects.contains(&Effect::Tell(News::Settled { failures: 9 })),
        "{effects:?}"
    );
    life.crash();
    life.is(S::Backoff);
    assert_eq!(life.cycle.next_try(), Some(life.now + SECOND));
}

#[test]
fn a_change_of_the_file_or_a_hand_ends_a_crash_loop_at_once() {
    for input in [Input::FileChanged, Input::Want(Want::Run), Input::Restart] {
        let mut life = Life::new(rules(Activation::Always));
        life.hear(Input::Want(Want::Automatic));
        for _ in 0..5 {
            life.crash();
            if life.cycle.state() == S::Backoff {
                life.now = life.cycle.next_try().expect("waits");
                life.hear(Input::Tick);
            }
        }
        life.is(S::CrashLoop);
        life.hear(input);
        life.is(S::Starting);
        life.crash();
        life.is(S::Backoff);
    }
}

#[test]
fn late_news_of_an_old_process_change_nothing() {
    let mut life = Life::new(rules(Activation::Always));
    live(&mut life, "Alre1lr");
    let old = life.generation() - 1;
    let before = format!("{:?}", life.cycle);
    for input in [
        Input::Launched { generation: old },
        Input::NotLaunched {
            generation: old,
            lasting: true,
        },
        Input::Ready { generation: old },
        Input::Unfit { generation: old },
        Input::Checked {
            generation: old,
            check: Check::Fatal,
        },
        Input::Ended {
            generation: old,
            success: false,
        },
        Input::Ended {
            generation: 99,
            success: false,
        },
    ] {
        assert_eq!(life.hear(input.clone()), [], "{input:?}");
        assert_eq!(format!("{:?}", life.cycle), before, "{input:?}");
    }
}

#[test]
fn a_candidate_takes_the_place_and_the_number() {
    let mut life = Life::new(rules(Activation::Always));
    live(&mut life, "Alr");
    let candidate = life.cycle.issue();
    assert_eq!(candidate, 2);
    live(&mut life, "ye");
    life.is(S::Stopped);
    life.hear(Input::Promoted {
        generation: candidate,
    });
    life.is(S::Running);
    assert!(!life.cycle.is_settled());
    life.pass(120 * SECOND);
    assert!(life.cycle.is_settled());
    life.crash();
    life.pass(SECOND);
    assert_eq!(life.generation(), 3);
    // One that is not wanted any more does not stay.
    live(&mut life, "lrSe");
    let candidate = life.cycle.issue();
    life.hear(Input::Promoted {
        generation: candidate,
    });
    life.is(S::Stopping);
}

#[test]
fn new_settings_replace_the_process_only_where_they_must() {
    let mut life = Life::new(rules(Activation::Always));
    live(&mut life, "Alr");
    let mut other = rules(Activation::Always);
    other.failures = 1;
    assert_eq!(
        life.hear(Input::Rules {
            rules: other.clone(),
            anew: false
        }),
        []
    );
    live(&mut life, "b");
    life.is(S::Unresponsive);
    live(&mut life, "e1lr");
    life.hear(Input::Rules {
        rules: other.clone(),
        anew: true,
    });
    life.is(S::Stopping);
    life.crash();
    life.is(S::Starting);
    // No more reason to run: it rests.
    other.activation = Activation::Manual;
    life.hear(Input::Rules {
        rules: other,
        anew: true,
    });
    life.crash();
    life.is(S::Idle);
}

#[test]
fn triggers_work_when_they_should() {
    let check = |trigger: TriggerSpec, script: &str, expected: S, launches: u64| {
        let mut life = Life::new(rules(Activation::Trigger(trigger)));
        let states = live(&mut life, script);
        let found = (states.last().copied(), life.generation());
        assert_eq!(found, (Some(expected), launches), "{script}: {states:?}");
    };
    let none = TriggerSpec {
        at_start: false,
        first_start: false,
        every: None,
        timeout: 300 * SECOND,
    };
    let at_start = TriggerSpec {
        at_start: true,
        ..none
    };
    let first = TriggerSpec {
        first_start: true,
        ..none
    };
    let hourly = TriggerSpec {
        every: Some(3_600 * SECOND),
        ..none
    };
    let quick = TriggerSpec {
        timeout: 10 * SECOND,
        ..at_start
    };
    check(none, "A", S::Idle, 0);
    check(none, "AH", S::Idle, 0);
    check(at_start, "A", S::Starting, 1);
    check(at_start, "Al", S::Running, 1);
    check(at_start, "Alz", S::Completed, 1);
    check(at_start, "AlzH", S::Completed, 1);
    check(at_start, "AlzSA", S::Idle, 1);
    check(at_start, "Ale", S::ExecutionFailed, 1);
    check(at_start, "AleH", S::ExecutionFailed, 1);
    check(at_start, "Am", S::ExecutionFailed, 1);
    check(first, "Alz", S::Completed, 1);
    check(hourly, "A", S::Idle, 0);
    check(hourly, "AH", S::Starting, 1);
    check(hourly, "AHlzH", S::Starting, 2);
    check(hourly, "ATSH", S::Stopped, 0);
    // A slot that comes during its work is left out.
    check(
        TriggerSpec {
            timeout: 10_000 * SECOND,
            ..hourly
        },
        "AHlHz",
        S::Completed,
        1,
    );
    check(
        TriggerSpec {
            timeout: 10_000 * SECOND,
            ..hourly
        },
        "AHlHzH",
        S::Starting,
        2,
    );
    // Too long.
    check(quick, "Alt", S::Stopping, 1);
    check(quick, "Alte", S::ExecutionFailed, 1);
    // By hand, also again.
    check(none, "AR", S::Starting, 1);
    check(none, "ARlzR", S::Starting, 2);
    check(none, "ARlRz", S::Starting, 2);
    check(none, "SR", S::Starting, 1);
    // Stopped at work.
    check(at_start, "AlSe", S::Stopped, 1);
}

/// States that may follow each other, as people are told.
fn may_follow(from: S, to: S) -> bool {
    let from_rest = [
        S::Starting,
        S::Stopped,
        S::Idle,
        S::Disabled,
        S::Absent,
        S::Inapplicable,
    ];
    from == to
        || match from {
            S::Absent | S::Inapplicable | S::Disabled | S::Idle | S::Stopped | S::Crashed => {
                from_rest.contains(&to)
            }
            S::Starting => {
                // A launch that fails leaves no process to wait for.
                let failed = [S::Running, S::Stopping, S::Backoff, S::CrashLoop, S::Crashed];
                failed.contains(&to) || from_rest.contains(&to)
            }
            S::Running => {
                let next = [
                    S::Unresponsive,
                    S::Stopping,
                    S::Backoff,
                    S::CrashLoop,
                    S::Stopped,
                    S::Crashed,
                    S::Idle,
                ];
                next.contains(&to)
            }
            S::Unresponsive | S::Stopping => {
                let next = [S::Running, S::Backoff, S::CrashLoop, S::Crashed, S::Stopping];
                next.contains(&to) || from_rest.contains(&to)
            }
            S::Backoff | S::CrashLoop => from_rest.contains(&to),
            S::Completed | S::ExecutionFailed => from_rest.contains(&to),
        }
}

#[derive(Debug, Clone)]
enum Happening {
    Input(Input),
    /// About the present process (true) or an earlier one.
    Process(bool, Kind),
    Pass(u64),
    /// Exactly to the next deadline.
    PassToDeadline,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Launched,
    NotLaunched(bool),
    Ready,
    Unfit,
    Checked(Check),
    Ended(bool),
}

fn happening() -> impl Strategy<Value = Happening> {
    let want = prop_oneof![
        2 => Just(Want::Automatic),
        2 => Just(Want::Run),
        1 => Just(Want::Rest(Rest::Stopped)),
        1 => Just(Want::Rest(Rest::Disabled)),
    ];
    let kind = prop_oneof![
        4 => Just(Kind::Launched),
        1 => any::<bool>().prop_map(Kind::NotLaunched),
        6 => Just(Kind::Ready),
        1 => Just(Kind::Unfit),
        2 => Just(Kind::Checked(Check::Good)),
        5 => Just(Kind::Checked(Check::Failed)),
        1 => Just(Kind::Checked(Check::Fatal)),
        8 => any::<bool>().prop_map(Kind::Ended),
    ];
    prop_oneof![
        4 => want.prop_map(|want| Happening::Input(Input::Want(want))),
        1 => Just(Happening::Input(Input::Restart)),
        2 => Just(Happening::Input(Input::Acquired)),
        2 => Just(Happening::Input(Input::Released)),
        1 => Just(Happening::Input(Input::Yield)),
        2 => Just(Happening::Input(Input::Resume)),
        1 => Just(Happening::Input(Input::FileChanged)),
        20 => (prop::bool::weighted(0.9), kind).prop_map(|(present, kind)| Happening::Process(present, kind)),
        4 => (0..20_000u64).prop_map(Happening::Pass),
        10 => Just(Happening::PassToDeadline),
    ]
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let activation = prop_oneof![
        Just(Activation::Always),
        Just(Activation::Manual),
        Just(Activation::OnDemand {
            idle_stop: 30 * SECOND
        }),
    ];
    let policy = prop_oneof![
        3 => Just(RestartPolicy::OnFailure),
        1 => Just(RestartPolicy::Always),
        1 => Just(RestartPolicy::Never),
    ];
    (activation, policy, 1..6u32, 1..4u32, 0.0..0.5f64).prop_map(
        |(activation, policy, max, failures, jitter)| {
            let mut rules = rules(activation);
            rules.restart.policy = policy;
            rules.restart.max = max;
            rules.restart.window = 60 * SECOND;
            rules.restart.stable_after = 15 * SECOND;
            rules.failures = failures;
            rules.start.backoff.jitter = jitter;
            rules
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_life_goes_as_the_reference_says(
        rules in any_rules(),
        happenings in prop::collection::vec((happening(), 0.0..1.0f64), 1..120),
    ) {
        let mut cycle = Lifecycle::new(rules.clone());
        let mut reference = Reference::new(rules);
        let mut now = Duration::ZERO;
        let mut alive: Option<u64> = None;
        for (happening, random) in happenings {
            let input = match happening {
                Happening::Input(input) => input,
                Happening::Pass(ms) => {
                    now += Duration::from_millis(ms);
                    Input::Tick
                }
                Happening::PassToDeadline => {
                    now = now.max(cycle.deadline().unwrap_or(now));
                    Input::Tick
                }
                Happening::Process(present, kind) => {
                    let generation = cycle.generation() - u64::from(!present).min(cycle.generation());
                    match kind {
                        Kind::Launched => Input::Launched { generation },
                        Kind::NotLaunched(lasting) => Input::NotLaunched { generation, lasting },
                        Kind::Ready => Input::Ready { generation },
                        Kind::Unfit => Input::Unfit { generation },
                        Kind::Checked(check) => Input::Checked { generation, check },
                        Kind::Ended(success) => Input::Ended { generation, success },
                    }
                }
            };
            let before = cycle.state();
            if let Input::Ended { generation, .. } | Input::NotLaunched { generation, .. } = input
                && alive == Some(generation)
            {
                alive = None;
            }
            for effect in cycle.step(input.clone(), now, random) {
                match effect {
                    Effect::Launch { generation } => {
                        prop_assert_eq!(alive, None, "two processes after {:?}", input);
                        alive = Some(generation);
                    }
                    Effect::End { generation, .. } => prop_assert_eq!(alive, Some(generation)),
                    Effect::Tell(_) => {}
                }
            }
            reference.hear(&input, now, cycle.next_try());
            prop_assert_eq!(cycle.state(), reference.state(), "after {:?} at {:?}", input, now);
            prop_assert_eq!(cycle.generation(), reference.number());
            prop_assert_eq!(cycle.has_process(), alive.is_some());
            prop_assert!(may_follow(before, cycle.state()), "{:?} after {:?}", cycle.state(), before);
            if let (Some(next), Some((least, most))) = (cycle.next_try(), reference.wait_bounds()) {
                let slack = Duration::from_millis(1);
                prop_assert!(next + slack >= least && next <= most + slack, "{least:?} {next:?} {most:?}");
            }
            // Whoever ticks at the deadline gets somewhere: there is no spinning.
            if cycle.deadline().is_some_and(|deadline| deadline <= now) && input == Input::Tick {
                prop_assert!(false, "the deadline stays behind: {:?}", cycle);
            }
        }
    }
}
