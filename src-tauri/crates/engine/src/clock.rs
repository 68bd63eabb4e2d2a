//! The one place that reads the wall clock, and a clock beside it that nobody sets.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use orrery_model::Timestamp;

/// Now.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// Now, in milliseconds since the epoch.
pub(crate) fn now_ms() -> i64 {
    now().as_millis()
}

/// A clock that shows the time of day when it is started, and from then on goes its own way: setting the machine's
/// clock does not move it. What ages is aged by it, so that nothing stays for an hour because somebody set the clock
/// back by one, and not everything goes at once because somebody set it forward.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steady {
    began: Timestamp,
    at: Instant,
}

impl Steady {
    /// Starts it at this time.
    pub(crate) fn from(began: Timestamp) -> Self {
        Steady {
            began,
            at: Instant::now(),
        }
    }

    /// Now. Never earlier than before.
    pub(crate) fn now(&self) -> Timestamp {
        let since = i64::try_from(self.at.elapsed().as_nanos()).unwrap_or(i64::MAX);
        Timestamp(self.began.0.saturating_add(since))
    }
}
