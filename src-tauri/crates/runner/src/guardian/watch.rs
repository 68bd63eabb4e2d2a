//! The guardian's loop.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::WaitOptions;

use super::children::Child;
use super::orphans::{kill_trees, orphans};
use crate::limits::{GUARDIAN_END, MAX_GRACE, MAX_PROCESSES, MAX_UNREAD_BYTES};
use crate::output::now_ms;
use crate::wire::{Fault, Inbox, News, Order, Step, encode, send};

/// Wait between rounds when everything is being ended.
const CLOSING_BEAT: Duration = Duration::from_millis(5);

/// Runs the guardian until the application is gone and everything has ended. Returns its exit code.
pub(super) fn run() -> i32 {
    super::close_inherited();
    match Guardian::new().and_then(|mut guardian| guardian.watch()) {
        Ok(()) => 0,
        // There is nobody left to tell; the application sees that the guardian ended.
        Err(_) => 1,
    }
}

struct Guardian {
    /// To the application.
    socket: UnixStream,
    inbox: Inbox,
    /// What the socket did not take yet.
    outbox: Vec<u8>,
    signals: SignalFd,
    children: BTreeMap<u64, Child>,
    /// Groups to remove at the very end.
    parents: Vec<PathBuf>,
}

impl Guardian {
    fn new() -> io::Result<Self> {
        let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        socket.set_nonblocking(true)?;
        // Away from the terminal's signals, and deaf to those that ask to end: the end of the application is what
        // ends the guardian, so that programs have their graceful phase.
        let _ = rustix::process::setsid();
        let mut held = SigSet::empty();
        for signal in [
            Signal::SIGCHLD,
            Signal::SIGTERM,
            Signal::SIGINT,
            Signal::SIGHUP,
            Signal::SIGQUIT,
        ] {
            held.add(signal);
        }
        held.thread_block()?;
        let signals = SignalFd::with_flags(&held, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        // Any value but none turns it on.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        // No directory is kept from being unmounted.
        let _ = std::env::set_current_dir("/");
        let mut guardian = Self {
            socket,
            inbox: Inbox::default(),
            outbox: Vec::new(),
            signals,
            children: BTreeMap::new(),
            parents: Vec::new(),
        };
        guardian.tell(&News::Ready {
            pid: std::process::id(),
        });
        Ok(guardian)
    }

    fn watch(&mut self) -> io::Result<()> {
        loop {
            self.wait()?;
            // Whatever goes wrong on the socket: without an application there is only one thing to do.
            if !matches!(self.read_orders(), Ok(true)) || self.flush().is_err() {
                return self.end_everything();
            }
            self.turn();
        }
    }

    /// Sees who ended, hears launchers, and does what is due.
    fn turn(&mut self) {
        self.reap();
        let mut news: Vec<News> = self.children.values_mut().filter_map(Child::hear).collect();
        let mains: Vec<i32> = self
            .children
            .values()
            .filter(|child| child.is_alive())
            .map(|child| child.pid)
            .collect();
        let now = Instant::now();
        news.extend(
            self.children
                .values_mut()
                .filter_map(|child| child.tend(&mains, now)),
        );
        self.children.retain(|_, child| !child.is_over());
        for news in news {
            self.tell(&news);
        }
    }

    /// Waits until there is something to do.
    fn wait(&self) -> io::Result<()> {
        let due = self.children.values().filter_map(Child::due).min();
        let timeout = due.map(|at| {
            // Up to the next millisecond, so that what is due is due when the wait ends.
            let wait = at.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
            Timespec::try_from(wait.min(MAX_GRACE)).unwrap_or_default()
        });
        let mut interest = PollFlags::IN;
        if !self.outbox.is_empty() {
            interest |= PollFlags::OUT;
        }
        let mut fds = vec![
            PollFd::new(&self.socket, interest),
            PollFd::new(&self.signals, PollFlags::IN),
        ];
        fds.extend(
            self.children
                .values()
                .filter_map(Child::launcher)
                .map(|socket| PollFd::new(socket, PollFlags::IN)),
        );
        let ends = self.children.values().filter_map(Child::end);
        fds.extend(ends.map(|end| PollFd::new(end, PollFlags::IN)));
        match rustix::event::poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// False when the application is gone.
    fn read_orders(&mut self) -> io::Result<bool> {
        loop {
            match self.inbox.receive(&self.socket) {
                Ok(0) => return Ok(false),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
            while let Some(order) = self.inbox.next()? {
                self.obey(order)?;
            }
        }
    }

    fn obey(&mut self, order: Order) -> io::Result<()> {
        let now = Instant::now();
        match order {
            Order::Parents { dirs } => self.parents = dirs,
            Order::Launch { id, plan } => {
                let stdout = self.inbox.claim()?;
                let stderr = self.inbox.claim()?;
                let listener = if plan.listener {
                    Some(self.inbox.claim()?)
                } else {
                    None
                };
                let group = plan.group.clone();
                let started = if self.children.len() < MAX_PROCESSES {
                    Child::start(id, *plan, stdout, stderr, listener, now)
                } else {
                    Err(io::Error::other("too many programs"))
                };
                match started {
                    Ok(child) => {
                        self.children.insert(id, child);
                    }
                    Err(error) => {
                        group.remove();
                        self.tell(&News::Failed {
                            id,
                            fault: Fault::new(Step::Spawn, &error),
                        });
                    }
                }
            }
            // One that is over already is no fault: orders and news cross.
            Order::Stop { id, grace_ms } => {
                if let Some(child) = self.children.get_mut(&id) {
                    child.stop(Duration::from_millis(grace_ms), now);
                }
            }
            Order::Kill { id } => {
                if let Some(child) = self.children.get_mut(&id) {
                    child.kill();
                }
            }
        }
        Ok(())
    }

    /// Takes every child that ended, main process or orphan. Returns false when there are no children at all.
    fn reap(&mut self) -> bool {
        while let Ok(Some(_)) = self.signals.read_signal() {}
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => {
                    let ended = self
                        .children
                        .values_mut()
                        .find(|child| child.is_alive() && child.pid == pid.as_raw_pid());
                    let news = ended.map(|child| child.ended(status, Instant::now(), now_ms()));
                    for news in news.into_iter().flatten() {
                        self.tell(&news);
                    }
                }
                Ok(None) => return true,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return false,
            }
        }
    }

    /// Kills every descendant until there is none.
    fn end_everything(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + GUARDIAN_END;
        self.children.values_mut().for_each(Child::kill);
        loop {
            self.turn();
            self.outbox.clear();
            if self.children.is_empty() {
                // Also what could not be told whose it is.
                let left: Vec<i32> = orphans(&[]).into_iter().map(|stat| stat.pid).collect();
                kill_trees(&left);
                if !self.reap() {
                    for dir in &self.parents {
                        // Not empty means that something could not be ended; the next run sweeps it.
                        let _ = std::fs::remove_dir(dir);
                    }
                    return Ok(());
                }
            }
            if Instant::now() >= deadline {
                return Ok(());
            }
            let mut fds = [PollFd::new(&self.signals, PollFlags::IN)];
            let beat = Timespec::try_from(CLOSING_BEAT).unwrap_or_default();
            let _ = rustix::event::poll(&mut fds, Some(&beat));
        }
    }

    fn tell(&mut self, news: &News) {
        // Our own messages are all short.
        if let Ok(message) = encode(news) {
            self.outbox.extend_from_slice(&message);
        }
        // A fault shows in the loop.
        let _ = self.flush();
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.outbox.is_empty() {
            match send(&self.socket, &self.outbox, &[]) {
                Ok(count) => {
                    self.outbox.drain(..count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if self.outbox.len() > MAX_UNREAD_BYTES {
            return Err(io::Error::other("the application does not read"));
        }
        Ok(())
    }
}
