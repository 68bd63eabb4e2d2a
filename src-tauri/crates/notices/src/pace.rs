//! How often somebody is disturbed.

use std::time::Duration;

use crate::limits::{AT_ONCE, ONE_EVERY};

/// Lets a few notices through at once and then one at a time. Pure: moments are given.
#[derive(Debug, Clone)]
pub struct Pace {
    left: u32,
    /// Since when there is less than could be.
    since: Duration,
    passed_over: u64,
}

/// What becomes of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// It is shown, after so many that were not.
    Yes {
        /// Notices that were passed over since the last one that was shown.
        passed_over: u64,
    },
    /// It is passed over, and counted.
    No,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            left: AT_ONCE,
            since: Duration::ZERO,
            passed_over: 0,
        }
    }
}

impl Pace {
    /// A notice at a moment of a clock that nobody sets.
    pub fn notice(&mut self, now: Duration) -> Shown {
        while self.left < AT_ONCE && now.saturating_sub(self.since) >= ONE_EVERY {
            self.left += 1;
            self.since += ONE_EVERY;
        }
        if self.left == 0 {
            self.passed_over += 1;
            return Shown::No;
        }
        if self.left == AT_ONCE {
            self.since = now;
        }
        self.left -= 1;
        Shown::Yes {
            passed_over: std::mem::take(&mut self.passed_over),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_at_once_and_then_one_at_a_time() {
        let mut pace = Pace::default();
        let yes = |passed_over| Shown::Yes { passed_over };
        for _ in 0..AT_ONCE {
            assert_eq!(pace.notice(Duration::ZERO), yes(0));
        }
        for _ in 0..100 {
            assert_eq!(pace.notice(Duration::from_secs(1)), Shown::No);
        }
        assert_eq!(pace.notice(ONE_EVERY), yes(100), "what was not shown is told");
        assert_eq!(pace.notice(ONE_EVERY), Shown::No);
        let much_later = ONE_EVERY * 1_000;
        assert_eq!(pace.notice(much_later), yes(1));
        for _ in 1..AT_ONCE {
            assert_eq!(pace.notice(much_later), yes(0));
        }
        assert_eq!(
            pace.notice(much_later),
            Shown::No,
            "what was not used is not saved up"
        );
    }
}
