//! A second process beside the instance: it shows that another spec works, and then takes the instance's place
//! or goes.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use orrery_runner::Exit;
use orrery_runner::output::Level;
use tokio::sync::{oneshot, watch};

use super::exit::{Circumstances, because, exit_view, never_ran};
use super::order::Accepted;
use super::{Actor, Inbound, Live, wall_ms};
use crate::calls::ReportFacts;
use crate::error::SupervisorError;
use crate::event::EventKind;
use crate::lifecycle::{Cause, Input, wait};
use crate::spec::{Activation, Spec, Want};
use crate::tenure::{Listening, Plan, Tenure, Word};
use crate::view::{ExitView, HealthState, HealthView, InstanceState, InstanceView};
use crate::{limits, sockets};

/// How far a candidate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum CandidateStage {
    /// It is being tried.
    #[default]
    Starting,
    /// It can be promoted.
    Ready,
    /// It failed.
    Failed,
}

/// What others see of a candidate.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct CandidateView {
    pub(crate) stage: CandidateStage,
    pub(crate) instance: InstanceView,
    pub(crate) facts: Option<ReportFacts>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The instance has to make room first.
    NeedsRoom,
    Trying,
    /// Until its next try.
    Waiting,
    Ready,
    Promoting,
    Failed,
    /// It is being ended.
    Leaving,
}

/// A candidate.
pub(super) struct Candidate {
    number: u64,
    spec: Spec,
    /// Path of its own, apart from the instance's. Without one the instance makes room first.
    staging: Option<PathBuf>,
    stage: Stage,
    generation: u64,
    tries: u32,
    deadline: Option<Duration>,
    tenure: Option<Tenure>,
    live: Option<Live>,
    listening: Listening,
    place: Arc<Mutex<PathBuf>>,
    cause: Option<Cause>,
    doubt: String,
    since_ms: i64,
    last_exit: Option<ExitView>,
    facts: Option<ReportFacts>,
    status: watch::Sender<CandidateView>,
    leaving: Vec<oneshot::Sender<()>>,
    promotion: Option<Promotion>,
}

struct Promotion {
    want: Want,
    reply: oneshot::Sender<Result<u64, SupervisorError>>,
    /// No call on the old process is under way any more.
    drained: bool,
    /// The candidate ended meanwhile.
    ended: Option<Exit>,
}

impl Candidate {
    /// Whether this is the number of its process.
    pub(super) fn has(&self, generation: u64) -> bool {
        self.tenure
            .as_ref()
            .is_some_and(|tenure| tenure.generation == generation)
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    fn stays_apart(&self) -> bool {
        self.staging.is_some()
    }

    fn socket(&self) -> PathBuf {
        let staging = self.staging.clone();
        staging.unwrap_or_else(|| self.spec.socket.path.clone())
    }

    /// A one-shot shows what it can when its trigger fires.
    fn needs_no_process(&self) -> bool {
        matches!(self.spec.activation, Activation::Trigger(_))
    }

    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.since_ms = wall_ms();
    }

    fn show(&self) {
        let (stage, state) = match self.stage {
            Stage::NeedsRoom | Stage::Trying => (CandidateStage::Starting, InstanceState::Starting),
            Stage::Waiting => (CandidateStage::Starting, InstanceState::Backoff),
            Stage::Ready | Stage::Promoting => (CandidateStage::Ready, InstanceState::Running),
            Stage::Failed => (CandidateStage::Failed, InstanceState::Crashed),
            Stage::Leaving => (CandidateStage::Failed, InstanceState::Stopping),
        };
        let well = stage == CandidateStage::Ready;
        let reason = match (&self.last_exit, stage) {
            (_, CandidateStage::Ready) | (None, _) => String::new(),
            (Some(exit), _) => exit.text.clone(),
        };
        let view = CandidateView {
            stage,
            instance: InstanceView {
                state,
                reason,
                since_ms: self.since_ms,
                pid: self.live.as_ref().map(|live| live.program.pid()),
                generation: self.generation,
                started_ms: self.live.as_ref().map(|live| live.program.started_ms()),
                next_try_ms: None,
                restarts: u64::from(self.tries.saturating_sub(1)),
                last_exit: self.last_exit.clone(),
                socket: self.socket().display().to_string(),
                limits: self.live.as_ref().map(Live::shown_limits).unwrap_or_default(),
                health: HealthView {
                    state: if well {
                        HealthState::Ok
                    } else {
                        HealthState::Unknown
                    },
                    ..HealthView::default()
                },
                usage: None,
            },
            facts: self.facts.clone(),
        };
        self.status.send_if_modified(|shown| {
            let changed = *shown != view;
            *shown = view;
            changed
        });
    }
}

