//! Every bound of this crate, with its unit.

use std::time::Duration;

/// Plugins that can be registered.
pub const PLUGINS: usize = 1_000;

/// Operations that are queued or under way at a time; more are refused.
pub const OPERATIONS_OPEN: usize = 256;

/// Ended operations that are shown; older ones are in nobody's memory.
pub const OPERATIONS_SHOWN: usize = 1_000;

/// Packages fetched at a time; others wait.
pub const DOWNLOADS: usize = 3;

/// Packages unpacked at a time; others wait.
pub const UNPACKINGS: usize = 2;

/// Revisions kept of a plugin for a rollback, besides the one in force.
pub const RETAINED: usize = 2;

/// Uploads received or waiting for their order at a time.
pub const UPLOADS: usize = 8;

/// Time after which an upload that nobody ordered is dropped.
pub const UPLOAD_IDLE: Duration = Duration::from_secs(30 * 60);

/// Events that wait for a slow reader; more are dropped and counted.
pub const EVENTS_WAITING: usize = 1_024;

/// Time between looks into watched directories.
pub const WATCH_BEAT: Duration = Duration::from_secs(1);

/// Time for which a file must not have changed before it is looked at.
pub const SETTLE: Duration = Duration::from_secs(1);

/// Files of one watched directory that are looked at; what comes after them, by name, is left alone.
pub const WATCHED_FILES: usize = 1_000;

/// Refused files that are shown.
pub const REJECTED_SHOWN: usize = 1_000;

/// Time between sweeps of what belongs to nobody.
pub const SWEEP_BEAT: Duration = Duration::from_secs(24 * 3600);

/// Longest probation, whatever a manifest says: an operation has to end some day.
pub const PROBATION_MAX: Duration = Duration::from_secs(3_600);

/// Time that the old revision has to answer again after a failed upgrade, on top of its own start timeout.
pub const RETURN_SLACK: Duration = Duration::from_secs(10);

/// Time that a process has to be gone after it was told to stop, on top of its own stop timeout.
pub const STOP_SLACK: Duration = Duration::from_secs(12);

/// Longest text config. Bytes.
pub const CONFIG_BYTES: usize = 256 * 1024;

/// Longest reason kept of a failure, in characters.
pub const REASON_CHARS: usize = 2_000;

/// Lines of output that go with a failed start.
pub const LAST_LINES: usize = 30;

/// Shortest time between two tellings of progress.
pub const PROGRESS_BEAT: Duration = Duration::from_millis(100);

/// Longest machine id. Bytes.
pub const MACHINE_ID_BYTES: u64 = 128;
