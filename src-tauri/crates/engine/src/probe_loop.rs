//! Runs the built-in probes, each on a thread of its own: they block on /proc and netlink.

use std::sync::Arc;
use std::time::{Duration, Instant};

use orrery_model::window::{Completeness, SourceId};
use orrery_probes::{Health, HealthState, Probe};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::api::{SourceState, SourceStatus};
use crate::arrivals::Arrival;
use crate::clock;
use crate::engine::Shared;

/// Starts the thread of one probe. It ends within a tick of `stop`.
pub(crate) fn spawn(
    mut probe: Box<dyn Probe>,
    label: &'static str,
    interval: Duration,
    shared: Arc<Shared>,
    arrivals: mpsc::Sender<Arrival>,
    stop: CancellationToken,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    let name = format!("probe-{}", probe.id());
    std::thread::Builder::new().name(name).spawn(move || {
        let source = SourceId::probe(probe.id());
        let id = format!("probe:{}", probe.id());
        let mut next = Instant::now();
        while !stop.is_cancelled() {
            match probe.report(clock::now()) {
                Ok(observation) => {
                    shared.sources.set(healthy(&id, label, observation.health));
                    let arrival = Arrival::Report {
                        source: source.clone(),
                        report: observation.report,
                        completeness: Completeness::Whole,
                        bytes: 0,
                    };
                    if arrivals.blocking_send(arrival).is_err() {
                        return;
                    }
                }
                Err(error) => {
                    let status = crate::sources::status(
                        &id,
                        label,
                        SourceState::Failed,
                        error.to_string(),
                        String::new(),
                    );
                    if shared.sources.set(status) {
                        tracing::warn!(probe = id, %error, "probe failed");
                    }
                }
            }
            next += interval;
            let now = Instant::now();
            // A probe that fell behind starts over from now: no burst of catching up.
            if next < now {
                next = now;
            }
            while Instant::now() < next && !stop.is_cancelled() {
                std::thread::sleep((next - Instant::now().min(next)).min(Duration::from_millis(100)));
            }
        }
    })
}

fn healthy(id: &str, label: &str, health: Health) -> SourceStatus {
    SourceStatus {
        id: id.to_owned(),
        label: label.to_owned(),
        state: match health.state {
            HealthState::Ok => SourceState::Ok,
            HealthState::Limited => SourceState::Limited,
            HealthState::Failed => SourceState::Failed,
            HealthState::Absent => SourceState::Absent,
        },
        summary: health.summary,
        looked_at: health.looked_at,
        limited_by: health.limited_by,
        remedy: health.remedy,
    }
}
