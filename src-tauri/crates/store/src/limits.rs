//! Every bound of this crate, with its unit.

use std::time::Duration;

/// Ended operations that are kept; older ones are forgotten.
pub const OPERATIONS_KEPT: i64 = 1_000;

/// Quarantined rows that are kept; older ones are forgotten.
pub const QUARANTINE_KEPT: i64 = 1_000;

/// Largest record. Bytes of JSON.
pub const RECORD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Damaged databases kept beside the current one.
pub const SET_ASIDE_MAX: usize = 3;

/// Time that a write waits for another process that holds the database.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Log kept on disk between checkpoints. Bytes.
pub const WAL_KEPT_BYTES: u64 = 4 * 1024 * 1024;
