//! Families as the messages that a collector takes.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use orrery_exposition::Family;

use crate::limits::{POINTS_MAX, POINTS_PER_MESSAGE};
use crate::points::{self, Span, attribute};

/// Who sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Identity of the instance.
    pub instance: String,
    /// Its version.
    pub version: String,
    /// Name of the host it runs on.
    pub host: String,
    /// When it started, in nanoseconds since the epoch: since then its counters count.
    pub started_ns: u64,
}

/// The messages for these families as they are at a moment, in nanoseconds since the epoch; how many data points are
/// in them, and how many are left out.
pub fn messages(
    families: &[Family],
    origin: &Origin,
    now_ns: u64,
) -> (Vec<ExportMetricsServiceRequest>, usize, usize) {
    let span = Span {
        start_ns: origin.started_ns,
        now_ns,
    };
    let (mut messages, mut batch) = (Vec::new(), Vec::new());
    let (mut room, mut sent, mut left_out) = (POINTS_PER_MESSAGE, 0, 0);
    for family in families {
        let mut next = points::metric(family, span);
        while let Some(mut metric) = next.take() {
            if sent >= POINTS_MAX {
                left_out += points_of(&metric);
                break;
            }
            next = points::split(&mut metric, room.min(POINTS_MAX - sent));
            let count = points_of(&metric);
            sent += count;
            room -= count;
            batch.push(metric);
            if room == 0 {
                messages.push(message(origin, std::mem::take(&mut batch)));
                room = POINTS_PER_MESSAGE;
            }
        }
    }
    if !batch.is_empty() {
        messages.push(message(origin, batch));
    }
    (messages, sent, left_out)
}

fn points_of(metric: &Metric) -> usize {
    metric.data.as_ref().map_or(0, points::count)
}

pub(crate) fn message(origin: &Origin, metrics: Vec<Metric>) -> ExportMetricsServiceRequest {
    let resource = Resource {
        attributes: vec![
            attribute("service.name", "orrery"),
            attribute("service.version", &origin.version),
            attribute("service.instance.id", &origin.instance),
            attribute("host.name", &origin.host),
        ],
        ..Resource::default()
    };
    let scope = InstrumentationScope {
        name: "orrery".to_owned(),
        version: origin.version.clone(),
        ..InstrumentationScope::default()
    };
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(scope),
                metrics,
                schema_url: String::new(),
            }],
            schema_url: String::new(),
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin {
            instance: "i".to_owned(),
            version: "1".to_owned(),
            host: "h".to_owned(),
            started_ns: 1,
        }
    }

    fn gauge(name: &str, samples: usize) -> Family {
        let mut family = Family::gauge(name, "");
        for n in 0..samples {
            family.push(&[("n", &n.to_string())], 1.0);
        }
        family
    }

    fn sizes(messages: &[ExportMetricsServiceRequest]) -> Vec<usize> {
        let metrics =
            |m: &ExportMetricsServiceRequest| m.resource_metrics[0].scope_metrics[0].metrics.clone();
        messages
            .iter()
            .map(|m| metrics(m).iter().map(points_of).sum())
            .collect()
    }

    #[test]
    fn what_does_not_fit_goes_into_a_further_message() {
        let families = [
            gauge("a", POINTS_PER_MESSAGE - 1),
            gauge("b", POINTS_PER_MESSAGE + 5),
        ];
        let (messages, sent, left_out) = messages(&families, &origin(), 2);
        assert_eq!(sizes(&messages), [POINTS_PER_MESSAGE, POINTS_PER_MESSAGE, 4]);
        assert_eq!((sent, left_out), (2 * POINTS_PER_MESSAGE + 4, 0));
        assert!(super::messages(&[], &origin(), 2).0.is_empty());
        assert!(super::messages(&[gauge("a", 0)], &origin(), 2).0.is_empty());
    }

    #[test]
    fn what_is_too_much_is_left_out_and_counted() {
        let (messages, sent, left_out) = messages(&[gauge("a", POINTS_MAX + 7), gauge("b", 3)], &origin(), 2);
        assert_eq!((sent, left_out), (POINTS_MAX, 10));
        assert_eq!(sizes(&messages).iter().sum::<usize>(), POINTS_MAX);
    }
}