impl Actor {
    pub(super) fn candidate_ordered(
        &mut self,
        spec: Spec,
        reply: oneshot::Sender<Result<Accepted, SupervisorError>>,
    ) {
        if self.candidate.is_some() {
            let _ = reply.send(Err(SupervisorError::Busy(self.shared.id.clone())));
            return;
        }
        let number = self.cycle.issue();
        let (held, released) = oneshot::channel::<()>();
        let inward = self.inward.clone();
        tokio::spawn(async move {
            // Ends when the handle does.
            let _ = released.await;
            let _ = inward.send(Inbound::Dropped(number)).await;
        });
        // Two accounts would take the working directory from each other.
        let overlaps = spec.user == self.spec.user;
        let candidate = Candidate {
            number,
            staging: spec.socket.staging_of(number).filter(|_| overlaps),
            stage: Stage::NeedsRoom,
            generation: number,
            tries: 0,
            deadline: None,
            tenure: None,
            live: None,
            listening: Listening::default(),
            place: Arc::default(),
            cause: None,
            doubt: String::new(),
            since_ms: wall_ms(),
            last_exit: None,
            facts: None,
            status: watch::Sender::default(),
            leaving: Vec::new(),
            promotion: None,
            spec,
        };
        let status = candidate.status.subscribe();
        let apart = candidate.stays_apart();
        let no_process = candidate.needs_no_process();
        self.candidate = Some(candidate);
        if no_process {
            self.with_candidate(|candidate| candidate.enter(Stage::Ready));
        } else if apart {
            self.try_candidate();
        } else {
            // Begins when the instance is gone.
            self.feed(Input::Yield);
        }
        // Whoever ordered it and is gone has dropped the handle as well.
        let _ = reply.send(Ok(Accepted { number, status, held }));
    }

    fn with_candidate(&mut self, change: impl FnOnce(&mut Candidate)) {
        if let Some(candidate) = &mut self.candidate {
            change(candidate);
        }
    }

    fn try_candidate(&mut self) {
        let now = self.now();
        let generation = self.cycle.issue();
        let Some(candidate) = &mut self.candidate else {
            return;
        };
        candidate.generation = generation;
        candidate.tries += 1;
        candidate.cause = None;
        candidate.doubt.clear();
        candidate.deadline = Some(now + candidate.spec.start.timeout);
        candidate.place = Arc::new(Mutex::new(candidate.socket()));
        candidate.enter(Stage::Trying);
        let plan = Plan {
            id: self.shared.id.clone(),
            generation,
            socket: candidate.socket(),
            place: Arc::clone(&candidate.place),
            spec: candidate.spec.clone(),
            listening: Arc::clone(&candidate.listening),
            output: self.shared.output.clone(),
        };
        let tries = candidate.tries;
        let tenure = self.start(plan);
        self.with_candidate(|candidate| candidate.tenure = Some(tenure));
        let text = format!("A candidate is being started, try {tries}.");
        self.event_of(generation, EventKind::CandidateStarting, &text, Vec::new());
    }

    pub(super) fn candidate_heard(&mut self, word: Word) {
        let now = self.now();
        let Some(candidate) = &mut self.candidate else {
            return;
        };
        let generation = candidate.generation;
        match word {
            Word::Launched(program) => {
                let pid = program.pid();
                candidate.live = Some(Live::new(generation, program));
                if candidate.stage == Stage::Trying {
                    candidate.deadline = Some(now + candidate.spec.start.timeout);
                }
                self.note(Level::Info, &format!("Candidate started as process {pid}."));
            }
            Word::NotLaunched { text, lasting } => {
                candidate.tenure = None;
                candidate.last_exit = Some(never_ran(&text));
                if candidate.stage == Stage::Trying {
                    self.candidate_try_failed(lasting);
                }
            }
            Word::Doubt(text) => candidate.doubt = text,
            Word::Ready(facts) => {
                if candidate.stage == Stage::Trying && candidate.cause.is_none() {
                    candidate.deadline = None;
                    candidate.facts = Some(facts);
                    candidate.enter(Stage::Ready);
                    let text = "The candidate is ready.";
                    self.event_of(generation, EventKind::CandidateReady, text, Vec::new());
                }
            }
            Word::Unfit(text) => {
                candidate.doubt = text;
                self.end_candidate(Cause::Protocol);
            }
            Word::Violated(violation) => self.tell_violation(generation, &violation),
            Word::Ended(exit) => self.candidate_ended(exit),
        }
    }

