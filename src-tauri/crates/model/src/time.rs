//! Points in time as reports carry them.

use serde::{Deserialize, Serialize};

/// Nanoseconds since the Unix epoch, UTC. Reports carry RFC 3339 text; see [`Timestamp::parse`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The epoch: what "no time given" reads as.
    pub const ZERO: Timestamp = Timestamp(0);

    /// From milliseconds since the epoch, saturating at the ends of the range.
    pub fn from_millis(ms: i64) -> Self {
        Timestamp(ms.saturating_mul(1_000_000))
    }

    /// Whole milliseconds since the epoch, rounded towards the past.
    pub fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}
