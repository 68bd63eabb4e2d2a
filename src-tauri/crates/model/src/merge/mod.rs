//! Merging as a join: order, grouping and repetition never change the result (but for `window_ns`, a sum).
//!
//! Every tie goes to the larger canonical JSON, so that the result is a function of the set of reports.

mod canonical;
mod node;
mod report;
mod samples;

pub(crate) use self::node::{insert_child, merge_metrics, merge_shared};
pub(crate) use self::report::{merge_dns, merge_plugins, merge_records, merge_times};
pub(crate) use self::samples::{Joins, joined, normalize_samples};
