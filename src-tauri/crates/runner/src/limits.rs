//! Every bound of this crate, with its unit.

use std::time::Duration;

/// Programs that may run at once under one runner.
pub const MAX_PROCESSES: usize = 1024;

/// Longest message between application, guardian and launcher. Bytes. It must fit into a socket's buffer whole.
pub const MAX_MESSAGE_BYTES: usize = 128 * 1024;

/// Most bytes that wait in the guardian for an application that does not read. Beyond it the application counts
/// as dead.
pub const MAX_UNREAD_BYTES: usize = 4 * 1024 * 1024;

/// Orders that wait for the guardian.
pub const ORDER_QUEUE: usize = 4096;

/// Longest first line that is waited for. Bytes, without its end.
pub const FIRST_LINE_BYTES: usize = 16 * 1024;

/// Longest name of a launched program, in characters.
pub const NAME_CHARS: usize = 128;

/// Descriptors passed with one message.
pub const MESSAGE_FDS: usize = 3;

/// Time for a launcher to become its program.
pub const LAUNCH_TIME: Duration = Duration::from_secs(10);

/// Time for a new guardian to say that it is there.
pub const GUARDIAN_START: Duration = Duration::from_secs(5);

/// Time that a guardian without orders to carry out takes at most to end after its application.
pub const GUARDIAN_END: Duration = Duration::from_secs(5);

/// First wait before a lost guardian is replaced; it doubles up to [`GUARDIAN_RETRY_MAX`].
pub const GUARDIAN_RETRY: Duration = Duration::from_millis(50);

/// Longest wait before a lost guardian is replaced.
pub const GUARDIAN_RETRY_MAX: Duration = Duration::from_secs(10);

/// Longest graceful phase of a stop that may be asked for.
pub const MAX_GRACE: Duration = Duration::from_secs(3600);

/// First wait between attempts to end what a program left behind; it doubles up to [`END_STEP_MAX`].
pub const END_STEP: Duration = Duration::from_millis(2);

/// Longest wait between such attempts.
pub const END_STEP_MAX: Duration = Duration::from_millis(100);

/// Time after which what cannot be ended (a process stuck in the kernel) is given up.
pub const END_DEADLINE: Duration = Duration::from_secs(10);

/// How long the end of a program waits for processes of which it is unclear whose they are, because they are
/// becoming another program at that moment.
pub const UNCLEAR_TIME: Duration = Duration::from_millis(200);

/// Time that last output may take to arrive before an exit is told without it.
pub const DRAIN_TIME: Duration = Duration::from_millis(250);

/// Time for ending what an earlier run left behind.
pub const SWEEP_TIME: Duration = Duration::from_secs(2);

/// Time between looks at the counters of control groups.
pub const COUNTER_BEAT: Duration = Duration::from_millis(500);

/// Time between samples of memory where the kernel does not hold the limit.
pub const SAMPLE_BEAT: Duration = Duration::from_millis(250);

/// Throttling of one program is told at most once in this time.
pub const THROTTLE_NEWS_GAP: Duration = Duration::from_secs(60);

/// A pids limit that is hit again and again is told at most once in this time.
pub const PIDS_NEWS_GAP: Duration = Duration::from_secs(60);

/// Violations that wait for a slow receiver; older ones are dropped.
pub const VIOLATION_QUEUE: usize = 64;

/// Nested control groups entered when a group is removed, in levels.
pub const GROUP_DEPTH: usize = 8;

/// Soft memory limit in per cent of the hard one; above it the kernel reclaims hard.
pub const MEMORY_HIGH_PERCENT: u64 = 90;

/// Period of CPU quotas. Microseconds.
pub const CPU_PERIOD_US: u64 = 100_000;

/// Smallest quota that kernels take. Microseconds.
pub const CPU_QUOTA_MIN_US: u64 = 1_000;

/// Longest period of CPU quotas that kernels take. Microseconds.
pub const CPU_PERIOD_MAX_US: u64 = 1_000_000;

/// Most bytes read of one file of `/proc` or of a control group.
pub const PROC_FILE_BYTES: u64 = 1024 * 1024;

/// Text kept in memory per output. Bytes.
pub const RING_BYTES: usize = 1024 * 1024;

/// What a kept line costs besides its text. Bytes.
pub const LINE_OVERHEAD_BYTES: usize = 64;

/// Longest line kept; the rest of it is left out. Bytes.
pub const LINE_BYTES: usize = 16 * 1024;

/// Longest block (panic, traceback) kept as one. Bytes.
pub const BLOCK_BYTES: usize = 64 * 1024;

/// Most lines in a block.
pub const BLOCK_LINES: usize = 400;

/// A block ends when nothing follows for this long.
pub const BLOCK_PAUSE: Duration = Duration::from_millis(100);

/// Lines a program may write per second, over time; more are dropped and counted.
pub const LINES_PER_SECOND: f64 = 2_000.0;

/// Lines it may write at once above that.
pub const LINES_BURST: f64 = 20_000.0;

/// In a flood, lines are thrown away unread until it may write this many again.
pub const LINES_RESUME: f64 = 100.0;

/// Bytes a program may write per second, over time; lines above are dropped and counted.
pub const OUTPUT_BYTES_PER_SECOND: f64 = 1024.0 * 1024.0;

/// Bytes it may write at once above that.
pub const OUTPUT_BURST_BYTES: f64 = 8.0 * 1024.0 * 1024.0;

/// Bytes read at once from a program's output.
pub const READ_BYTES: usize = 64 * 1024;

/// Lines that go with an exit.
pub const LAST_LINES: usize = 30;

/// Lines of one page of output.
pub const PAGE_LINES: usize = 1_000;

/// Size at which a log file is set aside. Bytes.
pub const LOG_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Log files that are kept besides the current one.
pub const LOG_FILES_KEPT: usize = 3;

/// Text that waits for a slow disk; more is left out of the file. Bytes.
pub const UNWRITTEN_BYTES: usize = 512 * 1024;

/// How often a program that is still open for writing is tried again.
pub const BUSY_TRIES: u32 = 50;

/// Time between two such tries.
pub const BUSY_PAUSE: Duration = Duration::from_millis(20);
