//! The application's side of the guardian: starting it, giving orders, taking news, replacing it when it is lost.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::cgroup::Hierarchy;
use crate::guardian::{GUARDIAN, MARK};
use crate::limits::{GUARDIAN_END, GUARDIAN_RETRY, GUARDIAN_RETRY_MAX, GUARDIAN_START, SWEEP_TIME};
use crate::output::now_ms;
use crate::process::{Body, Draft, End};
use crate::sweep::sweep;
use crate::wire::{self, Fault, Inbox, News, Order, encode};

/// An order on its way to the guardian.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) order: Order,
    pub(crate) fds: Vec<OwnedFd>,
}

impl Outgoing {
    pub(crate) fn kill(id: u64) -> Self {
        Self {
            order: Order::Kill { id },
            fds: Vec::new(),
        }
    }
}

/// Why there is no program after a launch order.
#[derive(Debug)]
pub(crate) enum NotLaunched {
    Fault(Fault),
    GuardianLost,
}

/// A program from its order on.
pub(crate) enum Slot {
    Waiting {
        draft: Box<Draft>,
        answer: oneshot::Sender<Result<Arc<Body>, NotLaunched>>,
        sent: bool,
    },
    Running(Arc<Body>),
}

/// What runner and link share.
pub(crate) struct Shared {
    pub(crate) hierarchy: Hierarchy,
    /// Start of the marks of all programs of this run.
    pub(crate) mark: String,
    pub(crate) orders: mpsc::Sender<Outgoing>,
    slots: Mutex<BTreeMap<u64, Slot>>,
    /// How many slots there are.
    pub(crate) count: watch::Sender<usize>,
    pub(crate) guardian: AtomicU32,
    /// No further launches.
    pub(crate) refusing: AtomicBool,
    /// The guardian is to end everything and itself.
    pub(crate) closing: CancellationToken,
}

impl Shared {
    pub(crate) fn new(hierarchy: Hierarchy, mark: String, orders: mpsc::Sender<Outgoing>) -> Self {
        Self {
            hierarchy,
            mark,
            orders,
            slots: Mutex::default(),
            count: watch::Sender::new(0),
            guardian: AtomicU32::new(0),
            refusing: AtomicBool::new(false),
            closing: CancellationToken::new(),
        }
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<u64, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn insert(&self, id: u64, slot: Slot) {
        let mut slots = self.slots();
        slots.insert(id, slot);
        self.count.send_replace(slots.len());
    }

    pub(crate) fn remove(&self, id: u64) -> Option<Slot> {
        let mut slots = self.slots();
        let slot = slots.remove(&id);
        self.count.send_replace(slots.len());
        slot
    }

    pub(crate) fn bodies(&self) -> Vec<Arc<Body>> {
        let running = |slot: &Slot| match slot {
            Slot::Running(body) => Some(body.clone()),
            Slot::Waiting { .. } => None,
        };
        self.slots().values().filter_map(running).collect()
    }

    fn body(&self, id: u64) -> Option<Arc<Body>> {
        match self.slots().get(&id) {
            Some(Slot::Running(body)) => Some(body.clone()),
            _ => None,
        }
    }

    /// False when nobody waits for this launch any more.
    fn mark_sent(&self, id: u64) -> bool {
        match self.slots().get_mut(&id) {
            Some(Slot::Waiting { sent, .. }) => {
                *sent = true;
                true
            }
            _ => false,
        }
    }

    /// Everything that the guardian knew of, or really everything.
    fn take_known(&self, everything: bool) -> Vec<Slot> {
        let mut slots = self.slots();
        let known = |slot: &Slot| everything || !matches!(slot, Slot::Waiting { sent: false, .. });
        let ids: Vec<u64> = slots
            .iter()
            .filter(|(_, slot)| known(slot))
            .map(|(id, _)| *id)
            .collect();
        let taken = ids.iter().filter_map(|id| slots.remove(id)).collect();
        self.count.send_replace(slots.len());
        taken
    }
}

/// A guardian process.
pub(crate) struct Guardian {
    socket: UnixStream,
    inbox: Inbox,
    child: Child,
    since: Instant,
}

impl Guardian {
    /// Starts one and waits until it is there.
    pub(crate) async fn start(helper: &Path, shared: &Shared) -> io::Result<Self> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let child = Command::new(helper)
            .arg0("orrery-guardian")
            .arg(GUARDIAN)
            .env_remove(MARK)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .spawn()?;
        let socket = UnixStream::from_std(ours)?;
        let mut guardian = Self {
            socket,
            inbox: Inbox::default(),
            child,
            since: Instant::now(),
        };
        let ready = tokio::time::timeout(GUARDIAN_START, guardian.news()).await;
        match ready {
            Ok(Ok(Some(News::Ready { pid }))) => {
                shared.guardian.store(pid, Ordering::Relaxed);
                let order = Order::Parents {
                    dirs: shared.hierarchy.parents(),
                };
                guardian
                    .send(&Outgoing {
                        order,
                        fds: Vec::new(),
                    })
                    .await?;
                return Ok(guardian);
            }
            Ok(Err(error)) => {
                guardian.close().await;
                return Err(error);
            }
            _ => {}
        }
        guardian.close().await;
        Err(io::Error::other(
            "it did not answer; does its main function call run_if_asked first?",
        ))
    }

