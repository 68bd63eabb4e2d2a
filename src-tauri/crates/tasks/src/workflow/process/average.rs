//! The mean of the last samples.

use std::collections::VecDeque;
use std::time::Duration;

use super::Processor;
use super::series_map::SeriesMap;
use crate::limits::{INTERVAL_MAX, WINDOW_SAMPLES_MAX};
use crate::manifest::Table;
use crate::sample::Sample;

#[derive(Debug)]
pub(super) struct MovingAverage {
    window: usize,
    span: Option<Duration>,
    before: SeriesMap<VecDeque<(i64, f64)>>,
}

/// Samples in the window when nothing else is said.
const WINDOW: usize = 10;

impl MovingAverage {
    pub(super) fn read(config: &Table<'_>) -> MovingAverage {
        let most = i64::try_from(WINDOW_SAMPLES_MAX).unwrap_or(i64::MAX);
        let window = config
            .integer("window", 1..=most)
            .and_then(|n| usize::try_from(n).ok());
        let span = config.duration("span", Duration::from_millis(1)..=INTERVAL_MAX);
        MovingAverage {
            window: window.unwrap_or(if span.is_some() {
                WINDOW_SAMPLES_MAX
            } else {
                WINDOW
            }),
            span,
            before: SeriesMap::reaching(span.unwrap_or_default()),
        }
    }
}

impl Processor for MovingAverage {
    fn process(&mut self, samples: &[Sample]) -> Vec<Sample> {
        self.before.round(samples);
        let mut averages = Vec::with_capacity(samples.len());
        for sample in samples {
            let held = self.before.entry(sample, VecDeque::new);
            if held.back().is_none_or(|(at_ms, _)| *at_ms < sample.at_ms) {
                held.push_back((sample.at_ms, sample.value));
            }
            let oldest_ms = self.span.map(|span| {
                let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
                sample.at_ms.saturating_sub(span)
            });
            while held.len() > self.window
                || (held.len() > 1 && held.front().is_some_and(|(at_ms, _)| Some(*at_ms) <= oldest_ms))
            {
                held.pop_front();
            }
            let sum: f64 = held.iter().map(|(_, value)| value).sum();
            averages.push(Sample {
                value: sum / held.len().max(1) as f64,
                ..sample.clone()
            });
        }
        averages
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sample::tests::sample;
    use crate::workflow::process::tests::made;

    #[test]
    fn over_samples_and_over_time() {
        let run = |config, values: &[(i64, f64)]| -> Vec<f64> {
            let mut average = made("moving-average", &config);
            let each = values
                .iter()
                .map(|(at, value)| average.process(&[sample("a", "x", *at, *value)])[0].value);
            each.collect()
        };
        let values = [(1, 3.0), (2, 6.0), (3, 9.0), (3, 9.0), (4, 30.0)];
        assert_eq!(run(json!({ "window": 2 }), &values), [3.0, 4.5, 7.5, 7.5, 19.5]);
        let values = [(0, 1.0), (1000, 3.0), (2000, 5.0), (60_000, 7.0)];
        assert_eq!(run(json!({ "span": "2s" }), &values), [1.0, 2.0, 4.0, 7.0]);
    }
}
