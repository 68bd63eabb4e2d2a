//! Tells when a value crosses a line: samples become events.

use std::sync::Arc;
use std::time::Duration;

use super::Processor;
use super::series_map::SeriesMap;
use crate::limits::INTERVAL_MAX;
use crate::manifest::Table;
use crate::sample::Sample;

/// Gives a sample when a value has been beyond the line for long enough, tagged `event: raised`, and one when it is
/// back behind the other line, tagged `event: cleared`; nothing in between.
#[derive(Debug)]
pub(super) struct Threshold {
    line: f64,
    is_upper: bool,
    clear: f64,
    held_ms: i64,
    text: String,
    states: SeriesMap<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Behind,
    /// Beyond the line since then.
    Beyond(i64),
    Raised,
}

impl Threshold {
    pub(super) fn read(config: &Table<'_>) -> Option<Threshold> {
        let (above, below) = (config.number("above"), config.number("below"));
        let (line, is_upper) = match (above, below) {
            (Some(line), None) => (line, true),
            (None, Some(line)) => (line, false),
            (Some(_), Some(_)) => {
                config.fault("below", "cannot stand beside above; make two of it");
                return None;
            }
            (None, None) => {
                config.fault("above", "is missing, or below instead");
                // What else is known is taken, so that it is not said to be unknown.
                (f64::NAN, true)
            }
        };
        let clear = config.number("clear").unwrap_or(line);
        if (is_upper && clear > line) || (!is_upper && clear < line) {
            config.fault("clear", "is beyond the line itself");
        }
        let held = config
            .duration("for", Duration::ZERO..=INTERVAL_MAX)
            .unwrap_or_default();
        let text = config.text("text").unwrap_or_default().to_owned();
        (!line.is_nan()).then(|| Threshold {
            line,
            is_upper,
            clear,
            held_ms: i64::try_from(held.as_millis()).unwrap_or(i64::MAX),
            text,
            states: SeriesMap::reaching(held),
        })
    }

    fn is_beyond(&self, line: f64, value: f64) -> bool {
        if self.is_upper { value > line } else { value < line }
    }

    fn event(&self, sample: &Sample, event: &str) -> Sample {
        let mut series = (*sample.series).clone();
        series.tags.insert("event".to_owned(), event.to_owned());
        let relation = if self.is_upper { "above" } else { "below" };
        series
            .tags
            .insert("threshold".to_owned(), format!("{relation} {}", self.line));
        if !self.text.is_empty() {
            series.tags.insert("text".to_owned(), self.text.clone());
        }
        sample.of(Arc::new(series))
    }
}

impl Processor for Threshold {
    fn process(&mut self, samples: &[Sample]) -> Vec<Sample> {
        self.states.round(samples);
        let mut events = Vec::new();
        for sample in samples {
            let beyond = self.is_beyond(self.line, sample.value);
            let still = self.is_beyond(self.clear, sample.value);
            let held_ms = self.held_ms;
            let state = self.states.entry(sample, || State::Behind);
            let (next, event) = match *state {
                State::Behind if beyond && held_ms == 0 => (State::Raised, Some("raised")),
                State::Behind if beyond => (State::Beyond(sample.at_ms), None),
                State::Beyond(since) if beyond && sample.at_ms - since >= held_ms => {
                    (State::Raised, Some("raised"))
                }
                State::Beyond(_) if !beyond => (State::Behind, None),
                State::Raised if !still => (State::Behind, Some("cleared")),
                same => (same, None),
            };
            *state = next;
            events.extend(event.map(|event| self.event(sample, event)));
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::sample::tests::sample;
    use crate::workflow::process::tests::made;

    fn events(config: &Value, values: &[(i64, f64)]) -> Vec<(i64, String)> {
        let mut threshold = made("threshold", config);
        let each = values
            .iter()
            .flat_map(|(at, value)| threshold.process(&[sample("a", "x", *at, *value)]));
        each.map(|s| (s.at_ms, s.series.tags["event"].clone())).collect()
    }

    #[test]
    fn only_crossings_are_told() {
        let raised = |at: i64| (at, "raised".to_owned());
        let cleared = |at: i64| (at, "cleared".to_owned());
        let values = [(1, 1.0), (2, 6.0), (3, 7.0), (4, 4.0), (5, 6.0), (6, 2.0)];
        let config = json!({ "above": 5 });
        assert_eq!(
            events(&config, &values),
            [raised(2), cleared(4), raised(5), cleared(6)]
        );
        let config = json!({ "above": 5, "clear": 3 });
        assert_eq!(
            events(&config, &values),
            [raised(2), cleared(6)],
            "between the lines nothing changes"
        );
        let config = json!({ "below": 5 });
        assert_eq!(events(&config, &values[..2]), [raised(1), cleared(2)]);
    }

    #[test]
    fn a_peak_that_is_too_short_is_not_told() {
        let config = json!({ "above": 5, "for": "10s" });
        let values = [(0, 9.0), (5_000, 1.0), (6_000, 9.0), (15_999, 9.0), (16_000, 9.0)];
        assert_eq!(events(&config, &values), [(16_000, "raised".to_owned())]);
    }

    #[test]
    fn an_event_says_what_it_is_about() {
        let mut threshold = made("threshold", &json!({ "above": 5, "text": "too hot" }));
        let event = threshold.process(&[sample("a", "x", 0, 6.0)]).remove(0);
        assert_eq!(event.series.tags["text"], "too hot");
        assert_eq!(event.series.tags["threshold"], "above 5");
        assert_eq!(event.value, 6.0);
    }
}
