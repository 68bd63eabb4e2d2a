//! When a task runs: what a manifest says, and where a started task stands in it.
//!
//! Intervals are counted on a monotonic clock. The wall clock decides about windows and cron entries alone, and
//! setting it never makes runs pile up: what was missed is counted and left out.

pub(crate) use cron::duration;
mod cron;
mod position;

use std::time::Duration;

use jiff::tz::TimeZone;

pub use cron::{Cron, CronFault};
pub use position::{Next, Position, Taken};

/// A moment, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Since some fixed moment, never going back.
    pub monotonic: Duration,
    /// Milliseconds since the epoch, as the machine's clock says.
    pub wall_ms: i64,
}

/// When a task runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// Every so often from the start on.
    Simple {
        /// Between two runs.
        interval: Duration,
        /// Ends after so many runs.
        count: Option<u64>,
        /// The first run is put off by up to this much, always the same for a task.
        jitter: Duration,
    },
    /// Every so often between two moments.
    Windowed {
        /// Between two runs.
        interval: Duration,
        /// Begin, in milliseconds since the epoch.
        start_ms: Option<i64>,
        /// End, in milliseconds since the epoch.
        stop_ms: Option<i64>,
        /// Ends after so many runs.
        count: Option<u64>,
        /// The first run is put off by up to this much, always the same for a task.
        jitter: Duration,
    },
    /// When the clock on the wall matches.
    Cron {
        /// What has to match.
        cron: Cron,
        /// Ends after so many runs.
        count: Option<u64>,
    },
    /// Whenever its plugin brings something new.
    Stream {
        /// At least so long between two runs; what comes meanwhile is taken together.
        pause: Duration,
        /// At most so many samples in a run.
        max_samples: usize,
        /// Ends after so many runs.
        count: Option<u64>,
    },
    /// Only when asked.
    Manual,
}

impl Schedule {
    /// Its name in a manifest.
    pub fn kind(&self) -> &'static str {
        match self {
            Schedule::Simple { .. } => "simple",
            Schedule::Windowed { .. } => "windowed",
            Schedule::Cron { .. } => "cron",
            Schedule::Stream { .. } => "stream",
            Schedule::Manual => "manual",
        }
    }

    /// Runs after which it ends.
    pub fn count(&self) -> Option<u64> {
        match self {
            Schedule::Simple { count, .. }
            | Schedule::Windowed { count, .. }
            | Schedule::Cron { count, .. }
            | Schedule::Stream { count, .. } => *count,
            Schedule::Manual => None,
        }
    }

    /// Between two runs, where that is fixed.
    pub fn interval(&self) -> Option<Duration> {
        match self {
            Schedule::Simple { interval, .. } | Schedule::Windowed { interval, .. } => Some(*interval),
            Schedule::Cron { .. } | Schedule::Stream { .. } | Schedule::Manual => None,
        }
    }

    /// Whether it is over before it begins, and why.
    pub fn is_past(&self, wall_ms: i64) -> bool {
        match self {
            Schedule::Windowed {
                stop_ms: Some(stop), ..
            } => *stop <= wall_ms,
            Schedule::Cron { cron, .. } => cron.after(wall_ms).is_none(),
            _ => false,
        }
    }

    /// The zone it is meant in; none where no zone matters.
    pub fn zone(&self) -> Option<&TimeZone> {
        match self {
            Schedule::Cron { cron, .. } => Some(cron.zone()),
            _ => None,
        }
    }
}
