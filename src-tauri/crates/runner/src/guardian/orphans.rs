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

/// Whether a process belongs to a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    Yes,
    No,
    /// It is becoming another program at this moment, or was given no environment at all.
    Unclear,
}

impl Traits<'_> {
    /// Whether the process belongs to that program. One that left the group and the session and changed its
    /// environment is not told any more; it goes when the guardian does.
    pub(crate) fn fit(&self, stat: &Stat) -> Fit {
        if stat.session == self.main || stat.group == self.main {
            return Fit::Yes;
        }
        if !self.group.is_none() && self.group.has(stat.pid) {
            return Fit::Yes;
        }
        let environment = procfs::environment(stat.pid).unwrap_or_default();
        match procfs::variable(&environment, MARK) {
            Some(mark) if mark == self.mark => Fit::Yes,
            None if environment.is_empty() && !stat.zombie => Fit::Unclear,
            _ => Fit::No,
        }
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

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_stranger_that_was_given_the_number_is_left_alone() {
        let mut child = Command::new("/bin/sleep").arg("1000").spawn().expect("starts");
        let pid = i32::try_from(child.id()).expect("small");
        let seen = procfs::stat(pid).expect("it runs");
        kill_exactly(&Stat {
            start_ticks: seen.start_ticks + 1,
            ..seen
        });
        assert!(child.try_wait().expect("asks").is_none());
        kill_exactly(&seen);
        assert_eq!(child.wait().expect("ends").signal(), Some(9));
        kill_exactly(&seen);
    }

    #[test]
    fn descendants_are_told_by_session_group_or_mark() {
        let mut child = Command::new("/bin/sleep")
            .arg("1000")
            .env(MARK, "a/1/b")
            .spawn()
            .expect("starts");
        let pid = i32::try_from(child.id()).expect("small");
        let seen = procfs::stat(pid).expect("it runs");
        let none = Group::default();
        let fit = |main: i32, mark: &str| {
            Traits {
                main,
                group: &none,
                mark,
            }
            .fit(&seen)
        };
        // The program's image may not be in place yet right after the start.
        while fit(-1, "other") == Fit::Unclear {
            std::thread::yield_now();
        }
        assert_eq!(fit(seen.session, "other"), Fit::Yes);
        assert_eq!(fit(seen.group, "other"), Fit::Yes);
        assert_eq!(fit(-1, "a/1/b"), Fit::Yes);
        assert_eq!(fit(-1, "a/1"), Fit::No);
        assert_eq!(fit(-1, "other"), Fit::No);
        child.kill().expect("kills");
        child.wait().expect("ends");
    }
}
