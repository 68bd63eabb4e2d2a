//! The values of selected metrics, out of a report.

use std::sync::Arc;

use orrery_model::{Node, Report, Sample};
use smol_str::SmolStr;

use crate::entry::MetricEntry;
use crate::namespace::Namespace;
use crate::shelf::Selected;

/// The newest value of a metric of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The metric.
    pub entry: Arc<MetricEntry>,
    /// The node.
    pub node: SmolStr,
    /// The value, and when it was taken.
    pub sample: Sample,
}

impl Reading {
    /// The metric's name with the node in it.
    #[must_use]
    pub fn namespace(&self) -> Namespace {
        self.entry.namespace.filled(&[Some(self.node.clone())])
    }
}

/// The newest values of metrics: of the node that a selection names, or of all that have the metric. What is not in
/// the report is left out. The order is that of the metrics, then of nodes; at most `limit`.
#[must_use]
pub fn readings(metrics: &[Selected], report: &Report, limit: usize) -> Vec<Reading> {
    let mut found = Vec::new();
    for selected in metrics {
        let Some(place) = &selected.entry.told.place else {
            continue;
        };
        let topology = report.topology(place.topology);
        let of = |node: &Node| {
            let sample = node.metrics.get(&place.metric)?.last()?;
            Some(Reading {
                entry: Arc::clone(&selected.entry),
                node: node.id.clone(),
                sample,
            })
        };
        let named = selected.instance.as_ref().and_then(|values| values.first());
        match named {
            Some(Some(id)) => found.extend(topology.nodes.get(id).and_then(|node| of(node))),
            Some(None) | None => {
                let left = limit.saturating_sub(found.len());
                found.extend(topology.nodes.values().filter_map(|node| of(node)).take(left));
            }
        }
        if found.len() >= limit {
            found.truncate(limit);
            break;
        }
    }
    found
}
