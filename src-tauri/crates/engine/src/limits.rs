//! Every bound the engine keeps, with its unit.

use std::time::Duration;

/// Longest wait for further arrivals before a snapshot is published.
pub const COALESCE: Duration = Duration::from_millis(50);
/// Longest wait after the start for the first report of every built-in probe, before the first publication.
pub const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Shortest pause between publications that only bring routine reports of known sources. Without it every
/// probe's and plugin's own beat would derive all views anew; news (a new source, a control's report, a
/// source that left) waits for [`COALESCE`] alone.
pub const ROUTINE: Duration = Duration::from_millis(250);
/// Arrivals waiting for the collector; a full queue makes senders wait, never grow.
pub const ARRIVALS_MAX: usize = 256;
/// Longest wait of who hands a report in until it is published, which takes [`COALESCE`] when nothing else is slow.
pub const UPLOAD_SEEN: Duration = Duration::from_secs(10);
/// Longest wait of who presses a control until the report that came with its answer is published.
pub const SHORTCUT_SEEN: Duration = Duration::from_secs(2);
/// Span over which reports of a source are combined.
pub const WINDOW: Duration = Duration::from_secs(15);
/// Nodes of which the time of the last change is remembered.
pub const CHANGES_MAX: usize = 200_000;
/// How long it is: the longest time that a query may ask for.
pub const CHANGES_KEPT: Duration =
    Duration::from_secs(orrery_topology::derive::limits::MAX_CHANGED_IN_S as u64);
/// Pause between expiry passes when nothing arrives.
pub const EXPIRE_EVERY: Duration = Duration::from_secs(1);
/// Pause between report keyframes kept for time travel.
pub const FRAME_EVERY: Duration = Duration::from_secs(10);
/// Keyframes kept decoded, for views and cards of the same moment.
pub const MOMENTS_MAX: usize = 4;
/// Different views kept at a time; opening one more drops the one unused for longest.
pub const VIEWS_MAX: usize = 64;
/// Messages a client may lag behind before it is sent a whole frame instead.
pub const VIEW_BACKLOG: usize = 8;
/// Time an unused view keeps its layout.
pub const VIEW_IDLE: Duration = Duration::from_secs(300);
/// Pause between heartbeats of a view in which nothing changes.
pub const HEARTBEAT: Duration = Duration::from_secs(5);
/// Search hits when the caller names no limit, and at most.
pub const SEARCH_HITS: (u32, u32) = (50, 5_000);
/// Events when the caller names no limit, and at most.
pub const EVENTS: (u32, u32) = (500, 5_000);
/// Newest events kept in memory for watchers.
pub const EVENTS_KEPT: usize = 10_000;
/// Points of a series when the caller names no limit, and at most.
pub const HISTORY_POINTS: (u32, u32) = (600, 10_000);
/// Rows of an exported history; more is refused with a hint to narrow the range.
pub const EXPORT_ROWS_MAX: usize = 2_000_000;
/// Rows of an exported history read at a time.
pub const EXPORT_PAGE: u32 = 50_000;
/// Length of a node, control or metric name in a request, in bytes.
pub const NAME_BYTES_MAX: usize = 4_096;
/// Longest name that is compared with others to find out what was meant, in bytes.
pub const NEAR_BYTES_MAX: usize = 128;
/// Length of a query, in bytes.
pub const QUERY_BYTES_MAX: usize = 4_096;
/// Arguments of a control.
pub const CONTROL_ARGS_MAX: usize = 64;
/// Remote sources that may report at a time.
pub const REMOTE_SOURCES_MAX: usize = 256;
/// Remote probes connected for controls at a time.
pub const REMOTE_LINKS_MAX: usize = 256;
/// Controls under way to one remote probe.
pub const REMOTE_CALLS: usize = 16;
/// Time in which a remote probe must answer a control. Stopping a container takes ten seconds by default.
pub const REMOTE_CONTROL_TIMEOUT: Duration = Duration::from_secs(30);
/// Pipes at a time, those lately closed included.
pub const PIPES_MAX: usize = 256;
/// Chunks on their way in one direction of a pipe; a slow end makes the other wait.
pub const PIPE_BACKLOG: usize = 64;
/// Time after which a pipe that nobody holds is forgotten.
pub const PIPE_IDLE: Duration = Duration::from_secs(600);
/// Span over which rates of the status are taken.
pub const STATUS_SPAN: Duration = Duration::from_secs(10);
/// Shortest and longest interval of the built-in probes and plugins.
pub const INTERVAL: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(300));
/// Bytes read of a plugin's answer to the supervisor.
pub const PLUGIN_ANSWER_BYTES: usize = 64 * 1024;
/// A finding of a plugin's health that is good enough for whoever does not ask for a new one.
pub const HEALTH_FRESH: Duration = Duration::from_secs(10);
/// Lines of a plugin's log when the caller names no limit, and at most.
pub const LOG_LINES: (u32, u32) = (500, 5_000);
/// Operations when the caller names no limit, and at most.
pub const OPERATIONS: (u32, u32) = (100, 1_000);
/// Longest wait for the end of an ordered operation; the answer then says how it stands. It is shorter than the
/// time in which requests are answered over HTTP.
pub const ORDER_WAIT: Duration = Duration::from_secs(50);
/// Longest name of a broadcast event. Characters.
pub const BROADCAST_NAME_CHARS: usize = 64;
/// Shortest pause between two tellings that plugins we run have changed.
pub const PLUGIN_CHANGES: Duration = Duration::from_millis(100);
/// Time for operations to come to an end at shutdown; the next start goes on with what did not.
pub const MANAGER_STOP: Duration = Duration::from_secs(5);
/// Time for plugins to end at shutdown; what has not is killed.
pub const PLUGINS_STOP: Duration = Duration::from_secs(10);
/// How often the lock of a data directory that another process has is tried again.
pub const LOCK_TRIES: u32 = 10;
/// Time between two such tries.
pub const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// Size of a file of the audit log; it and the one before are kept.
pub const AUDIT_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// A text from outside in the audit log, in bytes.
pub const AUDIT_TEXT_BYTES: usize = 512;
/// Entries of the audit log when the caller names no limit, and at most.
pub const AUDIT_LIST: (usize, usize) = (100, 1_000);
/// Random bytes of the token by which a plugin's process calls us.
pub const GUEST_TOKEN_BYTES: usize = 32;

