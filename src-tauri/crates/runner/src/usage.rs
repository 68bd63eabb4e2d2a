//! What a program and all its descendants use.

use std::time::Instant;

use crate::guardian::{Fit, Traits};
use crate::output::now_ms;
use crate::process::Body;
use crate::procfs::{self, Stat};

/// What a program and all its descendants use.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Usage {
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
    /// CPU since the last question, in per cent of one core; since its start for the first one.
    pub cpu_percent: f64,
    /// Memory without file cache that can be dropped, in bytes.
    pub memory_bytes: u64,
    /// Largest memory so far, in bytes. File cache counts where control groups count.
    pub memory_peak_bytes: u64,
    /// Processes.
    pub processes: u32,
    /// Open file descriptors of the main process.
    pub open_files: u32,
}

/// What was seen last.
#[derive(Debug)]
pub(crate) struct Mark {
    at: Instant,
    cpu_us: u64,
    peak_bytes: u64,
}

impl Mark {
    pub(crate) fn new(at: Instant) -> Self {
        Self {
            at,
            cpu_us: 0,
            peak_bytes: 0,
        }
    }

    /// CPU since the mark in per cent of one core, and moves the mark. Less than before means that a process ended
    /// whose time nobody counted on.
    fn cpu_percent(&mut self, cpu_us: u64, now: Instant) -> f64 {
        let passed_us = now.saturating_duration_since(self.at).as_micros();
        let used_us = cpu_us.saturating_sub(self.cpu_us);
        self.at = now;
        self.cpu_us = cpu_us;
        if passed_us == 0 {
            0.0
        } else {
            used_us as f64 / passed_us as f64 * 100.0
        }
    }
}

/// Measures. Blocks for some file reads.
pub(crate) fn measure(body: &Body) -> Usage {
    let members = members(body);
    let pages: u64 = members.iter().map(|stat| stat.resident_pages).sum();
    let ticks: u64 = members.iter().map(|stat| stat.cpu_ticks).sum();
    let ticks_us = 1_000_000 / rustix::param::clock_ticks_per_second().max(1);
    let cpu_us = body.group.cpu_us().unwrap_or(ticks.saturating_mul(ticks_us));
    let memory_bytes = body
        .group
        .memory_bytes()
        .unwrap_or_else(|| pages.saturating_mul(rustix::param::page_size() as u64));
    let open_files = body.pid_signed().map_or(0, procfs::open_files);
    let mut mark = body.mark_of_usage();
    mark.peak_bytes = mark
        .peak_bytes
        .max(body.group.memory_peak_bytes().unwrap_or(0))
        .max(memory_bytes);
    Usage {
        at_ms: now_ms(),
        cpu_percent: mark.cpu_percent(cpu_us, Instant::now()),
        memory_bytes,
        memory_peak_bytes: mark.peak_bytes,
        processes: u32::try_from(members.len()).unwrap_or(u32::MAX),
        open_files,
    }
}

/// The program's processes, by its groups or else by descent.
pub(crate) fn members(body: &Body) -> Vec<Stat> {
    if !body.group.is_none() {
        return body
            .group
            .members()
            .into_iter()
            .filter_map(procfs::stat)
            .collect();
    }
    let Some(main) = body.pid_signed() else {
        return Vec::new();
    };
    let all = procfs::all();
    let traits = Traits {
        main,
        group: &body.group,
        mark: &body.mark,
    };
    // What lost its parent has come to the guardian.
    let guardian = body.guardian_signed();
    let mut roots: Vec<i32> = all
        .iter()
        .filter(|stat| Some(stat.parent) == guardian && traits.fit(stat) == Fit::Yes)
        .map(|stat| stat.pid)
        .collect();
    if !roots.contains(&main) {
        roots.push(main);
    }
    let mut found = procfs::descendants(&all, &roots);
    found.retain(|stat| !stat.zombie);
    found
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn cpu_is_counted_over_the_interval() {
        let start = Instant::now();
        let mut mark = Mark::new(start);
        let mut check = |ms: u64, cpu_us: u64, expected: f64| {
            let percent = mark.cpu_percent(cpu_us, start + Duration::from_millis(ms));
            assert!((percent - expected).abs() < 1e-9, "{percent}");
        };
        check(1_000, 500_000, 50.0);
        check(2_000, 2_000_000, 150.0);
        check(2_000, 3_000_000, 0.0);
        check(3_000, 1_000_000, 0.0);
        check(4_000, 1_100_000, 10.0);
    }
}
