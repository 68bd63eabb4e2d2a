//! One actor for each plugin: the only one that decides about its processes. Orders and news come in one by one;
//! what others may see goes out as snapshots.

mod candidate;
mod check;
mod exit;
mod order;
mod tell;
mod word;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use orrery_runner::output::Output;
use orrery_runner::{Exit, LimitKind, Usage};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

pub(crate) use candidate::{CandidateStage, CandidateView};
pub use order::Heard;
pub(crate) use order::Order;

use crate::calls::Calls;
use crate::event::{Event, EventKind};
use crate::files::Looks;
use crate::launcher::{Launcher, Program};
use crate::lifecycle::{Effect, Input, Lifecycle, Rules};
use crate::outbox::Outbox;
use crate::spec::{Activation, Handover, Rest, Spec, Want};
use crate::tenure::{Listening, Plan, Tenure, Word};
use crate::usage::UsageRing;
use crate::view::{ExitView, HealthState, InstanceState, InstanceView, LimitView, UsagePoint};
use crate::{limits, sockets};

use candidate::Candidate;
use check::{CheckDone, Health};

/// What all actors share.
pub(crate) struct Common {
    pub(crate) launcher: Arc<dyn Launcher>,
    pub(crate) calls: Arc<dyn Calls>,
    pub(crate) outbox: Arc<Outbox>,
    /// Counts changes of any plugin's view.
    pub(crate) changes: watch::Sender<u64>,
    pub(crate) began: Instant,
}

/// What others see of a plugin.
pub(crate) struct Shared {
    pub(crate) id: String,
    pub(crate) view: watch::Sender<InstanceView>,
    pub(crate) standing: watch::Sender<Standing>,
    pub(crate) usage: Mutex<UsageRing>,
    pub(crate) output: Output,
    pub(crate) leases: watch::Sender<u32>,
}

/// Where a process stands, for those who wait for something.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Standing {
    pub(crate) generation: u64,
    pub(crate) running: bool,
    pub(crate) settled: bool,
    /// There is a process.
    pub(crate) alive: bool,
    /// It runs for as long as somebody holds a lease.
    pub(crate) on_demand: bool,
    /// It is at rest for good: nothing happens until somebody wants something.
    pub(crate) resting: bool,
    pub(crate) reason: String,
    /// What is wrong with its health; empty when nothing is.
    pub(crate) ailment: String,
}

/// What comes to an actor from its own tasks.
pub(crate) enum Inbound {
    /// News of a process, with its generation.
    Word(u64, Word),
    /// A health check is done.
    Checked(CheckDone),
    /// What a process uses.
    Used(u64, Usage),
    /// Calls on the old process are over; the number of the candidate that replaces it.
    Drained(u64),
    /// The handle on a candidate is gone.
    Dropped(u64),
}

/// Files whose change would be a reason to try again.
struct Watched {
    /// When they are looked at next.
    next: Duration,
    /// What the socket looked like, where that counts.
    socket: Option<Looks>,
}

/// A process that exists.
pub(crate) struct Live {
    pub(crate) generation: u64,
    pub(crate) program: Arc<dyn Program>,
    pub(crate) limits: Vec<LimitView>,
}

/// The actor of one plugin.
pub(crate) struct Actor {
    common: Arc<Common>,
    shared: Arc<Shared>,
    mailbox: mpsc::Receiver<Order>,
    inbound: mpsc::Receiver<Inbound>,
    inward: mpsc::Sender<Inbound>,
    leases: watch::Receiver<u32>,
    leases_known: u32,

    spec: Spec,
    want: Want,
    cycle: Lifecycle,
    tenure: Option<Tenure>,
    live: Option<Live>,
    listening: Listening,
    candidate: Option<Candidate>,

    health: Health,
    next_usage: Option<Duration>,
    measuring: bool,
    /// What the program looked like when it was last launched.
    launched: Option<Looks>,
    watched: Option<Watched>,

    /// Why it stands where it stands.
    reason: String,
    /// Why it is not ready, or what it answers instead.
    doubt: String,
    pending_exit: Option<Exit>,
    last_exit: Option<ExitView>,
    state: InstanceState,
    since_ms: i64,
    random: RandomState,
    drawn: u64,
    /// Within what time everything has to end, once it has to.
    closing: Option<Duration>,
    forgetting: Vec<oneshot::Sender<()>>,
    /// Those who wait until nothing runs.
    shown: Vec<oneshot::Sender<()>>,
    quiet: Vec<oneshot::Sender<()>>,
}

