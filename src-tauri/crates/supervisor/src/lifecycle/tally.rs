//! Failures counted: how long the next wait is, and when it is a crash loop.

use std::collections::VecDeque;
use std::time::Duration;

use crate::limits;
use crate::spec::{BackoffSpec, RestartSpec};

/// Failures since the last lasting start.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    failures: u32,
    ends: VecDeque<Duration>,
    looping: Option<Loop>,
}

/// A crash loop.
#[derive(Debug, Clone, Copy)]
struct Loop {
    /// When the first of its ends was.
    since: Duration,
    ends: usize,
}

impl Tally {
    /// Counts a failure at `now` and says how long to wait. `random` is from 0 to 1.
    pub(crate) fn failed(
        &mut self,
        now: Duration,
        random: f64,
        backoff: &BackoffSpec,
        restart: &RestartSpec,
    ) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.ends.push_back(now);
        while self.ends.len() > limits::ENDS_REMEMBERED
            || self
                .ends
                .front()
                .is_some_and(|end| now.saturating_sub(*end) > restart.window)
        {
            self.ends.pop_front();
        }
        // A loop ends with a lasting start, not by its own slow pace thinning out the window.
        let begins = || Loop {
            since: self.ends.front().copied().unwrap_or(now),
            ends: self.ends.len(),
        };
        self.looping = match self.looping {
            Some(known) => Some(Loop {
                ends: known.ends.saturating_add(1),
                ..known
            }),
            None => (self.ends.len() >= restart.max as usize).then(begins),
        };
        let step = if self.is_loop() { u32::MAX } else { self.failures };
        wait(step, random, backoff)
    }

    /// True from the failure that made it a crash loop until the next lasting start.
    pub(crate) fn is_loop(&self) -> bool {
        self.looping.is_some()
    }

    /// Failures since the last lasting start.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// Ends in the crash loop, and the time from its first one to `now`.
    pub(crate) fn of_loop(&self, now: Duration) -> (usize, Duration) {
        let known = self
            .looping
            .map(|known| (known.ends, now.saturating_sub(known.since)));
        known.unwrap_or_default()
    }

    /// Begins anew.
    pub(crate) fn reset(&mut self) {
        *self = Tally::default();
    }
}

/// The wait after the `failures`th failure in a row: growing, bounded on both sides, shifted by chance so that
/// what failed together comes back apart.
pub(crate) fn wait(failures: u32, random: f64, spec: &BackoffSpec) -> Duration {
    let clean = |value: f64, least: f64, most: f64| {
        if value.is_finite() {
            value.clamp(least, most)
        } else {
            most
        }
    };
    let max = spec.max.clamp(limits::BACKOFF_MIN, limits::BACKOFF_MAX);
    let factor = clean(spec.factor, 1.0, 1e3);
    let exponent = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
    let grown = clean(
        spec.first.as_secs_f64() * factor.powi(exponent),
        0.0,
        max.as_secs_f64(),
    );
    // With a factor of 1 growth never reaches the maximum by itself; a crash loop goes at its pace anyhow.
    let grown = if failures == u32::MAX {
        max.as_secs_f64()
    } else {
        grown
    };
    let shift = clean(spec.jitter, 0.0, 1.0) * (2.0 * clean(random, 0.0, 1.0) - 1.0);
    Duration::from_secs_f64(grown * (1.0 + shift)).clamp(limits::BACKOFF_MIN, limits::BACKOFF_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn spec(first_ms: u64, factor: f64, max_s: u64, jitter: f64) -> BackoffSpec {
        BackoffSpec {
            first: Duration::from_millis(first_ms),
            factor,
            max: Duration::from_secs(max_s),
            jitter,
        }
    }

    #[test]
    fn waits_grow_up_to_the_longest_and_stay_in_bounds() {
        let check = |spec: BackoffSpec, failures: u32, random: f64, ms: u64| {
            let found = wait(failures, random, &spec);
            assert_eq!(found, Duration::from_millis(ms), "{spec:?} {failures} {random}");
        };
        let plain = spec(1_000, 2.0, 300, 0.0);
        for (failures, ms) in [
            (1, 1_000),
            (2, 2_000),
            (3, 4_000),
            (9, 256_000),
            (10, 300_000),
            (1_000, 300_000),
        ] {
            check(plain, failures, 0.5, ms);
        }
        check(plain, u32::MAX, 0.5, 300_000);
        // Constant waits.
        check(spec(2_000, 1.0, 300, 0.0), 50, 0.5, 2_000);
        // Jitter goes both ways.
        check(spec(1_000, 2.0, 300, 0.2), 1, 0.0, 800);
        check(spec(1_000, 2.0, 300, 0.2), 1, 1.0, 1_200);
        // What makes no sense neither spins nor sleeps for ever.
        check(spec(0, 2.0, 300, 0.0), 1, 0.5, 100);
        check(spec(1_000, 0.1, 300, 0.0), 5, 0.5, 1_000);
        check(spec(1_000, f64::NAN, 0, 0.0), 5, 0.5, 100);
        check(spec(1_000, f64::INFINITY, 300, 0.0), 2, 0.5, 300_000);
        check(
            spec(1_000, 2.0, u64::MAX / 1_000, 1.0),
            4_000_000,
            1.0,
            86_400_000,
        );
    }

    #[test]
    fn too_many_ends_in_the_window_are_a_loop_until_a_lasting_start() {
        let backoff = spec(1_000, 2.0, 300, 0.0);
        let restart = RestartSpec {
            max: 3,
            window: 10 * SECOND,
            ..RestartSpec::default()
        };
        let mut tally = Tally::default();
        assert_eq!(tally.failed(SECOND, 0.5, &backoff, &restart), SECOND);
        // The first end has left the window.
        assert_eq!(tally.failed(12 * SECOND, 0.5, &backoff, &restart), 2 * SECOND);
        assert_eq!(tally.failed(14 * SECOND, 0.5, &backoff, &restart), 4 * SECOND);
        assert!(!tally.is_loop());
        assert_eq!(tally.failed(19 * SECOND, 0.5, &backoff, &restart), 300 * SECOND);
        assert!(tally.is_loop());
        assert_eq!(tally.of_loop(19 * SECOND), (3, 7 * SECOND));
        // Slow tries leave the window nearly empty; it is a loop all the same, and counted as one.
        assert_eq!(tally.failed(400 * SECOND, 0.5, &backoff, &restart), 300 * SECOND);
        assert_eq!(tally.of_loop(400 * SECOND), (4, 388 * SECOND));
        tally.reset();
        assert!(!tally.is_loop());
        assert_eq!(tally.failed(800 * SECOND, 0.5, &backoff, &restart), SECOND);
    }
}
