//! What goes into history: every metric sample of every report, once.

use orrery_history::{History, Sample, SeriesSamples};
use orrery_model::{Metric, Report, TopologyKind};

/// Hands a report's samples to history, but for those that `held`, what all sources said so far, has already:
/// reports repeat the readings of a whole window. Incarnations that the report does not know (a plugin's metric
/// on a process) are taken from there too.
pub(crate) fn samples(history: &History, report: &Report, held: &Report) {
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
            let known = held.node(*kind, id);
            let started = node.latest("started_ms").or_else(|| known?.latest("started_ms"));
            let incarnation_ms = started.and_then(|s| s.parse().ok()).unwrap_or(0);
            for (metric, readings) in &node.metrics {
                let samples = new(readings, known.and_then(|node| node.metrics.get(metric)));
                if samples.is_empty() {
                    continue;
                }
                let template = topology.metric_templates.get(metric);
                batch.push(SeriesSamples {
                    node: id.clone(),
                    kind: *kind,
                    incarnation_ms,
                    metric: metric.clone(),
                    label: template.map(|t| t.label.clone()).unwrap_or_default(),
                    format: template.map(|t| t.format.clone()).unwrap_or_default(),
                    samples,
                });
            }
        }
    }
    if !batch.is_empty() {
        batch.shrink_to_fit();
        history.append(batch);
    }
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
    // They wait for the writer by the hundred thousand, so they take no more room than they need.
    let mut samples: Vec<Sample> = fresh.collect();
    samples.shrink_to_fit();
    samples
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
