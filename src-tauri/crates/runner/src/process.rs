//! A running program.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;

use crate::cgroup::{Counters, Group};
use crate::exit::Exit;
use crate::guardian::{Fit, Traits};
use crate::hold::{HeldBy, LimitHeld, LimitKind};
use crate::launch::Limits;
use crate::limits::{DRAIN_TIME, LAST_LINES};
use crate::link::Outgoing;
use crate::output::{Output, now_ms};
use crate::procfs;
use crate::usage::{Mark, Usage, measure};
use crate::violation::{Seen, Violation, violation};
use crate::wire::Order;

/// How many generations up a descendant is looked for.
const MAX_GENERATIONS: usize = 64;

/// A running program. Clones are the same program; when the last is dropped, it is killed with all its descendants.
#[derive(Debug, Clone)]
pub struct Process {
    handle: Arc<Handle>,
}

#[derive(Debug)]
struct Handle {
    body: Arc<Body>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.body.exit.borrow().is_none()
            && self.body.orders.try_send(Outgoing::kill(self.body.id)).is_err()
        {
            // Closed means that the guardian is ending everything anyway.
            tracing::warn!(program = %self.body.name, "a program that nobody holds any more could not be ended");
        }
    }
}

impl Process {
    pub(crate) fn new(body: Arc<Body>) -> Self {
        Self {
            handle: Arc::new(Handle { body }),
        }
    }

    fn body(&self) -> &Arc<Body> {
        &self.handle.body
    }

    /// The name it was launched under.
    pub fn name(&self) -> &str {
        &self.body().name
    }

    /// The generation it was launched as.
    pub fn generation(&self) -> u64 {
        self.body().generation
    }

    /// Process id of its main process.
    pub fn pid(&self) -> u32 {
        self.body().pid
    }

    /// When its main process was started, in clock ticks since the machine's start: with the pid this names it
    /// for good.
    pub fn start_ticks(&self) -> u64 {
        self.body().start_ticks
    }

    /// When it was started, in milliseconds since the epoch.
    pub fn started_ms(&self) -> i64 {
        self.body().started_ms
    }

    /// Its output.
    pub fn output(&self) -> &Output {
        &self.body().output
    }

    /// Its limits and what holds each.
    pub fn limits(&self) -> &[LimitHeld] {
        &self.body().held
    }

    /// Limits that are hit: for the first who asks since its start, for others from here on. A receiver that is too
    /// slow loses the oldest.
    pub fn violations(&self) -> broadcast::Receiver<Violation> {
        let early = self
            .body()
            .early_violations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        early.unwrap_or_else(|| self.body().violations.subscribe())
    }

    /// How often a limit was hit so far: processes killed for memory, CPU periods held back, processes refused.
    pub fn violated(&self, limit: LimitKind) -> u64 {
        let counters = self.body().counters();
        match limit {
            LimitKind::Memory => counters.memory_kills,
            LimitKind::Cpu => counters.throttled,
            LimitKind::Pids => counters.pids_refused,
            LimitKind::OpenFiles => 0,
        }
    }

    /// How it ended, if it did.
    pub fn exit(&self) -> Option<Exit> {
        self.body().exit.borrow().clone()
    }

    /// Waits until its main process ended, which is known at once. Its descendants may still be ending.
    pub async fn exited(&self) -> Exit {
        self.body().exited().await
    }

    /// Waits until it ended and nothing of it is left: no descendant, no control group.
    pub async fn gone(&self) -> Exit {
        let exit = self.body().exited().await;
        self.body().gone().await;
        exit
    }

    /// Asks its process group to end (TERM), kills everything after `grace`, and waits until nothing is left.
    pub async fn stop(&self, grace: Duration) -> Exit {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        self.end(Order::Stop {
            id: self.body().id,
            grace_ms,
        })
        .await
    }

    /// Kills it and all its descendants, and waits until nothing is left.
    pub async fn kill(&self) -> Exit {
        self.end(Order::Kill { id: self.body().id }).await
    }

