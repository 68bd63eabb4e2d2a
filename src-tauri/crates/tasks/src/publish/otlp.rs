//! A collector of OpenTelemetry, by OTLP over HTTP.

use std::sync::Arc;

use orrery_export::{Reading, Sender, metrics_path, readings, refused};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::time::Instant;

use super::client::Endpoint;
use super::{Sink, Undelivered};
use crate::manifest::Table;
use crate::sample::Sample;
use crate::seams::{Host, Later};

/// Sends samples as gauges, each with its own moment.
pub(super) struct Otlp {
    endpoint: Endpoint,
    prefix: String,
    host: Arc<dyn Host>,
}

impl Otlp {
    pub(super) fn read(config: &Table<'_>, host: &Arc<dyn Host>) -> Option<Otlp> {
        let prefix = config.text("prefix").unwrap_or("orrery_").to_owned();
        Some(Otlp {
            endpoint: Endpoint::read_as(config, host, metrics_path)?,
            prefix,
            host: host.clone(),
        })
    }

    fn message(&self, samples: &[Sample]) -> Vec<u8> {
        let identity = self.host.identity();
        let sender = Sender {
            instance: &identity.instance,
            host: &identity.host,
        };
        let all = samples.iter().map(|sample| Reading {
            name: format!("{}{}", self.prefix, sample.series.metric),
            unit: &sample.series.unit,
            attributes: attributes(sample),
            at_ms: sample.at_ms,
            value: sample.value,
        });
        readings(sender, all)
    }
}

/// Tags, and what Orrery knows by itself: that wins.
fn attributes(sample: &Sample) -> Vec<(&str, &str)> {
    let series = &sample.series;
    let own = [
        ("plugin", series.plugin.as_str()),
        ("topology", series.topology.as_str()),
        ("node", series.node.as_str()),
    ];
    let is_own = |name: &str| own.iter().any(|(own, _)| *own == name);
    let tags = series.tags.iter().filter(|(name, _)| !is_own(name));
    tags.map(|(name, value)| (name.as_str(), value.as_str()))
        .chain(own)
        .collect()
}

impl Sink for Otlp {
    fn deliver<'a>(&'a self, samples: &'a [Sample], until: Instant) -> Later<'a, Result<(), Undelivered>> {
        Box::pin(async move {
            let kind = (CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
            let body = self.message(samples);
            let answer = self
                .endpoint
                .ask(HeaderMap::from_iter([kind]), body, until)
                .await?;
            match refused(&answer) {
                Some((points, why)) => Err(Undelivered::Some {
                    taken: samples
                        .len()
                        .saturating_sub(usize::try_from(points).unwrap_or(usize::MAX)),
                    why: format!("the collector refused {points} of them: {why}"),
                }),
                None => Ok(()),
            }
        })
    }
}
