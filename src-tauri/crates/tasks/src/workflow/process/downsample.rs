//! One sample for many.

use std::time::Duration;

use super::Processor;
use super::series_map::SeriesMap;
use crate::limits::INTERVAL_MAX;
use crate::manifest::Table;
use crate::sample::Sample;

/// Gives a span of time's sample when the next span begins, at the time of its last.
#[derive(Debug)]
pub(super) struct Downsample {
    every_ms: i64,
    by: By,
    spans: SeriesMap<Option<Span>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Mean,
    Min,
    Max,
    Last,
    Sum,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    number: i64,
    at_ms: i64,
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
    last: f64,
}

impl Downsample {
    pub(super) fn read(config: &Table<'_>) -> Option<Downsample> {
        if config.value("every").is_none() {
            config.fault("every", "is missing");
        }
        let every = config.duration("every", Duration::from_millis(1)..=INTERVAL_MAX);
        let words = [
            ("mean", By::Mean),
            ("min", By::Min),
            ("max", By::Max),
            ("last", By::Last),
            ("sum", By::Sum),
        ];
        let by = config.word("by", &words).unwrap_or(By::Mean);
        Some(Downsample {
            every_ms: i64::try_from(every?.as_millis()).unwrap_or(i64::MAX),
            by,
            spans: SeriesMap::reaching(every?),
        })
    }
}

impl Processor for Downsample {
    fn process(&mut self, samples: &[Sample]) -> Vec<Sample> {
        self.spans.round(samples);
        let mut out = Vec::new();
        for sample in samples {
            let number = sample.at_ms.div_euclid(self.every_ms);
            let held = self.spans.entry(sample, || None);
            match held {
                Some(span) if span.number == number => span.add(sample),
                Some(span) if span.number > number => {}
                _ => {
                    let ended = held.replace(Span::of(number, sample));
                    out.extend(ended.map(|span| Sample {
                        at_ms: span.at_ms,
                        value: span.value(self.by),
                        ..sample.clone()
                    }));
                }
            }
        }
        out
    }
}

impl Span {
    fn of(number: i64, sample: &Sample) -> Span {
        let value = sample.value;
        Span {
            number,
            at_ms: sample.at_ms,
            count: 1,
            sum: value,
            min: value,
            max: value,
            last: value,
        }
    }

    fn add(&mut self, sample: &Sample) {
        // The same sample, collected again.
        if sample.at_ms <= self.at_ms {
            return;
        }
        self.at_ms = sample.at_ms;
        self.count += 1;
        self.sum += sample.value;
        self.min = self.min.min(sample.value);
        self.max = self.max.max(sample.value);
        self.last = sample.value;
    }

    fn value(self, by: By) -> f64 {
        match by {
            By::Mean => self.sum / self.count as f64,
            By::Min => self.min,
            By::Max => self.max,
            By::Last => self.last,
            By::Sum => self.sum,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sample::tests::sample;
    use crate::workflow::process::tests::made;

    #[test]
    fn a_span_is_one_sample_once_it_is_over() {
        for (by, value) in [
            ("mean", 3.0),
            ("min", 1.0),
            ("max", 5.0),
            ("last", 5.0),
            ("sum", 9.0),
        ] {
            let mut downsample = made("downsample", &json!({ "every": "10s", "by": by }));
            let mut out = Vec::new();
            for (at, value) in [(0, 1.0), (4000, 3.0), (4000, 3.0), (9999, 5.0)] {
                out.extend(downsample.process(&[sample("a", "x", at, value)]));
            }
            assert_eq!(out, [], "{by}: the span is not over");
            let out = downsample.process(&[sample("a", "x", 10_000, 100.0)]);
            assert_eq!(out, [sample("a", "x", 9999, value)], "{by}");
        }
    }
}
