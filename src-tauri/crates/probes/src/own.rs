//! What Orrery itself costs.

use std::time::Instant;

use crate::procfs::{Stat, ticks_per_second};

/// Own processor time and memory.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cost {
    /// Processor time between the last two samples, in per cent of one core.
    pub cpu_percent: f64,
    /// Resident memory, in bytes.
    pub rss_bytes: u64,
}

/// Measures the process it is in.
#[derive(Debug, Default)]
pub struct OwnCost {
    last: Option<(Instant, u64)>,
    cost: Cost,
}

/// Shortest span over which processor time is a figure and not noise.
const SPAN: std::time::Duration = std::time::Duration::from_secs(2);

impl OwnCost {
    /// The cost since the last sample that is at least two seconds old.
    pub fn sample(&mut self) -> Cost {
        let Some(stat) = std::fs::read("/proc/self/stat")
            .ok()
            .and_then(|b| Stat::parse(&b))
        else {
            return self.cost;
        };
        self.cost.rss_bytes = stat.rss_pages * rustix::param::page_size() as u64;
        let now = Instant::now();
        match self.last {
            Some((at, _)) if now - at < SPAN => {}
            Some((at, ticks)) => {
                let seconds = stat.cpu_ticks.saturating_sub(ticks) as f64 / ticks_per_second() as f64;
                self.cost.cpu_percent = seconds / (now - at).as_secs_f64() * 100.0;
                self.last = Some((now, stat.cpu_ticks));
            }
            None => self.last = Some((now, stat.cpu_ticks)),
        }
        self.cost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_known_at_once() {
        assert!(
            OwnCost::default().sample().rss_bytes > 100_000,
            "a running process takes memory"
        );
    }
}
