//! Waiting between tries.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use super::FetchOptions;
use super::error::FetchError;

/// How much longer each wait is than the one before.
const FACTOR: f32 = 2.0;

/// A try that failed.
pub(super) struct Failed {
    pub(super) error: FetchError,
    /// How long the server asks to wait.
    pub(super) asked: Option<Duration>,
}

impl From<FetchError> for Failed {
    fn from(error: FetchError) -> Self {
        Self { error, asked: None }
    }
}

/// Tries that are left.
pub(super) struct Tries {
    waits: ExponentialBackoff,
    wait_max: Duration,
}

impl Tries {
    pub(super) fn new(options: &FetchOptions) -> Self {
        let waits = ExponentialBuilder::new()
            .with_min_delay(options.wait_first)
            .with_max_delay(options.wait_max)
            .with_factor(FACTOR)
            .with_max_times(options.attempts.saturating_sub(1))
            .with_jitter()
            .build();
        Self {
            waits,
            wait_max: options.wait_max,
        }
    }

    /// How long to wait for the next try; gives the error back when there is none, or no use in it.
    fn next_wait(&mut self, failed: Failed) -> Result<Duration, FetchError> {
        if !failed.error.worth_another_try() {
            return Err(failed.error);
        }
        let Some(wait) = self.waits.next() else {
            return Err(failed.error);
        };
        let asked = failed.asked.unwrap_or_default().min(self.wait_max);
        tracing::debug!(error = %failed.error, ?wait, ?asked, "a download is tried again");
        Ok(wait.max(asked))
    }

    /// Waits for the next try.
    pub(super) async fn wait_after(&mut self, failed: Failed) -> Result<(), FetchError> {
        tokio::time::sleep(self.next_wait(failed)?).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(options: &FetchOptions, asked: Option<Duration>) -> Vec<Duration> {
        let mut tries = Tries::new(options);
        let failed = || Failed {
            error: FetchError::Network("broken".into()),
            asked,
        };
        std::iter::from_fn(|| tries.next_wait(failed()).ok()).collect()
    }

    #[test]
    fn waits_double_up_to_the_longest_with_jitter_on_top() {
        let options = FetchOptions {
            attempts: 6,
            wait_first: Duration::from_secs(1),
            wait_max: Duration::from_secs(5),
            ..FetchOptions::default()
        };
        let found = waits(&options, None);
        assert_eq!(found.len(), 5, "one less than tries");
        for (wait, least) in found.iter().zip([1, 2, 4, 5, 5]) {
            let least = Duration::from_secs(least);
            assert!(*wait >= least && *wait <= least * 2, "{found:?}");
        }
    }

    #[test]
    fn extremes_neither_overflow_nor_wait_for_ever() {
        for (attempts, first, max, expected) in [
            (0, Duration::from_secs(1), Duration::from_secs(1), 0),
            (1, Duration::from_secs(1), Duration::from_secs(1), 0),
            (200, Duration::from_secs(1), Duration::from_secs(3), 199),
            (5, Duration::ZERO, Duration::ZERO, 4),
        ] {
            let options = FetchOptions {
                attempts,
                wait_first: first,
                wait_max: max,
                ..FetchOptions::default()
            };
            let found = waits(&options, None);
            assert_eq!(found.len(), expected);
            assert!(found.iter().all(|wait| *wait <= max * 2));
        }
    }

    #[test]
    fn a_server_may_ask_for_more_but_not_for_ever() {
        let options = FetchOptions {
            attempts: 2,
            wait_first: Duration::from_millis(1),
            wait_max: Duration::from_secs(60),
            ..FetchOptions::default()
        };
        for (asked, least, most) in [(7, 7, 7), (3600, 60, 60)] {
            let found = waits(&options, Some(Duration::from_secs(asked)));
            assert!(found[0] >= Duration::from_secs(least) && found[0] <= Duration::from_secs(most));
        }
    }

    #[test]
    fn what_will_not_pass_is_not_tried_again() {
        let status = |status| FetchError::Status {
            shown: "x".into(),
            status,
        };
        for (error, again) in [
            (status(404), false),
            (status(403), false),
            (status(401), false),
            (status(408), true),
            (status(429), true),
            (status(500), true),
            (status(503), true),
            (FetchError::Network("x".into()), true),
            (FetchError::Timeout("x".into()), true),
            (FetchError::Address("x".into()), false),
            (FetchError::TooLarge { max_bytes: 1 }, false),
            (FetchError::DiskFull("x".into()), false),
            (FetchError::Cancelled, false),
        ] {
            let mut tries = Tries::new(&FetchOptions::default());
            assert_eq!(tries.next_wait(error.clone().into()).is_ok(), again, "{error}");
        }
    }
}
