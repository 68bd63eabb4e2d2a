//! Every limit of this crate, with its unit.

use std::time::Duration;

/// Samples, events and series older than this are deleted, unless configured otherwise: 7 days.
pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Bytes that the database's pages may take, unless configured otherwise. Beyond it the oldest samples are
/// thinned to a summary per series and [`CHUNK_MS`], and the oldest summaries deleted. The write-ahead log
/// comes on top, see [`WAL_KEPT_BYTES`].
pub const DEFAULT_MAX_BYTES: u64 = 1 << 30;

/// Report frames older than this are deleted, unless configured otherwise: 2 hours.
pub const DEFAULT_FRAMES_MAX_AGE: Duration = Duration::from_secs(2 * 3600);

/// Bytes that compressed report frames may take, as a share of the whole, unless configured otherwise.
pub const DEFAULT_FRAMES_MAX_BYTES: u64 = 256 << 20;

/// Stretch of time that one block covers, in milliseconds. Fixed by the file format.
pub const CHUNK_MS: i64 = 5 * 60 * 1000;

/// How long after a chunk's end it is sealed, in milliseconds: samples may be that late at no cost.
/// Later ones are still taken, but their block is written a second time.
pub const SEAL_DELAY_MS: i64 = 60 * 1000;

/// Least time between two rounds of sealing, in milliseconds.
pub const SEAL_EVERY_MS: i64 = 30 * 1000;

/// How far a sample's time may lie in the future before it is ignored, in milliseconds.
pub const MAX_AHEAD_MS: i64 = 5 * 60 * 1000;

/// What has arrived is committed at most this long after the first of it came.
pub const COMMIT_DELAY: Duration = Duration::from_millis(250);

/// Wait after a commit that failed, at first; it doubles up to [`RETRY_MAX`].
pub const RETRY_MIN: Duration = Duration::from_secs(1);

/// Longest wait after a commit that failed.
pub const RETRY_MAX: Duration = Duration::from_secs(30);

/// Time between two looks at what has become too old or too big.
pub const RETAIN_EVERY: Duration = Duration::from_secs(10);

/// Pause between two steps of clearing, in which arrivals are served.
pub const RETAIN_PAUSE: Duration = Duration::from_millis(5);

/// Rows deleted in one step.
pub const DELETE_ROWS: i64 = 1_000;

/// Bytes that the summary of a block takes, about.
pub const SUMMARY_BYTES: u64 = 52;

/// Summaries may take one part in so many of the whole; beyond it the oldest are deleted.
pub const SUMMARY_SHARE: u64 = 3;

/// Pages given back to the file system in one step.
pub const VACUUM_PAGES: i64 = 512;

/// Free pages kept in the file for coming blocks.
pub const FREE_PAGES_KEPT: i64 = 1_024;

/// Calls waiting for the writer.
pub const QUEUE_MESSAGES: usize = 4_096;

/// Samples that wait for the writer or for a commit; beyond it new ones are dropped and counted.
pub const QUEUE_SAMPLES: usize = 1_000_000;

/// Events that wait for the writer or for a commit.
pub const QUEUE_EVENTS: usize = 10_000;

/// Bytes of report frames that wait for the writer or for a commit.
pub const QUEUE_FRAME_BYTES: usize = 96 << 20;

/// Bytes of one report frame.
pub const MAX_FRAME_BYTES: usize = 64 << 20;

/// Frames compressed against one base frame.
pub const FRAMES_PER_BASE: u32 = 40;

/// Span between a base frame and the last one that builds on it, in milliseconds.
pub const FRAME_GROUP_MS: i64 = 10 * 60 * 1000;

/// Compression level of report frames (zstd).
pub const FRAME_ZSTD_LEVEL: i32 = 3;

/// Compression level of tail rows (zstd).
pub const TAIL_ZSTD_LEVEL: i32 = 1;

/// Samples in one row of the tail.
pub const TAIL_ROW_SAMPLES: usize = 100_000;

/// Samples held in memory before chunks are sealed early.
pub const LIVE_SAMPLES: usize = 4_000_000;

/// Series that may be written to at the same time; samples of further ones are ignored and counted.
pub const ACTIVE_SERIES: usize = 200_000;

/// Metric ids (with their kinds) that the file knows.
pub const MAX_METRICS: usize = 50_000;

/// Bytes of a node id.
pub const MAX_NODE_BYTES: usize = 1_024;

/// Bytes of a metric id.
pub const MAX_METRIC_BYTES: usize = 256;

/// Bytes of a label, format, event kind, subject or user; longer ones are cut.
pub const MAX_LABEL_BYTES: usize = 512;

/// Bytes of an event's text; longer ones are cut.
pub const MAX_TEXT_BYTES: usize = 4_096;

/// Events kept.
pub const MAX_EVENTS: i64 = 100_000;

/// Events in one answer.
pub const MAX_EVENTS_READ: u32 = 10_000;

/// Points in one answer.
pub const MAX_POINTS: u32 = 10_000;

/// Rows in one page of raw samples.
pub const MAX_PAGE_ROWS: u32 = 50_000;

/// Series of one node and metric, or of one node, that a read looks at: the newest.
pub const MAX_SERIES_READ: i64 = 2_000;

/// Blocks that one read looks at: the newest are left out.
pub const MAX_BLOCKS_READ: i64 = 100_000;

/// Frame times in one answer.
pub const MAX_FRAME_TIMES: u32 = 20_000;

/// Connections that read.
pub const READERS: u32 = 3;

/// How long a statement waits for a lock.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of a database page.
pub const PAGE_BYTES: u32 = 8_192;

/// Bytes that the write-ahead log keeps after a checkpoint.
pub const WAL_KEPT_BYTES: i64 = 16 << 20;

/// Databases up to this many bytes are checked throughout when opened; larger ones only when an earlier
/// run met damage.
pub const CHECKED_ON_OPEN_BYTES: u64 = 64 << 20;

/// Damaged databases kept beside the new one.
pub const MAX_SET_ASIDE: usize = 2;

/// Commits without a sample after which the writer forgets a series' number and looks it up again.
pub const IDLE_COMMITS: u64 = 2_400;

/// Rows written by one statement.
pub const INSERT_ROWS: usize = 100;
