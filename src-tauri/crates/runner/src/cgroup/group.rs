//! One program's control groups: joining, counting, killing, removing.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, PidfdFlags, Signal};
use serde::{Deserialize, Serialize};

use crate::limits::GROUP_DEPTH;
use crate::procfs;

/// One program's directories in all hierarchies that are used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    /// Version 2.
    pub(crate) unified: Option<PathBuf>,
    /// Version 1.
    pub(crate) memory: Option<PathBuf>,
    /// Version 1.
    pub(crate) cpu: Option<PathBuf>,
    /// Version 1.
    pub(crate) accounting: Option<PathBuf>,
    /// Version 1.
    pub(crate) pids: Option<PathBuf>,
}

/// What the kernel counted. All rise only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counters {
    /// Processes killed for memory.
    pub(crate) memory_kills: u64,
    /// CPU periods in which it was held back.
    pub(crate) throttled: u64,
    /// Processes or threads that were refused.
    pub(crate) pids_refused: u64,
}

impl Group {
    /// Its directories, each once.
    pub(crate) fn dirs(&self) -> impl Iterator<Item = &Path> {
        let all = [
            &self.unified,
            &self.memory,
            &self.cpu,
            &self.accounting,
            &self.pids,
        ];
        all.into_iter()
            .flatten()
            .map(PathBuf::as_path)
            .collect::<BTreeSet<_>>()
            .into_iter()
    }

    /// True when there is none at all.
    pub(crate) fn is_none(&self) -> bool {
        self.dirs().next().is_none()
    }

    /// Takes the calling process into it.
    pub(crate) fn join(&self) -> io::Result<()> {
        for dir in self.dirs() {
            fs::write(dir.join("cgroup.procs"), "0")
                .map_err(|error| in_file(&dir.join("cgroup.procs"), &error))?;
        }
        Ok(())
    }

    /// The processes in it, those of nested groups included.
    pub(crate) fn members(&self) -> Vec<i32> {
        let mut found = BTreeSet::new();
        for dir in self.dirs() {
            collect_members(dir, 0, &mut found);
        }
        found.into_iter().collect()
    }

    /// Kills everything in it once; what is born meanwhile needs another call, unless version 2 does it whole.
    pub(crate) fn kill(&self) {
        if let Some(dir) = self.pids.as_ref().or(self.unified.as_ref()) {
            // Nothing is born any more, if that can be said; members are then killed faster than they multiply.
            let _ = fs::write(dir.join("pids.max"), "0");
        }
        if let Some(dir) = &self.unified {
            // Missing before Linux 5.14; the members are killed one by one below.
            let _ = fs::write(dir.join("cgroup.kill"), "1");
        }
        for pid in self.members() {
            // The number may have been given to a stranger since it was read: the handle tells.
            let Some(pid) = Pid::from_raw(pid) else { continue };
            let Ok(handle) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else {
                continue;
            };
            if self.has(pid.as_raw_pid()) {
                let _ = rustix::process::pidfd_send_signal(handle, Signal::KILL);
            }
        }
    }

    /// True when the process is in it or in a group nested in it.
    pub(crate) fn has(&self, pid: i32) -> bool {
        let Some(text) = procfs::read(Path::new(&format!("/proc/{pid}/cgroup"))) else {
            return false;
        };
        // The path there is counted from the root of the hierarchy, of which the mount may show a part; the
        // names from our own parent group on are the same in both.
        self.dirs().filter_map(tail).any(|tail| {
            text.lines()
                .filter_map(|line| line.splitn(3, ':').nth(2))
                .any(|path| {
                    path.find(&tail)
                        .is_some_and(|at| matches!(path.as_bytes().get(at + tail.len()), None | Some(b'/')))
                })
        })
    }

    /// Removes it with all groups nested in it. True when nothing is left.
    pub(crate) fn remove(&self) -> bool {
        let mut whole = true;
        for dir in self.dirs() {
            whole &= remove(dir, 0);
        }
        whole
    }

    pub(crate) fn counters(&self) -> Counters {
        let unified = |file: &str, key: &str| keyed(&self.unified.as_ref()?.join(file), key);
        let legacy = |dir: &Option<PathBuf>, file: &str, key: &str| keyed(&dir.as_ref()?.join(file), key);
        Counters {
            memory_kills: unified("memory.events", "oom_kill")
                .or_else(|| legacy(&self.memory, "memory.oom_control", "oom_kill"))
                .unwrap_or(0),
            throttled: unified("cpu.stat", "nr_throttled")
                .or_else(|| legacy(&self.cpu, "cpu.stat", "nr_throttled"))
                .unwrap_or(0),
            pids_refused: unified("pids.events", "max")
                .or_else(|| legacy(&self.pids, "pids.events", "max"))
                .unwrap_or(0),
        }
    }

    /// CPU used since it was made, in microseconds.
    pub(crate) fn cpu_us(&self) -> Option<u64> {
        let unified = || keyed(&self.unified.as_ref()?.join("cpu.stat"), "usage_usec");
        let legacy = || Some(number(&self.accounting.as_ref()?.join("cpuacct.usage"))? / 1_000);
        unified().or_else(legacy)
    }

    /// Memory in use without file cache that can be dropped at once, in bytes.
    pub(crate) fn memory_bytes(&self) -> Option<u64> {
        let less = |used: u64, dir: &Path, key: &str| {
            used.saturating_sub(keyed(&dir.join("memory.stat"), key).unwrap_or(0))
        };
        let unified = || {
            let dir = self.unified.as_deref()?;
            Some(less(number(&dir.join("memory.current"))?, dir, "inactive_file"))
        };
        let legacy = || {
            let dir = self.memory.as_deref()?;
            Some(less(
                number(&dir.join("memory.usage_in_bytes"))?,
                dir,
                "total_inactive_file",
            ))
        };
        unified().or_else(legacy)
    }

