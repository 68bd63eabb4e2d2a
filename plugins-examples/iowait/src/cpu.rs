//! Processor time from /proc/stat.

/// Ticks of all processors since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    idle: u64,
    iowait: u64,
    total: u64,
}

/// Shares of the time between two readings, in per cent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shares {
    /// Nothing to do.
    pub(crate) idle: f64,
    /// Nothing to do but wait for a disk.
    pub(crate) iowait: f64,
}

impl Times {
    /// From the text of /proc/stat.
    pub(crate) fn parse(stat: &str) -> Option<Times> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let fields: Vec<u64> = line
            .split_ascii_whitespace()
            .filter_map(|f| f.parse().ok())
            .collect();
        // user nice system idle iowait irq softirq steal; guest time is part of user time already.
        let total = fields.iter().take(8).sum();
        Some(Times {
            idle: *fields.get(3)?,
            iowait: *fields.get(4)?,
            total,
        })
    }

    /// Shares of the time since an earlier reading; none when no time has passed.
    pub(crate) fn since(self, earlier: Times) -> Option<Shares> {
        let total = self.total.checked_sub(earlier.total).filter(|t| *t > 0)? as f64;
        let share = |now: u64, then: u64| (now.saturating_sub(then) as f64 / total * 100.0).min(100.0);
        Some(Shares {
            idle: share(self.idle, earlier.idle),
            iowait: share(self.iowait, earlier.iowait),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_time_between_two_readings() {
        let earlier = Times::parse("cpu  10 0 10 70 10 0 0 0 0 0\ncpu0 …").unwrap();
        let now = Times::parse("cpu  20 0 20 120 40 0 0 0 0 0\n").unwrap();
        assert_eq!(
            now.since(earlier),
            Some(Shares {
                idle: 50.0,
                iowait: 30.0
            })
        );
        assert_eq!(now.since(now), None, "no time has passed");
    }

    #[test]
    fn anything_else_is_no_reading() {
        for text in ["", "cpu", "cpu  1 2 3", "intr 1 2 3 4 5 6 7 8"] {
            assert_eq!(Times::parse(text), None, "{text:?}");
        }
    }
}
