//! The life of a plugin's process as a pure function: state and news in, state and effects out.
//!
//! Nothing here reads a clock, waits or does I/O. Time is what has passed since the supervisor began, so that a
//! jump of the machine's clock changes nothing. Every piece of news about a process carries its generation;
//! late news of an earlier one change nothing.

mod agenda;
#[cfg(test)]
mod reference;
mod rest;
mod step;
mod tally;
#[cfg(test)]
mod tests;

use std::time::Duration;

use agenda::Agenda;
use tally::Tally;
pub(crate) use tally::wait;

use crate::limits;
use crate::spec::{Activation, RestartSpec, Spec, StartSpec, Want};
use crate::view::InstanceState;

/// The part of a spec that decides when its process starts and ends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rules {
    pub(crate) activation: Activation,
    pub(crate) start: StartSpec,
    pub(crate) restart: RestartSpec,
    /// Failed checks in a row that make it unresponsive.
    pub(crate) failures: u32,
    pub(crate) stop_timeout: Duration,
}

impl Rules {
    pub(crate) fn of(spec: &Spec) -> Self {
        Rules {
            activation: spec.activation,
            start: spec.start,
            restart: spec.restart,
            failures: spec.health.failures.max(1),
            stop_timeout: spec.stop_timeout,
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Input {
    /// Somebody wants something of it.
    Want(Want),
    /// How it is run changed. `anew` says that the running process has to be replaced.
    Rules { rules: Rules, anew: bool },
    /// Stop and start it, now.
    Restart,
    /// Somebody needs it.
    Acquired,
    /// Somebody needs it no longer.
    Released,
    /// The process exists.
    Launched { generation: u64 },
    /// There is no process. `lasting` says that something must be changed first.
    NotLaunched { generation: u64, lasting: bool },
    /// The first valid report came.
    Ready { generation: u64 },
    /// It answers, but not as a plugin.
    Unfit { generation: u64 },
    /// A check of a process that was ready.
    Checked { generation: u64, check: Check },
    /// The process and all its descendants are gone. `success` is an end of its own with code 0.
    Ended { generation: u64, success: bool },
    /// Make room: a candidate needs the place.
    Yield,
    /// The candidate is gone.
    Resume,
    /// The candidate with this generation is the instance now; there is no other process.
    Promoted { generation: u64 },
    /// A file that its start depends on changed.
    FileChanged,
    /// The deadline may have passed.
    Tick,
    /// Everything ends.
    Shutdown,
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// It works.
    Good,
    /// No valid answer.
    Failed,
    /// It says itself that it cannot go on.
    Fatal,
}

/// Why a process is being ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It is not wanted.
    Unwanted,
    /// It is to be started anew.
    Restart,
    /// It makes room for a candidate.
    Yield,
    /// No valid report within the start timeout.
    StartTimeout,
    /// Answers that are not a plugin's.
    Protocol,
    /// Too many failed checks.
    Unresponsive,
    /// Its own word that it cannot go on.
    Fatal,
    /// Its work took too long.
    Overtime,
}

impl Cause {
    /// Whether the plugin, not we, is the reason.
    pub(crate) fn is_failure(self) -> bool {
        match self {
            Cause::Unwanted | Cause::Restart | Cause::Yield => false,
            Cause::StartTimeout | Cause::Protocol | Cause::Unresponsive | Cause::Fatal | Cause::Overtime => {
                true
            }
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Effect {
    /// Launch a process.
    Launch { generation: u64 },
    /// End the process, even one that is just being launched.
    End {
        generation: u64,
        cause: Cause,
        grace: Duration,
    },
    /// Tell.
    Tell(News),
}

/// What is worth telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    Starting,
    Running {
        tries: u32,
    },
    Unresponsive {
        checks: u32,
    },
    Recovered,
    /// It has run long enough for earlier failures to be forgotten.
    Settled {
        failures: u32,
    },
    /// The process ended; `cause` is why we ended it, none when it ended by itself.
    Ended {
        cause: Option<Cause>,
        was_ready: bool,
    },
    Backoff {
        wait: Duration,
    },
    CrashLoop {
        /// So many ends since it became one,
        ends: usize,
        /// in this time.
        within: Duration,
        wait: Duration,
    },
    NotStartable {
        wait: Duration,
    },
    Stopped,
    /// It ended and the restart policy leaves it so.
    Left {
        success: bool,
    },
    Completed,
    ExecutionFailed,
}

/// Where a process stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// There is none, and none is awaited.
    Resting,
    /// Launched or being launched; not ready.
    Starting { deadline: Duration },
    /// Ready (or, for a trigger, at work).
    Running {
        since: Duration,
        settled: bool,
        misses: u32,
    },
    /// Being ended.
    Ending { cause: Cause, was_ready: bool },
    /// Waiting for the next try.
    Waiting { until: Duration, why: Wait },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    Backoff,
    CrashLoop,
    NotStartable,
}

/// What an end by itself left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// Ended with code 0.
    Finished,
    /// Failed, and the policy is never to start it again.
    Failed,
    /// A trigger's work was done.
    Completed,
    /// A trigger's work failed.
    ExecutionFailed,
}

/// The life of one plugin's process.
#[derive(Debug, Clone)]
pub(crate) struct Lifecycle {
    rules: Rules,
    want: Want,
    leases: u32,
    /// Since when nobody has needed it, while it runs on demand.
    idle_since: Option<Duration>,
    /// Numbers given to processes, candidates included.
    issued: u64,
    generation: u64,
    phase: Phase,
    left: Option<Left>,
    yielded: bool,
    closing: bool,
    tally: Tally,
    agenda: Agenda,
    restarts: u64,
}

impl Lifecycle {
    pub(crate) fn new(rules: Rules) -> Self {
        Lifecycle {
            rules,
            want: Want::Rest(crate::spec::Rest::Absent),
            leases: 0,
            idle_since: None,
            issued: 0,
            generation: 0,
            phase: Phase::Resting,
            left: None,
            yielded: false,
            closing: false,
            tally: Tally::default(),
            agenda: Agenda::default(),
            restarts: 0,
        }
    }

    /// The state shown.
    pub(crate) fn state(&self) -> InstanceState {
        match self.phase {
            Phase::Resting => self.resting_state(),
            Phase::Starting { .. } => InstanceState::Starting,
            Phase::Running { misses, .. } if misses >= self.rules.failures => InstanceState::Unresponsive,
            Phase::Running { .. } => InstanceState::Running,
            Phase::Ending {
                cause: Cause::Unresponsive,
                ..
            } => InstanceState::Unresponsive,
            Phase::Ending { .. } => InstanceState::Stopping,
            Phase::Waiting {
                why: Wait::CrashLoop, ..
            } => InstanceState::CrashLoop,
            Phase::Waiting { .. } => InstanceState::Backoff,
        }
    }

    /// When [`Input::Tick`] is needed next.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let phase = match self.phase {
            Phase::Starting { deadline } => Some(deadline),
            Phase::Waiting { until, .. } => Some(until),
            Phase::Running { since, settled, .. } => {
                let settles = (!settled).then(|| since + self.rules.restart.stable_after);
                earliest(settles, earliest(self.overtime(since), self.idle_end()))
            }
            Phase::Resting | Phase::Ending { .. } => None,
        };
        earliest(phase, if self.closing { None } else { self.agenda.next() })
    }

