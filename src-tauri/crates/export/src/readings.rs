//! Single values with moments of their own, as OTLP's gauges.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, NumberDataPoint, number_data_point};
use prost::Message as _;

use crate::message::{Origin, message};
use crate::points::attribute;

/// Who sends readings.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// Identity of the instance.
    pub instance: &'a str,
    /// Name of the host it runs on.
    pub host: &'a str,
}

/// A value.
#[derive(Debug, Clone)]
pub struct Reading<'a> {
    /// Name of its metric.
    pub name: String,
    /// Unit or format as Orrery has it, such as `percent`; empty when none is known.
    pub unit: &'a str,
    /// What it is a value of.
    pub attributes: Vec<(&'a str, &'a str)>,
    /// When it was measured, in milliseconds since the epoch.
    pub at_ms: i64,
    /// The value.
    pub value: f64,
}

/// The message with these readings, encoded.
pub fn readings<'a>(sender: Sender<'_>, all: impl Iterator<Item = Reading<'a>>) -> Vec<u8> {
    let mut by_name: BTreeMap<String, (&str, Vec<NumberDataPoint>)> = BTreeMap::new();
    for reading in all {
        let point = NumberDataPoint {
            attributes: reading.attributes.iter().map(|(n, v)| attribute(n, v)).collect(),
            time_unix_nano: u64::try_from(reading.at_ms)
                .unwrap_or(0)
                .saturating_mul(1_000_000),
            value: Some(number_data_point::Value::AsDouble(reading.value)),
            ..NumberDataPoint::default()
        };
        let (unit, points) = by_name.entry(reading.name).or_default();
        *unit = reading.unit;
        points.push(point);
    }
    let metrics = by_name.into_iter().map(|(name, (unit, data_points))| Metric {
        name,
        unit: ucum(unit).to_owned(),
        data: Some(Data::Gauge(Gauge { data_points })),
        ..Metric::default()
    });
    let origin = Origin {
        instance: sender.instance.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host: sender.host.to_owned(),
        started_ns: 0,
    };
    let request: ExportMetricsServiceRequest = message(&origin, metrics.collect());
    request.encode_to_vec()
}

/// How many data points a collector that took a message did not take of it, and why; none when it took all.
pub fn refused(answer: &[u8]) -> Option<(u64, String)> {
    // An answer that is none of OTLP's says that nothing was refused.
    let partial = ExportMetricsServiceResponse::decode(answer)
        .ok()?
        .partial_success?;
    let points = u64::try_from(partial.rejected_data_points).ok()?;
    (points > 0).then_some((points, partial.error_message))
}

/// Units in the words of UCUM, which OTLP has them in.
fn ucum(unit: &str) -> &str {
    match unit {
        "percent" => "%",
        "filesize" | "bytes" => "By",
        "duration" | "seconds" => "s",
        "integer" | "number" => "",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_of_one_name_are_one_metric_with_moments_of_their_own() {
        let at = |at_ms, name: &str| Reading {
            name: name.to_owned(),
            unit: "percent",
            attributes: vec![("node", "a;<host>")],
            at_ms,
            value: 1.5,
        };
        let sender = Sender {
            instance: "i",
            host: "h",
        };
        let bytes = readings(sender, [at(1, "x"), at(2, "y"), at(3, "x")].into_iter());
        let message = ExportMetricsServiceRequest::decode(bytes.as_slice()).unwrap();
        let metrics = &message.resource_metrics[0].scope_metrics[0].metrics;
        let moments = |metric: &Metric| match metric.data.as_ref().unwrap() {
            Data::Gauge(gauge) => gauge
                .data_points
                .iter()
                .map(|p| p.time_unix_nano)
                .collect::<Vec<_>>(),
            _ => panic!("a reading is a gauge"),
        };
        assert_eq!(metrics.len(), 2);
        assert_eq!((metrics[0].name.as_str(), metrics[0].unit.as_str()), ("x", "%"));
        assert_eq!(moments(&metrics[0]), [1_000_000, 3_000_000]);
        assert_eq!(moments(&metrics[1]), [2_000_000]);
    }

    #[test]
    fn what_a_collector_refuses_is_read_from_its_answer() {
        use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsPartialSuccess;
        let answer = |rejected| {
            ExportMetricsServiceResponse {
                partial_success: Some(ExportMetricsPartialSuccess {
                    rejected_data_points: rejected,
                    error_message: "too old".to_owned(),
                }),
            }
            .encode_to_vec()
        };
        assert_eq!(refused(&answer(3)), Some((3, "too old".to_owned())));
        assert_eq!(refused(&answer(0)), None);
        assert_eq!(refused(b""), None);
        assert_eq!(refused(b"{}"), None);
    }
}
