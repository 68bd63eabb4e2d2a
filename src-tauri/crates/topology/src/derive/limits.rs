//! Every bound that derivation keeps, with its unit.

/// Nodes in a picture; the rest is counted as truncated.
pub const MAX_VIEW_NODES: usize = 10_000;
/// Server ports listed on an edge.
pub const MAX_EDGE_PORTS: usize = 16;
/// Rows of one table of a details card.
pub const MAX_TABLE_ROWS: usize = 500;
/// Rows of one connection table of a details card.
pub const MAX_CONNECTION_ROWS: usize = 1_000;
/// Rows of one child table of a details card.
pub const MAX_CHILD_ROWS: usize = 2_000;
/// Sources listed for one node.
pub const MAX_SOURCES: usize = 16;
/// Hits of a search with labels.
pub const MAX_SEARCH_HITS: usize = 5_000;
/// Length of a query, in bytes.
pub const MAX_QUERY_BYTES: usize = 4_096;
/// Terms of a query.
pub const MAX_QUERY_TERMS: usize = 64;
/// Depth of parentheses and `not` in a query.
pub const MAX_QUERY_DEPTH: usize = 32;
/// Size of one compiled regular expression of a query, in bytes.
pub const MAX_REGEX_BYTES: usize = 256 * 1024;
/// Peers of the local network drawn one by one; more are drawn as a single node.
pub const MAX_LOCAL_PEERS: usize = 32;
/// Processes of one name in one box from which on they are drawn as a stack.
pub const MIN_STACK: usize = 3;
/// Filters of containers by label that may be set.
pub const MAX_CONTAINER_FILTERS: usize = 64;
/// Length of the text of one of them, in bytes.
pub const MAX_FILTER_BYTES: usize = 1_024;
/// Longest time that `changed in` asks for, in seconds; changes are remembered this long.
pub const MAX_CHANGED_IN_S: u32 = 3_600;
/// Values of a filter that reports name, such as namespaces.
pub const MAX_OPTION_VALUES: usize = 1_000;
