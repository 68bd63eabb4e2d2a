//! Every bound of this crate, with its unit.

use std::time::Duration;

/// Largest text of one object or one file of objects. Bytes.
pub const MAX_OBJECT_BYTES: usize = 256 * 1024;

/// Objects in one registry.
pub const MAX_OBJECTS: usize = 1024;

/// Services of one object.
pub const MAX_SERVICES: usize = 128;

/// Labels or annotations of one object.
pub const MAX_LABELS: usize = 64;

/// Longest name, group or label key. Characters; with `.json` behind it, it is a file name.
pub const MAX_NAME_CHARS: usize = 250;

/// Longest version or other single DNS label. Characters.
pub const MAX_LABEL_CHARS: usize = 63;

/// Longest label or annotation value. Bytes.
pub const MAX_VALUE_BYTES: usize = 4096;

/// Longest path of a service or path that is matched. Bytes.
pub const MAX_PATH_BYTES: usize = 8 * 1024;

/// Segments of a service's path.
pub const MAX_PATH_SEGMENTS: usize = 32;

/// Protocols that one service may name.
pub const MAX_PROTOCOLS: usize = 8;

/// Field errors reported for one object; further ones are counted.
pub const MAX_FIELD_ERRORS: usize = 64;

/// Events that a watch can resume from; what is older has gone.
pub const WATCH_HISTORY: usize = 4096;

/// Files looked at in a watched directory.
pub const MAX_FILES: usize = 1024;

/// Time between two looks at a watched directory in which nothing changes.
pub const DIRECTORY_POLL: Duration = Duration::from_millis(250);

/// The same while a file has changed and is not settled.
pub const DIRECTORY_POLL_UNSETTLED: Duration = Duration::from_millis(50);

/// A file is read when it has not changed for this long.
pub const DIRECTORY_SETTLE: Duration = Duration::from_millis(100);

/// Requests under way at one plugin.
pub const RUNNING_PER_PLUGIN: usize = 64;

/// Requests that wait for one of [`RUNNING_PER_PLUGIN`]; further ones are refused.
pub const WAITING_PER_PLUGIN: usize = 64;

/// Longest wait for a free place at a plugin.
pub const WAIT: Duration = Duration::from_secs(5);

/// Open streams (server-sent events, chunked, upgraded) at one plugin.
pub const STREAMS_PER_PLUGIN: usize = 256;

/// Idle connections kept to one plugin.
pub const IDLE_CONNECTIONS: usize = 32;

/// An idle connection to a plugin is not kept for longer than this.
pub const IDLE_CONNECTION: Duration = Duration::from_secs(60);

/// What is written in several pieces goes out as one when it is no longer than this. Bytes.
pub const JOINED_BYTES: usize = 2 * 1024;

/// Time to get a connection to a plugin's socket.
pub const CONNECT: Duration = Duration::from_millis(250);

/// Time to get a connection to a declared target of a datasource proxy, look-up of its name included.
pub const CONNECT_UPSTREAM: Duration = Duration::from_secs(5);

/// Time from the last byte of a request to the head of its answer, unless the service says otherwise.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// A body of an answer in which nothing moves for this long is cut, unless the service says otherwise.
pub const ROUTE_IDLE: Duration = Duration::from_secs(30);

/// The same for streams.
pub const STREAM_IDLE: Duration = Duration::from_secs(5 * 60);

/// Longest timeout that a service may ask for.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// Largest body of a request, unless the service says otherwise. Bytes.
pub const MAX_BODY_BYTES: u64 = 10 * 1024 * 1024;

/// Largest body that a service may ask for. Bytes.
pub const MOST_BODY_BYTES: u64 = 1024 * 1024 * 1024;

/// Largest body that is read whole: queries, admission, conversion, their answers. Bytes.
pub const MAX_WHOLE_BODY_BYTES: u64 = 16 * 1024 * 1024;

/// Largest head of a request or an answer. Bytes.
pub const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Headers of a request or an answer. As many as the library takes that is not told: to be told costs it time with each.
pub const MAX_HEADERS: usize = 100;

/// Largest answer that is read as it stands; what is larger, or comes in pieces, is read as it comes. Bytes.
pub const PLAIN_BYTES: usize = 8 * 1024;

/// Headers of an answer that is read as it stands.
pub const PLAIN_HEADERS: usize = 32;

/// Queries of one query request.
pub const MAX_QUERIES: usize = 1024;

/// Objects of one conversion request.
pub const MAX_CONVERSIONS: usize = 10_000;

/// Time in which a plugin that sleeps until somebody needs it must have been started by a request.
pub const WAKE: Duration = Duration::from_secs(20);

/// How long requests and streams of an object that was removed may go on.
pub const DRAIN: Duration = Duration::from_secs(10);

/// After one side of an upgraded connection ended, the other has this long to end too.
pub const UPGRADE_LINGER: Duration = Duration::from_secs(5);

/// Time for an upgrade to happen on both sides after its answer.
pub const UPGRADE_WAIT: Duration = Duration::from_secs(10);

/// Buffer of each direction of an upgraded connection. Bytes.
pub const UPGRADE_BUFFER_BYTES: usize = 16 * 1024;

/// Time between two probes of a plugin that answers.
pub const PROBE_EVERY: Duration = Duration::from_secs(30);

/// First time between two probes of a plugin that does not answer; it doubles up to [`PROBE_EVERY`].
pub const PROBE_RETRY: Duration = Duration::from_millis(250);

/// Time for a probe.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// When to come back if nothing better is known. Seconds.
pub const RETRY_AFTER_SECONDS: u64 = 1;

/// When to come back before the objects have been read for the first time. Seconds.
pub const RETRY_AFTER_SYNC_SECONDS: u64 = 5;

/// Longest message in a condition or an error answer. Characters.
pub const MAX_MESSAGE_CHARS: usize = 512;
