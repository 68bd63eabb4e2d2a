//! One call for a report: request, answer, decoding, checks, all within the budget.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::Method;
use orrery_model::{PluginSpec, Report, SmolStr};
use tokio::sync::Semaphore;

use crate::clock;
use crate::handshake::{self, API_VERSION, HandshakeError};
use crate::limits;
use crate::rewrite::{self, Declared};
use crate::transport::{Answer, Transport, TransportError};

/// Where plugins answer calls.
pub(crate) const REPORT: &str = "/report";

/// Where plugins answer controls.
pub(crate) const CONTROL: &str = "/control";

/// Why a call failed. The text is shown after `error: `.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// No connection.
    #[error("{0}")]
    Unreachable(String),
    /// A connection, but no answer.
    #[error("{0}")]
    NoAnswer(String),
    #[error("context deadline exceeded")]
    Deadline,
    #[error("plugin returned non-200 status code: {0}")]
    Status(String),
    #[error("decoding error: {0}")]
    Decode(String),
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
}

/// A report that passed every check.
#[derive(Debug)]
pub(crate) struct Good {
    pub(crate) report: Report,
    pub(crate) spec: PluginSpec,
    pub(crate) declared: Declared,
    pub(crate) warnings: Vec<String>,
    pub(crate) bytes: u64,
}

/// What is needed to call one plugin.
pub(crate) struct Line {
    pub(crate) id: SmolStr,
    transport: Transport,
    path: String,
    query: String,
    /// Leaves one large answer of a plugin to be decoded at a time, even when the budget ran out meanwhile.
    decoding: Arc<Semaphore>,
}

impl Line {
    pub(crate) fn new(id: SmolStr, path: &Path, probe_id: &str, transport: Transport) -> Self {
        Line {
            id,
            transport,
            path: path.display().to_string(),
            query: format!(
                "?api_version={API_VERSION}&probe_id={}",
                percent_encoded(probe_id)
            ),
            decoding: Arc::new(Semaphore::new(1)),
        }
    }

    /// Asks for a report.
    pub(crate) async fn report(&self) -> Result<Good, CallError> {
        let call = async {
            let answer = self.exchange(Method::GET, REPORT, Bytes::new()).await?;
            let id = self.id.clone();
            self.off_thread(answer, move |bytes| take_in(&id, bytes)).await?
        };
        // A fault of ours in reading one answer must not end the task that calls this plugin.
        let call = AssertUnwindSafe(within(limits::CALL_BUDGET, call)).catch_unwind();
        call.await
            .unwrap_or_else(|_| Err(CallError::Decode("the report cannot be read".to_owned())))
    }

    /// Sends a request and reads the answer. The budget is the caller's.
    pub(crate) async fn exchange(&self, method: Method, at: &str, body: Bytes) -> Result<Answer, CallError> {
        let target = format!("{at}{}", self.query);
        let verb = if method == Method::POST { "Post" } else { "Get" };
        let words = |what: String| format!("{verb} \"http://plugin{target}\": {what}");
        let sent = self.transport.call(method, &target, body).await;
        sent.map_err(|e| match e {
            TransportError::Dial(what) => {
                CallError::Unreachable(words(format!("dial unix {}: connect: {what}", self.path)))
            }
            TransportError::Exchange(what) => CallError::NoAnswer(words(what)),
            TransportError::Status(status) => CallError::Status(status),
            TransportError::Body(what) => CallError::Decode(what),
        })
    }

    /// Does `work` on an answer: at once when it is small, on a blocking thread when it is large.
    pub(crate) async fn off_thread<T: Send + 'static>(
        &self,
        answer: Answer,
        work: impl FnOnce(&[u8]) -> T + Send + 'static,
    ) -> Result<T, CallError> {
        if answer.bytes.len() <= limits::OFFLOAD_BYTES {
            return Ok(work(&answer.bytes));
        }
        let failed = |e: &dyn std::fmt::Display| CallError::Decode(e.to_string());
        let turn = Arc::clone(&self.decoding)
            .acquire_owned()
            .await
            .map_err(|e| failed(&e))?;
        let worked = tokio::task::spawn_blocking(move || {
            let Answer { bytes, share } = answer;
            let done = work(&bytes);
            drop((bytes, share, turn));
            done
        });
        worked.await.map_err(|e| failed(&e))
    }
}

/// `call`, if it ends in time.
pub(crate) async fn within<T>(
    budget: Duration,
    call: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    tokio::time::timeout(budget, call)
        .await
        .unwrap_or(Err(CallError::Deadline))
}

/// Decodes and checks a report, and gives its controls their outside names.
fn take_in(id: &SmolStr, bytes: &[u8]) -> Result<Good, CallError> {
    let decoded = Report::from_json(bytes, clock::now()).map_err(|e| CallError::Decode(e.to_string()))?;
    let mut report = decoded.report;
    let spec = handshake::check(&report, id)?;
    let declared = rewrite::rewrite(&mut report, &spec, None);
    Ok(Good {
        report,
        spec,
        declared,
        warnings: decoded.warnings.iter().map(ToString::to_string).collect(),
        bytes: bytes.len() as u64,
    })
}

/// Text as the value of a query parameter.
fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_id_cannot_break_out_of_the_query() {
        assert_eq!(percent_encoded("5fe-A_.~"), "5fe-A_.~");
        assert_eq!(percent_encoded("a b&c=d#é\n"), "a%20b%26c%3Dd%23%C3%A9%0A");
    }
}
