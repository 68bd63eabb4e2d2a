//! Reports that others send.

use orrery_model::Report;
use orrery_model::window::SourceId;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::api::{ApiError, Caller, Role};
use crate::arrivals::Arrival;
use crate::clock;
use crate::engine::Engine;
use crate::limits::UPLOAD_SEEN;

/// A decoded report with its size on the wire.
#[derive(Debug)]
pub struct Uploaded {
    /// What it says.
    pub report: Report,
    /// Bytes received.
    pub bytes: u64,
    /// What was odd about it or left out of it, each a sentence.
    pub warnings: Vec<String>,
}

impl Engine {
    /// Takes a report of a remote probe in, and waits until it is published. Such reports are partial: what they do
    /// not name ages out.
    ///
    /// # Errors
    /// `Code::Forbidden` without the right to, `Code::LimitExceeded` when too many probes report.
    pub async fn ingest(&self, caller: &Caller, probe: &str, uploaded: Uploaded) -> Result<(), ApiError> {
        self.allow(caller, Role::Control, true)?;
        if !self.shared.remotes.saw(probe, clock::now_ms(), uploaded.warnings) {
            return Err(ApiError::busy("Too many probes report to this instance."));
        }
        let (seen, published) = oneshot::channel();
        let arrival = Arrival::Uploaded {
            source: SourceId::remote(probe),
            report: uploaded.report,
            bytes: uploaded.bytes,
            seen,
        };
        self.shared
            .arrivals
            .send(arrival)
            .await
            .map_err(ApiError::internal)?;
        // Who asks next finds it, as with Scope. It is taken in even if that takes longer.
        let _seen = timeout(UPLOAD_SEEN, published).await;
        Ok(())
    }
}