    fn end_candidate(&mut self, cause: Cause) {
        let closing = self.closing;
        self.with_candidate(|candidate| {
            candidate.deadline = None;
            candidate.cause.get_or_insert(cause);
            let grace = candidate.spec.stop_timeout;
            if let Some(tenure) = &mut candidate.tenure {
                tenure.end(closing.map_or(grace, |left| grace.min(left)));
            }
        });
    }

    fn candidate_ended(&mut self, exit: Exit) {
        let Some(candidate) = &mut self.candidate else {
            return;
        };
        if let Some(promotion) = &mut candidate.promotion {
            // It has the place all the same; its end is the instance's then.
            promotion.ended = Some(exit);
            return;
        }
        let was_ready = candidate.stage == Stage::Ready;
        candidate.tenure = None;
        candidate.live = None;
        let known = Circumstances {
            cause: candidate.cause,
            was_ready,
            doubt: &candidate.doubt,
            spec: &candidate.spec,
        };
        candidate.last_exit = Some(exit_view(&exit, &known));
        match candidate.stage {
            Stage::Trying => self.candidate_try_failed(false),
            Stage::Ready => self.candidate_failed(),
            Stage::NeedsRoom | Stage::Waiting | Stage::Promoting | Stage::Failed | Stage::Leaving => {}
        }
    }

    fn candidate_try_failed(&mut self, lasting: bool) {
        let now = self.now();
        let random = self.chance();
        let Some(candidate) = &mut self.candidate else {
            return;
        };
        if lasting || candidate.tries >= candidate.spec.start.attempts {
            self.candidate_failed();
        } else {
            let pause = wait(candidate.tries, random, &candidate.spec.start.backoff);
            candidate.deadline = Some(now + pause);
            candidate.enter(Stage::Waiting);
        }
    }

    fn candidate_failed(&mut self) {
        let Some(candidate) = &mut self.candidate else {
            return;
        };
        candidate.deadline = None;
        candidate.enter(Stage::Failed);
        let apart = candidate.stays_apart();
        let generation = candidate.generation;
        let exit = candidate.last_exit.clone();
        let (why, lines) = exit.map(|exit| (exit.text, exit.last_lines)).unwrap_or_default();
        let text = because("The candidate failed", &why);
        self.note(Level::Error, &text);
        self.event_of(generation, EventKind::CandidateFailed, &text, lines);
        if !apart {
            self.feed(Input::Resume);
        }
    }

    pub(super) fn tick_candidate(&mut self, now: Duration) {
        let Some(candidate) = &self.candidate else { return };
        if candidate.deadline.is_none_or(|deadline| deadline > now) {
            return;
        }
        match candidate.stage {
            Stage::Trying => self.end_candidate(Cause::StartTimeout),
            Stage::Waiting => self.try_candidate(),
            Stage::NeedsRoom | Stage::Ready | Stage::Promoting | Stage::Failed | Stage::Leaving => {
                self.with_candidate(|candidate| candidate.deadline = None);
            }
        }
    }

    pub(super) fn promote(
        &mut self,
        number: u64,
        want: Want,
        reply: oneshot::Sender<Result<u64, SupervisorError>>,
    ) {
        let id = self.shared.id.clone();
        let Some(candidate) = self
            .candidate
            .as_mut()
            .filter(|candidate| candidate.number == number)
        else {
            let _ = reply.send(Err(SupervisorError::NotReady("it is gone".to_owned())));
            return;
        };
        if candidate.stage != Stage::Ready {
            let why = candidate
                .last_exit
                .as_ref()
                .map_or("it has not answered yet", |exit| exit.text.as_str());
            let _ = reply.send(Err(SupervisorError::NotReady(why.to_owned())));
            return;
        }
        let public = candidate.spec.socket.path.clone();
        if let (Some(staging), Some(_)) = (&candidate.staging, &candidate.tenure) {
            // From here on new connections reach the candidate.
            let placed = sockets::owner_of(candidate.spec.user.as_deref())
                .and_then(|owner| sockets::make_directory(&public, owner))
                .and_then(|()| sockets::publish(staging, &public));
            if let Err(error) = placed {
                let _ = reply.send(Err(SupervisorError::Socket(error.to_string())));
                return;
            }
        }
        candidate.enter(Stage::Promoting);
        let drained = !self.cycle.is_running();
        candidate.promotion = Some(Promotion {
            want,
            reply,
            drained,
            ended: None,
        });
        if drained {
            self.feed(Input::Yield);
            return;
        }
        let calls = Arc::clone(&self.common.calls);
        let inward = self.inward.clone();
        tokio::spawn(async move {
            // Who connected a moment ago waits in the old one's queue, and is to be served by it.
            tokio::time::sleep(limits::LINGER).await;
            let calm = tokio::time::timeout(limits::DRAIN, calls.drain(&public, limits::DRAIN)).await;
            if calm.is_err() {
                tracing::debug!(plugin = %id, "calls on the old process are cut off");
            }
            let _ = inward.send(Inbound::Drained(number)).await;
        });
    }