/// Sources that the catalog listens to; those beyond them are left out.
pub const CATALOG_SOURCES: usize = 10_000;

/// A remote probe that has not reported for so long is left out of the catalog when that is made anew.
pub const CATALOG_AWAY: Duration = Duration::from_mins(10);

/// Time between something that changes the catalog and the catalog that shows it: what comes together is taken
/// together.
pub const CATALOG_SETTLE: Duration = Duration::from_millis(50);

/// Time that a plugin has to describe itself.
pub const DESCRIBE_BUDGET: Duration = Duration::from_millis(500);

/// Longest description that a plugin gives of itself. Bytes.
pub const DESCRIPTION_BYTES: usize = 4 * 1024 * 1024;

/// Metrics of one page of the catalog: when not said, and at most.
pub const CATALOG_METRICS: (u32, u32) = (1_000, 10_000);

/// Values of catalogued metrics in one answer: when not said, and at most.
pub const CATALOG_READINGS: (u32, u32) = (1_000, 10_000);

/// Values that a run of a task collects.
pub const TASK_SAMPLES: usize = orrery_tasks::limits::RUN_SAMPLES_MAX;

/// Different configs under which tasks have one plugin asked within a window.
pub const TASK_CONFIGS: usize = 32;

/// Series that tasks share by name; beyond it those of long ago are made anew.
pub const TASK_NAMES: usize = 200_000;

/// A shared name that no task asked for in so long, or twice that, is forgotten.
pub const TASK_NAMES_AGE: Duration = Duration::from_mins(15);

/// Largest answer of a plugin that processes or publishes for a task. Bytes.
pub const TASK_ANSWER_BYTES: usize = orrery_tasks::limits::ANSWER_BYTES_MAX;
