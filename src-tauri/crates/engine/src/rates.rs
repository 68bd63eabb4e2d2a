//! How much came in lately.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::limits::STATUS_SPAN;

/// Reports and bytes per second over the last [`STATUS_SPAN`].
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<VecDeque<(i64, u32, u64)>>);

impl Rates {
    /// Counts one report. Entries of the same second share a slot, so that the queue stays short.
    pub(crate) fn count(&self, now_ms: i64, bytes: u64) {
        let second = now_ms / 1_000;
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match slots.back_mut() {
            Some(slot) if slot.0 == second => {
                slot.1 += 1;
                slot.2 += bytes;
            }
            _ => slots.push_back((second, 1, bytes)),
        }
        let span = STATUS_SPAN.as_secs().cast_signed();
        while slots.front().is_some_and(|s| s.0 <= second - span) {
            slots.pop_front();
        }
    }

    /// Reports per second and bytes per second.
    pub(crate) fn per_second(&self, now_ms: i64) -> (f64, f64) {
        let span = STATUS_SPAN.as_secs();
        let from = now_ms / 1_000 - span.cast_signed();
        let slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (reports, bytes) = slots
            .iter()
            .filter(|s| s.0 > from)
            .fold((0_u64, 0_u64), |(r, b), s| (r + u64::from(s.1), b + s.2));
        (reports as f64 / span as f64, bytes as f64 / span as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_leave_the_rate_after_the_span() {
        let rates = Rates::default();
        for second in 0..20 {
            rates.count(second * 1_000, 100);
        }
        assert_eq!(
            rates.per_second(19_000),
            (1.0, 100.0),
            "one report of 100 bytes each second"
        );
        assert_eq!(rates.per_second(60_000), (0.0, 0.0), "nothing for a minute");
    }
}
