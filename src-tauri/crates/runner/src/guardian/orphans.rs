//! Processes that lost their parent and came to the guardian: whose they are, and their end.

use rustix::process::{Pid, PidfdFlags, Signal};

use crate::cgroup::Group;
use crate::procfs::{self, Stat};

/// Name of the environment variable by which descendants are told.
pub(crate) const MARK: &str = "ORRERY_RUN";

/// By what the descendants of a program are told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traits<'a> {
    /// Its main process, which was the leader of its session and group.
    pub(crate) main: i32,
    pub(crate) group: &'a Group,
    pub(crate) mark: &'a str,
}

impl Traits<'_> {
    /// True when the process belongs to that program. A process that left the group, the session and cleared its
    /// environment is not told any more, and goes when the guardian does.
    pub(crate) fn fit(&self, stat: &Stat) -> bool {
        stat.session == self.main
            || stat.group == self.main
            || (!self.group.is_none() && self.group.has(stat.pid))
            || procfs::variable(stat.pid, MARK).is_some_and(|mark| mark == self.mark)
    }
}

/// The guardian's children that are not among `mains`.
pub(super) fn orphans(mains: &[i32]) -> Vec<Stat> {
    let own = i32::try_from(std::process::id()).unwrap_or(i32::MAX);
    procfs::children(own)
        .into_iter()
        .filter(|pid| !mains.contains(pid))
        .filter_map(procfs::stat)
        .collect()
}

/// Kills the processes and everything that descends from them, once.
pub(super) fn kill_trees(roots: &[i32]) {
    if roots.is_empty() {
        return;
    }
    let all = procfs::all();
    for stat in procfs::descendants(&all, roots) {
        kill_exactly(&stat);
    }
}

/// Kills this very process, and not a stranger that was given its number since.
pub(crate) fn kill_exactly(seen: &Stat) {
    let Some(pid) = Pid::from_raw(seen.pid) else {
        return;
    };
    let Ok(handle) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else {
        return;
    };
    if procfs::stat(seen.pid).is_some_and(|stat| stat.start_ticks == seen.start_ticks) {
        let _ = rustix::process::pidfd_send_signal(handle, Signal::KILL);
    }
}
