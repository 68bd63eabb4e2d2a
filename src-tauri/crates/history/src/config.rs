//! What can be set.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::limits;

/// Tells the time, in milliseconds since the epoch.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Where the history lies and how much of it is kept.
#[derive(Clone)]
pub struct Config {
    /// Path of the database; its folder is made when missing.
    pub path: PathBuf,
    /// Age at which samples, events and series are deleted.
    pub max_age: Duration,
    /// Bytes that the database may take before the oldest samples are thinned and then deleted.
    pub max_bytes: u64,
    /// Age at which report frames are deleted.
    pub frames_max_age: Duration,
    /// Bytes that report frames may take.
    pub frames_max_bytes: u64,
    /// The time by which age is judged.
    pub clock: Clock,
}

impl Config {
    /// A history at this path, with the limits named `DEFAULT_…` in [`limits`] and the system's clock.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Config {
            path: path.into(),
            max_age: limits::DEFAULT_MAX_AGE,
            max_bytes: limits::DEFAULT_MAX_BYTES,
            frames_max_age: limits::DEFAULT_FRAMES_MAX_AGE,
            frames_max_bytes: limits::DEFAULT_FRAMES_MAX_BYTES,
            clock: Arc::new(system_ms),
        }
    }

    /// The time, in milliseconds since the epoch.
    pub(crate) fn now_ms(&self) -> i64 {
        (self.clock)()
    }

    /// Samples older than this, in milliseconds since the epoch, are too old to keep.
    pub(crate) fn oldest_kept_ms(&self) -> i64 {
        self.now_ms().saturating_sub(millis(self.max_age))
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("path", &self.path)
            .field("max_age", &self.max_age)
            .field("max_bytes", &self.max_bytes)
            .field("frames_max_age", &self.frames_max_age)
            .field("frames_max_bytes", &self.frames_max_bytes)
            .finish_non_exhaustive()
    }
}

/// A duration in whole milliseconds, at most `i64::MAX`.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn system_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}
