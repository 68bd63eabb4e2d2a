//! The end of what a guardian could not end: after it was killed, or after an earlier run was.

use std::time::{Duration, Instant};

use crate::cgroup::Group;
use crate::guardian::{MARK, kill_exactly};
use crate::limits::{END_STEP, END_STEP_MAX};
use crate::procfs;

/// Kills everything in the groups and every process whose mark starts with `mark`, until nothing is left or the
/// time is over. Returns what is left. Blocks.
pub(crate) fn sweep(groups: Vec<Group>, mark: &str, time: Duration) -> usize {
    let until = Instant::now() + time;
    let mut groups = groups;
    let mut step = END_STEP;
    loop {
        let marked = marked(mark);
        marked.iter().for_each(kill_exactly);
        groups.retain(|group| {
            if !group.members().is_empty() {
                group.kill();
            }
            !group.remove()
        });
        if (marked.is_empty() && groups.is_empty()) || Instant::now() >= until {
            return marked.len() + groups.len();
        }
        std::thread::sleep(step);
        step = (step * 2).min(END_STEP_MAX);
    }
}

fn marked(mark: &str) -> Vec<procfs::Stat> {
    let marked = |pid: i32| {
        let environment = procfs::environment(pid).unwrap_or_default();
        procfs::variable(&environment, MARK).is_some_and(|value| value.starts_with(mark))
    };
    let own = i32::try_from(std::process::id()).unwrap_or(i32::MAX);
    if marked(own) {
        // Started by a program of such a run itself; then nobody can say what is left over and what is ours.
        return Vec::new();
    }
    procfs::all()
        .into_iter()
        .filter(|stat| !stat.zombie && marked(stat.pid))
        .collect()
}
