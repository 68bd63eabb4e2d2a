//! Every metric of every node of the map, on request.

use std::collections::BTreeMap;

use axum::extract::State;
use http::HeaderMap;
use orrery_engine::{Readings, ReadingsOf};
use orrery_exposition::{Family, Merged};

use super::{Answer, exposed, working};
use crate::error::Failure;
use crate::limits::{NODE_LABEL_CHARS_MAX, NODE_SERIES_MAX};
use crate::params::Params;
use crate::router::Gateway;

/// `?topology=processes,hosts&q=…&metric=…&limit=…`; every further parameter is an option of the topologies.
pub(super) async fn serve(
    State(gateway): State<Gateway>,
    Params(mut query): Params<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Answer {
    let limit = match query.remove("limit").map(|text| text.parse::<usize>()) {
        None => NODE_SERIES_MAX,
        Some(Ok(limit)) => limit.min(NODE_SERIES_MAX),
        Some(Err(_)) => {
            let error = orrery_engine::api::ApiError::bad_request("limit is a number of series.");
            return Err(Failure(error));
        }
    };
    let named = query.remove("topology").unwrap_or_default();
    let of = ReadingsOf {
        topologies: named
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
        query: query.remove("q").unwrap_or_default(),
        metric: query.remove("metric"),
        limit,
        options: query,
    };
    let readings = gateway.engine.readings(of).await?;
    let merged = working(move || {
        let mut merged = Merged::default();
        merged.own(families(&readings));
        merged
    })
    .await?;
    exposed(merged, &headers).await
}

/// One family for each metric, and what is missing.
pub(crate) fn families(readings: &Readings) -> Vec<Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    for reading in &readings.readings {
        let name = names.entry(&reading.metric).or_insert_with(|| {
            let family = family(readings, &reading.metric, |name| families.contains_key(name));
            let name = family.name.clone();
            families.insert(name.clone(), family);
            name
        });
        let label: String = reading.label.chars().take(NODE_LABEL_CHARS_MAX).collect();
        let labels = [
            ("topology", reading.topology.as_str()),
            ("id", reading.node.as_str()),
            ("label", label.as_str()),
            ("host", reading.host.as_str()),
        ];
        if let Some(family) = families.get_mut(name) {
            family.push(&labels, reading.value);
        }
    }
    let series = Family::gauge(
        "orrery_topology_series_left_out",
        "Series of nodes' metrics that the limit left out of this answer; 0 when it is whole.",
    );
    let nodes = Family::gauge(
        "orrery_topology_nodes_left_out",
        "Nodes that are left out of this answer because a map shows no more; 0 when it is whole.",
    );
    families
        .into_values()
        .chain([
            series.with(&[], readings.readings_left_out as f64),
            nodes.with(&[], readings.nodes_left_out as f64),
        ])
        .collect()
}

/// An empty family for a metric, with a name that no other metric's has.
fn family(readings: &Readings, metric: &str, taken: impl Fn(&str) -> bool) -> Family {
    let info = readings.metrics.get(metric);
    let (label, format) = info.map_or(("", ""), |info| (info.label.as_str(), info.format.as_str()));
    let label = if label.is_empty() { metric } else { label };
    let help = format!("{label}, as the map shows it.");
    let plain = name(metric, format);
    let mut name = plain.clone();
    // Metrics whose names differ by nothing but what names may not hold.
    let mut next = 2;
    while taken(&name) {
        name = match plain.strip_suffix(TOTAL) {
            Some(stem) => format!("{stem}_{next}{TOTAL}"),
            None => format!("{plain}_{next}"),
        };
        next += 1;
    }
    // Reports do not tell what only rises; the custom of names does.
    if name.ends_with(TOTAL) {
        Family::counter(&name, &help)
    } else {
        Family::gauge(&name, &help)
    }
}

/// Ending of what only rises.
const TOTAL: &str = "_total";

/// Endings that only parts of histograms and summaries have.
const PARTS: [&str; 3] = ["_count", "_sum", "_bucket"];

/// Name of the family of a node's metric: in small letters, what names may not hold becomes `_`, and it ends in its
/// unit, but never as a part of another family does.
fn name(metric: &str, format: &str) -> String {
    let mut safe = String::with_capacity(metric.len());
    let mut small = false;
    for letter in metric.chars() {
        if letter.is_ascii_uppercase() && small {
            safe.push('_');
        }
        small = letter.is_ascii_lowercase() || letter.is_ascii_digit();
        safe.push(match letter.to_ascii_lowercase() {
            letter if letter.is_ascii_alphanumeric() => letter,
            _ => '_',
        });
    }
    while let Some(stem) = PARTS.iter().find_map(|part| safe.strip_suffix(part)) {
        safe.truncate(stem.len());
    }
    let unit = match format {
        "filesize" => "_bytes",
        "percent" => "_percent",
        _ => "",
    };
    let ends = safe.ends_with(unit) || safe.ends_with(TOTAL);
    format!("orrery_node_{safe}{}", if ends { "" } else { unit })
}

#[cfg(test)]
mod tests {
    use orrery_engine::Reading;

    use super::*;

    #[test]
    fn names_end_in_their_unit_once() {
        let check = |metric: &str, format: &str, want: &str| assert_eq!(name(metric, format), want);
        check(
            "process_cpu_usage_percent",
            "percent",
            "orrery_node_process_cpu_usage_percent",
        );
        check(
            "docker_memory_usage",
            "filesize",
            "orrery_node_docker_memory_usage_bytes",
        );
        check("load1", "", "orrery_node_load1");
        check("http.requests-total", "number", "orrery_node_http_requests_total");
        check("read_total", "filesize", "orrery_node_read_total");
        check("open_files_count", "integer", "orrery_node_open_files");
        check(
            "httpRequestsPerSecond",
            "",
            "orrery_node_http_requests_per_second",
        );
        check("p99_MS", "", "orrery_node_p99_ms");
        check("a_sum_count", "", "orrery_node_a");
    }

    #[test]
    fn metrics_that_are_called_alike_stay_apart() {
        let reading = |metric: &str| Reading {
            topology: "hosts".to_owned(),
            node: "h".into(),
            label: "host".into(),
            host: "host".to_owned(),
            metric: metric.into(),
            value: 1.0,
        };
        let readings = Readings {
            readings: vec![
                reading("a.b"),
                reading("a-b"),
                reading("a.b"),
                reading("c.total"),
                reading("c_total"),
            ],
            readings_left_out: 3,
            ..Readings::default()
        };
        let all = families(&readings);
        let shown: Vec<(&str, usize)> = all.iter().map(|f| (f.name.as_str(), f.samples.len())).collect();
        assert_eq!(
            shown,
            [
                ("orrery_node_a_b", 2),
                ("orrery_node_a_b_2", 1),
                ("orrery_node_c_2_total", 1),
                ("orrery_node_c_total", 1),
                ("orrery_topology_series_left_out", 1),
                ("orrery_topology_nodes_left_out", 1),
            ]
        );
    }
}
