//! What goes into history: every metric sample of every report, once.

use orrery_history::{History, Sample, SeriesSamples};
use orrery_model::{Report, TopologyKind};

use crate::published::Published;

/// Hands a report's samples to history. Incarnations that the report does not know (a plugin's metric on a
/// process) are taken from the snapshot in force.
pub(crate) fn samples(history: &History, report: &Report, current: Option<&Published>) {
    let mut batch = Vec::new();
    for (kind, topology) in &report.topologies {
        // Endpoints are parts of edges, too many and too short-lived for series of their own.
        if *kind == TopologyKind::Endpoint {
            continue;
        }
        for (id, node) in &topology.nodes {
            if node.metrics.is_empty() {
                continue;
            }
            let started = node
                .latest("started_ms")
                .or_else(|| current?.report.node(*kind, id)?.latest("started_ms"));
            let incarnation_ms = started.and_then(|s| s.parse().ok()).unwrap_or(0);
            for (metric, readings) in &node.metrics {
                let template = topology.metric_templates.get(metric);
                batch.push(SeriesSamples {
                    node: id.clone(),
                    kind: *kind,
                    incarnation_ms,
                    metric: metric.clone(),
                    label: template.map(|t| t.label.clone()).unwrap_or_default(),
                    format: template.map(|t| t.format.clone()).unwrap_or_default(),
                    samples: readings
                        .samples
                        .iter()
                        .map(|s| Sample {
                            t_ms: s.date.as_millis(),
                            value: s.value,
                        })
                        .collect(),
                });
            }
        }
    }
    if !batch.is_empty() {
        history.append(batch);
    }
}
