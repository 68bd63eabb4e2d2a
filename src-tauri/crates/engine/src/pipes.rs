//! Pipes: bytes both ways between a terminal in the window and what a probe or plugin opened for it. As in
//! Scope, a pipe is made by whoever names it first, either end may come and go, and closing it is final.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::limits::{PIPE_BACKLOG, PIPE_IDLE, PIPES_MAX};

/// An end of a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PipeEnd {
    /// The terminal's.
    Client,
    /// The probe's or plugin's.
    Probe,
}

/// Why a pipe cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PipeError {
    /// It was closed; the id is not used again.
    #[error("the pipe is closed")]
    Closed,
    /// There are too many.
    #[error("there are {PIPES_MAX} pipes already")]
    TooMany,
}

/// Bytes of one direction: the sender is for everybody, the receiver for the one who holds the lock.
struct Lane {
    sender: mpsc::Sender<Bytes>,
    receiver: Arc<AsyncMutex<mpsc::Receiver<Bytes>>>,
}

impl Lane {
    fn new() -> Self {
        let (sender, receiver) = mpsc::channel(PIPE_BACKLOG);
        Lane {
            sender,
            receiver: Arc::new(AsyncMutex::new(receiver)),
        }
    }
}

struct Pipe {
    to_client: Lane,
    to_probe: Lane,
    closed: CancellationToken,
    /// Whoever holds an end at present; a newcomer takes it over.
    holders: [CancellationToken; 2],
    used: Instant,
}

impl Pipe {
    fn new() -> Self {
        Pipe {
            to_client: Lane::new(),
            to_probe: Lane::new(),
            closed: CancellationToken::new(),
            holders: [ended(), ended()],
            used: Instant::now(),
        }
    }

    fn held(&self) -> bool {
        !self.closed.is_cancelled() && self.holders.iter().any(|h| !h.is_cancelled())
    }
}

/// A token of somebody who is gone.
fn ended() -> CancellationToken {
    let token = CancellationToken::new();
    token.cancel();
    token
}

/// One end of a pipe, held. Dropping it lets go of the end and leaves the pipe.
pub struct PipeIo {
    incoming: OwnedMutexGuard<mpsc::Receiver<Bytes>>,
    sender: PipeSender,
    holder: CancellationToken,
}

impl std::fmt::Debug for PipeIo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PipeIo").finish_non_exhaustive()
    }
}

impl PipeIo {
    /// The next bytes from the other end; `None` once the end was taken over, or the pipe was closed and
    /// everything sent before has been given.
    pub async fn recv(&mut self) -> Option<Bytes> {
        tokio::select! {
            biased;
            () = self.holder.cancelled() => None,
            bytes = self.incoming.recv() => bytes,
            () = self.sender.closed.cancelled() => None,
        }
    }

    /// The way to the other end.
    pub fn sender(&self) -> PipeSender {
        self.sender.clone()
    }
}

impl Drop for PipeIo {
    fn drop(&mut self) {
        self.holder.cancel();
    }
}

/// Sends to the other end of a pipe.
#[derive(Debug, Clone)]
pub struct PipeSender {
    outgoing: mpsc::Sender<Bytes>,
    closed: CancellationToken,
}

impl PipeSender {
    /// Sends bytes, waiting while the other end is slow. False once the pipe is closed.
    pub async fn send(&self, bytes: Bytes) -> bool {
        tokio::select! {
            biased;
            () = self.closed.cancelled() => false,
            sent = self.outgoing.send(bytes) => sent.is_ok(),
        }
    }
}

/// All pipes of an instance, by id.
#[derive(Default)]
pub(crate) struct Pipes(Mutex<BTreeMap<String, Pipe>>);

impl Pipes {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Pipe>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the pipe if nobody has named it yet. Closed ones and those that nobody holds are forgotten
    /// after [`PIPE_IDLE`].
    pub(crate) fn make(&self, id: &str) -> Result<(), PipeError> {
        self.with(id, |_| ())
    }

    fn with<T>(&self, id: &str, work: impl FnOnce(&mut Pipe) -> T) -> Result<T, PipeError> {
        let mut pipes = self.lock();
        pipes.retain(|_, p| p.held() || p.used.elapsed() < PIPE_IDLE);
        if !pipes.contains_key(id) {
            if pipes.len() >= PIPES_MAX {
                // A closed pipe is kept only to say so; it makes room for a living one.
                let oldest = pipes
                    .iter()
                    .filter(|(_, p)| p.closed.is_cancelled())
                    .min_by_key(|(_, p)| p.used)
                    .map(|(id, _)| id.clone());
                let Some(oldest) = oldest else {
                    return Err(PipeError::TooMany);
                };
                pipes.remove(&oldest);
            }
            pipes.insert(id.to_owned(), Pipe::new());
        }
        let Some(pipe) = pipes.get_mut(id).filter(|p| !p.closed.is_cancelled()) else {
            return Err(PipeError::Closed);
        };
        pipe.used = Instant::now();
        Ok(work(pipe))
    }

