//! What goes into history: every metric sample of every report, once.

use std::sync::Arc;

use orrery_history::{History, Sample, SeriesSamples};
use orrery_model::{Metric, Node, NodeId, Report, Topology, TopologyKind};

/// Hands a report's samples to history, but for those that `held`, what all sources said so far, has already:
/// reports repeat the readings of a whole window. Incarnations that the report does not know (a plugin's metric
/// on a process) are taken from there too.
pub(crate) fn samples(history: &History, report: &Report, held: &Report) {
    let topologies = report.topologies.iter();
    // Endpoints are parts of edges, too many and too short-lived for series of their own.
    let topologies = topologies.filter(|(kind, _)| **kind != TopologyKind::Endpoint);
    history.append(topologies.flat_map(|(kind, topology)| {
        let nodes = topology.nodes.iter().filter(|(_, node)| !node.metrics.is_empty());
        nodes.flat_map(move |(id, node)| of_node(*kind, topology, id, node, held.node(*kind, id)))
    }));
}

/// The samples of one node that are not `known`.
fn of_node<'a>(
    kind: TopologyKind,
    topology: &'a Topology,
    id: &'a NodeId,
    node: &'a Node,
    known: Option<&'a Arc<Node>>,
) -> impl Iterator<Item = SeriesSamples> {
    let started = node.latest("started_ms").or_else(|| known?.latest("started_ms"));
    let incarnation_ms = started.and_then(|s| s.parse().ok()).unwrap_or(0);
    node.metrics.iter().filter_map(move |(metric, readings)| {
        let samples = new(readings, known.and_then(|node| node.metrics.get(metric)));
        let template = topology.metric_templates.get(metric);
        (!samples.is_empty()).then(|| SeriesSamples {
            node: id.clone(),
            kind,
            incarnation_ms,
            metric: metric.clone(),
            label: template.map(|t| t.label.clone()).unwrap_or_default(),
            format: template.map(|t| t.format.clone()).unwrap_or_default(),
            samples,
        })
    })
}

/// Readings at times of which nothing is held.
fn new(readings: &Metric, held: Option<&Metric>) -> Vec<Sample> {
    let held = held.map(|metric| &*metric.samples).unwrap_or_default();
    let last = held.last().map(|sample| sample.date);
    let fresh = readings
        .samples
        .iter()
        .filter(|s| {
            last.is_none_or(|last| last < s.date) || held.binary_search_by_key(&s.date, |h| h.date).is_err()
        })
        .map(|s| Sample {
            t_ms: s.date.as_millis(),
            value: s.value,
        });
    fresh.collect()
}

#[cfg(test)]
mod tests {
    use orrery_model::{Sample, Timestamp};

    use super::*;

    fn metric(seconds: &[i64]) -> Metric {
        Metric {
            samples: seconds
                .iter()
                .map(|s| Sample {
                    date: Timestamp::from_millis(*s * 1_000),
                    value: 1.0,
                })
                .collect(),
            ..Metric::default()
        }
    }

    #[test]
    fn readings_that_are_held_are_not_handed_in_again() {
        let times = |readings: &[i64], held: Option<&[i64]>| -> Vec<i64> {
            let held = held.map(metric);
            let samples = new(&metric(readings), held.as_ref());
            samples.iter().map(|s| s.t_ms / 1_000).collect()
        };
        assert_eq!(times(&[1, 2, 3], None), [1, 2, 3]);
        assert_eq!(
            times(&[2, 3, 4], Some(&[1, 2, 3])),
            [4],
            "most reports repeat a window"
        );
        assert_eq!(times(&[1, 2, 3], Some(&[1, 3])), [2], "one may come late");
        assert!(times(&[1, 2], Some(&[1, 2])).is_empty());
    }
}
