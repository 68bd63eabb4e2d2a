//! Every bound the probes keep, with its unit.

/// Processes in a report; the ones with the highest numbers are left out.
pub(crate) const PROCESSES_MAX: usize = 100_000;
/// Bytes of a command line kept.
pub(crate) const CMDLINE_BYTES_MAX: usize = 4_096;
/// Bytes read of any one file of /proc.
pub(crate) const FILE_BYTES_MAX: u64 = 1 << 20;
/// Connections in a report, over all namespaces.
pub(crate) const CONNECTIONS_MAX: usize = 200_000;
/// Network namespaces visited.
pub(crate) const NAMESPACES_MAX: usize = 512;
/// Files of one process looked at for sockets.
pub(crate) const FILES_PER_PROCESS_MAX: usize = 65_536;
/// Processes whose files are looked at again per report although nothing calls for it.
pub(crate) const REWALK_PER_REPORT: usize = 40;
/// Connections of one kind (same addresses, server port and processes) above which they are thinned.
pub(crate) const THIN_ABOVE: usize = 5;
