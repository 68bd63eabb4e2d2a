//! Limits that were hit.

use std::time::Instant;

use crate::cgroup::Counters;
use crate::hold::{HeldBy, LimitKind};
use crate::limits::{PIDS_NEWS_GAP, THROTTLE_NEWS_GAP};
use crate::output::now_ms;
use crate::process::Body;
use crate::usage::members;

/// A limit that was hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub limit: LimitKind,
    /// How often since this was told last: processes killed for memory, CPU periods held back, processes refused.
    pub times: u64,
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let times = self.times;
        match self.limit {
            LimitKind::Memory => write!(f, "used more memory than allowed"),
            LimitKind::Cpu => write!(f, "was held back to its CPU limit in {times} periods"),
            LimitKind::Pids => write!(f, "tried to run more processes than allowed, {times} times"),
            LimitKind::OpenFiles => write!(f, "tried to open more files than allowed, {times} times"),
        }
    }
}

/// What has been seen of a program's counters.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    kernel: Counters,
    /// What our own samples found, where the kernel holds nothing.
    sampled: Counters,
    told: Counters,
    throttling_told: Option<Instant>,
    pids_told: Option<Instant>,
}

impl Seen {
    /// Takes the kernel's counters in, which replace the earlier ones, and what a sample found, which adds up.
    /// Gives what is to be told: throttling and refused processes at most once in a while, with what has gathered.
    pub(crate) fn update(
        &mut self,
        kernel: Counters,
        found: Counters,
        now: Instant,
    ) -> Vec<(LimitKind, u64)> {
        self.kernel = kernel;
        self.sampled = add(self.sampled, found);
        let counters = self.counters();
        let mut news = Vec::new();
        let kills = counters.memory_kills.saturating_sub(self.told.memory_kills);
        if kills > 0 {
            self.told.memory_kills = counters.memory_kills;
            news.push((LimitKind::Memory, kills));
        }
        let due = |told: Option<Instant>, gap| told.is_none_or(|at| now.saturating_duration_since(at) >= gap);
        let throttled = counters.throttled.saturating_sub(self.told.throttled);
        if throttled > 0 && due(self.throttling_told, THROTTLE_NEWS_GAP) {
            self.told.throttled = counters.throttled;
            self.throttling_told = Some(now);
            news.push((LimitKind::Cpu, throttled));
        }
        let refused = counters.pids_refused.saturating_sub(self.told.pids_refused);
        if refused > 0 && due(self.pids_told, PIDS_NEWS_GAP) {
            self.told.pids_refused = counters.pids_refused;
            self.pids_told = Some(now);
            news.push((LimitKind::Pids, refused));
        }
        news
    }

    /// The newest counters.
    pub(crate) fn counters(&self) -> Counters {
        add(self.kernel, self.sampled)
    }
}

fn add(a: Counters, b: Counters) -> Counters {
    Counters {
        memory_kills: a.memory_kills.saturating_add(b.memory_kills),
        throttled: a.throttled.saturating_add(b.throttled),
        pids_refused: a.pids_refused.saturating_add(b.pids_refused),
    }
}

/// Reads a program's counters, and samples where the kernel holds nothing. True when the program must be killed,
/// because it uses more memory than it may and nothing else stops it. Blocks for some file reads.
pub(crate) fn look(body: &Body, now: Instant) -> bool {
    let mut found = Counters::default();
    let sampled = |kind| {
        body.held
            .iter()
            .any(|limit| limit.kind == kind && limit.held_by == HeldBy::Sampling)
    };
    if sampled(LimitKind::Memory) || sampled(LimitKind::Pids) {
        let members = members(body);
        let pages: u64 = members.iter().map(|stat| stat.resident_pages).sum();
        let bytes = pages.saturating_mul(rustix::param::page_size() as u64);
        let over = body.limits.memory_bytes.is_some_and(|most| bytes > most);
        found.memory_kills = u64::from(sampled(LimitKind::Memory) && over);
        let many = body.limits.pids.is_some_and(|most| members.len() as u64 > most);
        found.pids_refused = u64::from(sampled(LimitKind::Pids) && many);
    }
    body.saw(body.group.counters(), found, now);
    found.memory_kills > 0
}

pub(crate) fn violation((limit, times): (LimitKind, u64)) -> Violation {
    Violation {
        limit,
        times,
        at_ms: now_ms(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn kills_are_told_at_once_and_throttling_now_and_then() {
        let start = Instant::now();
        let mut seen = Seen::default();
        let mut check = |seconds: u64, counters: (u64, u64, u64), expected: &[(LimitKind, u64)]| {
            let (memory_kills, throttled, pids_refused) = counters;
            let counters = Counters {
                memory_kills,
                throttled,
                pids_refused,
            };
            assert_eq!(
                seen.update(
                    counters,
                    Counters::default(),
                    start + Duration::from_secs(seconds)
                ),
                expected
            );
        };
        check(0, (0, 0, 0), &[]);
        check(1, (1, 0, 0), &[(LimitKind::Memory, 1)]);
        check(1, (3, 5, 0), &[(LimitKind::Memory, 2), (LimitKind::Cpu, 5)]);
        check(2, (3, 9, 4), &[(LimitKind::Pids, 4)]);
        check(30, (3, 12, 6), &[]);
        check(62, (3, 12, 6), &[(LimitKind::Cpu, 7), (LimitKind::Pids, 2)]);
        check(200, (3, 12, 6), &[]);
        // Counters that seem to fall are no news.
        check(300, (0, 0, 0), &[]);
        let found = Counters {
            memory_kills: 4,
            ..Counters::default()
        };
        assert_eq!(
            seen.update(Counters::default(), found, start),
            [(LimitKind::Memory, 1)],
            "samples add up"
        );
        assert_eq!(
            seen.update(Counters::default(), found, start),
            [(LimitKind::Memory, 4)]
        );
    }
}
