//! Every bound of the HTTP surface, with its unit.

use std::time::Duration;

/// Connections served at a time by a listener, where this process may open that many files. One more puts out the
/// one that has asked for nothing for longest.
pub const CONNECTIONS_MAX: usize = 1_024;
/// Of these, connections of one address (of IPv6: network), or of one user on a socket.
pub const CONNECTIONS_PER_GROUP_MAX: usize = 512;
/// Time in which a client must have sent its request's head, and in which it may ask for nothing.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Buffer for the head of a request, in bytes; one that does not fit is refused.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Headers of a request. As many as the library takes that is not told: to be told costs it time with each.
pub const HEADERS_MAX: usize = 100;
/// How long what a connection showed is taken at its word again; changes of keys hold at once all the same.
pub const PROOF_KEPT: Duration = Duration::from_secs(1);
/// Time in which a client that does not keep up with what it asked for must have taken enough of it.
pub const WRITE_PATIENCE: Duration = Duration::from_secs(30);
/// Bytes in a second that are enough.
pub const TAKEN_BYTES_PER_S: u64 = 512;
/// How long browsers remember that a listed page of another origin may ask.
pub const PREFLIGHT_KEPT: Duration = Duration::from_secs(600);
/// Pause after a connection that could not be accepted; time for telling one that there is no room.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// Pause between two looks at whether a certificate has changed.
pub const TLS_LOOK: Duration = Duration::from_secs(1);
/// Time in which a plain request must be answered.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Body of an operation, in bytes.
pub const CALL_BYTES_MAX: usize = 256 * 1024;
/// What a library says when it refuses a request, in bytes.
pub const REFUSAL_BYTES_MAX: usize = 4 * 1024;
/// When to try again what is full at the moment, in seconds.
pub const RETRY_AFTER_S: u64 = 1;
/// Body of an uploaded report as sent, in bytes.
pub const REPORT_BYTES_MAX: usize = 50 * 1024 * 1024;
/// A message from a client on a websocket, in bytes.
pub const WS_MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Time in which a websocket client must take a message.
pub const WS_SEND_TIMEOUT: Duration = Duration::from_secs(20);
/// A message to a websocket client of Scope's topologies leaves in pieces of this size, in bytes.
pub const WS_PIECE_BYTES: usize = 64 * 1024;
/// What is read at once of such a client, which says next to nothing, in bytes.
pub const WS_READ_BYTES: usize = 4 * 1024;
/// Pieces in which the nodes of a topology leave, in bytes.
pub const ANSWER_PIECE_BYTES: usize = 64 * 1024;
/// Messages waiting for a websocket client.
pub const WS_QUEUE: usize = 4;
/// Answer that the client side reads, in bytes.
pub const ANSWER_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Time in which the client side must have an answer.
pub const CLIENT_TIMEOUT: Duration = Duration::from_secs(60);
/// Message that the client side takes on a websocket, in bytes.
pub const CLIENT_MESSAGE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Longest path of a UNIX socket that the kernel takes, in bytes.
pub const SOCKET_PATH_BYTES_MAX: usize = 107;
/// Shortest and longest pause between two messages of Scope's topology websocket.
pub const SCOPE_TICK: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(3_600));
/// Pictures of one topology kept for clients of Scope's websocket that hold different ones; a client whose
/// picture is older is sent everything again.
pub const SCOPE_PICTURES_KEPT: usize = 16;
/// Messages of one topology kept for the clients that take the same step.
pub const SCOPE_MESSAGES_KEPT: usize = 8;
/// Websockets of Scope's topologies that show the past at a time. Each holds a picture of its own, and has moments read
/// and derived that nobody else may look at.
pub const SCOPE_PASTS_MAX: usize = 32;
/// A message of a remote probe about a control, in bytes.
pub const LINK_MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// A message on a pipe, in bytes.
pub const PIPE_MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// Time in which a plugin must have answered a scrape, when the scraper does not say.
pub const SCRAPE_BUDGET: Duration = Duration::from_secs(2);
/// Time in which one that took too long the last time must answer, for its metrics to be in the answer.
pub const SCRAPE_GRACE: Duration = Duration::from_millis(200);
/// Plugins' metrics that are read at the same time.
pub const SCRAPES_READ_AT_ONCE: usize = 4;
/// How much sooner than the scraper gives up we answer.
pub const SCRAPE_MARGIN: Duration = Duration::from_millis(500);
/// What a plugin may expose, in bytes.
pub const SCRAPE_BYTES_MAX: usize = orrery_exposition::limits::TEXT_BYTES_MAX;
/// Length of a node's label in a scrape, in characters; what is beyond is cut.
pub const NODE_LABEL_CHARS_MAX: usize = 256;
/// Series of nodes' metrics in one scrape.
pub const NODE_SERIES_MAX: usize = 50_000;
/// Pause between signs of life on a silent stream of server-sent events.
pub const SSE_KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Pause between pings on a websocket that may be silent for long; Scope's ends wait a minute for one.
pub const PING_EVERY: Duration = Duration::from_secs(30);
/// Time after which a websocket that answers no ping is given up.
pub const PONG_WITHIN: Duration = Duration::from_secs(75);
/// Time in which more of an upload must come.
pub const UPLOAD_STALL: Duration = Duration::from_secs(30);
/// Piece of an upload that the client side sends at once, in bytes.
pub const UPLOAD_CHUNK_BYTES: usize = 64 * 1024;
/// A package on its way in, in bytes.
pub const UPLOAD_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Pause between two looks at how much of an upload was sent.
pub const UPLOAD_LOOK: Duration = Duration::from_millis(200);
/// A file with secrets, in bytes.
pub const SECRET_BYTES_MAX: u64 = 1024 * 1024;
/// Tokens beside the owner's, revoked ones included.
pub const TOKENS_MAX: usize = 64;
/// Name of a token, in bytes.
pub const TOKEN_NAME_BYTES_MAX: usize = 64;
/// How exactly the last use of a token is kept over a restart.
pub const TOKEN_USE_SAVED: Duration = Duration::from_secs(60);
/// Browsers that are let in at a time; one more puts out the one that came first.
pub const BROWSERS_MAX: usize = 64;
/// Time after which a browser has to show a token again.
pub const BROWSER_AGE: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Links that open once and were not used yet.
pub const LINKS_MAX: usize = 16;
/// Time in which such a link has to be used.
pub const LINK_AGE: Duration = Duration::from_secs(600);
/// Longest line of an answer that the client side reads line by line, in bytes.
pub const CLIENT_LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Largest manifest of a task. Bytes.
pub const MANIFEST_BYTES_MAX: usize = 256 * 1024;
