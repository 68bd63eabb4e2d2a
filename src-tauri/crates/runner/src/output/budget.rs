//! How much a program may write.

use std::time::Instant;

use crate::limits::{
    LINES_BURST, LINES_PER_SECOND, LINES_RESUME, OUTPUT_BURST_BYTES, OUTPUT_BYTES_PER_SECOND,
};

/// What may still be written now. Refills with time.
#[derive(Debug)]
pub(crate) struct Budget {
    lines: f64,
    bytes: f64,
    at: Instant,
}

impl Budget {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            lines: LINES_BURST,
            bytes: OUTPUT_BURST_BYTES,
            at: now,
        }
    }

    /// Time has passed.
    pub(crate) fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.lines = (self.lines + passed * LINES_PER_SECOND).min(LINES_BURST);
        self.bytes = (self.bytes + passed * OUTPUT_BYTES_PER_SECOND).min(OUTPUT_BURST_BYTES);
    }

    /// True when so little is left that it is not worth looking at lines one by one.
    pub(crate) fn is_spent(&self) -> bool {
        self.lines < LINES_RESUME
    }

    /// True when a line of this length may be kept, which is then counted.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let allowed = self.lines >= 1.0 && self.bytes >= bytes as f64;
        if allowed {
            self.lines -= 1.0;
            self.bytes -= bytes as f64;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_flood_is_held_back_and_patience_helps() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        let kept = (0..1_000_000).filter(|_| budget.take(10)).count();
        assert_eq!(kept as f64, LINES_BURST);
        budget.refill(start + Duration::from_secs(1));
        let kept = (0..1_000_000).filter(|_| budget.take(10)).count();
        assert_eq!(kept as f64, LINES_PER_SECOND);
        budget.refill(start + Duration::from_secs(3600));
        let kept = (0..1_000_000).filter(|_| budget.take(4096)).count();
        assert_eq!(kept as f64, (OUTPUT_BURST_BYTES / 4096.0).floor());
        // A clock that seems to go back changes nothing.
        budget.refill(start);
        assert!(!budget.take(usize::MAX));
    }
}
