//! Families as OTLP's metrics.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum, Summary,
    SummaryDataPoint, number_data_point,
};
use orrery_exposition::{Family, Kind, Sample};

/// From when to when cumulative values count, in nanoseconds since the epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) start_ns: u64,
    pub(crate) now_ns: u64,
}

/// A family as a metric; none when nothing of it can be told.
pub(crate) fn metric(family: &Family, span: Span) -> Option<Metric> {
    let data = match family.kind {
        Kind::Counter => Data::Sum(Sum {
            data_points: numbers(family, span),
            aggregation_temporality: AggregationTemporality::Cumulative as i32,
            is_monotonic: true,
        }),
        Kind::Gauge | Kind::Untyped => Data::Gauge(Gauge {
            data_points: numbers(family, span),
        }),
        Kind::Histogram => Data::Histogram(Histogram {
            data_points: histograms(family, span),
            aggregation_temporality: AggregationTemporality::Cumulative as i32,
        }),
        Kind::Summary => Data::Summary(Summary {
            data_points: summaries(family, span),
        }),
    };
    (count(&data) > 0).then(|| Metric {
        name: family.name.clone(),
        description: family.help.clone(),
        unit: unit(family).to_owned(),
        metadata: Vec::new(),
        data: Some(data),
    })
}

/// Number of data points.
pub(crate) fn count(data: &Data) -> usize {
    match data {
        Data::Gauge(gauge) => gauge.data_points.len(),
        Data::Sum(sum) => sum.data_points.len(),
        Data::Histogram(histogram) => histogram.data_points.len(),
        Data::ExponentialHistogram(histogram) => histogram.data_points.len(),
        Data::Summary(summary) => summary.data_points.len(),
    }
}

/// Splits off what is beyond `most` data points, as a metric of its own.
pub(crate) fn split(metric: &mut Metric, most: usize) -> Option<Metric> {
    let rest = match metric.data.as_mut()? {
        Data::Gauge(gauge) => Data::Gauge(Gauge {
            data_points: beyond(&mut gauge.data_points, most)?,
        }),
        Data::Sum(sum) => Data::Sum(Sum {
            data_points: beyond(&mut sum.data_points, most)?,
            ..*sum
        }),
        Data::Histogram(histogram) => Data::Histogram(Histogram {
            data_points: beyond(&mut histogram.data_points, most)?,
            ..*histogram
        }),
        Data::Summary(summary) => Data::Summary(Summary {
            data_points: beyond(&mut summary.data_points, most)?,
        }),
        Data::ExponentialHistogram(_) => return None,
    };
    Some(Metric {
        data: Some(rest),
        name: metric.name.clone(),
        description: metric.description.clone(),
        unit: metric.unit.clone(),
        metadata: Vec::new(),
    })
}

fn beyond<T>(points: &mut Vec<T>, most: usize) -> Option<Vec<T>> {
    (points.len() > most).then(|| points.split_off(most))
}

/// The unit in the words of UCUM, which OTLP has them in.
fn unit(family: &Family) -> &'static str {
    match family.unit() {
        Some("seconds") => "s",
        Some("bytes") => "By",
        Some("ratio") => "1",
        Some("percent") => "%",
        _ => "",
    }
}

/// A text as an attribute.
pub(crate) fn attribute(name: &str, value: &str) -> KeyValue {
    KeyValue {
        key: name.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}

fn numbers(family: &Family, span: Span) -> Vec<NumberDataPoint> {
    let cumulative = family.kind == Kind::Counter;
    let point = |sample: &Sample| NumberDataPoint {
        attributes: sample.labels.iter().map(|(n, v)| attribute(n, v)).collect(),
        start_time_unix_nano: if cumulative { span.start_ns } else { 0 },
        time_unix_nano: span.now_ns,
        value: Some(number_data_point::Value::AsDouble(sample.value)),
        ..NumberDataPoint::default()
    };
    family.samples.iter().map(point).collect()
}

type Labels = Vec<(String, String)>;

/// Samples that differ in nothing but one label belong together.
fn grouped<'a>(family: &'a Family, apart: &str) -> BTreeMap<Labels, Vec<(&'a Sample, Option<f64>)>> {
    let mut groups: BTreeMap<Labels, Vec<_>> = BTreeMap::new();
    for sample in &family.samples {
        let (bound, rest): (Labels, Labels) = sample.labels.iter().cloned().partition(|(n, _)| n == apart);
        let bound = bound.first().and_then(|(_, text)| bound_of(text));
        groups.entry(rest).or_default().push((sample, bound));
    }
    groups
}

fn bound_of(text: &str) -> Option<f64> {
    match text {
        "+Inf" | "Inf" => Some(f64::INFINITY),
        text => text.parse().ok(),
    }
}

