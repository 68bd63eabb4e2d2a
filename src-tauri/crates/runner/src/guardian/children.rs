//! One launched program in the guardian, from its launcher's start until nothing of it is left.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, WaitStatus};

use super::LAUNCHER;
use super::orphans::{Fit, Traits, kill_trees, orphans};
use crate::limits::{END_DEADLINE, END_STEP, END_STEP_MAX, LAUNCH_TIME, MAX_GRACE, UNCLEAR_TIME};
use crate::procfs;
use crate::wire::{Fault, Inbox, LaunchNews, News, Plan, Step, encode, send};

/// A launched program.
pub(super) struct Child {
    pub(super) id: u64,
    pub(super) pid: i32,
    pidfd: Option<OwnedFd>,
    plan: Plan,
    phase: Phase,
    /// When everything is killed.
    kill_at: Option<Instant>,
}

enum Phase {
    /// The launcher prepares. Its words come in on the socket.
    Launching {
        socket: UnixStream,
        inbox: Inbox,
        going: bool,
        fault: Option<Fault>,
        until: Instant,
    },
    /// It is the program.
    Running,
    /// The main process ended, and the rest is being ended.
    Ending(Ending),
    /// Nothing is left.
    Over,
}

struct Ending {
    /// The launch failed, and why.
    fault: Option<Fault>,
    since: Instant,
    step: Duration,
    next: Instant,
    /// How many looks in a row found nothing.
    clean: u32,
}