    pub(super) fn drained(&mut self, number: u64) {
        let Some(candidate) = self
            .candidate
            .as_mut()
            .filter(|candidate| candidate.number == number)
        else {
            return;
        };
        if let Some(promotion) = &mut candidate.promotion {
            promotion.drained = true;
            self.feed(Input::Yield);
        }
    }

    /// After every piece of news: the next step of a candidate that waited for the instance.
    pub(super) fn settle_candidate(&mut self) {
        let room = !self.cycle.has_process();
        let Some(candidate) = &self.candidate else { return };
        let drained = candidate
            .promotion
            .as_ref()
            .is_some_and(|promotion| promotion.drained);
        match candidate.stage {
            Stage::NeedsRoom if room => self.try_candidate(),
            Stage::Promoting if room && drained => self.take_over(),
            Stage::Leaving if candidate.tenure.is_none() => self.candidate_left(),
            Stage::NeedsRoom
            | Stage::Trying
            | Stage::Waiting
            | Stage::Ready
            | Stage::Promoting
            | Stage::Failed
            | Stage::Leaving => {}
        }
        if let Some(candidate) = &self.candidate {
            candidate.show();
        }
    }

    /// The candidate becomes the instance.
    fn take_over(&mut self) {
        let Some(mut candidate) = self.candidate.take() else {
            return;
        };
        let Some(promotion) = candidate.promotion.take() else {
            return;
        };
        let public = candidate.spec.socket.path.clone();
        if let (Some(staging), Some(_)) = (&candidate.staging, &candidate.tenure) {
            // The old process may have removed what it took for its own socket.
            if !sockets::is_published(staging, &public)
                && let Err(error) = sockets::publish(staging, &public)
            {
                tracing::error!(plugin = %self.shared.id, %error, "a promoted plugin has no socket");
            }
            sockets::remove_staging(staging);
        }
        *candidate.place.lock().unwrap_or_else(PoisonError::into_inner) = public;
        // The old socket lost its name; closing it must not take the new one's.
        drop(
            self.listening
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        self.listening = candidate.listening;
        self.adopt(candidate.spec, false);
        self.wanted(promotion.want);
        let Some(tenure) = candidate.tenure else {
            self.feed(Input::Resume);
            let _ = promotion.reply.send(Ok(self.cycle.generation()));
            return;
        };
        let generation = tenure.generation;
        self.tenure = Some(tenure);
        if let Some(live) = candidate.live {
            self.begin_life(generation, live.program);
        }
        self.health
            .expect(candidate.facts.map(|facts| facts.took).unwrap_or_default());
        self.launched = None;
        self.feed(Input::Promoted { generation });
        self.event(
            EventKind::Promoted,
            "The candidate took the place of the old process.",
            Vec::new(),
        );
        // Whoever is told has to find it shown.
        self.publish();
        let _ = promotion.reply.send(Ok(generation));
        if let Some(exit) = promotion.ended {
            self.hear(generation, Word::Ended(exit));
        }
    }

    pub(super) fn discard(&mut self, number: u64, reply: Option<oneshot::Sender<()>>) {
        let Some(candidate) = self
            .candidate
            .as_mut()
            .filter(|candidate| candidate.number == number)
        else {
            // Gone already; the reply's end says so.
            return;
        };
        candidate.leaving.extend(reply);
        // A promotion that has begun is finished.
        if candidate.stage != Stage::Promoting {
            candidate.enter(Stage::Leaving);
            self.end_candidate(Cause::Unwanted);
        }
    }

    pub(super) fn candidate_dropped(&mut self, number: u64) {
        self.discard(number, None);
    }

    /// Everything ends, the candidate too.
    pub(super) fn abandon_candidate(&mut self) {
        self.with_candidate(|candidate| {
            if let Some(promotion) = candidate.promotion.take() {
                let _ = promotion.reply.send(Err(SupervisorError::ShutDown));
                if promotion.ended.is_some() {
                    candidate.tenure = None;
                }
            }
            candidate.enter(Stage::Leaving);
        });
        self.end_candidate(Cause::Unwanted);
    }

    fn candidate_left(&mut self) {
        let Some(candidate) = self.candidate.take() else {
            return;
        };
        if let Some(staging) = &candidate.staging {
            sockets::remove_staging(staging);
        }
        super::answer_all(candidate.leaving);
        self.feed(Input::Resume);
    }
}
