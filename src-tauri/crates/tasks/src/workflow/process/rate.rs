//! How fast counters grow.

use std::time::Duration;

use super::Processor;
use super::rename::renamed;
use super::series_map::SeriesMap;
use crate::limits::INTERVAL_MAX;
use crate::manifest::Table;
use crate::sample::Sample;

/// What a counter that is there for the first time grows by is not known, so nothing comes of its first sample.
#[derive(Debug)]
pub(super) struct Rate {
    per: Duration,
    suffix: String,
    before: SeriesMap<(i64, f64)>,
}

impl Rate {
    pub(super) fn read(config: &Table<'_>) -> Rate {
        Rate {
            per: config
                .duration("per", Duration::from_millis(1)..=INTERVAL_MAX)
                .unwrap_or(Duration::from_secs(1)),
            suffix: config.text("suffix").unwrap_or("_rate").to_owned(),
            before: SeriesMap::default(),
        }
    }
}

impl Processor for Rate {
    fn process(&mut self, samples: &[Sample]) -> Vec<Sample> {
        self.before.round(samples);
        let mut rates = Vec::with_capacity(samples.len());
        for sample in samples {
            let before = self.before.entry(sample, || (i64::MIN, 0.0));
            let (at_ms, value) = *before;
            if sample.at_ms <= at_ms {
                // The same sample again, or an old one.
                continue;
            }
            *before = (sample.at_ms, sample.value);
            if at_ms == i64::MIN {
                continue;
            }
            // A counter that is smaller than it was began anew at 0.
            let grown = if sample.value >= value {
                sample.value - value
            } else {
                sample.value
            };
            let elapsed_s = sample.at_ms.abs_diff(at_ms) as f64 / 1000.0;
            let mut rate = sample.of(renamed(
                &sample.series,
                &format!("{}{}", sample.series.metric, self.suffix),
            ));
            rate.value = grown / elapsed_s * self.per.as_secs_f64();
            rates.push(rate);
        }
        rates
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::sample::tests::sample;
    use crate::workflow::process::tests::made;

    #[test]
    fn growth_resets_and_repetition() {
        let mut rate = made("rate", &json!({}));
        let mut next = |at_ms, value| {
            let out = rate.process(&[sample("a", "x", at_ms, value)]);
            out.first().map(|s| (s.series.metric.to_string(), s.value))
        };
        let some = |value| Some(("x_rate".to_owned(), value));
        assert_eq!(next(1000, 10.0), None);
        assert_eq!(next(3000, 30.0), some(10.0));
        assert_eq!(next(3000, 30.0), None, "the same sample again");
        assert_eq!(next(4000, 5.0), some(5.0), "it began anew");
        let mut rate = made("rate", &json!({ "per": "1m", "suffix": "_per_minute" }));
        rate.process(&[sample("a", "x", 0, 0.0), sample("b", "x", 0, 0.0)]);
        let out = rate.process(&[sample("a", "x", 1000, 1.0), sample("b", "x", 1000, 2.0)]);
        assert_eq!((out[0].value, out[1].value), (60.0, 120.0));
    }
}
