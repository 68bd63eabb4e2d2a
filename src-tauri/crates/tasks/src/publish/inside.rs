//! Sinks inside of the application, and plugins that publish.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::{Sink, Undelivered};
use crate::manifest::Table;
use crate::sample::Sample;
use crate::seams::{Host, Later, Notice, PluginConfig};

/// History: samples become series of their nodes.
pub(super) struct History(pub(super) Arc<dyn Host>);

impl Sink for History {
    fn deliver<'a>(&'a self, samples: &'a [Sample], _: Instant) -> Later<'a, Result<(), Undelivered>> {
        Box::pin(async move { self.0.to_history(samples).map_err(Undelivered::Later) })
    }
}

/// The topology: samples become metrics on their nodes.
pub(super) struct Topology(pub(super) Arc<dyn Host>);

impl Sink for Topology {
    fn deliver<'a>(&'a self, samples: &'a [Sample], _: Instant) -> Later<'a, Result<(), Undelivered>> {
        Box::pin(async move { self.0.to_topology(samples).map_err(Undelivered::Later) })
    }
}

/// A notice on the desktop for each sample; meant to stand behind a threshold.
pub(super) struct Notification {
    host: Arc<dyn Host>,
    title: String,
}

/// Notices of one delivery; the rest is told as a number.
const NOTICES_MAX: usize = 3;

impl Notification {
    pub(super) fn read(config: &Table<'_>, host: &Arc<dyn Host>) -> Notification {
        Notification {
            host: host.clone(),
            title: config.text("title").unwrap_or("Orrery").to_owned(),
        }
    }

    fn notice(&self, text: String) -> Result<(), Undelivered> {
        let notice = Notice {
            title: self.title.clone(),
            text,
        };
        self.host.notify(notice).map_err(Undelivered::Never)
    }
}

impl Sink for Notification {
    fn deliver<'a>(&'a self, samples: &'a [Sample], _: Instant) -> Later<'a, Result<(), Undelivered>> {
        Box::pin(async move {
            for sample in samples.iter().take(NOTICES_MAX) {
                self.notice(told(sample))?;
            }
            match samples.len().saturating_sub(NOTICES_MAX) {
                0 => Ok(()),
                more => self.notice(format!("and {more} more")),
            }
        })
    }
}

/// A sample in a sentence.
fn told(sample: &Sample) -> String {
    let series = &sample.series;
    let tag = |name: &str| series.tags.get(name).map(String::as_str);
    let what = format!(
        "{} of {} is {}",
        series.metric,
        series.node,
        readable(sample.value)
    );
    let what = match (tag("event"), tag("threshold")) {
        (Some("cleared"), Some(line)) => format!("{what}, no more {line}"),
        (Some(_), Some(line)) => format!("{what}, {line}"),
        _ => what,
    };
    match tag("text") {
        Some(text) => format!("{text}: {what}"),
        None => what,
    }
}

/// A value with as many digits as a person reads: three behind the point, or three in all where it is small.
fn readable(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || !value.is_finite() || size >= 1e12 {
        return value.to_string();
    }
    if size >= 1.0 {
        return ((value * 1_000.0).round() / 1_000.0).to_string();
    }
    let places = 2.0 - size.log10().floor();
    let scale = 10_f64.powf(places.min(300.0));
    ((value * scale).round() / scale).to_string()
}

/// A plugin that takes samples at `/publish`.
pub(super) struct Plugin {
    pub(super) id: String,
    /// As the task says until a run knows what its rules make of that.
    pub(super) config: Mutex<PluginConfig>,
    pub(super) host: Arc<dyn Host>,
}

impl Sink for Plugin {
    fn deliver<'a>(&'a self, samples: &'a [Sample], until: Instant) -> Later<'a, Result<(), Undelivered>> {
        Box::pin(async move {
            let config = self.config.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let config = config.revealed(self.host.as_ref()).map_err(Undelivered::Later)?;
            let body = serde_json::json!({ "config": config, "samples": samples }).to_string();
            let timeout = until.saturating_duration_since(Instant::now());
            let answer = self
                .host
                .call(&self.id, "/publish", body.into_bytes(), timeout)
                .await;
            let answer = answer.map_err(Undelivered::Later)?;
            let answer = serde_json::from_slice::<serde_json::Value>(&answer).unwrap_or_default();
            match answer.get("error").and_then(serde_json::Value::as_str) {
                Some(error) if !error.is_empty() => {
                    Err(Undelivered::Never(format!("plugin {}: {error}", self.id)))
                }
                _ => Ok(()),
            }
        })
    }

    fn configure(&self, config: PluginConfig) {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
    }
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn values_are_told_with_the_digits_that_a_person_reads() {
        let cases = [
            (85.807_253_654_525_96, "85.807"),
            (-1.0, "-1"),
            (0.0, "0"),
            (0.001_234_56, "0.00123"),
            (2.5e20, "250000000000000000000"),
            (1e-310, "0"),
            (f64::NAN, "NaN"),
        ];
        for (value, told) in cases {
            assert_eq!(readable(value), told);
        }
    }
}
