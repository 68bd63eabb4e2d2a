//! The life of a task beside a reference, under random events.

use proptest::prelude::*;

use super::*;

/// The same life told another way: no transitions, but a few facts that its state follows from.
#[derive(Debug, Clone)]
struct Reference {
    count: Option<u64>,
    after: u32,
    then: Then,
    wish: Wish,
    running: bool,
    stop_asked: bool,
    bound: bool,
    was_bound: bool,
    failures: u32,
    slow_until: Option<u64>,
    /// Moment of the slot that the grid begins with, and slots used or let pass.
    grid: (u64, u64),
    runs: u64,
    fired: u64,
    missed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Stopped,
    Started,
    Once,
    Ended,
    Disabled,
}

impl Reference {
    fn phase(&self) -> Phase {
        match self.wish {
            _ if self.running && self.stop_asked => Phase::Stopping,
            _ if self.running => Phase::Firing,
            Wish::Stopped => Phase::Stopped,
            Wish::Ended => Phase::Ended,
            Wish::Disabled => Phase::Disabled,
            Wish::Started | Wish::Once if !self.bound => Phase::Waiting,
            Wish::Started | Wish::Once if self.slow_until.is_some() => Phase::Failing,
            Wish::Started | Wish::Once => Phase::Scheduled,
        }
    }

    fn started(&self) -> bool {
        matches!(self.wish, Wish::Started | Wish::Once)
    }

    /// Slots that have come and are neither used nor passed.
    fn pending(&self, now: u64) -> u64 {
        let come = (now + INTERVAL_S - self.grid.0) / INTERVAL_S;
        come - self.grid.1
    }

    fn begin(&mut self, wish: Wish, now: u64) {
        self.wish = wish;
        (self.bound, self.was_bound, self.stop_asked) = (false, false, false);
        (self.failures, self.slow_until, self.runs) = (0, None, 0);
        self.grid = (now, 0);
    }

    fn fire(&mut self) {
        self.running = true;
        self.fired += 1;
    }

    /// False when it refuses.
    fn step(&mut self, input: &Input, now: u64) -> bool {
        let phase = self.phase();
        match input {
            Input::Start => match phase {
                Phase::Stopped | Phase::Ended => self.begin(Wish::Started, now),
                Phase::Waiting | Phase::Firing if self.wish == Wish::Once => self.wish = Wish::Started,
                _ => return false,
            },
            Input::Stop => match phase {
                Phase::Firing => self.stop_asked = true,
                Phase::Waiting | Phase::Scheduled | Phase::Failing => self.wish = Wish::Stopped,
                _ => return false,
            },
            Input::Enable if phase == Phase::Disabled => self.wish = Wish::Stopped,
            Input::Enable => return false,
            Input::RunNow => match phase {
                Phase::Stopped | Phase::Ended => self.begin(Wish::Once, now),
                Phase::Scheduled | Phase::Failing => self.fire(),
                _ => return false,
            },
            Input::Bound(bound) if self.started() => {
                let bound = bound.is_ok();
                if bound && !self.was_bound {
                    self.was_bound = true;
                    self.grid = (now, 0);
                } else if bound && phase == Phase::Waiting {
                    self.pass(now);
                }
                self.bound = bound;
                if self.wish == Wish::Once && bound && !self.running {
                    self.fire();
                }
            }
            Input::Tick => match phase {
                Phase::Waiting if self.was_bound => self.pass(now),
                Phase::Waiting => self.grid.1 += self.pending(now),
                Phase::Scheduled | Phase::Failing => {
                    let pending = self.pending(now);
                    if pending > 0 && self.slow_until.is_none_or(|until| until <= now) {
                        self.missed += pending - 1;
                        self.grid.1 += pending;
                        self.runs += 1;
                        self.fire();
                    }
                }
                _ => {}
            },
            Input::RunEnded(outcome) if self.running => self.run_ended(outcome, now),
            _ => {}
        }
        true
    }

    fn pass(&mut self, now: u64) {
        let pending = self.pending(now);
        self.missed += pending;
        self.grid.1 += pending;
    }

