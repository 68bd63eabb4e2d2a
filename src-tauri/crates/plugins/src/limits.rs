//! Every bound of this crate, with its unit.

use std::time::Duration;

/// Time for one call: dial, body and decoding together. The protocol promises it to both sides.
pub const CALL_BUDGET: Duration = Duration::from_millis(500);

/// Most bytes of an answer's body.
pub const MAX_ANSWER_BYTES: usize = 50_000_000;

/// Bodies larger than this are decoded on a blocking thread, because decoding them would hold up an
/// async thread for a millisecond or more. Bytes.
pub const OFFLOAD_BYTES: usize = 64 * 1024;

/// Bodies up to this size are never made to wait for [`BODY_POOL_BYTES`]. Bytes.
pub const UNMETERED_BODY_BYTES: usize = 1024 * 1024;

/// Bytes that all larger bodies together may hold, from the first byte read until decoding ends. At least
/// [`MAX_ANSWER_BYTES`], or the largest answers would wait for ever.
pub const BODY_POOL_BYTES: usize = 100_000_000;
const _: () = assert!(BODY_POOL_BYTES >= MAX_ANSWER_BYTES);

/// Largest buffer for an answer's head. Bytes.
pub const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Idle connections kept open per plugin.
pub const IDLE_CONNECTIONS: usize = 1;

/// Controls that may be under way at one plugin; further ones wait within their own budget.
pub const CONTROLS_AT_ONCE: usize = 8;

/// Shortest interval between calls that may be configured.
pub const MIN_INTERVAL: Duration = Duration::from_millis(10);

/// Longest interval between calls that may be configured.
pub const MAX_INTERVAL: Duration = Duration::from_secs(3600);

/// Longest wait between calls to a failing plugin.
pub const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// A socket file appears before its owner listens on it: for this long after discovery a refused
/// connection is tried again quickly and is not shown as a failure.
pub const SETTLING: Duration = Duration::from_millis(300);

/// First wait between such quick tries; it doubles.
pub const SETTLING_STEP: Duration = Duration::from_millis(5);

/// How deep below a root sockets are looked for, in directories.
pub const MAX_DEPTH: usize = 8;

/// Directories entered below one root.
pub const MAX_DIRECTORIES: usize = 256;

/// Entries read in one directory.
pub const MAX_ENTRIES: usize = 1024;

/// Sockets listed, of all roots together.
pub const MAX_SOCKETS: usize = 256;

/// Roots that may be configured.
pub const MAX_ROOTS: usize = 32;

/// Time between scans when no change was seen: the safety net under the watch.
pub const RESCAN: Duration = Duration::from_secs(5);

/// Time between scans where directories cannot be watched.
pub const UNWATCHED_RESCAN: Duration = Duration::from_secs(1);

/// Shortest time between two scans, however often directories change.
pub const MIN_SCAN_GAP: Duration = Duration::from_millis(20);

/// Events in the channel to the consumer. Few, because each may hold a large report; what does not
/// fit waits where a newer report replaces an older one.
pub const CHANNEL_EVENTS: usize = 4;

/// Shortcut reports of one plugin that wait for a slow consumer.
pub const PENDING_SHORTCUTS: usize = 16;

/// Notes that wait for a slow consumer.
pub const PENDING_NOTES: usize = 64;

/// The same note about the same plugin is given at most once in this time.
pub const NOTE_GAP: Duration = Duration::from_secs(1);

/// Plugins and kinds for which the time of the last note is remembered.
pub const REMEMBERED_NOTES: usize = 1024;

/// Longest status or warning, in characters.
pub const STATUS_CHARS: usize = 512;

/// Longest label, in characters.
pub const LABEL_CHARS: usize = 128;

/// Longest description, in characters.
pub const DESCRIPTION_CHARS: usize = 1024;

/// Interfaces kept of those a plugin names.
pub const MAX_INTERFACES: usize = 16;

/// Warnings shown per plugin.
pub const MAX_WARNINGS: usize = 8;

/// Time that [`crate::Registry::shutdown`] waits for tasks to end.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);