    async fn end(&self, order: Order) -> Exit {
        let body = self.body();
        if body.exit.borrow().is_none() {
            body.requested.store(true, Ordering::Relaxed);
            // Closed means that the guardian is ending everything anyway.
            let _ = body
                .orders
                .send(Outgoing {
                    order,
                    fds: Vec::new(),
                })
                .await;
        }
        self.gone().await
    }

    /// What it and all its descendants use now; `None` when it has ended.
    pub async fn usage(&self) -> Option<Usage> {
        let body = self.body().clone();
        let usage = tokio::task::spawn_blocking(move || measure(&body)).await.ok();
        usage.filter(|_| self.body().exit.borrow().is_none())
    }

    /// True when the process is this program's main process or one of its descendants.
    pub fn owns(&self, pid: u32) -> bool {
        let body = self.body();
        if body.exit.borrow().is_some() {
            return false;
        }
        if pid == body.pid {
            return true;
        }
        let (Ok(pid), Some(main)) = (i32::try_from(pid), body.pid_signed()) else {
            return false;
        };
        let traits = Traits {
            main,
            group: &body.group,
            mark: &body.mark,
        };
        let mut next = procfs::stat(pid);
        for _ in 0..MAX_GENERATIONS {
            let Some(stat) = next else { return false };
            if stat.pid == main || traits.fit(&stat) == Fit::Yes {
                return true;
            }
            next = procfs::stat(stat.parent);
        }
        false
    }
}

/// What the runner knows of a running program.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) generation: u64,
    pub(crate) pid: u32,
    pub(crate) start_ticks: u64,
    pub(crate) guardian: u32,
    pub(crate) started: Instant,
    pub(crate) started_ms: i64,
    pub(crate) mark: String,
    pub(crate) group: Group,
    pub(crate) limits: Limits,
    pub(crate) held: Vec<LimitHeld>,
    pub(crate) output: Output,
    /// Number of the output's newest line at the launch.
    pub(crate) output_before: u64,
    pub(crate) pumps: Mutex<Vec<JoinHandle<()>>>,
    pub(crate) orders: mpsc::Sender<Outgoing>,
    pub(crate) exit: watch::Sender<Option<Exit>>,
    pub(crate) gone: watch::Sender<bool>,
    pub(crate) violations: broadcast::Sender<Violation>,
    /// For the first who asks: a program may hit its limits and end before anybody can.
    pub(crate) early_violations: Mutex<Option<broadcast::Receiver<Violation>>>,
    pub(crate) seen: Mutex<Seen>,
    pub(crate) usage: Mutex<Mark>,
    /// We were asked to end it.
    pub(crate) requested: AtomicBool,
    /// We killed it for its memory.
    pub(crate) over_memory: AtomicBool,
}

/// How a main process ended, as the guardian saw it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) at_ms: i64,
    /// The guardian's last look at the counters; none when the guardian was lost.
    pub(crate) counters: Option<Counters>,
}

impl Body {
    pub(crate) fn pid_signed(&self) -> Option<i32> {
        i32::try_from(self.pid).ok()
    }

    pub(crate) fn guardian_signed(&self) -> Option<i32> {
        i32::try_from(self.guardian).ok()
    }

    /// Whether its limits are to be looked after: sampled ones at every beat, others when `all` are due.
    pub(crate) fn needs_looks(&self, all: bool) -> bool {
        let sampled = self.held.iter().any(|limit| limit.held_by == HeldBy::Sampling);
        self.exit.borrow().is_none() && (sampled || (all && !self.held.is_empty()))
    }

    pub(crate) fn counters(&self) -> Counters {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .counters()
    }

    pub(crate) fn mark_of_usage(&self) -> MutexGuard<'_, Mark> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes counters in and tells what they mean.
    pub(crate) fn saw(&self, kernel: Counters, found: Counters, now: Instant) {
        let news = self
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .update(kernel, found, now);
        for news in news {
            // Nobody listening is no fault.
            let _ = self.violations.send(violation(news));
        }
    }

