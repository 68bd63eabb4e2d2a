//! When a plugin is called next.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use crate::limits;

/// Back-off is shortened by up to this part at random, so that plugins that failed together come back apart.
const JITTER: f64 = 0.2;

/// The schedule of one plugin.
pub(crate) struct Pace {
    interval: Duration,
    /// Failed calls in a row.
    failures: u32,
    settling: Option<Settling>,
    random: RandomState,
}

/// The moment between a socket's appearing and its owner's listening.
struct Settling {
    until: Instant,
    step: Duration,
}

/// What a failed call means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Too early to tell; try again then.
    Settling(Instant),
    /// It failed; try again then.
    Failing(Instant),
}

impl Pace {
    /// The schedule of a plugin whose socket was discovered at `now`.
    pub(crate) fn new(interval: Duration, now: Instant) -> Self {
        Pace {
            interval,
            failures: 0,
            settling: Some(Settling {
                until: now + limits::SETTLING,
                step: limits::SETTLING_STEP,
            }),
            random: RandomState::new(),
        }
    }

    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// The next call after a good one that began at `began`.
    pub(crate) fn succeeded(&mut self, began: Instant) -> Instant {
        self.failures = 0;
        self.settling = None;
        began + self.interval
    }

    /// The next call after a failed one. `unreachable` says that there was no connection.
    pub(crate) fn failed(&mut self, now: Instant, unreachable: bool) -> Failure {
        if let Some(settling) = &mut self.settling
            && unreachable
            && now < settling.until
        {
            let next = now + settling.step;
            settling.step *= 2;
            return Failure::Settling(next);
        }
        self.settling = None;
        self.failures = self.failures.saturating_add(1);
        Failure::Failing(now + self.backoff().mul_f64(1.0 - JITTER * self.chance()))
    }

    /// Starts anew, as if the last call had been good.
    pub(crate) fn forget_failures(&mut self) {
        self.failures = 0;
    }

    /// Doubles with every failure, from the interval on.
    fn backoff(&self) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(31);
        self.interval
            .saturating_mul(1 << doublings)
            .min(limits::MAX_BACKOFF.max(self.interval))
    }

    /// A number from 0 to 1 that differs between plugins and failures.
    fn chance(&self) -> f64 {
        f64::from(self.random.hash_one(self.failures) as u32) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn failures_double_the_wait_up_to_the_limit() {
        let now = Instant::now();
        let mut pace = Pace::new(SECOND, now);
        pace.succeeded(now);
        for whole in [1, 2, 4, 8, 16, 30, 30, 30] {
            let Failure::Failing(next) = pace.failed(now, true) else {
                panic!("a plugin that answered once is not settling");
            };
            let wait = next - now;
            let whole = Duration::from_secs(whole);
            assert!(
                wait <= whole && wait >= whole.mul_f64(1.0 - JITTER),
                "{wait:?} of {whole:?}"
            );
        }
        assert_eq!(pace.failures(), 8);
        assert_eq!(pace.succeeded(now), now + SECOND);
        assert_eq!(pace.failures(), 0);
    }

    #[test]
    fn an_interval_longer_than_the_limit_stays() {
        let now = Instant::now();
        let mut pace = Pace::new(Duration::from_secs(100), now);
        pace.succeeded(now);
        for _ in 0..40 {
            let Failure::Failing(next) = pace.failed(now, false) else {
                panic!("settling")
            };
            assert!(next - now <= Duration::from_secs(100));
            assert!(next - now >= Duration::from_secs(80));
        }
    }

    #[test]
    fn a_new_socket_may_take_a_moment_to_listen() {
        let born = Instant::now();
        let mut pace = Pace::new(SECOND, born);
        let mut now = born;
        let mut tries = 0;
        while let Failure::Settling(next) = pace.failed(now, true) {
            assert!(next > now);
            now = next;
            tries += 1;
        }
        assert!(now >= born + limits::SETTLING && tries < 10, "{tries} tries");
        // Once it failed, and for any answer that is wrong, the ordinary back-off holds.
        assert!(matches!(pace.failed(born, true), Failure::Failing(_)));
        assert!(matches!(
            Pace::new(SECOND, born).failed(born, false),
            Failure::Failing(_)
        ));
    }
}
