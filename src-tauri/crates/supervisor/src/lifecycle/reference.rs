//! A second, slow telling of the life cycle, for tests: it keeps everything that ever happened and answers every
//! question by reading the whole book again. It knows daemons; one-shots have tests of their own.

use std::time::Duration;

use super::{Cause, Check, Input, Rules};
use crate::limits;
use crate::spec::{Activation, Rest, RestartPolicy, Want};
use crate::view::InstanceState;

/// An entry of the book.
#[derive(Debug, Clone, PartialEq)]
enum Entry {
    Said(Want),
    Leases(u32),
    Room(bool),
    Closing,
    /// A process was ordered; its number.
    Ordered(u64),
    Exists,
    Ready,
    Check(Check),
    ToldToEnd(Cause),
    /// The process is gone, or never was.
    Gone,
    /// An end that counts against it.
    Failure,
    /// Earlier failures are forgotten.
    Forgiven,
    /// The next try is at that time, for that reason.
    Wait(Duration, Why),
    /// A wait is over.
    WaitOver,
    /// It is left as it is, with this state.
    LeftAs(InstanceState),
    /// The reason for that is gone.
    Unleft,
    Unneeded,
    Needed,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Why {
    Backoff,
    Loop,
    Files,
}

pub(super) struct Reference {
    rules: Rules,
    book: Vec<(Duration, Entry)>,
}

impl Reference {
    pub(super) fn new(rules: Rules) -> Self {
        Reference {
            rules,
            book: vec![(Duration::ZERO, Entry::Said(Want::Rest(Rest::Absent)))],
        }
    }

    /// Reads the book backwards for the newest entry that `pick` takes.
    fn last<T>(&self, pick: impl Fn(&Entry) -> Option<T>) -> Option<(usize, Duration, T)> {
        let found = |(index, (at, entry)): (usize, &(Duration, Entry))| Some((index, *at, pick(entry)?));
        self.book.iter().enumerate().rev().find_map(found)
    }

    fn want(&self) -> Want {
        let said = |e: &Entry| {
            if let Entry::Said(want) = e {
                Some(want.clone())
            } else {
                None
            }
        };
        self.last(said).map(|(_, _, want)| want).unwrap_or_default()
    }

    fn leases(&self) -> u32 {
        let leases = |e: &Entry| if let Entry::Leases(n) = e { Some(*n) } else { None };
        self.last(leases).map_or(0, |(_, _, n)| n)
    }

    fn kept_out(&self) -> bool {
        let room = |e: &Entry| {
            if let Entry::Room(room) = e {
                Some(*room)
            } else {
                None
            }
        };
        self.last(room).is_some_and(|(_, _, room)| room)
            || self.book.iter().any(|(_, e)| *e == Entry::Closing)
    }

    /// Index of the order of the process that exists, and its number.
    fn process(&self) -> Option<(usize, u64)> {
        let order = |e: &Entry| match e {
            Entry::Ordered(number) => Some(Some(*number)),
            Entry::Gone => Some(None),
            _ => None,
        };
        let (index, _, number) = self.last(order)?;
        number.map(|number| (index, number))
    }

    pub(super) fn number(&self) -> u64 {
        let order = |e: &Entry| {
            if let Entry::Ordered(number) = e {
                Some(*number)
            } else {
                None
            }
        };
        self.last(order).map_or(0, |(_, _, number)| number)
    }

    /// What the book says of the present process.
    fn of_process<T>(&self, pick: impl Fn(&Entry) -> Option<T>) -> Option<(Duration, T)> {
        let (begin, _) = self.process()?;
        self.last(pick)
            .filter(|(index, ..)| *index > begin)
            .map(|(_, at, found)| (at, found))
    }

    fn told(&self) -> Option<Cause> {
        self.of_process(|e| {
            if let Entry::ToldToEnd(cause) = e {
                Some(*cause)
            } else {
                None
            }
        })
        .map(|(_, c)| c)
    }

