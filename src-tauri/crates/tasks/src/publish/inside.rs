//! Sinks inside of the application, and plugins that publish.

use std::sync::{Arc, Mutex, PoisonError};

use smol_str::SmolStr;
use tokio::time::Instant;

use super::told::told;
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

    fn notice(&self, text: String, node: Option<SmolStr>) -> Result<(), Undelivered> {
        let notice = Notice {
            title: self.title.clone(),
            text,
            node,
        };
        self.host.notify(notice).map_err(Undelivered::Never)
    }
}

impl Sink for Notification {
    fn deliver<'a>(&'a self, samples: &'a [Sample], _: Instant) -> Later<'a, Result<(), Undelivered>> {
        Box::pin(async move {
            for sample in samples.iter().take(NOTICES_MAX) {
                let names = self.host.names(&sample.series);
                self.notice(told(sample, &names), Some(sample.series.node.clone()))?;
            }
            match samples.len().saturating_sub(NOTICES_MAX) {
                0 => Ok(()),
                more => self.notice(format!("and {more} more"), None),
            }
        })
    }
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
