//! What the connections of an edge add up to.

use std::collections::{BTreeMap, BTreeSet};

use orrery_model::Node;
use rustc_hash::FxHashSet;

use crate::derive::endpoints::Endpoints;
use crate::derive::limits::MAX_EDGE_PORTS;
use crate::view::ViewMetric;

/// Figures that probes report under more than one name, and the name shown.
const NAMES: [(&str, &str); 2] = [("rtt_ms", "rtt_ms_avg"), ("retransmits", "retransmits_per_s")];

/// Figures that some reporters give as facts rather than as metrics.
const FACTS: [&str; 4] = [
    "bytes_sent_per_s",
    "bytes_received_per_s",
    "rtt_ms_avg",
    "retransmits_per_s",
];

/// Figures whose name ends so are averaged over connections; all others are added up.
const AVERAGE: &str = "_avg";

/// What an edge carries.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EdgeFigures {
    /// Connections.
    pub connections: u32,
    /// Server ports, ascending, at most [`MAX_EDGE_PORTS`].
    pub ports: Vec<u16>,
    /// Sums and averages by name.
    pub metrics: Vec<ViewMetric>,
}

/// Adds up the connections of an edge. A connection that is seen before and after address translation
/// counts once.
pub(crate) fn figures(endpoints: &Endpoints, flows: &[u32]) -> EdgeFigures {
    let mut counted = FxHashSet::default();
    let mut ports = BTreeSet::new();
    let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
    let mut connections = 0u32;
    for flow in flows {
        if let Ok(port) = endpoints.original_target(*flow).port.parse::<u16>() {
            ports.insert(port);
        }
        if counted.insert(endpoints.connection_key(*flow)) {
            connections = connections.saturating_add(endpoints.weight(*flow));
            add(&mut sums, endpoints.source_node(*flow));
        }
    }
    EdgeFigures {
        connections,
        ports: ports.into_iter().take(MAX_EDGE_PORTS).collect(),
        metrics: sums.into_iter().map(|(id, sum)| sum.shown(id)).collect(),
    }
}

/// Bytes per second both ways of some connections, where any says so.
pub(crate) fn bytes_per_s(metrics: &[ViewMetric]) -> Option<f64> {
    let rates = metrics
        .iter()
        .filter(|m| m.id == "bytes_sent_per_s" || m.id == "bytes_received_per_s");
    rates.map(|m| m.value).reduce(|a, b| a + b)
}

#[derive(Debug, Default)]
struct Sum {
    total: f64,
    max: f64,
    count: u32,
}

impl Sum {
    fn add(&mut self, value: f64, max: f64) {
        if value.is_finite() {
            self.total += value;
            self.count += 1;
        }
        if max.is_finite() {
            self.max = self.max.max(max);
        }
    }

    fn shown(self, id: &str) -> ViewMetric {
        let average = id.ends_with(AVERAGE) && self.count > 0;
        let value = if average {
            self.total / f64::from(self.count)
        } else {
            self.total
        };
        ViewMetric {
            id: id.into(),
            value,
            max: self.max,
        }
    }
}

fn add<'a>(sums: &mut BTreeMap<&'a str, Sum>, source: &'a Node) {
    for (id, metric) in &source.metrics {
        if let Some(last) = metric.last() {
            sums.entry(shown_name(id)).or_default().add(last.value, 0.0);
        }
    }
    for id in FACTS {
        let reported = source.metrics.contains_key(id);
        let fact = source.latest(id).and_then(|v| v.parse::<f64>().ok());
        if let Some(value) = fact.filter(|_| !reported) {
            sums.entry(id).or_default().add(value, 0.0);
        }
    }
}

fn shown_name(id: &str) -> &str {
    NAMES
        .iter()
        .find(|(reported, _)| *reported == id)
        .map_or(id, |(_, shown)| shown)
}
