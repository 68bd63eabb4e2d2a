//! Prometheus' remote write, version 1: snappy over protobuf.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message as _;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use super::client::Endpoint;
use super::{Sink, Undelivered};
use crate::manifest::Table;
use crate::sample::{Sample, Series};
use crate::seams::{Host, Later};

/// Writes samples to Prometheus or to whatever takes its remote write.
pub(super) struct RemoteWrite {
    endpoint: Endpoint,
    prefix: String,
}

impl RemoteWrite {
    pub(super) fn read(config: &Table<'_>, host: &Arc<dyn Host>) -> Option<RemoteWrite> {
        let prefix = config.text("prefix").unwrap_or("orrery_").to_owned();
        Some(RemoteWrite {
            endpoint: Endpoint::read(config, host)?,
            prefix,
        })
    }
}

impl Sink for RemoteWrite {
    fn deliver<'a>(&'a self, samples: &'a [Sample], until: Instant) -> Later<'a, Result<(), Undelivered>> {
        let request = request(samples, &self.prefix).encode_to_vec();
        Box::pin(async move {
            let body = snap::raw::Encoder::new()
                .compress_vec(&request)
                .map_err(|error| Undelivered::Never(format!("cannot compress the samples: {error}")))?;
            let version = HeaderName::from_static("x-prometheus-remote-write-version");
            let headers = HeaderMap::from_iter([
                (CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf")),
                (CONTENT_ENCODING, HeaderValue::from_static("snappy")),
                (version, HeaderValue::from_static("0.1.0")),
            ]);
            self.endpoint.post(headers, body, until).await
        })
    }
}

/// Samples by series, each series' in order of time, as the receiver demands.
fn request(samples: &[Sample], prefix: &str) -> WriteRequest {
    let mut by_series: BTreeMap<Vec<(String, String)>, BTreeMap<i64, f64>> = BTreeMap::new();
    for sample in samples {
        let held = by_series.entry(labels(&sample.series, prefix)).or_default();
        held.insert(sample.at_ms, sample.value);
    }
    let timeseries = by_series.into_iter().map(|(labels, samples)| TimeSeries {
        labels: labels
            .into_iter()
            .map(|(name, value)| Label { name, value })
            .collect(),
        samples: samples
            .into_iter()
            .map(|(timestamp, value)| Point { value, timestamp })
            .collect(),
    });
    WriteRequest {
        timeseries: timeseries.collect(),
    }
}

/// Labels in order of their names, as the receiver demands.
fn labels(series: &Series, prefix: &str) -> Vec<(String, String)> {
    let mut labels: BTreeMap<String, String> = series
        .tags
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (label_name(name), value.clone()))
        .collect();
    let own = [
        ("__name__", sanitized(&format!("{prefix}{}", series.metric), true)),
        ("node", series.node.to_string()),
        ("plugin", series.plugin.to_string()),
        ("topology", series.topology.to_string()),
    ];
    labels.extend(own.into_iter().map(|(name, value)| (name.to_owned(), value)));
    labels.into_iter().collect()
}

/// Names that begin with two underscores are Prometheus' own.
fn label_name(name: &str) -> String {
    let name = sanitized(name, false);
    match name.strip_prefix("__") {
        Some(rest) => format!("tag_{rest}"),
        None => name,
    }
}

fn sanitized(name: &str, colons: bool) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
    let mut name: String = name.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, '_');
    }
    name
}

#[derive(Clone, PartialEq, prost::Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Point>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Point {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::tests::sample;

    #[test]
    fn series_are_joined_and_everything_is_in_order() {
        let mut tagged = sample("b", "cpu-usage", 5, 3.0);
        let mut series = (*tagged.series).clone();
        series.tags.insert("__name__".to_owned(), "evil".to_owned());
        series.tags.insert("a site".to_owned(), "lab".to_owned());
        tagged.series = Arc::new(series);
        let samples = [
            sample("a", "cpu-usage", 20, 2.0),
            sample("a", "cpu-usage", 10, 1.0),
            tagged,
        ];
        let request = request(&samples, "orrery_");
        let shown: Vec<(Vec<String>, Vec<i64>)> = request
            .timeseries
            .iter()
            .map(|t| {
                let labels = t.labels.iter().map(|l| format!("{}={}", l.name, l.value));
                (labels.collect(), t.samples.iter().map(|s| s.timestamp).collect())
            })
            .collect();
        let own = |node: &str| {
            [
                "__name__=orrery_cpu_usage".to_owned(),
                format!("node={node}"),
                "plugin=p".to_owned(),
                "topology=host".to_owned(),
            ]
        };
        let (a, b) = (own("a").to_vec(), own("b").to_vec());
        let mut b = b;
        b.insert(1, "a_site=lab".to_owned());
        b.insert(4, "tag_name__=evil".to_owned());
        assert_eq!(shown, [(b, vec![5]), (a, vec![10, 20])]);
    }
}
