//! Publishers: samples out of a task, in order, kept for a while when the sink is down.
//!
//! A run hands its samples to the publisher's buffer and delivers what is there, oldest first, within the run's
//! time. What a sink does not take stays for the next run; what it will never take is let go and told.

mod client;
mod file;
mod format;
mod http;
mod inside;
mod otlp;
mod remote_write;
mod standard;
mod told;
mod waiting;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::{Instant, timeout_at};

use crate::limits::{BATCH_SAMPLES, BUFFER_SAMPLES};
use crate::manifest::{BufferSpec, Dropped, Table};
use crate::sample::Sample;
use crate::seams::{Host, Later, PluginConfig};
pub(crate) use waiting::Room;
use waiting::Waiting;
pub use waiting::{KeptSamples, KeptSeries};

/// Names of what is built in.
pub(crate) const BUILT_IN: &[&str] = &[
    "file",
    "history",
    "http",
    "notification",
    "otlp",
    "prometheus-remote-write",
    "stdout",
    "topology",
];

/// Why a sink did not take samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Undelivered {
    /// It may take them later.
    Later(String),
    /// It will never take these.
    Never(String),
    /// It took some, and will never take the rest.
    Some {
        /// Samples that it took.
        taken: usize,
        /// Why not the rest.
        why: String,
    },
}

/// Where samples go.
pub(crate) trait Sink: Send + Sync {
    /// Delivers samples before a moment; all of them, or none as far as can be known.
    fn deliver<'a>(&'a self, samples: &'a [Sample], until: Instant) -> Later<'a, Result<(), Undelivered>>;

    /// Takes another config; what is built in has its own for good.
    fn configure(&self, _: PluginConfig) {}
}

/// A sink with what waits for it.
pub(crate) struct Publisher {
    /// Name of what is built in, or id of a plugin.
    name: String,
    sink: Box<dyn Sink>,
    buffer: BufferSpec,
    waiting: Arc<Waiting>,
}

impl Publisher {
    /// The built-in publisher of this name with this config; none when its config is wrong, which is noted then.
    pub(crate) fn built_in(
        name: &str,
        config: &Table<'_>,
        buffer: Option<BufferSpec>,
        host: &Arc<dyn Host>,
    ) -> Option<Publisher> {
        let sink: Box<dyn Sink> = match name {
            "file" => Box::new(file::File::read(config, &host.files())?),
            "history" => Box::new(inside::History(host.clone())),
            "http" => Box::new(http::Http::read(config, host)?),
            "notification" => Box::new(inside::Notification::read(config, host)),
            "otlp" => Box::new(otlp::Otlp::read(config, host)?),
            "prometheus-remote-write" => Box::new(remote_write::RemoteWrite::read(config, host)?),
            "stdout" => Box::new(standard::Standard::read(config)),
            "topology" => Box::new(inside::Topology(host.clone())),
            _ => return None,
        };
        Some(Publisher::new(name, sink, buffer))
    }

    /// A plugin that publishes.
    pub(crate) fn plugin(
        id: &str,
        config: serde_json::Value,
        buffer: Option<BufferSpec>,
        host: &Arc<dyn Host>,
    ) -> Publisher {
        let sink = inside::Plugin {
            id: id.to_owned(),
            config: std::sync::Mutex::new(PluginConfig {
                values: config,
                secrets: Vec::new(),
            }),
            host: host.clone(),
        };
        Publisher::new(id, Box::new(sink), buffer)
    }

    fn new(name: &str, sink: Box<dyn Sink>, buffer: Option<BufferSpec>) -> Publisher {
        Publisher {
            name: name.to_owned(),
            sink,
            buffer: buffer.unwrap_or(BufferSpec {
                max: BUFFER_SAMPLES,
                drop: Dropped::Oldest,
            }),
            waiting: Arc::default(),
        }
    }

    /// Whether it shows notices.
    pub(crate) fn is_notification(&self) -> bool {
        self.name == "notification"
    }

    /// Takes the place of another publisher, with what waits there, if it is of the same kind.
    pub(crate) fn take_over(&mut self, other: &Publisher) {
        if self.name == other.name {
            self.waiting = Arc::clone(&other.waiting);
        }
    }

    /// The newest of what waits, to be kept; none when nothing does.
    pub(crate) fn kept(&self, path: &str, room: &mut Room) -> Option<KeptSamples> {
        let series = self.waiting.kept(room);
        (!series.is_empty()).then(|| KeptSamples {
            path: path.to_owned(),
            plugin: self.name.clone(),
            series,
        })
    }

    /// Takes back what was kept of a publisher of this kind.
    pub(crate) fn restore(&self, kept: &KeptSamples) {
        if kept.plugin == self.name {
            self.waiting.restore(kept.series.clone());
        }
    }

    /// Gives a plugin the config that its rules come to.
    pub(crate) fn configure(&self, config: PluginConfig) {
        self.sink.configure(config);
    }

    /// Samples that wait, and samples that were let go.
    pub(crate) fn held(&self) -> (u64, u64) {
        self.waiting.counts()
    }

