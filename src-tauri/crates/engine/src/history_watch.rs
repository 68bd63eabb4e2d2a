//! Tells when history cannot be written, and when it can again.

use std::sync::Arc;
use std::time::Duration;

use orrery_history::NewEvent;
use orrery_model::SmolStr;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::engine::Shared;

/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Runs until `stop`.
pub(crate) async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    let mut failing = false;
    while stop
        .run_until_cancelled(tokio::time::sleep(LOOK_EVERY))
        .await
        .is_some()
    {
        let error = shared.history.stats().last_error;
        let (kind, text) = match (&error, failing) {
            (Some(error), false) => (
                "failed",
                format!("History cannot be written: {error}. New samples wait in memory."),
            ),
            (None, true) => ("started", "History is written again.".to_owned()),
            _ => continue,
        };
        failing = error.is_some();
        shared.record(NewEvent {
            at_ms: clock::now_ms(),
            kind: SmolStr::new_static(kind),
            subject: SmolStr::new_static("history"),
            label: SmolStr::new_static("History"),
            text,
            user: SmolStr::default(),
        });
    }
}