impl Child {
    /// Starts a launcher.
    pub(super) fn start(
        id: u64,
        plan: Plan,
        stdout: OwnedFd,
        stderr: OwnedFd,
        listener: Option<OwnedFd>,
        now: Instant,
    ) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let message = encode(&plan)?;
        let fds: Vec<_> = listener.iter().map(std::os::fd::AsFd::as_fd).collect();
        // A fresh socket takes a message of any permitted length whole.
        if send(&ours, &message, &fds)? != message.len() {
            return Err(io::Error::other("the plan does not fit into the socket"));
        }
        let child = Command::new("/proc/self/exe")
            .arg0("orrery-launcher")
            .arg(LAUNCHER)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::from(stdout))
            .stderr(Stdio::from(stderr))
            .spawn()?;
        let pid = Pid::from_child(&child);
        // Without one its end is told by its signal alone.
        let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok();
        let pid = pid.as_raw_pid();
        let until = now + LAUNCH_TIME;
        let phase = Phase::Launching {
            socket: ours,
            inbox: Inbox::default(),
            going: false,
            fault: None,
            until,
        };
        Ok(Self {
            id,
            pid,
            pidfd,
            plan,
            phase,
            kill_at: None,
        })
    }

    /// The socket on which a launcher's words come.
    pub(super) fn launcher(&self) -> Option<&UnixStream> {
        match &self.phase {
            Phase::Launching { socket, .. } => Some(socket),
            Phase::Running | Phase::Ending(_) | Phase::Over => None,
        }
    }

    /// What becomes readable when its main process ends. Its signal alone is not enough: a library may have made
    /// a thread before `main`, which takes the signal and does nothing with it.
    pub(super) fn end(&self) -> Option<&OwnedFd> {
        self.pidfd.as_ref().filter(|_| self.is_alive())
    }

    /// Reads what the launcher said. The end of its words means that it became the program.
    pub(super) fn hear(&mut self) -> Option<News> {
        let Phase::Launching {
            socket,
            inbox,
            going,
            fault,
            ..
        } = &mut self.phase
        else {
            return None;
        };
        let ended = loop {
            match inbox.receive(&*socket) {
                Ok(0) => break true,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break false,
                Err(_) => break true,
            }
        };
        while let Ok(Some(news)) = inbox.next() {
            match news {
                LaunchNews::Going => *going = true,
                LaunchNews::Fault(why) => *fault = Some(why),
            }
        }
        if !ended || !*going || fault.is_some() {
            // A fault is told when the launcher has ended.
            return None;
        }
        self.phase = Phase::Running;
        let start_ticks = procfs::stat(self.pid).map_or(0, |stat| stat.start_ticks);
        Some(News::Launched {
            id: self.id,
            pid: self.pid.unsigned_abs(),
            start_ticks,
        })
    }

    /// True while its main process is there, so that its number is its own.
    pub(super) fn is_alive(&self) -> bool {
        matches!(self.phase, Phase::Launching { .. } | Phase::Running)
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// TERM now, KILL of everything after the grace.
    pub(super) fn stop(&mut self, grace: Duration, now: Instant) {
        if self.is_alive() {
            self.signal(Signal::TERM);
            let at = now + grace.min(MAX_GRACE);
            self.kill_at = Some(self.kill_at.map_or(at, |earlier| earlier.min(at)));
        }
    }

    /// KILL of everything.
    pub(super) fn kill(&mut self) {
        self.kill_at = None;
        if self.is_alive() {
            self.plan.group.kill();
            self.signal(Signal::KILL);
        }
    }

    /// To the process group, which a launcher may not have made yet.
    fn signal(&self, signal: Signal) {
        let Some(pid) = Pid::from_raw(self.pid) else {
            return;
        };
        if rustix::process::kill_process_group(pid, signal).is_err() {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Its main process ended.
    pub(super) fn ended(&mut self, status: WaitStatus, now: Instant, at_ms: i64) -> Vec<News> {
        let mut news = Vec::new();
        // A program may end before its launcher's last words were read.
        news.extend(self.hear());
        let fault = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Launching { fault, .. } => Some(fault.unwrap_or_else(|| Fault {
                step: Step::Setup,
                errno: None,
                text: format!("the launcher ended ({status:?})"),
            })),
            Phase::Running | Phase::Ending(_) | Phase::Over => {
                let (code, signal) = (status.exit_status(), status.terminating_signal());
                news.push(News::Exited {
                    id: self.id,
                    code,
                    signal,
                    at_ms,
                    counters: self.plan.group.counters(),
                });
                None
            }
        };
        self.kill_at = None;
        self.phase = Phase::Ending(Ending {
            fault,
            since: now,
            step: END_STEP,
            next: now,
            clean: 0,
        });
        news
    }

    /// When it must be looked after next.
    pub(super) fn due(&self) -> Option<Instant> {
        let own = match &self.phase {
            Phase::Launching { until, .. } => Some(*until),
            Phase::Ending(ending) => Some(ending.next),
            Phase::Running | Phase::Over => None,
        };
        own.into_iter().chain(self.kill_at).min()
    }

    /// Does what is due. `mains` are the main processes of all programs that run.
    pub(super) fn tend(&mut self, mains: &[i32], now: Instant) -> Option<News> {
        if self.kill_at.is_some_and(|at| at <= now) {
            self.kill();
        }
        match &mut self.phase {
            Phase::Launching { until, .. } if *until <= now => {
                *until = now + END_STEP_MAX;
                self.kill();
                None
            }
            Phase::Ending(ending) if ending.next <= now => self.end_rest(mains, now),
            Phase::Launching { .. } | Phase::Ending(_) | Phase::Running | Phase::Over => None,
        }
    }

    /// Kills what the program left behind, and says when nothing is left.
    fn end_rest(&mut self, mains: &[i32], now: Instant) -> Option<News> {
        let Phase::Ending(ending) = &mut self.phase else {
            return None;
        };
        let group = &self.plan.group;
        let traits = Traits {
            main: self.pid,
            group,
            mark: &self.plan.mark,
        };
        let waited = now.duration_since(ending.since);
        let mut unclear = false;
        let mut left: Vec<i32> = Vec::new();
        for stat in orphans(mains).into_iter().filter(|stat| !stat.zombie) {
            // When no other program runs, whatever is here can only be this one's.
            match if mains.is_empty() {
                Fit::Yes
            } else {
                traits.fit(&stat)
            } {
                Fit::Yes => left.push(stat.pid),
                Fit::Unclear => unclear |= waited < UNCLEAR_TIME,
                Fit::No => {}
            }
        }
        let members = group.members();
        if !members.is_empty() {
            group.kill();
        }
        kill_trees(&left);
        let count = left.iter().filter(|pid| !members.contains(pid)).count() + members.len();
        ending.clean = if count == 0 && !unclear {
            ending.clean + 1
        } else {
            0
        };
        // The kernel's list of children may miss one while others end; a group's list does not.
        let enough = if group.is_none() { 2 } else { 1 };
        if (ending.clean >= enough && group.remove()) || waited >= END_DEADLINE {
            let id = self.id;
            let news = match ending.fault.take() {
                Some(fault) => News::Failed { id, fault },
                None => News::Gone { id, left: count },
            };
            self.phase = Phase::Over;
            return Some(news);
        }
        ending.step = if count > 0 {
            END_STEP
        } else {
            (ending.step * 2).min(END_STEP_MAX)
        };
        ending.next = now + ending.step;
        None
    }
}
