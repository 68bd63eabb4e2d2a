//! Which process holds a socket. Walking the files of every process costs more than everything else here, so
//! only new processes are walked, those that may hold sockets nobody was found for, and a few more each time.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::limits::{FILES_PER_PROCESS_MAX, REWALK_PER_REPORT};
use crate::procfs;

/// Holders of sockets by inode, kept from report to report.
#[derive(Debug, Default)]
pub(crate) struct Holders {
    by_inode: HashMap<u32, u32>,
    by_pid: BTreeMap<u32, Held>,
    /// Where the slow walk over everybody stands.
    next: u32,
}

#[derive(Debug, Default)]
struct Held {
    inodes: BTreeSet<u32>,
    /// Size of the directory of files at the last walk, which tells on kernels that keep it that files were
    /// opened or closed since.
    files: u64,
    readable: bool,
}

impl Holders {
    /// Takes note of who is there, so that every one of `wanted` that can be found is.
    pub(crate) fn refresh(&mut self, pids: &[u32], wanted: &BTreeSet<u32>) {
        let alive: BTreeSet<u32> = pids.iter().copied().collect();
        let gone: Vec<u32> = self
            .by_pid
            .keys()
            .filter(|p| !alive.contains(p))
            .copied()
            .collect();
        for pid in gone {
            self.drop_pid(pid);
        }
        for pid in pids {
            if !self.by_pid.contains_key(pid) {
                self.walk(*pid);
            }
        }
        if wanted.iter().any(|i| !self.by_inode.contains_key(i)) {
            // Somebody opened sockets since: those whose number of files changed come first.
            let changed: Vec<u32> = pids.iter().copied().filter(|p| self.changed(*p)).collect();
            for pid in changed {
                self.walk(pid);
            }
        }
        let turn: Vec<u32> = self
            .by_pid
            .range(self.next..)
            .map(|(p, _)| *p)
            .take(REWALK_PER_REPORT)
            .collect();
        self.next = if turn.len() < REWALK_PER_REPORT {
            0
        } else {
            turn.last().map_or(0, |p| p + 1)
        };
        for pid in turn {
            self.walk(pid);
        }
    }

    /// The process that holds a socket.
    pub(crate) fn pid(&self, inode: u32) -> Option<u32> {
        self.by_inode.get(&inode).copied()
    }

    /// Processes whose files may not be looked at.
    pub(crate) fn unreadable(&self) -> usize {
        self.by_pid.values().filter(|h| !h.readable).count()
    }

    fn changed(&self, pid: u32) -> bool {
        let Some(held) = self.by_pid.get(&pid) else {
            return true;
        };
        // Size 0: an older kernel, which does not say.
        held.readable && (held.files == 0 || size(pid) != held.files)
    }

    fn walk(&mut self, pid: u32) {
        self.drop_pid(pid);
        let mut held = Held {
            files: size(pid),
            ..Held::default()
        };
        if let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/fd")) {
            held.readable = true;
            for entry in entries.take(FILES_PER_PROCESS_MAX).flatten() {
                let Ok(target) = std::fs::read_link(entry.path()) else {
                    continue;
                };
                if let Some(inode) = target.to_str().and_then(socket_inode) {
                    held.inodes.insert(inode);
                }
            }
        }
        for inode in &held.inodes {
            // A socket that several hold, as after a fork, belongs to the one with the lowest number.
            let holder = self.by_inode.entry(*inode).or_insert(pid);
            *holder = (*holder).min(pid);
        }
        self.by_pid.insert(pid, held);
    }

    fn drop_pid(&mut self, pid: u32) {
        let Some(held) = self.by_pid.remove(&pid) else {
            return;
        };
        for inode in held.inodes {
            if self.by_inode.get(&inode) != Some(&pid) {
                continue;
            }
            match self.by_pid.iter().find(|(_, h)| h.inodes.contains(&inode)) {
                Some((other, _)) => self.by_inode.insert(inode, *other),
                None => self.by_inode.remove(&inode),
            };
        }
    }
}

fn size(pid: u32) -> u64 {
    std::fs::metadata(format!("/proc/{pid}/fd")).map_or(0, |m| m.len())
}

fn socket_inode(target: &str) -> Option<u32> {
    target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// Processes of each network namespace, by the namespace's inode; the own one is among them.
pub(crate) fn namespaces(pids: &[u32]) -> BTreeMap<u64, u32> {
    let mut all = BTreeMap::new();
    for pid in pids {
        let Ok(target) = std::fs::read_link(format!("/proc/{pid}/ns/net")) else {
            continue;
        };
        if let Some(inode) = target.to_str().and_then(namespace_inode) {
            all.entry(inode).or_insert(*pid);
        }
    }
    all
}

/// Inode of the calling thread's network namespace; 0 when it cannot be read.
pub(crate) fn own_namespace() -> u64 {
    let target = std::fs::read_link("/proc/thread-self/ns/net").unwrap_or_default();
    target.to_str().and_then(namespace_inode).unwrap_or_default()
}

fn namespace_inode(target: &str) -> Option<u64> {
    target.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok()
}

/// Numbers of all processes, or none when /proc cannot be read.
pub(crate) fn pids() -> Vec<u32> {
    procfs::pids().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::AsRawFd as _;

    use super::*;

    fn inode(listener: &TcpListener) -> u32 {
        let target = std::fs::read_link(format!("/proc/self/fd/{}", listener.as_raw_fd())).unwrap();
        socket_inode(target.to_str().unwrap()).unwrap()
    }

    #[test]
    fn a_socket_opened_after_the_first_walk_is_found_and_a_closed_one_forgotten() {
        let own = [std::process::id()];
        let mut holders = Holders::default();
        holders.refresh(&own, &BTreeSet::new());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let wanted = inode(&listener);
        holders.refresh(&own, &[wanted].into());
        assert_eq!(
            holders.pid(wanted),
            Some(std::process::id()),
            "the walk follows what is wanted"
        );
        holders.refresh(&[], &BTreeSet::new());
        assert_eq!(holders.pid(wanted), None, "nobody is there any more");
    }

    #[test]
    fn links_are_read_strictly() {
        assert_eq!(socket_inode("socket:[123]"), Some(123));
        for other in ["pipe:[123]", "socket:[x]", "socket:[]", "/tmp/socket:[1]"] {
            assert_eq!(socket_inode(other), None, "{other}");
        }
        assert!(own_namespace() > 0, "the own namespace has an inode");
    }
}