impl Actor {
    /// The actor of a plugin; it begins with nothing wanted.
    pub(crate) fn new(
        common: Arc<Common>,
        shared: Arc<Shared>,
        mailbox: mpsc::Receiver<Order>,
        spec: Spec,
    ) -> Actor {
        let (inward, inbound) = mpsc::channel(limits::MAILBOX);
        let leases = shared.leases.subscribe();
        Actor {
            cycle: Lifecycle::new(Rules::of(&spec)),
            want: Want::Rest(Rest::Absent),
            common,
            shared,
            mailbox,
            inbound,
            inward,
            leases,
            leases_known: 0,
            spec,
            tenure: None,
            live: None,
            listening: Listening::default(),
            candidate: None,
            health: Health::default(),
            next_usage: None,
            measuring: false,
            launched: None,
            watched: None,
            reason: String::new(),
            doubt: String::new(),
            pending_exit: None,
            last_exit: None,
            state: InstanceState::Absent,
            since_ms: wall_ms(),
            random: RandomState::new(),
            drawn: 0,
            closing: None,
            forgetting: Vec::new(),
            shown: Vec::new(),
            quiet: Vec::new(),
        }
    }

    /// Works until the plugin is forgotten, everything is shut down, or nobody holds a handle any more.
    pub(crate) async fn run(mut self) {
        loop {
            self.settle();
            self.publish();
            answer_all(self.shown.drain(..));
            if !self.cycle.has_process() {
                answer_all(self.quiet.drain(..));
            }
            if self.is_done() {
                break;
            }
            let wake = self.next_wake();
            let until = wake.map(|wake| self.common.began + wake);
            tokio::select! {
                inbound = self.inbound.recv() => if let Some(inbound) = inbound {
                    self.take(inbound);
                },
                order = self.mailbox.recv(), if self.closing.is_none() => match order {
                    Some(order) => self.obey(order),
                    None => self.close(Duration::ZERO),
                },
                changed = self.leases.changed() => if changed.is_ok() {
                    self.count_leases();
                },
                () = sleep_until(until) => self.tick(),
            }
        }
        self.leave().await;
    }

    /// What has passed since the supervisor began.
    fn now(&self) -> Duration {
        self.common.began.elapsed()
    }

    /// A number from 0 to 1.
    fn chance(&mut self) -> f64 {
        self.drawn += 1;
        f64::from(self.random.hash_one(self.drawn) as u32) / f64::from(u32::MAX)
    }

    /// Tells the life cycle what happened and does what it says.
    fn feed(&mut self, input: Input) {
        let now = self.now();
        let random = self.chance();
        for effect in self.cycle.step(input, now, random) {
            match effect {
                Effect::Launch { generation } => self.launch(generation),
                Effect::End {
                    generation,
                    cause,
                    grace,
                } => {
                    self.foretell(cause);
                    let grace = self.closing.map_or(grace, |left| grace.min(left));
                    if let Some(tenure) = &mut self.tenure
                        && tenure.generation == generation
                    {
                        tenure.end(grace);
                    }
                }
                Effect::Tell(news) => self.tell(news),
            }
        }
    }

    fn launch(&mut self, generation: u64) {
        self.doubt.clear();
        self.launched = Some(Looks::of_program(&self.spec));
        let plan = Plan {
            id: self.shared.id.clone(),
            generation,
            socket: self.spec.socket.path.clone(),
            place: Arc::new(Mutex::new(self.spec.socket.path.clone())),
            spec: self.spec.clone(),
            listening: Arc::clone(&self.listening),
            output: self.shared.output.clone(),
        };
        self.tenure = Some(self.start(plan));
    }

    fn start(&self, plan: Plan) -> Tenure {
        let Common { launcher, calls, .. } = &*self.common;
        Tenure::start(plan, Arc::clone(launcher), Arc::clone(calls), self.inward.clone())
    }

    fn take(&mut self, inbound: Inbound) {
        match inbound {
            Inbound::Word(generation, word) => self.hear(generation, word),
            Inbound::Checked(done) => self.checked(done),
            Inbound::Used(generation, usage) => self.used(generation, usage),
            Inbound::Drained(candidate) => self.drained(candidate),
            Inbound::Dropped(candidate) => self.candidate_dropped(candidate),
        }
    }

    fn count_leases(&mut self) {
        let leases = *self.leases.borrow_and_update();
        while self.leases_known < leases {
            self.leases_known += 1;
            self.feed(Input::Acquired);
        }
        while self.leases_known > leases {
            self.leases_known -= 1;
            self.feed(Input::Released);
        }
    }

