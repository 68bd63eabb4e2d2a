//! The little that is read from `/proc`.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::limits::PROC_FILE_BYTES;

/// A process as `/proc/<pid>/stat` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    pub(crate) session: i32,
    /// CPU used by it and by the children it waited for, in clock ticks.
    pub(crate) cpu_ticks: u64,
    /// When it was started, in clock ticks since the machine's start: with the pid it names a process for good.
    pub(crate) start_ticks: u64,
    /// Resident memory, in pages.
    pub(crate) resident_pages: u64,
    pub(crate) zombie: bool,
}

/// One process, if it exists.
pub(crate) fn stat(pid: i32) -> Option<Stat> {
    parse_stat(&read(Path::new(&format!("/proc/{pid}/stat")))?)
}

/// All processes that can be seen.
pub(crate) fn all() -> Vec<Stat> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| stat(entry.ok()?.file_name().to_str()?.parse().ok()?))
        .collect()
}

/// The processes in `all` that descend from one of `roots`, the roots themselves included.
pub(crate) fn descendants(all: &[Stat], roots: &[i32]) -> Vec<Stat> {
    let mut found: Vec<Stat> = all
        .iter()
        .filter(|stat| roots.contains(&stat.pid))
        .copied()
        .collect();
    let mut next = 0;
    while let Some(parent) = found.get(next).map(|stat| stat.pid) {
        next += 1;
        for stat in all.iter().filter(|stat| stat.parent == parent) {
            if !found.iter().any(|known| known.pid == stat.pid) {
                found.push(*stat);
            }
        }
    }
    found
}

/// Children of one process. Empty when it does not exist.
pub(crate) fn children(pid: i32) -> Vec<i32> {
    match read(Path::new(&format!("/proc/{pid}/task/{pid}/children"))) {
        Some(text) => text
            .split_ascii_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect(),
        // Kernels may be built without that file.
        None => all()
            .into_iter()
            .filter(|stat| stat.parent == pid)
            .map(|stat| stat.pid)
            .collect(),
    }
}

/// The environment that a process was started with, entries ended by NUL. Empty while the process is becoming
/// another program, and for the kernel's own.
pub(crate) fn environment(pid: i32) -> Option<String> {
    read(Path::new(&format!("/proc/{pid}/environ")))
}

/// The value of `name` in such an environment.
pub(crate) fn variable<'a>(environment: &'a str, name: &str) -> Option<&'a str> {
    environment
        .split('\0')
        .find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='))
}

/// Open descriptors of a process; 0 when they cannot be seen.
pub(crate) fn open_files(pid: i32) -> u32 {
    fs::read_dir(format!("/proc/{pid}/fd"))
        .map_or(0, |entries| u32::try_from(entries.count()).unwrap_or(u32::MAX))
}

/// A small file as text, at most [`PROC_FILE_BYTES`] of it.
pub(crate) fn read(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path)
        .ok()?
        .take(PROC_FILE_BYTES)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn parse_stat(text: &str) -> Option<Stat> {
    let pid = text.split_once(' ')?.0.parse().ok()?;
    // The name in brackets may itself hold brackets and spaces.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let number = |field: usize| fields.get(field)?.parse::<u64>().ok();
    let id = |field: usize| fields.get(field)?.parse::<i32>().ok();
    Some(Stat {
        pid,
        zombie: matches!(*fields.first()?, "Z" | "X"),
        parent: id(1)?,
        group: id(2)?,
        session: id(3)?,
        cpu_ticks: [11, 12, 13, 14]
            .into_iter()
            .try_fold(0u64, |sum, field| Some(sum.saturating_add(number(field)?)))?,
        start_ticks: number(19)?,
        resident_pages: number(21)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_brackets_do_not_confuse() {
        let text = "42 (a) (b c)) S 1 40 39 0 -1 4194560 1 2 3 4 10 20 3 4 20 0 1 0 12345 1000 77 18446744073709551615";
        let stat = parse_stat(text).expect("parses");
        assert_eq!((stat.pid, stat.parent, stat.group, stat.session), (42, 1, 40, 39));
        assert_eq!(
            (stat.cpu_ticks, stat.start_ticks, stat.resident_pages, stat.zombie),
            (37, 12345, 77, false)
        );
        for broken in ["", "x", "42 (a", "42 (a) S 1", "42 (a) Z x y z"] {
            assert_eq!(parse_stat(broken), None, "{broken}");
        }
    }

    #[test]
    fn this_process_is_seen() {
        let own = i32::try_from(std::process::id()).expect("pids are small");
        let seen = stat(own).expect("it exists");
        assert_eq!(seen.pid, own);
        assert!(all().contains(&seen) || stat(own).is_some());
        assert!(children(seen.parent).contains(&own));
        assert!(open_files(own) > 0);
        let environment = environment(own).expect("can be read");
        assert_eq!(
            variable(&environment, "PATH"),
            std::env::var("PATH").ok().as_deref()
        );
        assert_eq!(variable("A=1\0BA=2\0B=3=4\0", "B"), Some("3=4"));
        assert_eq!(stat(i32::MAX), None);
    }

    #[test]
    fn descent_is_followed_over_generations() {
        let person = |pid, parent| Stat {
            pid,
            parent,
            group: 0,
            session: 0,
            cpu_ticks: 0,
            start_ticks: 0,
            resident_pages: 0,
            zombie: false,
        };
        let all = [
            person(5, 4),
            person(1, 0),
            person(2, 1),
            person(4, 2),
            person(3, 1),
            person(9, 7),
        ];
        let mut pids: Vec<i32> = descendants(&all, &[2, 9]).iter().map(|stat| stat.pid).collect();
        pids.sort_unstable();
        assert_eq!(pids, [2, 4, 5, 9]);
    }
}