    /// Its main process ended: waits shortly for the last of its output, and tells.
    pub(crate) async fn finish(&self, end: End) {
        let ran = self.started.elapsed();
        let before = self.counters();
        if let Some(counters) = end.counters {
            self.saw(counters, Counters::default(), Instant::now());
        }
        let pumps = std::mem::take(&mut *self.pumps.lock().unwrap_or_else(PoisonError::into_inner));
        let ends: Vec<_> = pumps.iter().map(JoinHandle::abort_handle).collect();
        let drained = async {
            for pump in pumps {
                let _ = pump.await;
            }
        };
        let in_time = tokio::time::timeout(DRAIN_TIME, drained).await.is_ok();
        self.exit.send_replace(Some(Exit {
            code: end.code,
            signal: end.signal,
            oom: self.was_oom(&end, before),
            requested: self.requested.load(Ordering::Relaxed),
            lost: end.counters.is_none(),
            at_ms: end.at_ms,
            ran_ms: i64::try_from(ran.as_millis()).unwrap_or(i64::MAX),
            last_lines: self.output.last(self.output_before, LAST_LINES),
        }));
        if !in_time {
            // Something still holds the pipes. It is being ended; what it says until then is kept.
            self.gone().await;
            tokio::time::sleep(DRAIN_TIME).await;
            ends.iter().for_each(tokio::task::AbortHandle::abort);
        }
    }

    /// True when the end is the memory limit's doing: the kernel killed its main process, or killed one just now
    /// without which it did not go on.
    fn was_oom(&self, end: &End, before: Counters) -> bool {
        const KILL: i32 = 9;
        let kills = end.counters.map_or(0, |counters| counters.memory_kills);
        let asked = self.requested.load(Ordering::Relaxed);
        self.over_memory.load(Ordering::Relaxed)
            || (kills > 0 && end.signal == Some(KILL) && !asked)
            || (kills > before.memory_kills && end.code != Some(0))
    }

    async fn exited(&self) -> Exit {
        let mut exit = self.exit.subscribe();
        loop {
            if let Some(exit) = exit.borrow_and_update().clone() {
                return exit;
            }
            // The sender lives in `self`, so that this cannot fail; if it did, there would be nothing to wait for.
            if exit.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    async fn gone(&self) {
        let mut gone = self.gone.subscribe();
        let _ = gone.wait_for(|gone| *gone).await;
    }
}

/// What a body is made of before the pid is known.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) generation: u64,
    pub(crate) mark: String,
    pub(crate) group: Group,
    pub(crate) limits: Limits,
    pub(crate) held: Vec<LimitHeld>,
    pub(crate) output: Output,
    pub(crate) output_before: u64,
    pub(crate) pumps: Vec<JoinHandle<()>>,
    pub(crate) orders: mpsc::Sender<Outgoing>,
}

/// Numbers programs over all runners of this process.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Draft {
    pub(crate) fn next_id() -> u64 {
        NEXT_ID.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn into_body(self, pid: u32, start_ticks: u64, guardian: u32) -> Body {
        let now = Instant::now();
        let (violations, early) = broadcast::channel(crate::limits::VIOLATION_QUEUE);
        Body {
            id: self.id,
            name: self.name,
            generation: self.generation,
            pid,
            start_ticks,
            guardian,
            started: now,
            started_ms: now_ms(),
            mark: self.mark,
            group: self.group,
            limits: self.limits,
            held: self.held,
            output: self.output,
            output_before: self.output_before,
            pumps: Mutex::new(self.pumps),
            orders: self.orders,
            exit: watch::Sender::new(None),
            gone: watch::Sender::new(false),
            violations,
            early_violations: Mutex::new(Some(early)),
            seen: Mutex::default(),
            usage: Mutex::new(Mark::new(now)),
            requested: AtomicBool::new(false),
            over_memory: AtomicBool::new(false),
        }
    }
}