fn histograms(family: &Family, span: Span) -> Vec<HistogramDataPoint> {
    let point = |(labels, samples): (Labels, Vec<(&Sample, Option<f64>)>)| {
        let of = |suffix: &str| {
            samples
                .iter()
                .find(|(s, _)| s.suffix == suffix)
                .map(|(s, _)| s.value)
        };
        let mut buckets: Vec<(f64, u64)> = samples
            .iter()
            .filter(|(sample, _)| sample.suffix == "_bucket")
            .filter_map(|(sample, bound)| Some(((*bound)?, whole(sample.value))))
            .filter(|(bound, _)| !bound.is_nan())
            .collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        buckets.dedup_by(|later, kept| later.0 == kept.0);
        let all = of("_count").map(whole).or(buckets.last().map(|b| b.1))?;
        // Those at most each bound become those between two bounds; what is above the last one is the rest.
        let mut bucket_counts = Vec::with_capacity(buckets.len() + 1);
        let mut before = 0;
        buckets.retain(|(bound, _)| bound.is_finite());
        for (_, at_most) in &buckets {
            bucket_counts.push(at_most.saturating_sub(before));
            before = before.max(*at_most);
        }
        bucket_counts.push(all.saturating_sub(before));
        Some(HistogramDataPoint {
            attributes: labels.iter().map(|(n, v)| attribute(n, v)).collect(),
            start_time_unix_nano: span.start_ns,
            time_unix_nano: span.now_ns,
            // A collector refuses buckets that do not add up.
            count: all.max(before),
            sum: of("_sum"),
            bucket_counts,
            explicit_bounds: buckets.iter().map(|(bound, _)| *bound).collect(),
            ..HistogramDataPoint::default()
        })
    };
    grouped(family, "le").into_iter().filter_map(point).collect()
}

fn summaries(family: &Family, span: Span) -> Vec<SummaryDataPoint> {
    let point = |(labels, samples): (Labels, Vec<(&Sample, Option<f64>)>)| {
        let of = |suffix: &str| {
            samples
                .iter()
                .find(|(s, _)| s.suffix == suffix)
                .map(|(s, _)| s.value)
        };
        let quantile = |(sample, quantile): &(&Sample, Option<f64>)| {
            let quantile = (*quantile).filter(|q| sample.suffix.is_empty() && (0.0..=1.0).contains(q))?;
            Some(ValueAtQuantile {
                quantile,
                value: sample.value,
            })
        };
        SummaryDataPoint {
            attributes: labels.iter().map(|(n, v)| attribute(n, v)).collect(),
            start_time_unix_nano: span.start_ns,
            time_unix_nano: span.now_ns,
            count: of("_count").map(whole).unwrap_or_default(),
            sum: of("_sum").unwrap_or_default(),
            quantile_values: samples.iter().filter_map(quantile).collect(),
            ..SummaryDataPoint::default()
        }
    };
    grouped(family, "quantile").into_iter().map(point).collect()
}

/// A count that a plugin exposes may be anything; what is none is nothing.
fn whole(value: f64) -> u64 {
    if value.is_finite() && value > 0.0 {
        value as u64
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Span = Span {
        start_ns: 1,
        now_ns: 2,
    };

    #[test]
    fn counters_are_sums_with_a_start_and_units() {
        let family = Family::counter("read_bytes_total", "Read.").with(&[("disk", "a")], 3.0);
        let metric = metric(&family, SPAN).unwrap();
        assert_eq!(
            (metric.name.as_str(), metric.unit.as_str()),
            ("read_bytes_total", "By")
        );
        let Some(Data::Sum(sum)) = metric.data else {
            panic!("a counter is a sum");
        };
        let point = &sum.data_points[0];
        assert!(sum.is_monotonic);
        assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (1, 2));
        assert_eq!(point.attributes, [attribute("disk", "a")]);
    }

    #[test]
    fn buckets_say_how_many_are_between_two_bounds() {
        let mut family = Family::histogram("took_seconds", "Took.");
        family.observe(&[("way", "in")], &[(0.1, 2), (1.0, 5)], 6, 9.5);
        let Some(Data::Histogram(histogram)) = metric(&family, SPAN).unwrap().data else {
            panic!("a histogram is one");
        };
        let point = &histogram.data_points[0];
        assert_eq!(point.explicit_bounds, [0.1, 1.0]);
        assert_eq!(point.bucket_counts, [2, 3, 1]);
        assert_eq!((point.count, point.sum), (6, Some(9.5)));
        assert_eq!(point.attributes, [attribute("way", "in")]);
    }

    #[test]
    fn buckets_of_a_plugin_that_cannot_count_add_up_nevertheless() {
        let text = "# TYPE h histogram\nh_bucket{le=\"2\"} 9\nh_bucket{le=\"1\"} NaN\nh_bucket{le=\"1\"} 4\n\
                    h_bucket{le=\"+Inf\"} -3\nh_count 5\n";
        let families = orrery_exposition::parse(text).unwrap();
        let Some(Data::Histogram(histogram)) = metric(&families[0], SPAN).unwrap().data else {
            panic!("a histogram is one");
        };
        let point = &histogram.data_points[0];
        assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count, "{point:?}");
        assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
    }

    #[test]
    fn summaries_keep_their_quantiles() {
        let text = "# TYPE s summary\ns{quantile=\"0.5\"} 2\ns{quantile=\"7\"} 2\ns_sum 4\ns_count 3\n";
        let families = orrery_exposition::parse(text).unwrap();
        let Some(Data::Summary(summary)) = metric(&families[0], SPAN).unwrap().data else {
            panic!("a summary is one");
        };
        let point = &summary.data_points[0];
        assert_eq!((point.count, point.sum, point.quantile_values.len()), (3, 4.0, 1));
    }
}
