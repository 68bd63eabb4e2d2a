//! The life of a task, without a clock, a thread or a socket: what happens to it goes in, what is to be done comes
//! out.
//!
//! Waiting is not failing: a task whose plugins are not there waits, however long, and no failure is counted. What
//! fails again and again is tried ever more rarely, and goes on by itself once it works.

mod counts;
mod refusal;
#[cfg(test)]
mod tests;
mod words;

use std::time::Duration;

pub use counts::{Counts, Missed, PastError};
pub use refusal::Refusal;
pub use words::{Effect, Happened, Input, Kept, OnFailure, Outcome, Phase, Rules, Then};

use crate::limits::{SLOW_FIRST, SLOW_MAX};
use crate::schedule::{Next, Now, Position, Schedule, Taken};

/// A task's life.
#[derive(Debug, Clone)]
pub struct Life {
    rules: Rules,
    phase: Phase,
    position: Option<Position>,
    /// Why what it needs is not there; none when it is.
    lacks: Option<String>,
    /// It has had what it needs since it was started.
    was_bound: bool,
    /// It was started for a single run.
    once: bool,
    /// The run under way was asked for by hand.
    by_hand: bool,
    /// Something new came that no run has taken.
    arrived: bool,
    fired: Option<Duration>,
    failures: u32,
    not_before: Option<Duration>,
    /// Planned runs since it was started.
    runs: u64,
    wake: Option<Duration>,
    counts: Counts,
}

impl Life {
    /// Of a task that was just made.
    pub fn new(rules: Rules) -> Life {
        Life {
            rules,
            phase: Phase::Stopped,
            position: None,
            lacks: None,
            was_bound: false,
            once: false,
            by_hand: false,
            arrived: false,
            fired: None,
            failures: 0,
            not_before: None,
            runs: 0,
            wake: None,
            counts: Counts::default(),
        }
    }

    /// Of a task from before the application's start: what was started is started again.
    pub fn resume(rules: Rules, kept: Kept, now: Now) -> (Life, Vec<Effect>) {
        let mut life = Life::new(rules);
        life.counts = kept.counts;
        let mut effects = Vec::new();
        match kept.phase {
            Phase::Stopped | Phase::Stopping => {}
            Phase::Ended | Phase::Disabled => life.phase = kept.phase,
            Phase::Waiting | Phase::Scheduled | Phase::Firing | Phase::Failing => {
                life.begin(false, now, &mut effects);
                life.runs = kept.runs;
                life.settle(now, &mut effects);
                life.set_wake(now, &mut effects);
            }
        }
        (life, effects)
    }

    /// Where it stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Where it stands, whether or not a run is under way.
    pub fn standing(&self) -> Phase {
        match self.phase {
            Phase::Firing if self.once => Phase::Stopped,
            Phase::Firing if self.not_before.is_some() => Phase::Failing,
            Phase::Firing => Phase::Scheduled,
            other => other,
        }
    }

    /// Whether a run is under way.
    pub fn is_firing(&self) -> bool {
        matches!(self.phase, Phase::Firing | Phase::Stopping)
    }

    /// Failed runs in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// The pause that it is given because of those; none while it is tried as often as planned.
    pub fn slowed_to(&self) -> Option<Duration> {
        self.not_before.map(|_| self.pause())
    }

    /// What was counted.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What has to outlive the application.
    pub fn kept(&self) -> Kept {
        Kept {
            phase: if self.once { Phase::Stopped } else { self.phase },
            runs: self.runs,
            counts: self.counts.clone(),
        }
    }

    /// What it waits for.
    pub fn waits_for(&self) -> Option<&str> {
        match self.phase {
            Phase::Waiting => self.lacks.as_deref(),
            _ => None,
        }
    }

    /// When the next run is meant to be, in milliseconds since the epoch.
    pub fn next_run_ms(&self, now: Now) -> Option<i64> {
        let planned = match self.phase {
            Phase::Scheduled | Phase::Failing | Phase::Waiting => self.position.as_ref()?.planned_ms(now)?,
            _ => return None,
        };
        let earliest = self.not_before.map(|at| {
            let ahead = i64::try_from(at.saturating_sub(now.monotonic).as_millis()).unwrap_or(i64::MAX);
            now.wall_ms.saturating_add(ahead)
        });
        Some(earliest.map_or(planned, |earliest| planned.max(earliest)))
    }