    /// Takes hold of an end; whoever held it before is let go.
    pub(crate) async fn attach(&self, id: &str, end: PipeEnd) -> Result<PipeIo, PipeError> {
        let holder = CancellationToken::new();
        let (receiver, sender) = self.with(id, |pipe| {
            let held = match end {
                PipeEnd::Client => 0,
                PipeEnd::Probe => 1,
            };
            std::mem::replace(&mut pipe.holders[held], holder.clone()).cancel();
            let (incoming, outgoing) = match end {
                PipeEnd::Client => (&pipe.to_client, &pipe.to_probe),
                PipeEnd::Probe => (&pipe.to_probe, &pipe.to_client),
            };
            let sender = PipeSender {
                outgoing: outgoing.sender.clone(),
                closed: pipe.closed.clone(),
            };
            (incoming.receiver.clone(), sender)
        })?;
        // Whoever gives up waiting for the one before holds nothing.
        let waiting = holder.clone().drop_guard();
        let incoming = receiver.lock_owned().await;
        waiting.disarm();
        Ok(PipeIo {
            incoming,
            sender,
            holder,
        })
    }

    /// Whether the pipe is there and open.
    pub(crate) fn open(&self, id: &str) -> bool {
        self.lock().get(id).is_some_and(|p| !p.closed.is_cancelled())
    }

    /// Closes a pipe for good. One that nobody has named yet is closed before it begins.
    pub(crate) fn close(&self, id: &str) {
        // At the limit there is no room to remember that it is closed, and nobody can open it either.
        let _ = self.with(id, |pipe| pipe.closed.cancel());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_go_both_ways_whoever_comes_first() {
        let pipes = Pipes::default();
        let mut probe = pipes.attach("p", PipeEnd::Probe).await.unwrap();
        assert!(probe.sender().send(Bytes::from_static(b"$ ")).await);
        let mut client = pipes.attach("p", PipeEnd::Client).await.unwrap();
        assert_eq!(client.recv().await.unwrap(), "$ ");
        assert!(client.sender().send(Bytes::from_static(b"ls\n")).await);
        assert_eq!(probe.recv().await.unwrap(), "ls\n");
    }

    #[tokio::test]
    async fn a_newcomer_takes_an_end_over_and_nothing_is_lost() {
        let pipes = Pipes::default();
        let probe = pipes.attach("p", PipeEnd::Probe).await.unwrap();
        let mut first = pipes.attach("p", PipeEnd::Client).await.unwrap();
        let second = tokio::spawn(async move { first.recv().await });
        let mut newcomer = pipes.attach("p", PipeEnd::Client).await.unwrap();
        assert_eq!(second.await.unwrap(), None, "the first is let go");
        assert!(probe.sender().send(Bytes::from_static(b"x")).await);
        assert_eq!(newcomer.recv().await.unwrap(), "x");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_gives_up_waiting_for_an_end_holds_nothing() {
        let pipes = Pipes::default();
        // Has been let go and does not know it yet.
        let slow = pipes.attach("p", PipeEnd::Client).await.unwrap();
        let waiting = pipes.attach("p", PipeEnd::Client);
        let given_up = tokio::time::timeout(std::time::Duration::from_secs(1), waiting).await;
        assert!(given_up.is_err());
        drop(slow);
        tokio::time::advance(PIPE_IDLE * 2).await;
        pipes.make("q").unwrap();
        assert!(!pipes.open("p"), "nobody holds it, and it is forgotten");
    }

    #[tokio::test]
    async fn closing_is_final() {
        let pipes = Pipes::default();
        let mut client = pipes.attach("p", PipeEnd::Client).await.unwrap();
        let sender = client.sender();
        pipes.close("p");
        assert_eq!(client.recv().await, None);
        assert!(!sender.send(Bytes::new()).await);
        assert!(!pipes.open("p"));
        assert_eq!(
            pipes.attach("p", PipeEnd::Probe).await.unwrap_err(),
            PipeError::Closed
        );
        pipes.close("q");
        assert_eq!(pipes.make("q"), Err(PipeError::Closed));
    }

    #[tokio::test(start_paused = true)]
    async fn pipes_are_bounded_and_forgotten_when_idle() {
        let pipes = Pipes::default();
        for n in 0..PIPES_MAX {
            pipes.make(&n.to_string()).unwrap();
        }
        assert_eq!(pipes.make("one more"), Err(PipeError::TooMany));
        pipes.close("0");
        pipes.make("one more").unwrap();
        let held = pipes.attach("1", PipeEnd::Probe).await.unwrap();
        tokio::time::advance(PIPE_IDLE * 2).await;
        pipes.make("later").unwrap();
        assert!(pipes.open("1"), "what is held stays");
        assert!(!pipes.open("2"));
        drop(held);
    }
}
