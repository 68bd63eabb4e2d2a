//! Every bound of notices, with its unit.

use std::time::Duration;

/// Notices that may be shown one right after the other.
pub const AT_ONCE: u32 = 5;

/// After so long one more may be shown.
pub const ONE_EVERY: Duration = Duration::from_secs(10);

/// Title, in characters; what is beyond is cut.
pub const TITLE_CHARS_MAX: usize = 100;

/// Text, in characters; what is beyond is cut.
pub const TEXT_CHARS_MAX: usize = 400;

/// Time in which the desktop must have taken a notice.
pub const SHOW_TIMEOUT: Duration = Duration::from_secs(5);