    fn ready_since(&self) -> Option<Duration> {
        self.of_process(|e| (*e == Entry::Ready).then_some(()))
            .map(|(at, ())| at)
    }

    fn misses(&self) -> u32 {
        let Some((begin, _)) = self.process() else {
            return 0;
        };
        let checks = self.book[begin..].iter().rev().filter_map(|(_, e)| match e {
            Entry::Check(check) => Some(*check),
            _ => None,
        });
        u32::try_from(checks.take_while(|check| *check != Check::Good).count()).expect("short")
    }

    fn waiting(&self) -> Option<(Duration, Why)> {
        let wait = |e: &Entry| match e {
            Entry::Wait(until, why) => Some(Some((*until, *why))),
            Entry::WaitOver => Some(None),
            _ => None,
        };
        self.last(wait)?.2
    }

    fn left(&self) -> Option<InstanceState> {
        let left = |e: &Entry| match e {
            Entry::LeftAs(state) => Some(Some(*state)),
            Entry::Unleft => Some(None),
            _ => None,
        };
        self.last(left)?.2
    }

    fn failures(&self) -> Vec<Duration> {
        let since = self
            .last(|e| (*e == Entry::Forgiven).then_some(()))
            .map_or(0, |(index, ..)| index);
        self.book[since..]
            .iter()
            .filter(|(_, e)| *e == Entry::Failure)
            .map(|(at, _)| *at)
            .collect()
    }

    /// Some failure since the last forgiveness was the one too many in its window.
    fn looping(&self) -> bool {
        let ends = self.failures();
        let window = self.rules.restart.window;
        ends.iter().enumerate().any(|(index, end)| {
            let inside = ends[..=index]
                .iter()
                .filter(|other| *end - **other <= window)
                .count();
            inside >= self.rules.restart.max as usize
        })
    }

    fn needed(&self) -> bool {
        !self.kept_out()
            && self.left().is_none()
            && match (self.want(), self.rules.activation) {
                (Want::Rest(_), _) | (Want::Automatic, Activation::Manual) => false,
                (Want::Automatic, Activation::OnDemand { .. }) => self.leases() > 0,
                _ => true,
            }
    }

    fn tolerated(&self) -> bool {
        let automatic_manual = self.want() == Want::Automatic && self.rules.activation == Activation::Manual;
        !self.kept_out() && !matches!(self.want(), Want::Rest(_)) && !automatic_manual
    }

    pub(super) fn state(&self) -> InstanceState {
        if self.process().is_some() {
            return match self.told() {
                Some(Cause::Unresponsive) => InstanceState::Unresponsive,
                Some(_) => InstanceState::Stopping,
                None if self.ready_since().is_none() => InstanceState::Starting,
                None if self.misses() >= self.rules.failures => InstanceState::Unresponsive,
                None => InstanceState::Running,
            };
        }
        if let Some((_, why)) = self.waiting() {
            return if why == Why::Loop {
                InstanceState::CrashLoop
            } else {
                InstanceState::Backoff
            };
        }
        if self.book.iter().any(|(_, e)| *e == Entry::Closing) {
            return InstanceState::Stopped;
        }
        match self.want() {
            Want::Rest(Rest::Absent) => InstanceState::Absent,
            Want::Rest(Rest::Stopped) => InstanceState::Stopped,
            Want::Rest(Rest::Disabled) => InstanceState::Disabled,
            Want::Rest(Rest::Inapplicable(_)) => InstanceState::Inapplicable,
            _ => self.left().unwrap_or(if self.kept_out() {
                InstanceState::Stopped
            } else {
                InstanceState::Idle
            }),
        }
    }

