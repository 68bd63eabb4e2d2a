//! Scraping plugins: one call at a time for each, shared by all who ask meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use orrery_engine::Engine;
use orrery_engine::api::{ApiError, Code};
use orrery_exposition::{Drops, Family, parse};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::limits::{SCRAPE_BUDGET, SCRAPE_BYTES_MAX, SCRAPE_GRACE, SCRAPES_READ_AT_ONCE};

/// What became of a scrape.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// How long it took.
    pub(crate) took: Duration,
    /// The families; none of a plugin that exposes nothing; or why there are none.
    pub(crate) exposed: Result<Option<Arc<[Family]>>, Arc<str>>,
}

type Flight = Shared<BoxFuture<'static, Outcome>>;

#[derive(Debug, Default)]
struct Held {
    /// The call under way, or the last one.
    flight: Option<Flight>,
    /// The last one took too long: nobody waits for the next as for others.
    slow: bool,
}

/// The scrapes of an instance.
#[derive(Debug)]
pub(crate) struct Scrapes {
    held: Arc<Mutex<BTreeMap<String, Held>>>,
    /// Samples left out since the start, by plugin and reason.
    dropped: Mutex<Drops>,
    /// Reading is work for a processor: so many at a time.
    reading: Arc<Semaphore>,
}

impl Default for Scrapes {
    fn default() -> Self {
        Scrapes {
            held: Arc::default(),
            dropped: Mutex::default(),
            reading: Arc::new(Semaphore::new(SCRAPES_READ_AT_ONCE)),
        }
    }
}

impl Scrapes {
    /// What a plugin exposes, waited for as long as `patience`; a plugin that was too slow last time is waited for
    /// [`SCRAPE_GRACE`] only, while its call goes on, until it answers in time again.
    pub(crate) async fn scrape(&self, engine: &Engine, id: &str, patience: Duration) -> Outcome {
        let began = Instant::now();
        let (flight, slow) = self.flight(engine, id);
        let patience = if slow {
            patience.min(SCRAPE_GRACE)
        } else {
            patience
        };
        if let Ok(outcome) = timeout(patience, flight).await {
            return outcome;
        }
        if let Some(held) = lock(&self.held).get_mut(id) {
            held.slow = true;
        }
        Outcome {
            took: began.elapsed(),
            exposed: Err("no answer in time".into()),
        }
    }

    /// The call under way, or a new one.
    fn flight(&self, engine: &Engine, id: &str) -> (Flight, bool) {
        let mut all = lock(&self.held);
        let held = all.entry(id.to_owned()).or_default();
        if let Some(flight) = held.flight.as_ref().filter(|flight| flight.peek().is_none()) {
            return (flight.clone(), held.slow);
        }
        let (engine, plugin) = (engine.clone(), id.to_owned());
        let (reading, everybody) = (self.reading.clone(), self.held.clone());
        let call = tokio::spawn(async move {
            let began = Instant::now();
            let exposed = call(&engine, &plugin, &reading).await;
            if let Some(held) = lock(&everybody).get_mut(&plugin) {
                held.slow = matches!(&exposed, Err(error) if error.code == Code::Timeout);
            }
            Outcome {
                took: began.elapsed(),
                exposed: exposed.map_err(|error| error.message.into()),
            }
        });
        let flight = call.map(|done| {
            done.unwrap_or_else(|error| Outcome {
                took: Duration::ZERO,
                exposed: Err(error.to_string().into()),
            })
        });
        let flight = flight.boxed().shared();
        held.flight = Some(flight.clone());
        (flight, held.slow)
    }

    /// Forgets every plugin but these.
    pub(crate) fn keep<'a>(&self, ids: impl Iterator<Item = &'a str>) {
        let ids: BTreeSet<&str> = ids.collect();
        lock(&self.held).retain(|id, _| ids.contains(id.as_str()));
        lock(&self.dropped).retain(|(id, _), _| ids.contains(id.as_str()));
    }

    /// Adds what a scrape of everybody left out.
    pub(crate) fn count(&self, drops: &Drops) {
        let mut dropped = lock(&self.dropped);
        for (key, count) in drops {
            let total = dropped.entry(key.clone()).or_default();
            *total = total.saturating_add(*count);
        }
    }

    /// What was left out since the start.
    pub(crate) fn dropped(&self) -> Family {
        let mut family = Family::counter(
            "orrery_plugin_metrics_dropped_total",
            "Samples that scrapes left out, by plugin and reason.",
        );
        for ((plugin, reason), count) in lock(&self.dropped).iter() {
            let labels = [("plugin_id", plugin.as_str()), ("reason", reason.word())];
            family.push(&labels, *count as f64);
        }
        family
    }
}

async fn call(engine: &Engine, id: &str, reading: &Semaphore) -> Result<Option<Arc<[Family]>>, ApiError> {
    let Some(bytes) = engine
        .plugin_exposition(id, SCRAPE_BUDGET, SCRAPE_BYTES_MAX)
        .await?
    else {
        return Ok(None);
    };
    let _turn = reading.acquire().await.map_err(ApiError::internal)?;
    let read = tokio::task::spawn_blocking(move || {
        let text = std::str::from_utf8(&bytes).map_err(|e| e.to_string())?;
        parse(text).map_err(|e| e.to_string())
    });
    let families = read.await.map_err(ApiError::internal)?;
    let families = families.map_err(|message| ApiError::new(Code::Refused, message))?;
    Ok(Some(families.into()))
}

fn lock<T>(held: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