    /// Takes samples and delivers what waits, before a moment.
    ///
    /// # Errors
    /// Why not everything was delivered.
    pub(crate) async fn publish(&self, samples: &[Sample], until: Instant) -> Result<(), String> {
        let _turn = self.waiting.turn.lock().await;
        let mut batch = self.waiting.change(|waiting| {
            self.take(waiting, samples);
            first(waiting)
        });
        let mut refused = None;
        while !batch.is_empty() {
            let count = batch.len();
            let delivered = timeout_at(until, self.sink.deliver(&batch, until)).await;
            let delivered = delivered.unwrap_or_else(|_| {
                Err(Undelivered::Later(
                    "it did not take the samples in time".to_owned(),
                ))
            });
            match delivered {
                Ok(()) => {}
                Err(Undelivered::Later(why)) => {
                    let (held, dropped) = self.held();
                    return Err(format!("{why} ({held} samples wait, {dropped} were dropped)"));
                }
                Err(Undelivered::Never(why)) => {
                    self.waiting.dropped.fetch_add(count as u64, Ordering::Relaxed);
                    refused = Some(why);
                }
                Err(Undelivered::Some { taken, why }) => {
                    let dropped = count.saturating_sub(taken) as u64;
                    self.waiting.dropped.fetch_add(dropped, Ordering::Relaxed);
                    refused = Some(why);
                }
            }
            batch = self.waiting.change(|waiting| {
                waiting.drain(..count.min(waiting.len()));
                first(waiting)
            });
        }
        refused.map_or(Ok(()), Err)
    }

    fn take(&self, waiting: &mut VecDeque<Sample>, samples: &[Sample]) {
        // What was kept of a publisher with more room may be too much by itself.
        let too_many = (waiting.len() + samples.len()).saturating_sub(self.buffer.max);
        self.waiting.dropped.fetch_add(too_many as u64, Ordering::Relaxed);
        match self.buffer.drop {
            Dropped::Newest => {
                waiting.extend(samples.iter().cloned());
                waiting.truncate(self.buffer.max);
            }
            Dropped::Oldest => {
                let from_old = too_many.min(waiting.len());
                waiting.drain(..from_old);
                waiting.extend(samples.iter().skip(too_many - from_old).cloned());
            }
        }
    }
}

/// What is delivered next.
fn first(waiting: &VecDeque<Sample>) -> Vec<Sample> {
    waiting.iter().take(BATCH_SAMPLES).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as Lock;
    use std::time::Duration;

    use super::*;
    use crate::sample::tests::sample;

    /// Takes samples or does not, as it is told.
    #[derive(Clone, Default)]
    struct Fickle(Arc<Lock<(Vec<f64>, Option<Undelivered>)>>);

    impl Sink for Fickle {
        fn deliver<'a>(&'a self, samples: &'a [Sample], _: Instant) -> Later<'a, Result<(), Undelivered>> {
            Box::pin(async move {
                let mut state = self.0.lock().unwrap();
                if let Some(why) = &state.1 {
                    return Err(why.clone());
                }
                state.0.extend(samples.iter().map(|s| s.value));
                Ok(())
            })
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    fn numbered(from: usize, to: usize) -> Vec<Sample> {
        (from..to).map(|i| sample("a", "x", i as i64, i as f64)).collect()
    }

    fn publisher(sink: &Fickle, max: usize, drop: Dropped) -> Publisher {
        Publisher::new("fickle", Box::new(sink.clone()), Some(BufferSpec { max, drop }))
    }

    #[tokio::test]
    async fn what_a_sink_does_not_take_waits_within_bounds() {
        for (drop, first, last) in [(Dropped::Oldest, 95, 105), (Dropped::Newest, 0, 10)] {
            let sink = Fickle::default();
            let publisher = publisher(&sink, 10, drop);
            sink.0.lock().unwrap().1 = Some(Undelivered::Later("down".to_owned()));
            for i in 0..21 {
                let why = publisher
                    .publish(&numbered(i * 5, i * 5 + 5), soon())
                    .await
                    .unwrap_err();
                assert!(why.starts_with("down"), "{why}");
                assert!(publisher.held().0 <= 10);
            }
            assert_eq!(publisher.held(), (10, 95));
            sink.0.lock().unwrap().1 = None;
            publisher.publish(&[], soon()).await.unwrap();
            let taken: Vec<f64> = (first..last).map(f64::from).collect();
            assert_eq!(sink.0.lock().unwrap().0, taken, "in order, and once");
            assert_eq!(publisher.held(), (0, 95));
        }
    }

    #[tokio::test]
    async fn more_samples_than_there_is_room_for_at_once() {
        let sink = Fickle::default();
        let publisher = publisher(&sink, 10, Dropped::Oldest);
        publisher.publish(&numbered(0, 25), soon()).await.unwrap();
        assert_eq!(
            sink.0.lock().unwrap().0,
            (15..25).map(f64::from).collect::<Vec<_>>()
        );
    }

    #[tokio::test]
    async fn what_is_refused_for_good_blocks_nothing() {
        let sink = Fickle::default();
        let publisher = publisher(&sink, 10, Dropped::Oldest);
        sink.0.lock().unwrap().1 = Some(Undelivered::Never("bad".to_owned()));
        assert_eq!(
            publisher.publish(&numbered(0, 5), soon()).await,
            Err("bad".to_owned())
        );
        assert_eq!(publisher.held(), (0, 5));
        sink.0.lock().unwrap().1 = None;
        publisher.publish(&numbered(5, 6), soon()).await.unwrap();
        assert_eq!(sink.0.lock().unwrap().0, [5.0]);
    }

    /// Never answers.
    struct Silent;

    impl Sink for Silent {
        fn deliver<'a>(&'a self, _: &'a [Sample], _: Instant) -> Later<'a, Result<(), Undelivered>> {
            Box::pin(std::future::pending())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_sink_that_hangs_is_left_at_the_deadline() {
        let publisher = Publisher::new("silent", Box::new(Silent), None);
        let why = publisher.publish(&numbered(0, 5), soon()).await.unwrap_err();
        assert!(why.contains("in time"), "{why}");
        assert_eq!(publisher.held(), (5, 0));
    }
}
