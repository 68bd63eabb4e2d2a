//! Checks of a running plugin: in turn, from the reports that are asked for anyway, and when somebody asks.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::{Actor, Heard, Inbound, wall_ms};
use crate::calls::{CallError, Calls};
use crate::health::{Finding, HealthAnswer, HealthBook, HealthReply, HealthWord, Source};
use crate::lifecycle::{Check, Input};
use crate::limits;
use crate::view::{ExitView, HealthCheck, HealthState, HealthView};

/// Bad reports in a row after which health is shown as failing before the next check in turn.
const BAD_REPORTS_SHOWN: u32 = 2;

/// A report that was heard not longer ago than this says how a plugin is now.
const REPORT_FRESH: Duration = Duration::from_secs(5);

/// Whether a plugin has a health route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Route {
    #[default]
    Unknown,
    There,
    Missing,
}

/// What reports have told.
#[derive(Debug, Default)]
struct Pulse {
    /// A good one came since the last check in turn.
    good: bool,
    /// A bad one did.
    bad: Option<CallError>,
    bad_in_row: u32,
    last: Option<(Duration, Result<Duration, CallError>)>,
}

/// What reports say to a check.
enum Beat {
    Good(Duration),
    Bad(CallError),
    Silent,
}

/// Health of one plugin.
#[derive(Default)]
pub(super) struct Health {
    book: HealthBook,
    route: Route,
    pulse: Pulse,
    first_took: Duration,
    next: Option<Duration>,
    /// Generation that the check under way is about.
    under_way: Option<u64>,
    /// The check under way is one in turn.
    counts: bool,
    last: Option<(Duration, Finding)>,
    waiters: Vec<oneshot::Sender<HealthReply>>,
}

/// A check that is done.
pub(crate) struct CheckDone {
    generation: u64,
    route: Route,
    finding: Finding,
    verdict: Check,
}

impl Health {
    pub(super) fn next_check(&self) -> Option<Duration> {
        self.next
    }

    pub(super) fn state(&self) -> HealthState {
        self.book.state()
    }

    pub(super) fn view(&self) -> HealthView {
        self.book.view()
    }

    /// How long the first report took.
    pub(super) fn expect(&mut self, took: Duration) {
        self.first_took = took;
    }

    /// What is wrong; empty when nothing is.
    pub(super) fn ailment(&self) -> String {
        let unwell = matches!(self.book.state(), HealthState::Failing | HealthState::Degraded);
        match &self.last {
            Some((_, finding)) if unwell => finding.check().messages.join("; "),
            _ => String::new(),
        }
    }

    /// Its process is gone.
    pub(super) fn end(&mut self) {
        self.book.unknown();
        self.next = None;
        self.under_way = None;
        self.last = None;
        self.pulse = Pulse::default();
        self.route = Route::Unknown;
    }

    /// Its process died.
    pub(super) fn died(&mut self, exit: &ExitView) {
        self.book.record(HealthCheck {
            at_ms: exit.at_ms,
            state: HealthState::Failing,
            code: 1,
            messages: vec![exit.text.clone()],
            source: "process".to_owned(),
            took_ms: 0,
        });
        self.book.unknown();
    }
}

impl Actor {
    /// It is ready: its first report was the first check.
    pub(super) fn begin_health(&mut self) {
        if self.cycle.is_trigger() {
            return;
        }
        self.health.end();
        let took = self.health.first_took;
        self.record(Finding::good_report(wall_ms(), took));
        self.health.next = Some(self.now() + self.interval());
    }

    fn interval(&self) -> Duration {
        self.spec.health.interval.max(limits::BEAT_MIN)
    }

    fn record(&mut self, finding: Finding) {
        let edge = self.health.book.record(finding.check());
        self.health.last = Some((self.now(), finding));
        if let Some(before) = edge {
            self.tell_health(before);
        }
    }

