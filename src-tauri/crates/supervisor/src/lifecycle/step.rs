//! What each piece of news does.

use std::time::Duration;

use super::{Cause, Check, Effect, Input, Left, Lifecycle, News, Phase, Rules, Wait};
use crate::limits;
use crate::spec::{Activation, RestartPolicy, Want};

impl Lifecycle {
    /// Takes in what happened at `now` and says what is to be done. `random`, from 0 to 1, spreads waits.
    pub(crate) fn step(&mut self, input: Input, now: Duration, random: f64) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Want(want) => self.wanted(want, now),
            Input::Rules { rules, anew } => self.ruled(rules, anew, now, &mut effects),
            Input::Restart => self.restart(&mut effects),
            Input::Acquired => self.acquired(),
            Input::Released => self.leases = self.leases.saturating_sub(1),
            Input::Launched { generation } => self.launched(generation, now, &mut effects),
            Input::NotLaunched { generation, lasting } => {
                self.not_launched(generation, lasting, now, random, &mut effects);
            }
            Input::Ready { generation } => self.ready(generation, now, &mut effects),
            Input::Unfit { generation } => {
                if generation == self.generation && matches!(self.phase, Phase::Starting { .. }) {
                    self.end(Cause::Protocol, &mut effects);
                }
            }
            Input::Checked { generation, check } => self.checked(generation, check, &mut effects),
            Input::Ended { generation, success } => {
                if generation == self.generation && self.has_process() {
                    self.ended(success, now, random, &mut effects);
                }
            }
            Input::Yield => self.yielded = true,
            Input::Resume => self.yielded = false,
            Input::Promoted { generation } => self.promoted(generation, now, &mut effects),
            Input::FileChanged => self.file_changed(),
            Input::Tick => self.tick(now, &mut effects),
            Input::Shutdown => self.closing = true,
        }
        self.obey(now, &mut effects);
        effects
    }

    fn wanted(&mut self, want: Want, now: Duration) {
        let by_hand = want == Want::Run;
        let want = match (want, self.rules.activation) {
            (Want::Run, Activation::Trigger(_)) => {
                self.agenda.ask();
                Want::Automatic
            }
            (want, _) => want,
        };
        let changed = self.want != want;
        self.want = want;
        match (&self.want, self.rules.activation) {
            (Want::Rest(_), _) => self.agenda.pause(),
            (_, Activation::Trigger(trigger)) => self.agenda.begin(&trigger, now),
            _ => {}
        }
        if changed || by_hand {
            self.left = None;
        }
        if by_hand && matches!(self.phase, Phase::Waiting { .. }) {
            self.begin_anew();
        }
    }

    fn ruled(&mut self, rules: Rules, anew: bool, now: Duration, effects: &mut Vec<Effect>) {
        let same_activation = self.rules.activation == rules.activation;
        self.rules = rules;
        if !same_activation {
            self.agenda.pause();
            if let (Activation::Trigger(trigger), Want::Automatic | Want::Run) =
                (self.rules.activation, &self.want)
            {
                self.agenda.begin(&trigger, now);
            }
        }
        // Work under way is finished; the next one is done in the new way.
        if anew && !self.is_trigger() {
            self.restart(effects);
        }
    }

    fn restart(&mut self, effects: &mut Vec<Effect>) {
        if self.is_trigger() && matches!(self.want, Want::Automatic | Want::Run) {
            self.agenda.ask();
        }
        self.left = None;
        self.tally.reset();
        match &mut self.phase {
            Phase::Starting { .. } | Phase::Running { .. } => self.end(Cause::Restart, effects),
            Phase::Ending { cause, .. } => *cause = Cause::Restart,
            Phase::Waiting { .. } => self.begin_anew(),
            Phase::Resting => {}
        }
    }

    fn acquired(&mut self) {
        self.leases = self.leases.saturating_add(1);
        if self.leases == 1 && matches!(self.rules.activation, Activation::OnDemand { .. }) {
            self.left = None;
        }
    }

    fn launched(&mut self, generation: u64, now: Duration, effects: &mut Vec<Effect>) {
        if generation != self.generation || !matches!(self.phase, Phase::Starting { .. }) {
            return;
        }
        if self.is_trigger() {
            self.run(now, effects);
        } else {
            // The program's time begins when it does, however long the launch took.
            self.phase = Phase::Starting {
                deadline: now + self.rules.start.timeout,
            };
        }
    }

    fn not_launched(
        &mut self,
        generation: u64,
        lasting: bool,
        now: Duration,
        random: f64,
        effects: &mut Vec<Effect>,
    ) {
        if generation != self.generation || !self.has_process() {
            return;
        }
        let ending = matches!(self.phase, Phase::Ending { .. });
        self.phase = Phase::Resting;
        if self.is_trigger() && !ending {
            self.leave(Left::ExecutionFailed, effects);
        } else if !self.has_reason() {
            effects.push(Effect::Tell(News::Stopped));
        } else if ending {
            // It is wanted again since; obeying starts it.
        } else if lasting {
            let wait = limits::NOT_STARTABLE_RETRY;
            self.phase = Phase::Waiting {
                until: now + wait,
                why: Wait::NotStartable,
            };
            effects.push(Effect::Tell(News::NotStartable { wait }));
        } else {
            self.fail(now, random, effects);
        }
    }

    fn ready(&mut self, generation: u64, now: Duration, effects: &mut Vec<Effect>) {
        if generation == self.generation && matches!(self.phase, Phase::Starting { .. }) {
            self.run(now, effects);
        }
    }

    fn run(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        self.phase = Phase::Running {
            since: now,
            settled: false,
            misses: 0,
        };
        effects.push(Effect::Tell(News::Running {
            tries: self.tally.failures(),
        }));
    }

    fn checked(&mut self, generation: u64, check: Check, effects: &mut Vec<Effect>) {
        let Phase::Running { misses, .. } = &mut self.phase else {
            return;
        };
        if generation != self.generation {
            return;
        }
        let was_out = *misses >= self.rules.failures;
        let heal = self.rules.restart.policy != RestartPolicy::Never;
        match check {
            Check::Good => {
                *misses = 0;
                if was_out {
                    effects.push(Effect::Tell(News::Recovered));
                }
            }
            Check::Fatal if heal => self.end(Cause::Fatal, effects),
            Check::Failed | Check::Fatal => {
                *misses = misses.saturating_add(1);
                let checks = *misses;
                if checks == self.rules.failures {
                    effects.push(Effect::Tell(News::Unresponsive { checks }));
                    if heal {
                        self.end(Cause::Unresponsive, effects);
                    }
                }
            }
        }
    }

    fn ended(&mut self, success: bool, now: Duration, random: f64, effects: &mut Vec<Effect>) {
        let (cause, was_ready) = match self.phase {
            Phase::Ending { cause, was_ready } => (Some(cause), was_ready),
            Phase::Running { .. } => (None, true),
            Phase::Starting { .. } | Phase::Resting | Phase::Waiting { .. } => (None, false),
        };
        effects.push(Effect::Tell(News::Ended { cause, was_ready }));
        self.phase = Phase::Resting;
        let failed = cause.is_none_or(Cause::is_failure);
        let done = cause.is_none() && success && was_ready;
        let policy = self.rules.restart.policy;
        if failed && self.is_trigger() {
            self.leave(
                if done {
                    Left::Completed
                } else {
                    Left::ExecutionFailed
                },
                effects,
            );
        } else if !self.has_reason() {
            effects.push(Effect::Tell(News::Stopped));
        } else if !failed {
            // Ended to be started anew; obeying does so.
        } else if done && policy != RestartPolicy::Always {
            self.leave(Left::Finished, effects);
        } else if policy == RestartPolicy::Never {
            self.leave(Left::Failed, effects);
        } else {
            self.fail(now, random, effects);
        }
    }

    fn leave(&mut self, left: Left, effects: &mut Vec<Effect>) {
        self.left = Some(left);
        effects.push(Effect::Tell(match left {
            Left::Finished => News::Left { success: true },
            Left::Failed => News::Left { success: false },
            Left::Completed => News::Completed,
            Left::ExecutionFailed => News::ExecutionFailed,
        }));
    }

    fn fail(&mut self, now: Duration, random: f64, effects: &mut Vec<Effect>) {
        let wait = self
            .tally
            .failed(now, random, &self.rules.start.backoff, &self.rules.restart);
        let (why, news) = if self.tally.is_loop() {
            let (ends, within) = self.tally.of_loop(now);
            (Wait::CrashLoop, News::CrashLoop { ends, within, wait })
        } else {
            (Wait::Backoff, News::Backoff { wait })
        };
        self.phase = Phase::Waiting {
            until: now + wait,
            why,
        };
        effects.push(Effect::Tell(news));
    }

    fn promoted(&mut self, generation: u64, now: Duration, effects: &mut Vec<Effect>) {
        self.yielded = false;
        self.generation = generation;
        self.left = None;
        self.tally.reset();
        self.run(now, effects);
    }

    fn file_changed(&mut self) {
        if self.awaits_files() {
            self.tally.reset();
            self.begin_anew();
        }
    }

    fn tick(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if let Activation::Trigger(trigger) = self.rules.activation {
            let at_work = self.has_process();
            self.agenda.tick(&trigger, now, at_work);
        }
        match self.phase {
            Phase::Starting { deadline } if now >= deadline => self.end(Cause::StartTimeout, effects),
            Phase::Waiting { until, .. } if now >= until => self.try_now(),
            Phase::Running {
                since,
                settled,
                misses,
            } => {
                if !settled && now >= since + self.rules.restart.stable_after {
                    let failures = self.tally.failures();
                    self.tally.reset();
                    self.phase = Phase::Running {
                        since,
                        settled: true,
                        misses,
                    };
                    effects.push(Effect::Tell(News::Settled { failures }));
                }
                if self.overtime(since).is_some_and(|end| now >= end) {
                    self.end(Cause::Overtime, effects);
                } else if self.idle_end().is_some_and(|end| now >= end) {
                    self.end(Cause::Unwanted, effects);
                }
            }
            Phase::Starting { .. } | Phase::Waiting { .. } | Phase::Resting | Phase::Ending { .. } => {}
        }
    }

    /// Leaves a wait for another try by hand or by a change, as if nothing had failed.
    fn begin_anew(&mut self) {
        self.tally.reset();
        self.try_now();
    }

    fn try_now(&mut self) {
        if let Phase::Waiting {
            why: Wait::Backoff | Wait::CrashLoop,
            ..
        } = self.phase
        {
            self.restarts = self.restarts.saturating_add(1);
        }
        self.phase = Phase::Resting;
    }

    fn end(&mut self, cause: Cause, effects: &mut Vec<Effect>) {
        let was_ready = matches!(self.phase, Phase::Running { .. });
        self.phase = Phase::Ending { cause, was_ready };
        effects.push(Effect::End {
            generation: self.generation,
            cause,
            grace: self.grace(cause),
        });
    }

    /// Makes the process follow what is wanted.
    fn obey(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Resting if self.has_reason() => self.launch(now, effects),
            Phase::Starting { .. } | Phase::Running { .. } if !self.may_stay() => {
                let yields = self.yielded && !self.closing && !matches!(self.want, Want::Rest(_));
                self.end(if yields { Cause::Yield } else { Cause::Unwanted }, effects);
            }
            Phase::Waiting { .. } if !self.has_reason() => {
                self.phase = Phase::Resting;
                effects.push(Effect::Tell(News::Stopped));
            }
            Phase::Resting
            | Phase::Starting { .. }
            | Phase::Running { .. }
            | Phase::Ending { .. }
            | Phase::Waiting { .. } => {}
        }
        let idle = self.leases == 0 && matches!(self.phase, Phase::Running { .. });
        self.idle_since = idle.then(|| self.idle_since.unwrap_or(now));
    }

    fn launch(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if let Activation::Trigger(trigger) = self.rules.activation {
            self.agenda.start(&trigger, now);
        }
        self.left = None;
        self.generation = self.issue();
        self.phase = Phase::Starting {
            deadline: now + self.rules.start.timeout,
        };
        effects.push(Effect::Tell(News::Starting));
        effects.push(Effect::Launch {
            generation: self.generation,
        });
    }
}
