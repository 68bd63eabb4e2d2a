//! Moments in the past, decoded and derived, the last few kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use orrery_model::{Report, Timestamp};
use orrery_topology::censor;

use crate::api::ApiError;
use crate::engine::Shared;
use crate::limits::MOMENTS_MAX;
use crate::published::Published;

/// The moments used last, newest use at the back.
#[derive(Debug, Default)]
pub(crate) struct Moments(Mutex<VecDeque<Arc<Published>>>);

impl Moments {
    fn held(&self, at_ms: i64) -> Option<Arc<Published>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|m| m.at_ms == at_ms).cloned()
    }

    fn keep(&self, moment: Arc<Published>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOMENTS_MAX {
            all.pop_front();
        }
        all.push_back(moment);
    }
}

impl Shared {
    /// The snapshot in force, or the one that was at `at_ms` (the last keyframe not after it).
    pub(crate) async fn moment(&self, at_ms: Option<i64>) -> Result<Arc<Published>, ApiError> {
        let Some(at_ms) = at_ms else {
            return Ok(self.published.load_full());
        };
        let frame = self.history.frame_at(at_ms).await.map_err(ApiError::internal)?;
        let Some((frame_ms, bytes)) = frame else {
            let since = self
                .history
                .stats()
                .oldest_frame_ms
                .map(|ms| Timestamp::from_millis(ms).to_string());
            let since = since.map_or_else(
                || "nothing is recorded yet".to_owned(),
                |s| format!("the record begins at {s}"),
            );
            return Err(ApiError::not_found(format!(
                "Nothing is recorded for that moment: {since}."
            )));
        };
        if let Some(moment) = self.moments.held(frame_ms) {
            return Ok(moment);
        }
        let decoded = tokio::task::spawn_blocking(move || {
            Report::from_msgpack(&bytes, Timestamp::from_millis(frame_ms))
        })
        .await
        .map_err(ApiError::internal)?
        .map_err(|error| ApiError::internal(format!("The record of that moment cannot be read: {error}")))?;
        // What is hidden from everybody may have been recorded before it was.
        let hide = self.config.hide;
        let report = if hide.nothing() {
            decoded.report
        } else {
            censor::derivable(&decoded.report, hide)
        };
        let moment = Published::of_past(report, frame_ms).with_settings(self.config.derive.clone());
        let moment = Arc::new(moment);
        self.moments.keep(moment.clone());
        Ok(moment)
    }
}