    /// Takes in what somebody heard who asks it for reports anyway.
    pub(super) fn heard(&mut self, socket: &Path, heard: Heard) {
        if !self.cycle.is_running() || self.cycle.is_trigger() || socket != self.spec.socket.path {
            return;
        }
        let now = self.now();
        let by_report = self
            .health
            .last
            .as_ref()
            .is_none_or(|(_, last)| last.source == Source::Report);
        let state = self.health.state();
        let pulse = &mut self.health.pulse;
        match heard {
            Heard::Good { took } => {
                pulse.good = true;
                pulse.bad_in_row = 0;
                pulse.last = Some((now, Ok(took)));
                if state == HealthState::Failing && by_report {
                    self.record(Finding::good_report(wall_ms(), took));
                }
            }
            Heard::Bad { error } => {
                pulse.bad = Some(error.clone());
                pulse.bad_in_row = pulse.bad_in_row.saturating_add(1);
                pulse.last = Some((now, Err(error.clone())));
                if pulse.bad_in_row == BAD_REPORTS_SHOWN && state == HealthState::Ok {
                    self.record(bad_report(error));
                }
            }
        }
    }

    /// The next check in turn is due.
    pub(super) fn check_in_turn(&mut self) {
        if !self.cycle.is_running() {
            self.health.next = None;
            return;
        }
        self.health.next = Some(self.now() + self.interval());
        self.health.counts = true;
        if self.health.under_way.is_some() {
            return;
        }
        let pulse = std::mem::take(&mut self.health.pulse);
        let took = match &pulse.last {
            Some((_, Ok(took))) => *took,
            _ => Duration::ZERO,
        };
        let beat = match (pulse.good, pulse.bad.clone()) {
            (true, _) => Beat::Good(took),
            (false, Some(error)) => Beat::Bad(error),
            (false, None) => Beat::Silent,
        };
        self.health.pulse = Pulse {
            good: false,
            bad: None,
            ..pulse
        };
        self.start_check(beat, self.spec.health.timeout);
    }

    /// Somebody asks how it is.
    pub(super) fn health_asked(&mut self, max_age: Duration, reply: oneshot::Sender<HealthReply>) {
        // Whoever asks and goes away again has no answer to get.
        if !self.cycle.is_running() {
            let _ = reply.send(HealthReply::not_running(&self.view(), wall_ms()));
            return;
        }
        let now = self.now();
        if self.cycle.is_trigger() {
            let work = Finding {
                source: Source::Process,
                ..Finding::good_report(wall_ms(), Duration::ZERO)
            };
            let _ = reply.send(HealthReply::running(&self.view(), &work));
            return;
        }
        if let Some((at, finding)) = &self.health.last
            && !max_age.is_zero()
            && now.saturating_sub(*at) <= max_age
        {
            let _ = reply.send(HealthReply::running(&self.view(), finding));
            return;
        }
        self.health.waiters.retain(|waiter| !waiter.is_closed());
        self.health.waiters.push(reply);
        if self.health.under_way.is_none() {
            self.health.counts = false;
            let beat = match &self.health.pulse.last {
                Some((at, Ok(took))) if now.saturating_sub(*at) <= REPORT_FRESH => Beat::Good(*took),
                Some((at, Err(error))) if now.saturating_sub(*at) <= REPORT_FRESH => Beat::Bad(error.clone()),
                _ => Beat::Silent,
            };
            self.start_check(beat, self.spec.health.timeout.min(limits::HEALTH_BUDGET));
        }
    }

    /// Whoever waits for a check hears that there is nothing to check.
    pub(super) fn answer_not_running(&mut self) {
        if self.health.waiters.is_empty() {
            return;
        }
        let reply = HealthReply::not_running(&self.view(), wall_ms());
        for waiter in self.health.waiters.drain(..) {
            let _ = waiter.send(reply.clone());
        }
    }

    fn start_check(&mut self, beat: Beat, budget: Duration) {
        let generation = self.cycle.generation();
        self.health.under_way = Some(generation);
        let declared = self.spec.health.declared;
        let question = Question {
            generation,
            id: self.shared.id.clone(),
            socket: self.spec.socket.path.clone(),
            route: self.health.route,
            ask: declared || self.health.route != Route::Missing,
            known: declared || self.health.route == Route::There,
            beat,
            budget,
        };
        let calls = Arc::clone(&self.common.calls);
        tokio::spawn(question.answer(calls, self.inward.clone()));
    }

