//! Every bound of this crate, with its unit.

use std::time::Duration;

/// Time that a statement waits for another process that holds the database.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a lock that another process has is tried again.
pub const LOCK_TRIES: u32 = 25;

/// Time between two such tries.
pub const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Names that are tried for a damaged database that is set aside.
pub const ASIDE_TRIES: u32 = 10_000;
