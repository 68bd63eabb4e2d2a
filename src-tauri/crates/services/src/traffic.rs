//! How many requests went where, how they ended, how long they took: plain numbers, for whoever shows them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::object::ServiceType;

/// Upper bounds of the buckets of durations, in seconds; the last bucket has none.
pub const BUCKETS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

const BUCKETS_US: [u64; 14] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000, 30_000_000,
];

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestResult {
    /// Answered with a status below 400.
    Ok,
    /// Answered with 4xx, by the plugin or because of what the caller sent.
    ClientError,
    /// Answered with 5xx by the plugin, or not in a way that makes sense.
    ServerError,
    /// The plugin could not be reached, or had no place.
    Unavailable,
    /// No answer in time.
    Timeout,
    /// The caller went away before there was an answer.
    Canceled,
}

impl RequestResult {
    /// Every way.
    pub const ALL: [RequestResult; 6] = [
        RequestResult::Ok,
        RequestResult::ClientError,
        RequestResult::ServerError,
        RequestResult::Unavailable,
        RequestResult::Timeout,
        RequestResult::Canceled,
    ];

    /// The word for it in metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            RequestResult::Ok => "ok",
            RequestResult::ClientError => "client_error",
            RequestResult::ServerError => "server_error",
            RequestResult::Unavailable => "unavailable",
            RequestResult::Timeout => "timeout",
            RequestResult::Canceled => "canceled",
        }
    }

    pub(crate) fn of_status(status: http::StatusCode) -> Self {
        match status.as_u16() {
            400..500 => RequestResult::ClientError,
            500.. => RequestResult::ServerError,
            _ => RequestResult::Ok,
        }
    }
}

/// The requests to one kind of service of one plugin under one group.
#[derive(Debug, Clone, PartialEq)]
pub struct Traffic {
    /// The plugin's id.
    pub plugin: String,
    /// The group.
    pub group: String,
    /// The type of service: the endpoint, never a path.
    pub endpoint: ServiceType,
    /// Requests by how they ended; only those that occurred.
    pub results: Vec<(RequestResult, Durations)>,
    /// Requests that have no answer yet.
    pub in_flight: u64,
    /// Bodies and upgraded connections that are open.
    pub open_streams: u64,
    /// Bodies of answers and upgraded connections that were cut because nothing moved for too long.
    pub stalled: u64,
    /// Bytes of requests' bodies.
    pub request_bytes: u64,
    /// Bytes of answers' bodies.
    pub response_bytes: u64,
}

/// A histogram of times until the head of the answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Durations {
    /// How many there were.
    pub count: u64,
    /// Their sum, in seconds.
    pub sum_seconds: f64,
    /// How many took at most the bound of the same place in [`BUCKETS`]; each includes those before it.
    pub cumulative: [u64; BUCKETS.len()],
}

/// Counts for one kind of service.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    results: [Clocked; RequestResult::ALL.len()],
    in_flight: AtomicU64,
    open_streams: AtomicU64,
    stalled: AtomicU64,
    request_bytes: AtomicU64,
    response_bytes: AtomicU64,
}

#[derive(Debug, Default)]
struct Clocked {
    micros: AtomicU64,
    /// Not cumulative; the last is for what is over every bound.
    buckets: [AtomicU64; BUCKETS.len() + 1],
}

