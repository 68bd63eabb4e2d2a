//! Reading /proc. Parsers take text, so that they can be tested on any machine.

use std::fs::File;
use std::io::Read as _;

use crate::limits::FILE_BYTES_MAX;

/// Reads a file into `buffer`, which is cleared first.
///
/// # Errors
/// As the kernel says; a process may end at any time.
pub(crate) fn read_into(path: &str, buffer: &mut Vec<u8>) -> std::io::Result<()> {
    buffer.clear();
    File::open(path)?.take(FILE_BYTES_MAX).read_to_end(buffer)?;
    Ok(())
}

/// Reads a file as text; bytes that are not UTF-8 are replaced.
///
/// # Errors
/// As the kernel says.
pub(crate) fn read(path: &str) -> std::io::Result<String> {
    let mut buffer = Vec::new();
    read_into(path, &mut buffer)?;
    Ok(String::from_utf8_lossy(&buffer).into_owned())
}

/// Numbers of all processes, ascending.
///
/// # Errors
/// When /proc cannot be read.
pub(crate) fn pids() -> std::io::Result<Vec<u32>> {
    let mut pids: Vec<u32> = std::fs::read_dir("/proc")?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    Ok(pids)
}

/// What /proc/<pid>/stat says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) comm: String,
    pub(crate) state: char,
    pub(crate) ppid: u32,
    pub(crate) kernel_thread: bool,
    /// User and system time, in ticks.
    pub(crate) cpu_ticks: u64,
    pub(crate) threads: u32,
    /// Start after boot, in ticks: tells a process from an earlier one with its number.
    pub(crate) start_ticks: u64,
    pub(crate) rss_pages: u64,
}

impl Stat {
    /// The name stands in brackets and may hold anything, brackets and blanks too: the last one ends it.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Stat> {
        /// Flag of threads that the kernel runs for itself.
        const PF_KTHREAD: u64 = 0x0020_0000;
        let open = bytes.iter().position(|b| *b == b'(')?;
        let close = bytes.iter().rposition(|b| *b == b')')?;
        let comm = String::from_utf8_lossy(bytes.get(open + 1..close)?).into_owned();
        let rest = std::str::from_utf8(bytes.get(close + 1..)?).ok()?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // Field numbers as in proc(5), where the state is number 3.
        let number = |n: usize| fields.get(n - 3)?.parse::<u64>().ok();
        Some(Stat {
            comm,
            state: fields.first()?.chars().next()?,
            ppid: u32::try_from(number(4)?).ok()?,
            kernel_thread: number(9)? & PF_KTHREAD != 0,
            cpu_ticks: number(14)? + number(15)?,
            threads: u32::try_from(number(20)?).unwrap_or(u32::MAX),
            start_ticks: number(22)?,
            // Signed in the kernel; never below zero in practice.
            rss_pages: fields.get(24 - 3)?.parse::<i64>().ok()?.max(0).cast_unsigned(),
        })
    }
}

/// Soft limit of open files in /proc/<pid>/limits; none when unlimited.
pub(crate) fn open_files_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|l| l.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Busy and total time of all processors, in ticks, from the first line of /proc/stat.
pub(crate) fn cpu_times(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<u64> = line
        .split_ascii_whitespace()
        .filter_map(|f| f.parse().ok())
        .collect();
    // Guest time is part of user time already.
    let total: u64 = fields.iter().take(8).sum();
    let idle = fields.get(3)? + fields.get(4)?;
    Some((total - idle.min(total), total))
}

/// A field of /proc/meminfo, in bytes.
pub(crate) fn memory(meminfo: &str, field: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|l| l.strip_prefix(field)?.strip_prefix(':'))?;
    let kilobytes: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// Time of boot in seconds since the epoch, from /proc/stat.
pub(crate) fn boot_time(stat: &str) -> Option<u64> {
    stat.lines()
        .find_map(|l| l.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()
}

/// Clock ticks a second.
pub(crate) fn ticks_per_second() -> u64 {
    rustix::param::clock_ticks_per_second().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_brackets_and_blanks_do_not_shift_the_fields() {
        let line = b"42 (a) b (c) S 7 42 42 0 -1 4194560 1 2 3 4 50 25 6 7 20 0 3 0 900 1000 256 1844 1 1 0";
        let stat = Stat::parse(line).unwrap();
        assert_eq!((stat.comm.as_str(), stat.state, stat.ppid), ("a) b (c", 'S', 7));
        assert_eq!(
            (stat.cpu_ticks, stat.threads, stat.start_ticks, stat.rss_pages),
            (75, 3, 900, 256)
        );
        assert!(!stat.kernel_thread);
    }

    #[test]
    fn what_is_cut_off_is_no_process() {
        for broken in [
            "",
            "42",
            "42 (a",
            "42 (a)",
            "42 (a) S 7 1 1",
            "(((",
            "42 (x) S -1 0 0 0 0 0 0",
        ] {
            assert_eq!(Stat::parse(broken.as_bytes()), None, "{broken:?}");
        }
    }

    #[test]
    fn the_own_process_parses() {
        let stat = Stat::parse(&std::fs::read("/proc/self/stat").unwrap()).unwrap();
        assert!(
            stat.rss_pages > 0 && stat.threads > 0 && stat.start_ticks > 0,
            "{stat:?}"
        );
    }

    #[test]
    fn processor_times_leave_waiting_out() {
        assert_eq!(
            cpu_times("cpu  10 1 9 70 10 0 0 0 5 0\ncpu0 1\n"),
            Some((20, 100))
        );
        assert_eq!(cpu_times("nothing"), None);
    }

    #[test]
    fn memory_and_limits_read_their_field() {
        assert_eq!(
            memory("MemTotal:       16 kB\nMemFree: 1 kB\n", "MemTotal"),
            Some(16 * 1024)
        );
        let limits =
            "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024       4096    files\n";
        assert_eq!(open_files_limit(limits), Some(1024));
        assert_eq!(
            open_files_limit("Max open files  unlimited unlimited files"),
            None
        );
    }
}