    /// Bounds of the next try's time, when one is waited for: jitter leaves the exact time open.
    pub(super) fn wait_bounds(&self) -> Option<(Duration, Duration)> {
        let (_, why) = self.waiting()?;
        let (since, _) = self
            .last(|e| matches!(e, Entry::Wait(..)).then_some(()))
            .map(|(_, at, ())| (at, ()))?;
        let spec = self.rules.start.backoff;
        let mut plain = spec.first;
        for _ in 1..self.failures().len() {
            plain = plain.mul_f64(spec.factor).min(spec.max);
        }
        let (least, most) = match why {
            Why::Files => (limits::NOT_STARTABLE_RETRY, limits::NOT_STARTABLE_RETRY),
            Why::Loop => (
                spec.max.mul_f64(1.0 - spec.jitter),
                spec.max.mul_f64(1.0 + spec.jitter),
            ),
            Why::Backoff => (plain.mul_f64(1.0 - spec.jitter), plain.mul_f64(1.0 + spec.jitter)),
        };
        Some((since + least, since + most))
    }

    /// Takes in what happened. `chosen` is the time of the next try that the life cycle settled on, which chance
    /// leaves open.
    pub(super) fn hear(&mut self, input: &Input, now: Duration, chosen: Option<Duration>) {
        let mine = |generation: u64| self.process().is_some_and(|(_, number)| number == generation);
        let starting = self.process().is_some() && self.told().is_none() && self.ready_since().is_none();
        let running = self.told().is_none() && self.ready_since().is_some();
        match input {
            Input::Want(want) => {
                if *want == Want::Run || *want != self.want() {
                    self.write(now, Entry::Unleft);
                }
                self.write(now, Entry::Said(want.clone()));
                if *want == Want::Run && self.waiting().is_some() {
                    self.write(now, Entry::Forgiven);
                    self.write(now, Entry::WaitOver);
                }
            }
            Input::Restart => {
                self.write(now, Entry::Unleft);
                self.write(now, Entry::Forgiven);
                self.write(now, Entry::WaitOver);
                if self.process().is_some() {
                    self.write(now, Entry::ToldToEnd(Cause::Restart));
                }
            }
            Input::Acquired => {
                let leases = self.leases();
                if leases == 0 && matches!(self.rules.activation, Activation::OnDemand { .. }) {
                    self.write(now, Entry::Unleft);
                }
                self.write(now, Entry::Leases(leases + 1));
            }
            Input::Released => self.write(now, Entry::Leases(self.leases().saturating_sub(1))),
            Input::Launched { generation } if mine(*generation) && starting => self.write(now, Entry::Exists),
            Input::NotLaunched { generation, lasting } if mine(*generation) => {
                let told = self.told().is_some();
                self.write(now, Entry::Gone);
                match (told || !self.needed(), *lasting) {
                    (true, _) => {}
                    (false, true) => {
                        let until = now + limits::NOT_STARTABLE_RETRY;
                        self.write(now, Entry::Wait(until, Why::Files));
                    }
                    (false, false) => self.count_failure(now, chosen),
                }
            }
            Input::Ready { generation } if mine(*generation) && starting => self.write(now, Entry::Ready),
            Input::Unfit { generation } if mine(*generation) && starting => {
                self.write(now, Entry::ToldToEnd(Cause::Protocol));
            }
            Input::Checked { generation, check } if mine(*generation) && running => {
                let heals = self.rules.restart.policy != RestartPolicy::Never;
                if *check == Check::Fatal && heals {
                    self.write(now, Entry::ToldToEnd(Cause::Fatal));
                } else {
                    self.write(now, Entry::Check(*check));
                    if self.misses() == self.rules.failures && *check != Check::Good && heals {
                        self.write(now, Entry::ToldToEnd(Cause::Unresponsive));
                    }
                }
            }
            Input::Ended { generation, success } if mine(*generation) => self.hear_end(*success, now, chosen),
            Input::Yield => self.write(now, Entry::Room(true)),
            Input::Resume => self.write(now, Entry::Room(false)),
            Input::FileChanged if matches!(self.waiting(), Some((_, Why::Loop | Why::Files))) => {
                self.write(now, Entry::Forgiven);
                self.write(now, Entry::WaitOver);
            }
            Input::Tick => self.hear_time(now),
            Input::Shutdown => self.write(now, Entry::Closing),
            _ => {}
        }
        self.draw_conclusions(now);
    }

