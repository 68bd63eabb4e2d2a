//! The report: what sources say exists, in the shape Weave Scope's probes and plugins send it.
//!
//! This crate holds plain data, tolerant decoding of every report shape ever sent, and merging as a
//! join. It does no I/O, reads no clock and starts no thread. Start reading at [`Report`].

pub mod decode;
pub mod encode;
pub mod entries;
pub mod id;
mod kind;
pub mod limits;
mod merge;
mod metric;
mod names;
mod node;
mod report;
mod template;
mod time;
pub mod window;

pub use decode::{DecodeError, Decoded, Limits, Warning};
pub use entries::Entries;
pub use kind::TopologyKind;
pub use metric::{Metric, Sample, Samples};
pub use names::Names;
pub use node::{ControlState, Latest, Node, OWN_CONTROLS};
pub use report::{DnsRecord, PluginSpec, Report, Sampling, Topology};
pub use smol_str::SmolStr;
pub use template::{
    Column, Control, FixedRows, MetadataSource, MetadataTemplate, MetricTemplate, TableTemplate, TableType,
};
pub use time::Timestamp;

/// A node's id as it stands in reports, for example `web;<container>` or `host;4711`.
pub type NodeId = SmolStr;
