//! The task that keeps lines up to date.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Empty};
use tokio_util::task::TaskTracker;

use crate::availability::{Finding, Line, Lines};
use crate::limits;
use crate::object::{ConditionStatus, reason};
use crate::wire::{DialError, SendError, Wire};

/// What a plugin is asked. Any answer will do: a plugin that has no such path answers too.
const PROBE: &str = "/health";

/// Keeps every line up to date, for ever. `changed` is called after something was found.
pub(crate) async fn watch_over(lines: Arc<Lines>, probes: TaskTracker, changed: impl Fn()) {
    let mut changes = lines.plugins().changes();
    let mut keeper_lives = true;
    loop {
        let mut news = false;
        for line in lines.all() {
            news |= line.refresh(lines.plugins().state(&line.id));
        }
        let now = Instant::now();
        for line in lines.all() {
            if let Some(wire) = line.to_probe(now) {
                let lines = Arc::clone(&lines);
                probes.spawn(async move {
                    let found = probe(&wire).await;
                    line.probed(&wire, found);
                    lines.nudge.notify_one();
                });
            }
        }
        // What probes found is read from the lines by whoever is told here.
        changed();
        if news {
            tracing::debug!("the state of a plugin changed");
        }
        let next = lines
            .all()
            .iter()
            .filter_map(|line: &Arc<Line>| line.next_probe())
            .min();
        let next = next.unwrap_or_else(|| Instant::now() + limits::PROBE_EVERY);
        tokio::select! {
            () = lines.nudge.notified() => {}
            () = tokio::time::sleep_until(next.into()) => {}
            alive = changes.changed(), if keeper_lives => keeper_lives = alive.is_ok(),
        }
    }
}

async fn probe(wire: &Wire) -> Finding {
    let found = |reason, message: String| Finding {
        status: ConditionStatus::False,
        reason,
        message: message.chars().take(limits::MAX_MESSAGE_CHARS).collect(),
    };
    let body = Empty::<Bytes>::new()
        .map_err(|never| match never {})
        .boxed_unsync();
    let request = Request::get(PROBE).header(header::HOST, "plugin").body(body);
    let Ok(request) = request else {
        return found(reason::FAILED_PROBE, "the probe cannot be asked".to_owned());
    };
    match tokio::time::timeout(limits::PROBE_TIMEOUT, wire.send(request)).await {
        Ok(Ok(_)) => Finding {
            status: ConditionStatus::True,
            reason: reason::PASSED,
            message: "the last probe was answered".to_owned(),
        },
        Ok(Err(error)) => match &error {
            SendError::Dial(missing @ DialError::Missing(_)) => {
                found(reason::SOCKET_MISSING, missing.to_string())
            }
            SendError::Dial(peer @ DialError::Peer(_)) => found(reason::PEER_MISMATCH, peer.to_string()),
            other => found(reason::FAILED_PROBE, other.to_string()),
        },
        Err(_) => {
            let seconds = limits::PROBE_TIMEOUT.as_secs();
            found(reason::FAILED_PROBE, format!("no answer within {seconds} s"))
        }
    }
}
