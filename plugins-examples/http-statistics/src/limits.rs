//! Every bound, with its unit.

use std::time::Duration;

/// Bytes looked at of a packet: a request's or a response's first line lies within.
pub(crate) const PACKET_BYTES: usize = 2_048;
/// Directions of connections remembered, for telling repeated segments from new ones.
pub(crate) const FLOWS_MAX: usize = 65_536;
/// Servers counted between two rounds.
pub(crate) const SERVERS_MAX: usize = 4_096;
/// Different status codes counted for a server.
pub(crate) const CODES_MAX: usize = 32;
/// Pause between two rounds of attributing counts to processes.
pub(crate) const ROUND: Duration = Duration::from_secs(1);
/// Time for which a process without traffic goes on being reported, with rates of zero.
pub(crate) const QUIET: Duration = Duration::from_secs(60);
/// Network namespaces looked into.
pub(crate) const NAMESPACES_MAX: usize = 256;