    /// Largest memory so far, file cache included, in bytes.
    pub(crate) fn memory_peak_bytes(&self) -> Option<u64> {
        let unified = || number(&self.unified.as_ref()?.join("memory.peak"));
        let legacy = || number(&self.memory.as_ref()?.join("memory.max_usage_in_bytes"));
        unified().or_else(legacy)
    }
}

/// Errors with the file that they are about.
pub(super) fn in_file(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// The number in a file of one number.
fn number(path: &Path) -> Option<u64> {
    procfs::read(path)?.trim().parse().ok()
}

/// The number behind `key` in a file of lines `key number`.
fn keyed(path: &Path, key: &str) -> Option<u64> {
    procfs::read(path)?.lines().find_map(|line| {
        let (name, value) = line.split_once(' ')?;
        (name == key).then(|| value.trim().parse().ok())?
    })
}

/// The last two names of a group's path, parent and group, in the form `/proc/<pid>/cgroup` has them.
fn tail(dir: &Path) -> Option<String> {
    let name = dir.file_name()?.to_str()?;
    let parent = dir.parent()?.file_name()?.to_str()?;
    Some(format!("/{parent}/{name}"))
}

fn nested(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let is_dir = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    entries
        .filter_map(Result::ok)
        .filter(is_dir)
        .map(|entry| entry.path())
        .collect()
}

fn collect_members(dir: &Path, depth: usize, found: &mut BTreeSet<i32>) {
    let text = procfs::read(&dir.join("cgroup.procs")).unwrap_or_default();
    // A process of another pid namespace shows as 0.
    found.extend(
        text.lines()
            .filter_map(|line| line.parse::<i32>().ok())
            .filter(|pid| *pid > 0),
    );
    if depth < GROUP_DEPTH {
        for inner in nested(dir) {
            collect_members(&inner, depth + 1, found);
        }
    }
}

fn remove(dir: &Path, depth: usize) -> bool {
    match fs::remove_dir(dir) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(_) if depth < GROUP_DEPTH => {
            for inner in nested(dir) {
                remove(&inner, depth + 1);
            }
            !dir.exists() || fs::remove_dir(dir).is_ok()
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_both_versions() {
        let dir = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("writes");
        write(
            "memory.events",
            "low 0\nhigh 3\nmax 2\noom 1\noom_kill 2\noom_group_kill 0\n",
        );
        write(
            "cpu.stat",
            "usage_usec 1500\nnr_periods 9\nnr_throttled 4\nthrottled_time 8\n",
        );
        write("pids.events", "max 7\n");
        write("memory.current", "1000\n");
        write("memory.peak", "5000\n");
        write(
            "memory.stat",
            "anon 1\ninactive_file 200\ntotal_inactive_file 300\n",
        );
        write("memory.usage_in_bytes", "2000\n");
        write("memory.max_usage_in_bytes", "6000\n");
        write(
            "memory.oom_control",
            "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n",
        );
        write("cpuacct.usage", "7000000\n");
        let path = Some(dir.path().to_owned());

        let two = Group {
            unified: path.clone(),
            ..Group::default()
        };
        assert_eq!(
            two.counters(),
            Counters {
                memory_kills: 2,
                throttled: 4,
                pids_refused: 7
            }
        );
        assert_eq!(
            (two.cpu_us(), two.memory_bytes(), two.memory_peak_bytes()),
            (Some(1500), Some(800), Some(5000))
        );

        let one = Group {
            unified: None,
            memory: path.clone(),
            cpu: path.clone(),
            accounting: path.clone(),
            pids: path,
        };
        assert_eq!(
            one.counters(),
            Counters {
                memory_kills: 5,
                throttled: 4,
                pids_refused: 7
            }
        );
        assert_eq!(
            (one.cpu_us(), one.memory_bytes(), one.memory_peak_bytes()),
            (Some(7000), Some(1700), Some(6000))
        );
        assert_eq!(one.dirs().count(), 1);
    }

    #[test]
    fn broken_and_missing_files_count_as_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("memory.events"), "oom_kill\noom_kill x\n\0\n").expect("writes");
        fs::write(dir.path().join("memory.current"), "max").expect("writes");
        let group = Group {
            unified: Some(dir.path().to_owned()),
            ..Group::default()
        };
        assert_eq!(group.counters(), Counters::default());
        assert_eq!(
            (group.cpu_us(), group.memory_bytes(), group.memory_peak_bytes()),
            (None, None, None)
        );
        assert_eq!(group.members(), Vec::<i32>::new());
        assert!(!group.has(1));
        assert!(Group::default().is_none() && !group.is_none());
    }

    #[test]
    fn members_of_nested_groups_count() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(dir.path().join("a/b")).expect("makes");
        fs::write(dir.path().join("cgroup.procs"), "7\n0\n").expect("writes");
        fs::write(dir.path().join("a/b/cgroup.procs"), "9\n8\nx\n").expect("writes");
        let group = Group {
            unified: Some(dir.path().to_owned()),
            ..Group::default()
        };
        assert_eq!(group.members(), [7, 8, 9]);
    }

    #[test]
    fn nested_groups_are_removed_too() {
        let dir = tempfile::tempdir().expect("a directory");
        let own = dir.path().join("own");
        fs::create_dir_all(own.join("a/b")).expect("makes");
        let group = Group {
            unified: Some(own.clone()),
            ..Group::default()
        };
        assert!(group.remove());
        assert!(!own.exists());
        assert!(group.remove(), "a second time is no fault");
    }
}