    fn run_ended(&mut self, outcome: &Outcome, now: u64) {
        self.running = false;
        if self.wish == Wish::Once {
            self.wish = Wish::Stopped;
            return;
        }
        self.pass(now);
        if self.stop_asked {
            self.wish = Wish::Stopped;
            return;
        }
        if matches!(outcome, Outcome::Failed(_)) {
            self.failures += 1;
            if self.failures >= self.after {
                match self.then {
                    Then::Disable => {
                        self.wish = Wish::Disabled;
                        return;
                    }
                    Then::Slow => {
                        let mut pause = 2 * INTERVAL_S;
                        for _ in self.after..self.failures {
                            pause = (pause * 2).min(300);
                        }
                        self.slow_until = Some(now + pause);
                    }
                    Then::Ignore => {}
                }
            }
        } else {
            (self.failures, self.slow_until) = (0, None);
        }
        if self.count.is_some_and(|count| self.runs >= count) {
            self.wish = Wish::Ended;
        }
    }
}

fn any_input() -> impl Strategy<Value = (u64, Input)> {
    let input = prop_oneof![
        2 => Just(Input::Start),
        1 => Just(Input::Stop),
        1 => Just(Input::Enable),
        1 => Just(Input::RunNow),
        4 => Just(Input::Bound(Ok(()))),
        1 => Just(Input::Bound(Err("away".to_owned()))),
        6 => Just(Input::Tick),
        1 => Just(Input::Arrived),
        4 => Just(DONE),
        2 => Just(failed()),
        1 => Just(Input::RunEnded(Outcome::Partial("half".to_owned()))),
    ];
    (prop_oneof![3 => 0u64..3, 3 => 3u64..25, 1 => 25u64..400], input)
}

fn any_then() -> impl Strategy<Value = Then> {
    prop_oneof![Just(Then::Slow), Just(Then::Disable), Just(Then::Ignore)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn it_agrees_with_the_reference(
        inputs in prop::collection::vec(any_input(), 1..80),
        count in prop::option::of(1u64..6),
        after in 1u32..4,
        then in any_then(),
    ) {
        let mut life = Life::new(rules(count, after, then));
        let mut reference = Reference {
            count, after, then, wish: Wish::Stopped, running: false, stop_asked: false, bound: false,
            was_bound: false, failures: 0, slow_until: None, grid: (0, 0), runs: 0, fired: 0, missed: 0,
        };
        let (mut now, mut running, mut subscribed) = (0, false, 0i32);
        for (ahead, input) in inputs {
            now += ahead;
            let before = life.clone();
            let taken = reference.step(&input, now);
            let said = life.step(input.clone(), at(now));
            prop_assert_eq!(taken, said.is_ok(), "{:?} in {:?}", input, before.phase());
            prop_assert_eq!(life.phase(), reference.phase(), "after {:?} in {:?}", input, before);
            if matches!(input, Input::RunEnded(_)) {
                running = false;
            }
            for effect in said.unwrap_or_default() {
                match effect {
                    Effect::Fire => {
                        prop_assert!(!running, "runs overlap");
                        running = true;
                    }
                    Effect::Subscribe => subscribed += 1,
                    Effect::Unsubscribe => subscribed -= 1,
                    Effect::Wake(_) | Effect::Tell(_) => {}
                }
            }
            let started = !matches!(life.phase(), Phase::Stopped | Phase::Ended | Phase::Disabled);
            prop_assert_eq!(subscribed, i32::from(started));
            let counts = life.counts();
            prop_assert_eq!(counts.runs, reference.fired);
            prop_assert_eq!(counts.missed.total(), reference.missed, "{:?} after {:?}", counts.missed, input);
            prop_assert_eq!(counts.ok + counts.partial + counts.failed + u64::from(running), counts.runs);
            let sleeps = life.wake.is_some();
            let idle = matches!(life.phase(), Phase::Waiting | Phase::Scheduled | Phase::Failing);
            prop_assert_eq!(sleeps, idle, "nothing would ever happen to it, or too much");
        }
    }
}
