//! Every bound of this crate, with its unit.

use std::time::Duration;

/// Plugins under one supervisor.
pub const PLUGINS: usize = 1_000;

/// Orders that wait for one plugin's actor; senders wait beyond it.
pub const MAILBOX: usize = 64;

/// Events that wait for a slow reader, besides those in the channel; older ones are dropped and counted.
pub const EVENTS_WAITING: usize = 1_024;

/// Events in the channel to the reader.
pub const EVENTS_CHANNEL: usize = 64;

/// Shortest wait between tries, whatever a manifest says.
pub const BACKOFF_MIN: Duration = Duration::from_millis(100);

/// Longest wait between tries, whatever a manifest says.
pub const BACKOFF_MAX: Duration = Duration::from_secs(24 * 3600);

/// Ends that are remembered for telling a crash loop.
pub const ENDS_REMEMBERED: usize = 1_000;

/// Pace at which a program that cannot be started is tried, besides every change of its files.
pub const NOT_STARTABLE_RETRY: Duration = Duration::from_secs(60);

/// Time between looks at files whose change is waited for.
pub const FILE_BEAT: Duration = Duration::from_secs(1);

/// First wait between looks for a new process's socket; it grows up to [`READY_STEP_MAX`].
pub const READY_STEP: Duration = Duration::from_millis(10);

/// Longest wait between such looks.
pub const READY_STEP_MAX: Duration = Duration::from_millis(250);

/// Time that one of the first reports may take.
pub const REPORT_BUDGET: Duration = Duration::from_millis(500);

/// Invalid answers in a row that end a start; one could be a program's warming up.
pub const READY_BAD_ANSWERS: u32 = 3;

/// Wait after an invalid first answer.
pub const READY_BAD_STEP: Duration = Duration::from_millis(250);

/// Graceful phase when a process that does not answer is ended; shorter when the manifest's is.
pub const UNRESPONSIVE_GRACE: Duration = Duration::from_secs(1);

/// Time for which a process whose place is taken goes on serving those who connected before.
pub const LINGER: Duration = Duration::from_millis(200);

/// Time that calls under way may take before a process is replaced.
pub const DRAIN: Duration = Duration::from_secs(1);

/// Health checks kept.
pub const CHECKS_KEPT: usize = 20;

/// Messages kept of one health answer.
pub const CHECK_MESSAGES: usize = 20;

/// Characters kept of one such message, and of reasons.
pub const MESSAGE_CHARS: usize = 500;

/// Bytes of a health answer's details that are passed on.
pub const DETAILS_BYTES: usize = 64 * 1024;

/// Time that an asked health check may take, whatever a manifest says.
pub const HEALTH_BUDGET: Duration = Duration::from_secs(2);

/// Characters of a status question.
pub const ABOUT_CHARS: usize = 1_000;

/// Time between two rounds of a status question.
pub const WAIT_STEP: Duration = Duration::from_secs(2);

/// Longest wait for the answer to a status question.
pub const WAIT_MAX: Duration = Duration::from_secs(3_600);

/// Usage points kept, whatever a manifest says.
pub const USAGE_KEPT_MAX: usize = 10_000;

/// Shortest time between usage points or checks, whatever a manifest says.
pub const BEAT_MIN: Duration = Duration::from_millis(100);

/// Time that one reading of usage may take.
pub const USAGE_BUDGET: Duration = Duration::from_secs(2);

/// Lines on one page of a log.
pub const LOG_PAGE_LINES: usize = 1_000;

/// Last lines of output that go with an end.
pub const LAST_LINES: usize = 30;

/// Identical news of one plugin are told once in this time, then with their count.
pub const REPEAT_GAP: Duration = Duration::from_secs(60);

/// Largest program whose SHA-256 is checked before a start, in bytes.
pub const PINNED_BYTES: u64 = 1024 * 1024 * 1024;

/// Time that processes have to end after the deadline of a shutdown.
pub const SHUTDOWN_SLACK: Duration = Duration::from_millis(500);

/// Levels of directories in a program's own directory that are given to another account.
pub const HOME_DEPTH: usize = 64;

/// Files in a program's own directory that are given to another account.
pub const HOME_ENTRIES: usize = 1_000_000;
