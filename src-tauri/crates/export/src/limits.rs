//! Every bound of the export, with its unit.

use std::time::Duration;

/// Shortest and longest pause between two sendings.
pub const INTERVAL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3_600));
/// Pause when none is given.
pub const INTERVAL_DEFAULT: Duration = Duration::from_secs(30);
/// Data points of one message: what does not fit goes into a further one.
pub const POINTS_PER_MESSAGE: usize = 5_000;
/// Data points of one sending; what is beyond is left out and counted.
pub const POINTS_MAX: usize = 100_000;
/// Time in which a connection must stand.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time in which a message must be answered.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// Time in which what is sent must be gathered.
pub const GATHER_TIMEOUT: Duration = Duration::from_secs(15);
/// Longest wait that a collector may ask for.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);
/// Answer of a collector that is read, in bytes.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// What a collector says that is repeated in the log, in characters.
pub const SAID_CHARS_MAX: usize = 200;
/// Headers beside our own.
pub const HEADERS_MAX: usize = 32;
/// Value of a header, in bytes.
pub const HEADER_BYTES_MAX: usize = 8 * 1024;
