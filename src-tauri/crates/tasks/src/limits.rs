//! Every bound of this crate, with its unit.

use std::time::Duration;

/// Tasks in all.
pub const TASKS_MAX: usize = 10_000;

/// Largest manifest. Bytes of text.
pub const MANIFEST_BYTES_MAX: usize = 256 * 1024;

/// Faults told of one manifest; the rest is cut.
pub const FAULTS_MAX: usize = 200;

/// Nodes of one workflow, the root left out.
pub const WORKFLOW_NODES_MAX: usize = 100;

/// Depth of nested workflow nodes.
pub const WORKFLOW_DEPTH_MAX: usize = 8;

/// Queries of one task.
pub const QUERIES_MAX: usize = 200;

/// Longest name of a task. Bytes.
pub const NAME_BYTES_MAX: usize = 200;

/// Shortest interval between two runs.
pub const INTERVAL_MIN: Duration = Duration::from_millis(100);

/// Longest interval between two runs, and longest jitter: a year.
pub const INTERVAL_MAX: Duration = Duration::from_hours(365 * 24);

/// Time for one call to a plugin or sink, when the manifest names none.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// Time for a whole run, when the manifest names none.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// Longest deadline that a manifest may name.
pub const DEADLINE_MAX: Duration = Duration::from_hours(1);

/// Failed runs in a row after which something is done, when the manifest names no number.
pub const FAILURES_MAX: u32 = 10;

/// First pause of a task that fails again and again; it doubles.
pub const SLOW_FIRST: Duration = Duration::from_secs(1);

/// Longest pause of a task that fails again and again.
pub const SLOW_MAX: Duration = Duration::from_mins(5);

/// A wait for a moment of the wall clock is looked at again after so long, since that clock may be set.
pub const WALL_RECHECK: Duration = Duration::from_secs(30);

/// A wall clock that goes back by more than this was set; by less, it was adjusted.
pub const CLOCK_SET_BACK: Duration = Duration::from_secs(10);

/// Missed matches of a cron entry that are counted one by one; more are told as this many.
pub const CRON_MISSED_MAX: u64 = 1_000;

/// Samples of one run; the rest is dropped and counted.
pub const RUN_SAMPLES_MAX: usize = 100_000;

/// Samples that a publisher keeps for a sink that is down, when the manifest names no number.
pub const BUFFER_SAMPLES: usize = 10_000;

/// Most samples that a manifest may have a publisher keep.
pub const BUFFER_SAMPLES_MAX: usize = 1_000_000;

/// Samples of one task that wait for sinks and are kept over a restart, the newest.
pub const WAITING_KEPT: usize = 10_000;

/// The same of all tasks, each time that they are written down.
pub const WAITING_KEPT_ALL: usize = 100_000;

/// The same of one task, as they are written. Bytes, about.
pub const WAITING_KEPT_BYTES: usize = 1024 * 1024;

/// Samples delivered to a sink at once.
pub const BATCH_SAMPLES: usize = 1_000;

/// Series whose state a processor keeps; the one unseen for longest goes first.
pub const SERIES_MAX: usize = 50_000;

/// A series that has told nothing for so long, while the others did, is forgotten by a processor; later where the
/// processor itself looks further back.
pub const SERIES_IDLE: Duration = Duration::from_mins(15);

/// Runs that were without a series before it can be forgotten, however much time has passed.
pub const SERIES_IDLE_RUNS: u64 = 3;

/// Samples of one series in a processor's window.
pub const WINDOW_SAMPLES_MAX: usize = 10_000;

/// Size at which a file is rotated, when the manifest names none. Bytes.
pub const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Rotated files kept, when the manifest names no number.
pub const FILES_KEPT: usize = 3;

/// Most rotated files that a manifest may have kept.
pub const FILES_KEPT_MAX: usize = 100;

/// Largest answer of a sink or of a processor plugin. Bytes.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Of what a sink says to samples that it took, so much is read. Bytes.
pub const SINK_ANSWER_BYTES: usize = 64 * 1024;

/// Files that declare tasks, in one directory.
pub const FILES_MAX: usize = 1_000;

/// Pause between two looks at the directory whose files declare tasks. A file is read once it has stood still for
/// that long.
pub const FILES_LOOK: Duration = Duration::from_secs(1);

/// Events of a task kept for watchers that come back.
pub const WATCH_EVENTS: usize = 64;

/// Samples in those events, all together.
pub const WATCH_SAMPLES: usize = 20_000;

/// Runs of a task that are remembered, the newest.
pub const RUNS_KEPT: usize = 30;

/// Queries of a task that a list shows.
pub const QUERIES_SHOWN: usize = 5;

/// Errors of a task that are kept, the newest.
pub const ERRORS_KEPT: usize = 10;

/// Longest text of an error that is kept. Bytes.
pub const ERROR_BYTES_MAX: usize = 500;

/// How often what changed by itself, such as counts, is written down.
pub const SAVE_EVERY: Duration = Duration::from_secs(30);

/// How soon a change of state is written down.
pub const SAVE_SOON: Duration = Duration::from_secs(1);

/// Tasks written down at once.
pub const SAVE_BATCH: usize = 500;

/// How long runs may take to come to their end when the application does.
pub const STOP_WAIT: Duration = Duration::from_secs(5);

/// Values of a task's last run that are shown.
pub const VALUES_SHOWN: usize = 200;

/// Starts whose lateness is remembered.
pub const LATENESS_KEPT: usize = 10_000;