    /// Number of the present or last process.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// A number for the process of a candidate.
    pub(crate) fn issue(&mut self) -> u64 {
        self.issued += 1;
        self.issued
    }

    /// When the next try is.
    pub(crate) fn next_try(&self) -> Option<Duration> {
        match self.phase {
            Phase::Waiting { until, .. } => Some(until),
            Phase::Resting if !self.closing => self.agenda.next(),
            Phase::Resting | Phase::Starting { .. } | Phase::Running { .. } | Phase::Ending { .. } => None,
        }
    }

    /// Restarts after an unwanted end.
    pub(crate) fn restarts(&self) -> u64 {
        self.restarts
    }

    /// Failures since the last lasting start.
    pub(crate) fn failures(&self) -> u32 {
        self.tally.failures()
    }

    /// Whether the process has run long enough for its start to count as lasting.
    pub(crate) fn is_settled(&self) -> bool {
        matches!(self.phase, Phase::Running { settled: true, .. })
    }

    /// Whether a change of its files could help.
    pub(crate) fn awaits_files(&self) -> bool {
        matches!(
            self.phase,
            Phase::Waiting {
                why: Wait::CrashLoop | Wait::NotStartable,
                ..
            }
        )
    }

    /// Whether there is a process, or one is being launched.
    pub(crate) fn has_process(&self) -> bool {
        match self.phase {
            Phase::Starting { .. } | Phase::Running { .. } | Phase::Ending { .. } => true,
            Phase::Resting | Phase::Waiting { .. } => false,
        }
    }

    /// Whether it is ready and meant to stay.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running { .. })
    }

    /// Whether what runs is a trigger's work, which makes no reports.
    pub(crate) fn is_trigger(&self) -> bool {
        matches!(self.rules.activation, Activation::Trigger(_))
    }

    /// Grace when a process is ended for `cause`.
    fn grace(&self, cause: Cause) -> Duration {
        match cause {
            Cause::Unresponsive | Cause::Fatal => self.rules.stop_timeout.min(limits::UNRESPONSIVE_GRACE),
            Cause::Unwanted
            | Cause::Restart
            | Cause::Yield
            | Cause::StartTimeout
            | Cause::Protocol
            | Cause::Overtime => self.rules.stop_timeout,
        }
    }

    fn overtime(&self, since: Duration) -> Option<Duration> {
        match self.rules.activation {
            Activation::Trigger(trigger) => Some(since + trigger.timeout),
            Activation::Always | Activation::OnDemand { .. } | Activation::Manual => None,
        }
    }

    fn idle_end(&self) -> Option<Duration> {
        match (self.rules.activation, &self.want) {
            (Activation::OnDemand { idle_stop }, Want::Automatic) => Some(self.idle_since? + idle_stop),
            _ => None,
        }
    }
}

fn earliest(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