    /// Takes in what happens, and says what is to be done, in order.
    ///
    /// # Errors
    /// When what somebody wants contradicts where it stands; nothing has changed then.
    pub fn step(&mut self, input: Input, now: Now) -> Result<Vec<Effect>, Refusal> {
        let mut effects = Vec::new();
        match input {
            Input::Start => self.start(now, &mut effects)?,
            Input::Stop => self.stop(&mut effects)?,
            Input::Enable => {
                if self.phase != Phase::Disabled {
                    return Err(Refusal::NotDisabled);
                }
                self.phase = Phase::Stopped;
                self.failures = 0;
                effects.push(Effect::Tell(Happened::Enabled));
            }
            Input::Remove => match self.phase {
                Phase::Stopped | Phase::Ended | Phase::Disabled => {
                    effects.push(Effect::Tell(Happened::Removed));
                }
                _ => return Err(Refusal::NotStopped),
            },
            Input::RunNow => self.run_now(now, &mut effects)?,
            Input::Replace(rules) => self.replace(rules, now, &mut effects),
            Input::Bound(bound) => self.bind(bound.err(), now, &mut effects),
            Input::Tick => self.tick(now, &mut effects),
            Input::Arrived => self.arrive(now, &mut effects),
            Input::RunEnded(outcome) => self.run_ended(outcome, now, &mut effects),
        }
        self.set_wake(now, &mut effects);
        Ok(effects)
    }

    /// The moment that it wanted to be woken at was used up.
    pub(crate) fn slept(&mut self) {
        self.wake = None;
    }

    fn start(&mut self, now: Now, effects: &mut Vec<Effect>) -> Result<(), Refusal> {
        match self.phase {
            Phase::Stopped | Phase::Ended => {}
            Phase::Stopping => return Err(Refusal::Stopping),
            Phase::Disabled => return Err(Refusal::Disabled),
            Phase::Waiting | Phase::Firing if self.once => {
                // It was to run once; from here on it runs as planned.
                self.once = false;
                return Ok(());
            }
            Phase::Waiting | Phase::Scheduled | Phase::Firing | Phase::Failing => {
                return Err(Refusal::AlreadyStarted);
            }
        }
        if self.rules.schedule.is_past(now.wall_ms) {
            return Err(Refusal::Past);
        }
        self.begin(false, now, effects);
        Ok(())
    }

    /// Starts it; whether what it needs is there is yet to be told.
    fn begin(&mut self, once: bool, now: Now, effects: &mut Vec<Effect>) {
        self.phase = Phase::Waiting;
        self.once = once;
        self.position = Some(Position::begin(&self.rules.schedule, self.rules.share, now));
        self.lacks = Some("what it needs is being looked for".to_owned());
        self.was_bound = false;
        self.arrived = false;
        self.fired = None;
        self.failures = 0;
        self.not_before = None;
        self.runs = 0;
        effects.push(Effect::Subscribe);
        if !once {
            effects.push(Effect::Tell(Happened::Started));
        }
    }

    fn stop(&mut self, effects: &mut Vec<Effect>) -> Result<(), Refusal> {
        match self.phase {
            Phase::Waiting | Phase::Scheduled | Phase::Failing => {
                self.leave(Phase::Stopped, Happened::Stopped, effects);
            }
            Phase::Firing => self.phase = Phase::Stopping,
            Phase::Stopping => return Err(Refusal::Stopping),
            Phase::Stopped => return Err(Refusal::AlreadyStopped),
            Phase::Ended => return Err(Refusal::Ended),
            Phase::Disabled => return Err(Refusal::Disabled),
        }
        Ok(())
    }

    /// It is not started any more.
    fn leave(&mut self, phase: Phase, happened: Happened, effects: &mut Vec<Effect>) {
        self.phase = phase;
        self.position = None;
        self.not_before = None;
        self.arrived = false;
        self.once = false;
        effects.push(Effect::Unsubscribe);
        effects.push(Effect::Tell(happened));
    }

    fn run_now(&mut self, now: Now, effects: &mut Vec<Effect>) -> Result<(), Refusal> {
        match self.phase {
            Phase::Stopped | Phase::Ended => self.begin(true, now, effects),
            Phase::Scheduled | Phase::Failing => {
                self.by_hand = true;
                self.fire(now, effects);
            }
            Phase::Waiting => return Err(Refusal::Waiting(self.lacks.clone().unwrap_or_default())),
            Phase::Firing | Phase::Stopping => return Err(Refusal::Running),
            Phase::Disabled => return Err(Refusal::Disabled),
        }
        Ok(())
    }

