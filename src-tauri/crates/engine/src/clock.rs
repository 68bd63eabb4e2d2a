//! The one place that reads the wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

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