    /// The next news; `None` at the end.
    async fn news(&mut self) -> io::Result<Option<News>> {
        loop {
            if let Some(news) = self.inbox.next()? {
                return Ok(Some(news));
            }
            let Self { socket, inbox, .. } = self;
            // Cancellable: what was received is in the inbox.
            if socket
                .async_io(Interest::READABLE, || inbox.receive(&*socket))
                .await?
                == 0
            {
                return Ok(None);
            }
        }
    }

    async fn send(&self, outgoing: &Outgoing) -> io::Result<()> {
        let bytes = encode(&outgoing.order)?;
        let fds: Vec<_> = outgoing.fds.iter().map(AsFd::as_fd).collect();
        let mut sent = 0;
        while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
            // Descriptors go with the first byte.
            let fds = if sent == 0 { fds.as_slice() } else { &[] };
            sent += self
                .socket
                .async_io(Interest::WRITABLE, || wire::send(&self.socket, rest, fds))
                .await?;
        }
        Ok(())
    }

    /// Lets it end everything and itself.
    async fn close(mut self) {
        drop(self.socket);
        if tokio::time::timeout(GUARDIAN_END, self.child.wait())
            .await
            .is_err()
        {
            tracing::error!("the guardian process does not end; killing it");
            // Waits for the end as well.
            let _ = self.child.kill().await;
        }
    }
}

/// Serves until the runner is closed, with one guardian after the other if need be.
pub(crate) async fn run(
    shared: Arc<Shared>,
    helper: PathBuf,
    mut guardian: Guardian,
    mut orders: mpsc::Receiver<Outgoing>,
) {
    let mut wait = GUARDIAN_RETRY;
    loop {
        let closed = serve(&shared, &mut guardian, &mut orders).await;
        let lived = guardian.since.elapsed();
        shared.guardian.store(0, Ordering::Relaxed);
        guardian.close().await;
        if closed {
            break;
        }
        tracing::error!("the guardian process was lost, and all programs with it; starting another");
        end_lost(&shared, false).await;
        if lived > GUARDIAN_RETRY_MAX {
            wait = GUARDIAN_RETRY;
        }
        match replace(&shared, &helper, &mut wait).await {
            Some(next) => guardian = next,
            None => break,
        }
    }
    // What comes from here on is refused, and what came before is answered.
    orders.close();
    end_lost(&shared, true).await;
}

/// Starts another guardian, however often it takes. `None` when the runner is closed meanwhile.
async fn replace(shared: &Shared, helper: &Path, wait: &mut Duration) -> Option<Guardian> {
    loop {
        tokio::select! {
            () = tokio::time::sleep(*wait) => {}
            () = shared.closing.cancelled() => return None,
        }
        *wait = (*wait * 2).min(GUARDIAN_RETRY_MAX);
        match Guardian::start(helper, shared).await {
            Ok(guardian) => return Some(guardian),
            Err(error) => tracing::error!(%error, "no guardian process can be started; trying again"),
        }
    }
}