    fn hear_end(&mut self, success: bool, now: Duration, chosen: Option<Duration>) {
        let told = self.told();
        let worked = self.book_has_ready();
        self.write(now, Entry::Gone);
        let counts = match told {
            None => true,
            Some(cause) => cause.is_failure(),
        };
        if !counts || !self.needed() {
            return;
        }
        let finished = told.is_none() && success && worked;
        match self.rules.restart.policy {
            RestartPolicy::Always => self.count_failure(now, chosen),
            RestartPolicy::OnFailure | RestartPolicy::Never if finished => {
                self.write(now, Entry::LeftAs(InstanceState::Stopped));
            }
            RestartPolicy::OnFailure => self.count_failure(now, chosen),
            RestartPolicy::Never => self.write(now, Entry::LeftAs(InstanceState::Crashed)),
        }
    }

    fn book_has_ready(&self) -> bool {
        self.ready_since().is_some()
    }

    fn count_failure(&mut self, now: Duration, chosen: Option<Duration>) {
        self.write(now, Entry::Failure);
        let why = if self.looping() { Why::Loop } else { Why::Backoff };
        self.write(now, Entry::Wait(chosen.unwrap_or(now), why));
    }

    fn hear_time(&mut self, now: Duration) {
        if self.waiting().is_some_and(|(until, _)| until <= now) {
            self.write(now, Entry::WaitOver);
            return;
        }
        let Some((begin, _)) = self.process() else { return };
        if self.told().is_some() {
            return;
        }
        if let Some(since) = self.ready_since() {
            let settles = since + self.rules.restart.stable_after;
            let forgiven = self
                .of_process(|e| (*e == Entry::Forgiven).then_some(()))
                .is_some();
            if !forgiven && now >= settles {
                self.write(now, Entry::Forgiven);
            }
            let idle = self.last(|e| match e {
                Entry::Unneeded => Some(true),
                Entry::Needed => Some(false),
                _ => None,
            });
            if let (Activation::OnDemand { idle_stop }, Want::Automatic) =
                (self.rules.activation, self.want())
                && let Some((index, at, true)) = idle
                && index > begin
                && now >= at + idle_stop
            {
                self.write(now, Entry::ToldToEnd(Cause::Unwanted));
            }
        } else {
            let exists = self
                .of_process(|e| (*e == Entry::Exists).then_some(()))
                .map(|(at, ())| at);
            let from = exists.unwrap_or(self.book[begin].0);
            if now >= from + self.rules.start.timeout {
                self.write(now, Entry::ToldToEnd(Cause::StartTimeout));
            }
        }
    }

    fn draw_conclusions(&mut self, now: Duration) {
        let needed = self.needed();
        if self.waiting().is_some() && !needed {
            self.write(now, Entry::WaitOver);
        } else if self.process().is_some() {
            if self.told().is_none() && !self.tolerated() {
                self.write(now, Entry::ToldToEnd(Cause::Unwanted));
            }
        } else if self.waiting().is_none() && needed {
            let number = self.number() + 1;
            self.write(now, Entry::Ordered(number));
        }
        let runs = self.process().is_some() && self.told().is_none() && self.ready_since().is_some();
        let idle = runs && self.leases() == 0;
        let was_idle = self
            .of_process(|e| match e {
                Entry::Unneeded => Some(true),
                Entry::Needed => Some(false),
                _ => None,
            })
            .is_some_and(|(_, idle)| idle);
        if idle != was_idle {
            self.write(now, if idle { Entry::Unneeded } else { Entry::Needed });
        }
    }

    fn write(&mut self, now: Duration, entry: Entry) {
        self.book.push((now, entry));
    }
}