impl Meter {
    fn record(&self, result: RequestResult, took: Duration) {
        let clocked = &self.results[result as usize];
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        clocked.micros.fetch_add(micros, Ordering::Relaxed);
        let bucket = BUCKETS_US.partition_point(|bound| *bound < micros);
        clocked.buckets[bucket].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_stalled(&self) {
        self.stalled.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_request_bytes(&self, bytes: usize) {
        self.request_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn add_response_bytes(&self, bytes: usize) {
        self.response_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn read(&self) -> Vec<(RequestResult, Durations)> {
        let read = |clocked: &Clocked| {
            let mut durations = Durations::default();
            let mut below = 0;
            for (bucket, at_most) in clocked.buckets.iter().zip(durations.cumulative.iter_mut()) {
                below += bucket.load(Ordering::Relaxed);
                *at_most = below;
            }
            durations.count = below + clocked.buckets[BUCKETS.len()].load(Ordering::Relaxed);
            durations.sum_seconds =
                Duration::from_micros(clocked.micros.load(Ordering::Relaxed)).as_secs_f64();
            durations
        };
        let all = RequestResult::ALL.into_iter().zip(self.results.iter().map(read));
        all.filter(|(_, durations)| durations.count > 0).collect()
    }
}

/// A request under way. It is counted exactly once: by [`Underway::ended`], or as canceled when dropped before.
pub(crate) struct Underway<'a> {
    meter: &'a Meter,
    began: Instant,
    counted: bool,
}

impl<'a> Underway<'a> {
    pub(crate) fn begin(meter: &'a Meter) -> Self {
        meter.in_flight.fetch_add(1, Ordering::Relaxed);
        Underway {
            meter,
            began: Instant::now(),
            counted: false,
        }
    }

    pub(crate) fn ended(mut self, result: RequestResult) {
        self.counted = true;
        self.meter.record(result, self.began.elapsed());
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.meter.in_flight.fetch_sub(1, Ordering::Relaxed);
        if !self.counted {
            self.meter.record(RequestResult::Canceled, self.began.elapsed());
        }
    }
}

/// An open body or upgraded connection.
pub(crate) struct OpenStream(Arc<Meter>);

impl OpenStream {
    pub(crate) fn open(meter: &Arc<Meter>) -> Self {
        meter.open_streams.fetch_add(1, Ordering::Relaxed);
        OpenStream(Arc::clone(meter))
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.0
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.open_streams.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What tells meters apart. Only names that objects declare, so callers can make none.
type Key = (String, String, ServiceType);

/// Every meter.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    all: Mutex<BTreeMap<Key, Arc<Meter>>>,
}

impl Meters {
    pub(crate) fn meter(&self, plugin: &str, group: &str, endpoint: ServiceType) -> Arc<Meter> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (plugin.to_owned(), group.to_owned(), endpoint);
        Arc::clone(all.entry(key).or_default())
    }

    /// Forgets what nothing declares any more.
    pub(crate) fn retain(&self, declared: impl Fn(&str, &str, ServiceType) -> bool) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(plugin, group, endpoint), _| declared(plugin, group, *endpoint));
    }

    pub(crate) fn read(&self) -> Vec<Traffic> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .map(|((plugin, group, endpoint), meter)| Traffic {
                plugin: plugin.clone(),
                group: group.clone(),
                endpoint: *endpoint,
                results: meter.read(),
                in_flight: meter.in_flight.load(Ordering::Relaxed),
                open_streams: meter.open_streams.load(Ordering::Relaxed),
                stalled: meter.stalled.load(Ordering::Relaxed),
                request_bytes: meter.request_bytes.load(Ordering::Relaxed),
                response_bytes: meter.response_bytes.load(Ordering::Relaxed),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_counted_once_and_in_its_bucket() {
        let meters = Meters::default();
        let meter = meters.meter("p", "g", ServiceType::Route);
        meter.record(RequestResult::Ok, Duration::from_millis(1));
        meter.record(RequestResult::Ok, Duration::from_millis(3));
        meter.record(RequestResult::Ok, Duration::from_secs(60));
        Underway::begin(&meter).ended(RequestResult::Timeout);
        drop(Underway::begin(&meter));
        let read = meters.read();
        let of = |result| read[0].results.iter().find(|(r, _)| *r == result).map(|(_, d)| d);
        let ok = of(RequestResult::Ok).unwrap();
        assert_eq!(
            (ok.count, ok.cumulative[0], ok.cumulative[2], ok.cumulative[13]),
            (3, 1, 2, 2)
        );
        assert!((ok.sum_seconds - 60.004).abs() < 1e-9);
        assert_eq!(of(RequestResult::Timeout).unwrap().count, 1);
        assert_eq!(of(RequestResult::Canceled).unwrap().count, 1);
        assert_eq!(of(RequestResult::ServerError), None);
        assert_eq!(read[0].in_flight, 0);
        for (micros, seconds) in BUCKETS_US.iter().zip(BUCKETS) {
            assert!((Duration::from_micros(*micros).as_secs_f64() - seconds).abs() < 1e-12);
        }
    }

    #[test]
    fn mx10_what_is_no_longer_declared_is_forgotten() {
        let meters = Meters::default();
        meters.meter("p", "g", ServiceType::Route);
        meters.meter("q", "g", ServiceType::Query);
        meters.retain(|plugin, _, _| plugin == "q");
        assert_eq!(meters.read().len(), 1);
    }
}
