//! Alerts on the desktop: whatever the instance tells as an alert pops up, also when no page is looked at.

use std::time::Duration;

use orrery_engine::api::Event;
use orrery_notices::Desktop;
use tokio::sync::mpsc;

use crate::host::Host;

/// Alerts on their way to the desktop; more are passed over by its pace anyway.
const WAITING_MAX: usize = 64;
/// Pause before events are followed again when the instance went.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Hears alerts for as long as the window's program runs, and shows them.
pub(crate) async fn follow(host: Host) {
    let (alerts, waiting) = mpsc::channel::<Event>(WAITING_MAX);
    tokio::spawn(show(waiting));
    loop {
        let told = |line: &str| {
            let data = line.strip_prefix("data:").map(str::trim);
            let event = data.and_then(|data| serde_json::from_str::<Event>(data).ok());
            if let Some(event) = event.filter(|event| event.kind == "alert") {
                // Where so many wait, one more says nothing new.
                let _ = alerts.try_send(event);
            }
            true
        };
        if let Err(error) = host.instance().lines("/api/events", told).await {
            tracing::debug!(%error, "alerts are not heard");
        }
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

async fn show(mut waiting: mpsc::Receiver<Event>) {
    let mut desktop = Desktop::default();
    let mut is_told = false;
    while let Some(event) = waiting.recv().await {
        match desktop.show(&event.label, &event.text).await {
            Ok(_) => is_told = false,
            Err(error) if !is_told => {
                is_told = true;
                tracing::warn!(%error, "alerts do not pop up; they stand in Activity");
            }
            Err(_) => {}
        }
    }
}
