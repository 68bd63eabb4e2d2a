//! Every bound of this crate, with its unit.

/// Longest text of a query or namespace. Bytes.
pub const TEXT_BYTES: usize = 8 * 1024;

/// Longest element of a namespace: node ids are elements. Bytes.
pub const ELEMENT_BYTES: usize = 1024;

/// Most elements of a namespace.
pub const ELEMENTS: usize = 16;

/// Most combinations that the tuples of one query stand for.
pub const COMBINATIONS: usize = 1_000;

/// Most metrics of one source; what it says beyond them is left out, and told.
pub const METRICS_PER_SOURCE: usize = 100_000;

/// Most entries of a description that a plugin gives of itself.
pub const DESCRIBED: usize = 10_000;

/// Longest label, unit or description of a metric. Characters.
pub const WORDS_CHARS: usize = 1_000;

/// Most metrics that one group asks for.
pub const WANTS_PER_GROUP: usize = 1_000;

/// Most groups.
pub const GROUPS: usize = 10_000;