/// True when the runner is closed, false when the guardian was lost.
async fn serve(shared: &Arc<Shared>, guardian: &mut Guardian, orders: &mut mpsc::Receiver<Outgoing>) -> bool {
    loop {
        tokio::select! {
            () = shared.closing.cancelled() => return true,
            news = guardian.news() => match news {
                Ok(Some(news)) => take(shared, news),
                Ok(None) => return false,
                Err(error) => {
                    tracing::error!(%error, "the guardian process says nonsense");
                    return false;
                }
            },
            order = orders.recv() => {
                let Some(order) = order else { return true };
                if let Order::Launch { id, .. } = order.order
                    && !shared.mark_sent(id)
                {
                    continue;
                }
                if let Err(error) = guardian.send(&order).await {
                    tracing::error!(%error, "the guardian process takes no orders");
                    return false;
                }
            }
        }
    }
}

fn take(shared: &Arc<Shared>, news: News) {
    match news {
        News::Ready { .. } => {}
        News::Launched { id, pid, start_ticks } => {
            let Some(Slot::Waiting { draft, answer, .. }) = shared.remove(id) else {
                // Given up meanwhile.
                end_unheld(shared, id);
                return;
            };
            let body = Arc::new(draft.into_body(pid, start_ticks, shared.guardian.load(Ordering::Relaxed)));
            shared.insert(id, Slot::Running(body.clone()));
            if answer.send(Ok(body)).is_err() {
                end_unheld(shared, id);
            }
        }
        News::Failed { id, fault } => {
            if let Some(Slot::Waiting { answer, .. }) = shared.remove(id) {
                // Nobody waiting is no fault.
                let _ = answer.send(Err(NotLaunched::Fault(fault)));
            }
        }
        News::Exited {
            id,
            code,
            signal,
            at_ms,
            counters,
        } => {
            if let Some(body) = shared.body(id) {
                let end = End {
                    code,
                    signal,
                    at_ms,
                    counters: Some(counters),
                };
                tokio::spawn(async move { body.finish(end).await });
            }
        }
        News::Gone { id, left } => {
            if let Some(Slot::Running(body)) = shared.remove(id) {
                if left > 0 {
                    tracing::error!(program = %body.name, left, "processes of a program could not be ended");
                }
                body.gone.send_replace(true);
            }
        }
    }
}

/// Ends a program whose launch nobody waits for any more.
fn end_unheld(shared: &Shared, id: u64) {
    if shared.orders.try_send(Outgoing::kill(id)).is_err() {
        tracing::warn!(id, "a program that nobody waits for could not be ended");
    }
}

/// Without its guardian nothing runs on: ends what is left and tells those who wait.
async fn end_lost(shared: &Arc<Shared>, everything: bool) {
    let known = shared.take_known(everything);
    let group = |slot: &Slot| match slot {
        Slot::Waiting { draft, .. } => draft.group.clone(),
        Slot::Running(body) => body.group.clone(),
    };
    let groups: Vec<_> = known.iter().map(group).collect();
    let mark = shared.mark.clone();
    let left = tokio::task::spawn_blocking(move || sweep(groups, &mark, SWEEP_TIME))
        .await
        .unwrap_or(0);
    if left > 0 {
        tracing::error!(left, "processes could not be ended after their guardian was lost");
    }
    for slot in known {
        match slot {
            Slot::Waiting { answer, .. } => {
                let _ = answer.send(Err(NotLaunched::GuardianLost));
            }
            Slot::Running(body) => {
                let end = End {
                    code: None,
                    signal: None,
                    at_ms: now_ms(),
                    counters: None,
                };
                tokio::spawn(async move {
                    // What ended before the guardian did has been told.
                    if body.exit.borrow().is_none() {
                        body.finish(end).await;
                    }
                    body.gone.send_replace(true);
                });
            }
        }
    }
}