    fn replace(&mut self, rules: Rules, now: Now, effects: &mut Vec<Effect>) {
        let replanned = rules.schedule != self.rules.schedule;
        self.rules = rules;
        self.failures = 0;
        self.not_before = None;
        effects.push(Effect::Tell(Happened::Changed));
        if !self.is_started() {
            return;
        }
        if replanned {
            self.position = Some(Position::begin(&self.rules.schedule, self.rules.share, now));
            self.runs = 0;
            // The run that is under way takes the place of the first one.
            if matches!(self.phase, Phase::Firing | Phase::Stopping)
                && let Some(position) = &mut self.position
            {
                position.skip(now);
            }
        }
        effects.push(Effect::Subscribe);
        self.settle(now, effects);
    }

    fn bind(&mut self, lacks: Option<String>, now: Now, effects: &mut Vec<Effect>) {
        if !self.is_started() {
            return;
        }
        let is_first = lacks.is_none() && !self.was_bound;
        let waited = self.phase == Phase::Waiting;
        let told = lacks.is_some() && self.lacks != lacks;
        self.lacks = lacks;
        if is_first {
            // The first run is at once, however long it had to wait for that.
            self.was_bound = true;
            self.position = Some(Position::begin(&self.rules.schedule, self.rules.share, now));
        } else if waited && self.lacks.is_none() {
            self.pass_waiting(now);
        }
        match &self.lacks {
            Some(why) if told => effects.push(Effect::Tell(Happened::Waiting(why.clone()))),
            None if waited && !self.once => effects.push(Effect::Tell(Happened::Ready)),
            _ => {}
        }
        self.settle(now, effects);
    }

    fn pass_waiting(&mut self, now: Now) {
        if let Some(position) = &mut self.position {
            let passed = position.skip(now);
            if self.was_bound {
                self.counts.missed.waiting += passed;
            }
        }
    }

