//! Every bound of this crate, with its unit.

/// Bytes of a report before decompression.
pub const BODY_BYTES: usize = 50 << 20;
/// Bytes of a report after decompression; reports of thousands of processes have about 7 MiB.
pub const UNPACKED_BYTES: usize = 64 << 20;
/// Levels to which nodes may nest in nodes by `children`.
pub const CHILDREN_DEPTH: usize = 8;
/// Levels of arrays and maps in a report.
pub const DEPTH: usize = 128;
/// Bytes of an id, of a node or of anything else that is a key.
pub const ID_BYTES: usize = 4 << 10;
/// Bytes of a value, such as a command line or a label.
pub const VALUE_BYTES: usize = 1 << 20;
/// Nodes in all topologies of a report, nested ones included.
pub const NODES: usize = 500_000;
/// Edges that reports may name between nodes of a topology, of all nodes of a report; the rest is left out.
/// Everything connected to everything says no more than that, and takes the more memory the more it is.
pub const EDGES: usize = 500_000;
/// Entries of one map or list of a node: facts, edges, samples of one metric.
pub const ENTRIES: usize = 100_000;
/// Controls, or templates of one sort, that a topology declares.
pub const CONTROLS: usize = 5_000;
/// Plugins in one report.
pub const PLUGINS: usize = 1_000;
/// Addresses in a report's `DNS`.
pub const DNS_RECORDS: usize = 200_000;
/// Distinct warnings kept for one report.
pub const WARNINGS: usize = 16;
/// Characters of what a warning or an error quotes.
pub const QUOTED_CHARS: usize = 80;
/// Nodes that the window holds of one source whose reports are partial.
pub const NODES_HELD: usize = 500_000;
/// Readings that the window holds of one metric of a node.
pub const SAMPLES_KEPT: usize = 10_000;
/// Changed nodes that the window notes before it looks for repetitions among them.
pub const CHANGES_BEFORE_SORTING: usize = 1_000_000;
