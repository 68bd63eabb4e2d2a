//! Reports for a config of the asker's own: what a task wants measured in another way than everybody else.
//!
//! The answer is a report like any other and passes the same checks, but nothing of it goes to the registry's
//! consumer: it is for who asked.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use http::Method;
use orrery_model::{Report, SmolStr};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::call::{self, CallError, Line};
use crate::clock;
use crate::handshake;
use crate::limits;
use crate::once::own_or_root;
use crate::text::clean;
use crate::transport::{Transport, body_pool};

/// Where plugins answer with a report for a config.
const COLLECT: &str = "/collect";

/// Why there is no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CollectError {
    /// Nobody listens there, or the answer is not a report.
    #[error("{0}")]
    Failed(String),
    /// No answer in time.
    #[error("it did not answer {COLLECT} in time")]
    Timeout,
    /// The plugin says why not.
    #[error("{0}")]
    Refused(String),
}

/// Asks plugins for reports. What all answers together may hold at a time is bounded, as it is for reports.
pub struct Collectors {
    bodies: Arc<Semaphore>,
}

impl Default for Collectors {
    fn default() -> Self {
        Collectors { bodies: body_pool() }
    }
}

impl Collectors {
    /// Sends a config to the plugin behind a socket and gives the report that it answers with. A secret stands in the
    /// config as it is, so hand that to nobody else.
    ///
    /// # Errors
    /// See [`CollectError`]; it ends within `budget`.
    pub async fn ask(
        &self,
        path: &Path,
        id: &str,
        probe_id: &str,
        config: &Value,
        budget: Duration,
    ) -> Result<Report, CollectError> {
        let transport = Transport::new(path, own_or_root(), Arc::clone(&self.bodies));
        let line = Line::new(id.into(), path, probe_id, transport);
        let body = json!({ "config": config }).to_string();
        let asked = async {
            let answer = line.exchange(Method::POST, COLLECT, body.into()).await?;
            let id = line.id.clone();
            line.off_thread(answer, move |bytes| take_in(&id, bytes)).await?
        };
        // A fault of ours in reading one answer must not end who asked.
        let asked = AssertUnwindSafe(call::within(budget, asked)).catch_unwind().await;
        let asked = asked.unwrap_or_else(|_| Err(CallError::Decode("the report cannot be read".to_owned())));
        match asked {
            Ok(Ok(report)) => Ok(report),
            Ok(Err(refusal)) => Err(CollectError::Refused(refusal)),
            Err(CallError::Deadline) => Err(CollectError::Timeout),
            Err(error) => Err(CollectError::Failed(clean(
                &error.to_string(),
                limits::STATUS_CHARS,
            ))),
        }
    }
}

/// The part of an answer that is no report.
#[derive(Deserialize)]
struct Refusal {
    error: Option<String>,
}

/// A report, or why the plugin gives none. One that does not say whose it is is the plugin's own.
fn take_in(id: &SmolStr, bytes: &[u8]) -> Result<Result<Report, String>, CallError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    // What is no report at all is told as that below.
    let refusal = Refusal::deserialize(&mut json)
        .ok()
        .and_then(|answer| answer.error);
    if let Some(why) = refusal.filter(|why| !why.is_empty()) {
        return Ok(Err(clean(&why, limits::STATUS_CHARS)));
    }
    let decoded = Report::from_json(bytes, clock::now()).map_err(|e| CallError::Decode(e.to_string()))?;
    if !decoded.report.plugins.is_empty() {
        handshake::check(&decoded.report, id)?;
    }
    Ok(Ok(decoded.report))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Result<usize, String>, String> {
        let taken = take_in(&"p".into(), text.as_bytes()).map_err(|error| error.to_string());
        taken.map(|answer| answer.map(|report| report.node_count()))
    }

    #[test]
    fn an_answer_is_a_report_a_refusal_or_nothing_that_counts() {
        let of = |id: &str| {
            format!(
                r#"{{"Host": {{"nodes": {{"a;<host>": {{}}}}}}, "Plugins": [{{"id": "{id}", "label": "P",
                    "interfaces": ["reporter"], "api_version": "1"}}]}}"#
            )
        };
        assert_eq!(read(&of("p")), Ok(Ok(1)));
        assert_eq!(
            read(r#"{"error": "", "Host": {"nodes": {"a;<host>": {}}}}"#),
            Ok(Ok(1)),
            "its own"
        );
        assert_eq!(
            read(r#"{"error": "no such rate"}"#),
            Ok(Err("no such rate".to_owned()))
        );
        let stranger = read(&of("q")).unwrap_err();
        assert!(stranger.contains("must not change its id"), "{stranger}");
        for wrong in ["", "[1", "<html>", r#"{"Host": 3}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