    fn tick(&mut self, now: Now, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Waiting => {
                self.pass_waiting(now);
                self.settle(now, effects);
            }
            Phase::Scheduled | Phase::Failing => {
                if self.not_before.is_some_and(|at| now.monotonic < at) {
                    return;
                }
                if let Schedule::Stream { .. } = self.rules.schedule {
                    self.fire_stream(now, effects);
                    return;
                }
                if self.rules.schedule == Schedule::Manual {
                    return;
                }
                let Some(position) = &mut self.position else {
                    return;
                };
                match position.take(now) {
                    Taken::Slot { missed } => {
                        if self.phase == Phase::Failing {
                            self.counts.missed.slow += missed;
                        } else {
                            self.counts.missed.late += missed;
                        }
                        self.runs += 1;
                        self.fire(now, effects);
                    }
                    Taken::Early => {}
                    Taken::Over => self.leave(Phase::Ended, Happened::Ended, effects),
                }
            }
            _ => {}
        }
    }

    fn arrive(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !matches!(self.rules.schedule, Schedule::Stream { .. }) || !self.is_started() {
            return;
        }
        self.arrived = true;
        if matches!(self.phase, Phase::Scheduled | Phase::Failing) {
            self.fire_stream(now, effects);
        }
    }

    /// Runs on what a stream brought, if it may by now.
    fn fire_stream(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let due = self.stream_due();
        if self.arrived && due.is_none_or(|at| at <= now.monotonic) {
            self.arrived = false;
            self.runs += 1;
            self.fire(now, effects);
        }
    }

    /// When the next run on a stream may be; none when it may be at any time.
    fn stream_due(&self) -> Option<Duration> {
        let Schedule::Stream { pause, .. } = self.rules.schedule else {
            return None;
        };
        let paced = self.fired.map(|fired| fired + pause);
        paced.max(self.not_before)
    }

    fn fire(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.phase = Phase::Firing;
        self.fired = Some(now.monotonic);
        self.counts.runs += 1;
        self.counts.last_run_ms = Some(now.wall_ms);
        effects.push(Effect::Fire);
    }

    fn run_ended(&mut self, outcome: Outcome, now: Now, effects: &mut Vec<Effect>) {
        if !matches!(self.phase, Phase::Firing | Phase::Stopping) {
            return;
        }
        let by_hand = std::mem::take(&mut self.by_hand);
        if let Some(position) = &mut self.position {
            let passed = position.skip(now);
            self.counts.missed.busy += if self.once { 0 } else { passed };
        }
        let was_skipped = matches!(outcome, Outcome::Skipped(_));
        let why = self.count_outcome(outcome, now);
        if self.phase == Phase::Stopping || self.once {
            self.leave(Phase::Stopped, Happened::Stopped, effects);
            return;
        }
        let limit = self.rules.on_failure;
        match why {
            _ if was_skipped => {
                // It proves nothing: neither that it works nor that it does not.
                self.runs = self.runs.saturating_sub(u64::from(!by_hand));
                if self.not_before.is_some() {
                    self.not_before = Some(now.monotonic + self.pause());
                }
            }
            None => {
                let had_failed = self.not_before.take().is_some();
                self.failures = 0;
                if had_failed {
                    effects.push(Effect::Tell(Happened::Recovered));
                }
            }
            Some(why) => {
                self.failures = self.failures.saturating_add(1);
                match limit.then {
                    Then::Disable if self.failures >= limit.after => {
                        self.leave(Phase::Disabled, Happened::Disabled(why), effects);
                        return;
                    }
                    Then::Slow if self.failures >= limit.after => {
                        if self.not_before.is_none() {
                            effects.push(Effect::Tell(Happened::Failing(why)));
                        }
                        self.not_before = Some(now.monotonic + self.pause());
                    }
                    Then::Slow | Then::Disable | Then::Ignore => {}
                }
            }
        }
        // Neither waiting nor scheduled yet: that is decided by what is there.
        self.phase = Phase::Scheduled;
        self.settle(now, effects);
    }

    /// Counts how a run went; gives why it failed.
    fn count_outcome(&mut self, outcome: Outcome, now: Now) -> Option<String> {
        match outcome {
            Outcome::Ok => {
                self.counts.ok += 1;
                None
            }
            Outcome::Partial(why) => {
                self.counts.partial += 1;
                self.counts.note(now.wall_ms, &why);
                None
            }
            Outcome::Skipped(_) => {
                self.counts.runs = self.counts.runs.saturating_sub(1);
                self.counts.missed.empty += 1;
                None
            }
            Outcome::Failed(why) => {
                self.counts.failed += 1;
                self.counts.note(now.wall_ms, &why);
                Some(why)
            }
        }
    }

    /// How long it is left alone after the failures so far.
    fn pause(&self) -> Duration {
        let base = self.rules.schedule.interval().unwrap_or_default().max(SLOW_FIRST);
        let beyond = self.failures.saturating_sub(self.rules.on_failure.after).min(20);
        base.saturating_mul(2u32.saturating_pow(beyond + 1)).min(SLOW_MAX)
    }

    /// Decides between waiting, scheduled, failing and over, where no run is under way.
    fn settle(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !matches!(self.phase, Phase::Waiting | Phase::Scheduled | Phase::Failing) {
            return;
        }
        let over = match &self.position {
            Some(position) => position.next(now) == Next::Over,
            None => false,
        };
        let counted_out = self
            .rules
            .schedule
            .count()
            .is_some_and(|count| self.runs >= count);
        if (over || counted_out) && !self.once {
            self.leave(Phase::Ended, Happened::Ended, effects);
            return;
        }
        self.phase = match (&self.lacks, self.not_before) {
            (Some(_), _) => Phase::Waiting,
            (None, Some(_)) => Phase::Failing,
            (None, None) => Phase::Scheduled,
        };
        if self.phase == Phase::Waiting {
            return;
        }
        if self.once {
            self.fire(now, effects);
        } else if self.arrived {
            self.fire_stream(now, effects);
        }
    }

    fn is_started(&self) -> bool {
        !matches!(self.phase, Phase::Stopped | Phase::Ended | Phase::Disabled)
    }

    fn set_wake(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let wake = self.wanted_wake(now);
        if wake != self.wake {
            self.wake = wake;
            effects.push(Effect::Wake(wake));
        }
    }

    fn wanted_wake(&self, now: Now) -> Option<Duration> {
        match self.phase {
            Phase::Waiting | Phase::Scheduled | Phase::Failing => {}
            _ => return None,
        }
        if self.phase != Phase::Waiting && self.arrived {
            return self.stream_due();
        }
        match self.position.as_ref()?.next(now) {
            Next::At(at) => Some(self.not_before.map_or(at, |earliest| at.max(earliest))),
            Next::Unplanned => None,
            Next::Over => Some(now.monotonic),
        }
    }
}