    fn next_wake(&self) -> Option<Duration> {
        let looks = self.watched.as_ref().map(|watched| watched.next);
        let candidate = self.candidate.as_ref().and_then(Candidate::deadline);
        [
            self.cycle.deadline(),
            self.health.next_check(),
            self.next_usage,
            looks,
            candidate,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn tick(&mut self) {
        let now = self.now();
        if self.cycle.deadline().is_some_and(|deadline| deadline <= now) {
            self.feed(Input::Tick);
        }
        if self.health.next_check().is_some_and(|next| next <= now) {
            self.check_in_turn();
        }
        if self.next_usage.is_some_and(|next| next <= now) {
            self.measure(now);
        }
        if self.watched.as_ref().is_some_and(|watched| watched.next <= now) {
            self.look_at_files(now);
        }
        self.tick_candidate(now);
    }

    /// Watches the files while a change can help.
    fn look_at_files(&mut self, now: Duration) {
        let program = Looks::of_program(&self.spec);
        let Some(watched) = &mut self.watched else { return };
        watched.next = now + limits::FILE_BEAT;
        let moved = watched
            .socket
            .as_ref()
            .is_some_and(|before| *before != Looks::of_socket(&self.spec));
        if moved || self.launched.as_ref() != Some(&program) {
            self.watched = None;
            self.feed(Input::FileChanged);
        }
    }

    fn measure(&mut self, now: Duration) {
        self.next_usage = Some(now + self.spec.metrics.interval.max(limits::BEAT_MIN));
        let Some(live) = &self.live else {
            self.next_usage = None;
            return;
        };
        // A reading that takes longer than the interval costs the points in between.
        if self.measuring {
            return;
        }
        self.measuring = true;
        let (program, generation) = (Arc::clone(&live.program), live.generation);
        let inward = self.inward.clone();
        tokio::spawn(async move {
            let usage = tokio::time::timeout(limits::USAGE_BUDGET, program.usage()).await;
            let usage = usage.ok().flatten();
            drop(program);
            // Generation 0 is nobody's: it only says that the reading is over.
            let (generation, usage) = usage.map_or((0, Usage::default()), |usage| (generation, usage));
            let _ = inward.send(Inbound::Used(generation, usage)).await;
        });
    }

    fn used(&mut self, generation: u64, usage: Usage) {
        self.measuring = false;
        if self
            .live
            .as_ref()
            .is_none_or(|live| live.generation != generation)
        {
            return;
        }
        let point = UsagePoint {
            seq: 0,
            at_ms: usage.at_ms,
            cpu_percent: usage.cpu_percent,
            memory_bytes: usage.memory_bytes,
            memory_peak_bytes: usage.memory_peak_bytes,
            processes: usage.processes,
            open_files: usage.open_files,
            restarts: self.cycle.restarts(),
        };
        self.shared
            .usage
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(point);
    }

    /// After every piece of news: what follows from it without a decision.
    fn settle(&mut self) {
        let now = self.now();
        self.settle_candidate();
        if !self.cycle.awaits_files() {
            self.watched = None;
        } else if self.watched.is_none() {
            // What crashes leaves its socket behind each time; that is no reason to try again.
            let socket =
                (self.cycle.state() != InstanceState::CrashLoop).then(|| Looks::of_socket(&self.spec));
            self.watched = Some(Watched {
                next: now + limits::FILE_BEAT,
                socket,
            });
        }
        // A socket that is handed over lives as long as somebody is to answer on it sooner or later.
        let unused = !self.cycle.has_process() && self.cycle.next_try().is_none();
        if unused && self.candidate.is_none() {
            self.close_listener();
        }
    }

    fn close_listener(&self) {
        let bound = self
            .listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if bound.is_some() && self.spec.socket.handover == Handover::ListenFd {
            drop(bound);
            if let Err(error) = std::fs::remove_file(&self.spec.socket.path) {
                tracing::debug!(plugin = %self.shared.id, %error, "a socket that was ours stays");
            }
        }
    }

    fn close(&mut self, deadline: Duration) {
        self.closing = Some(deadline.saturating_sub(limits::SHUTDOWN_SLACK));
        self.abandon_candidate();
        self.feed(Input::Shutdown);
    }

    fn is_done(&self) -> bool {
        let ending = self.closing.is_some() || !self.forgetting.is_empty();
        ending && !self.cycle.has_process() && self.candidate.is_none()
    }

    async fn leave(mut self) {
        self.answer_not_running();
        if self.spec.socket.ours {
            sockets::clear(&self.spec.socket.path, true, &*self.common.calls).await;
        }
        self.close_listener();
        answer_all(self.forgetting.drain(..));
        self.shared.output.flush().await;
    }

    fn event(&self, kind: EventKind, text: &str, last_lines: Vec<String>) {
        self.event_of(self.cycle.generation(), kind, text, last_lines);
    }

    fn event_of(&self, generation: u64, kind: EventKind, text: &str, last_lines: Vec<String>) {
        tracing::debug!(plugin = %self.shared.id, generation, kind = kind.as_str(), "{text}");
        self.common.outbox.push(Event {
            plugin: self.shared.id.clone(),
            generation,
            at_ms: wall_ms(),
            kind,
            text: text.to_owned(),
            count: 1,
            last_lines,
        });
    }

    /// Shows where it stands.
    fn publish(&mut self) {
        let state = self.cycle.state();
        if state != self.state {
            self.state = state;
            self.since_ms = wall_ms();
        }
        let view = self.view();
        let standing = Standing {
            generation: self.cycle.generation(),
            running: self.cycle.is_running() && state == InstanceState::Running,
            settled: self.cycle.is_settled(),
            alive: self.cycle.has_process(),
            on_demand: self.want == Want::Automatic
                && matches!(self.spec.activation, Activation::OnDemand { .. }),
            resting: !self.cycle.has_process() && self.cycle.next_try().is_none(),
            reason: view.reason.clone(),
            ailment: self.health.ailment(),
        };
        let changed = self.shared.view.send_if_modified(|shown| {
            let changed = *shown != view;
            *shown = view;
            changed
        });
        self.shared.standing.send_if_modified(|shown| {
            let changed = *shown != standing;
            *shown = standing;
            changed
        });
        if changed {
            self.common.changes.send_modify(|changes| *changes += 1);
        }
    }

    fn view(&self) -> InstanceView {
        let wall = wall_ms();
        let now = self.now();
        let next_try = self.cycle.next_try().map(|next| {
            let wait = i64::try_from(next.saturating_sub(now).as_millis()).unwrap_or(i64::MAX);
            // Two clocks: without this the same moment would be another one each time it is shown.
            let shown = self.shared.view.borrow().next_try_ms;
            shown
                .filter(|shown| (shown - wall - wait).abs() < 50)
                .unwrap_or(wall + wait)
        });
        InstanceView {
            state: self.state,
            reason: self.shown_reason(),
            since_ms: self.since_ms,
            pid: self.live.as_ref().map(|live| live.program.pid()),
            generation: self.cycle.generation(),
            started_ms: self.live.as_ref().map(|live| live.program.started_ms()),
            next_try_ms: next_try,
            restarts: self.cycle.restarts(),
            last_exit: self.last_exit.clone(),
            socket: self.spec.socket.path.display().to_string(),
            limits: self.live.as_ref().map(Live::shown_limits).unwrap_or_default(),
            health: self.health.view(),
            usage: self
                .shared
                .usage
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .newest(),
        }
    }

    fn shown_reason(&self) -> String {
        match (&self.want, self.state) {
            (Want::Rest(Rest::Inapplicable(why)), InstanceState::Inapplicable) => why.clone(),
            (_, InstanceState::Disabled) => "Switched off.".to_owned(),
            (_, InstanceState::Starting) if !self.doubt.is_empty() => tell::sentence(&self.doubt),
            _ => self.reason.clone(),
        }
    }

    /// What a new process of the instance begins with.
    fn begin_life(&mut self, generation: u64, program: Arc<dyn Program>) {
        self.next_usage = Some(self.now() + self.spec.metrics.interval.max(limits::BEAT_MIN));
        self.live = Some(Live::new(generation, program));
    }

    /// What ends with a process of the instance.
    fn end_life(&mut self) {
        self.tenure = None;
        self.live = None;
        self.next_usage = None;
        self.health.end();
        self.answer_not_running();
    }
}

impl Live {
    pub(crate) fn new(generation: u64, program: Arc<dyn Program>) -> Live {
        let limits = program
            .limits()
            .into_iter()
            .map(|held| LimitView {
                id: held.kind.as_str().to_owned(),
                value: held.value,
                held_by: held.held_by.as_str().to_owned(),
                advisory: held.advisory,
                violations: 0,
            })
            .collect();
        Live {
            generation,
            program,
            limits,
        }
    }

    /// Its limits with what they were hit so far.
    pub(crate) fn shown_limits(&self) -> Vec<LimitView> {
        let kinds: HashMap<&str, LimitKind> = [
            LimitKind::Memory,
            LimitKind::Cpu,
            LimitKind::Pids,
            LimitKind::OpenFiles,
        ]
        .into_iter()
        .map(|kind| (kind.as_str(), kind))
        .collect();
        let counted = |limit: &LimitView| {
            kinds
                .get(limit.id.as_str())
                .map_or(0, |kind| self.program.violated(*kind))
        };
        self.limits
            .iter()
            .map(|limit| LimitView {
                violations: counted(limit),
                ..limit.clone()
            })
            .collect()
    }
}

/// Tells those who wait; whoever has gone away needs no answer.
fn answer_all(waiters: impl IntoIterator<Item = oneshot::Sender<()>>) {
    for waiter in waiters {
        let _ = waiter.send(());
    }
}

/// The time of day, in milliseconds since the epoch.
pub(crate) fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// The word that stands for a health state in sentences.
pub(crate) fn health_word(state: HealthState) -> &'static str {
    match state {
        HealthState::Unknown => "unknown",
        HealthState::Ok => "ok",
        HealthState::Degraded => "degraded",
        HealthState::Failing => "failing",
    }
}