    /// A check is done.
    pub(super) fn checked(&mut self, done: CheckDone) {
        if self.health.under_way != Some(done.generation) {
            return;
        }
        self.health.under_way = None;
        let counts = std::mem::take(&mut self.health.counts);
        if !self.cycle.is_running() || self.cycle.generation() != done.generation {
            self.answer_not_running();
            return;
        }
        self.health.route = done.route;
        self.record(done.finding.clone());
        if !self.health.waiters.is_empty() {
            let reply = HealthReply::running(&self.view(), &done.finding);
            for waiter in self.health.waiters.drain(..) {
                let _ = waiter.send(reply.clone());
            }
        }
        // Whoever asks often must not be the reason for a restart; its own word that it is lost is always heard.
        if counts || done.verdict == Check::Fatal {
            self.feed(Input::Checked {
                generation: done.generation,
                check: done.verdict,
            });
        }
    }
}

fn bad_report(error: CallError) -> Finding {
    Finding {
        source: Source::Report,
        found: Err(error),
        at_ms: wall_ms(),
        took: Duration::ZERO,
    }
}

/// A check, away from the actor.
struct Question {
    generation: u64,
    id: String,
    socket: PathBuf,
    route: Route,
    /// Ask its health route.
    ask: bool,
    /// It has one for certain.
    known: bool,
    beat: Beat,
    budget: Duration,
}

impl Question {
    async fn answer(mut self, calls: Arc<dyn Calls>, inward: mpsc::Sender<Inbound>) {
        let began = Instant::now();
        let said = self.ask_health(&*calls).await;
        let said_took = began.elapsed();
        let report = match (&said, std::mem::replace(&mut self.beat, Beat::Silent)) {
            // It answered just now; that is as good as a report. A failed answer is told as it is.
            (Some(_), Beat::Silent) => Ok(said_took),
            (_, Beat::Good(took)) => Ok(took),
            (_, Beat::Bad(error)) => Err(error),
            (None, Beat::Silent) => self.ask_report(&*calls).await,
        };
        let verdict = match (&said, &report) {
            (
                Some(Ok(HealthAnswer {
                    word: HealthWord::Fatal,
                    ..
                })),
                _,
            ) => Check::Fatal,
            (_, Err(_)) => Check::Failed,
            (Some(Err(_)), Ok(_)) if self.known => Check::Failed,
            (_, Ok(_)) => Check::Good,
        };
        let finding = match (said, report) {
            (Some(Ok(answer)), Err(error)) if answer.word != HealthWord::Fatal => bad_report(error),
            (Some(found), _) => Finding {
                source: Source::Health,
                found,
                at_ms: wall_ms(),
                took: said_took,
            },
            (None, Ok(took)) => Finding::good_report(wall_ms(), took),
            (None, Err(error)) => bad_report(error),
        };
        let done = CheckDone {
            generation: self.generation,
            route: self.route,
            finding,
            verdict,
        };
        // Nobody listens any more when the plugin is forgotten.
        let _ = inward.send(Inbound::Checked(done)).await;
    }

    async fn ask_health(&mut self, calls: &dyn Calls) -> Option<Result<HealthAnswer, CallError>> {
        if !self.ask {
            return None;
        }
        let call = timeout(self.budget, calls.health(&self.socket, None, self.budget)).await;
        match call.unwrap_or(Err(CallError::Timeout)) {
            Ok(Some(answer)) => {
                self.route = Route::There;
                Some(Ok(answer))
            }
            Ok(None) => {
                self.route = Route::Missing;
                None
            }
            Err(CallError::Refused(_)) if !self.known => None,
            Err(error) => Some(Err(error)),
        }
    }

    async fn ask_report(&self, calls: &dyn Calls) -> Result<Duration, CallError> {
        let call = calls.first_report(&self.socket, &self.id, limits::REPORT_BUDGET);
        timeout(limits::REPORT_BUDGET * 2, call)
            .await
            .unwrap_or(Err(CallError::Timeout))
            .map(|facts| facts.took)
    }
}
