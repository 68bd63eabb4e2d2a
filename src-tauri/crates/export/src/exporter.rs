//! The beat: gather, turn into messages, send; and to say once when that begins or ceases to work.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;
use http::HeaderMap;
use orrery_exposition::Family;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

use crate::client::{ClientError, SendError, Way};
use crate::limits::{GATHER_TIMEOUT, INTERVAL};
use crate::message::{Origin, messages};

/// What there is to send at the moment.
pub type Gather = Arc<dyn Fn() -> BoxFuture<'static, Vec<Family>> + Send + Sync>;

/// Where to, how often.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address that takes metrics; see [`crate::metrics_address`].
    pub url: Url,
    /// Headers that go with every message.
    pub headers: HeaderMap,
    /// Pause between two sendings; held within [`INTERVAL`].
    pub interval: Duration,
    /// Who sends.
    pub origin: Origin,
}

/// How it goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether the last sending arrived; none before the first.
    pub arrives: Option<bool>,
    /// Data points that arrived.
    pub sent: u64,
    /// Data points that the collector refused, or that were too many.
    pub left_out: u64,
    /// Sendings that failed.
    pub failures: u64,
    /// Why the last one failed; empty when it did not.
    pub error: String,
}

/// A running export. It ends with the value.
#[derive(Debug)]
pub struct Exporter {
    standing: Arc<Mutex<Standing>>,
    _stop: DropGuard,
    _task: JoinHandle<()>,
}

impl Exporter {
    /// Begins to send. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When encryption cannot be used. A collector that is not there is none: it is sent to as soon as it is.
    pub fn start(config: Config, gather: Gather) -> Result<Exporter, ClientError> {
        let way = Way::to(config.url, config.headers)?;
        let standing: Arc<Mutex<Standing>> = Arc::default();
        let stop = CancellationToken::new();
        let beat = Beat {
            way,
            gather,
            origin: config.origin,
            standing: standing.clone(),
        };
        let every = config.interval.clamp(INTERVAL.0, INTERVAL.1);
        let run = stop.clone().run_until_cancelled_owned(beat.run(every));
        let task = tokio::spawn(async move {
            run.await;
        });
        Ok(Exporter {
            standing,
            _stop: stop.drop_guard(),
            _task: task,
        })
    }

    /// How it goes.
    pub fn standing(&self) -> Standing {
        lock(&self.standing).clone()
    }
}

struct Beat {
    way: Way,
    gather: Gather,
    origin: Origin,
    standing: Arc<Mutex<Standing>>,
}

impl Beat {
    async fn run(self, every: Duration) {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut left_alone_until = None;
        loop {
            ticks.tick().await;
            if left_alone_until.is_some_and(|end| Instant::now() < end) {
                continue;
            }
            let sent = self.send().await;
            left_alone_until = match &sent {
                Err(SendError::Status { wait: Some(wait), .. }) => Some(Instant::now() + *wait),
                _ => None,
            };
            self.note(sent);
        }
    }

    /// Sends everything once: data points that arrived, and that did not.
    async fn send(&self) -> Result<(u64, u64), SendError> {
        let gathered = timeout(GATHER_TIMEOUT, (self.gather)()).await;
        let families = gathered
            .map_err(|_| SendError::Network("what is to be sent was not there in time".to_owned()))?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now_ns = now.map_or(0, |now| u64::try_from(now.as_nanos()).unwrap_or(u64::MAX));
        let origin = self.origin.clone();
        let made = tokio::task::spawn_blocking(move || messages(&families, &origin, now_ns));
        let (messages, points, too_many) = made.await.map_err(|e| SendError::Network(e.to_string()))?;
        let mut refused = 0;
        for message in &messages {
            refused += self.way.send(message).await?;
        }
        let points = points as u64;
        Ok((points.saturating_sub(refused), refused + too_many as u64))
    }

    /// Tells a change once, and not what stays as it is.
    fn note(&self, sent: Result<(u64, u64), SendError>) {
        let mut standing = lock(&self.standing);
        let arrived = standing.arrives;
        match sent {
            Ok((points, left_out)) => {
                standing.arrives = Some(true);
                standing.sent = standing.sent.saturating_add(points);
                standing.left_out = standing.left_out.saturating_add(left_out);
                standing.error.clear();
                if arrived != Some(true) {
                    tracing::info!(points, "metrics arrive at the OTLP collector");
                }
            }
            Err(error) => {
                standing.arrives = Some(false);
                standing.failures = standing.failures.saturating_add(1);
                standing.error = error.to_string();
                if arrived != Some(false) {
                    tracing::warn!(%error, "metrics do not arrive at the OTLP collector; it is tried again");
                }
            }
        }
    }
}

fn lock(standing: &Mutex<Standing>) -> std::sync::MutexGuard<'_, Standing> {
    standing.lock().unwrap_or_else(PoisonError::into_inner)
}
