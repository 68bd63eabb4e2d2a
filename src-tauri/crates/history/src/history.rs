//! The handle.

use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use orrery_sqlite::is_damage;
use sqlx::SqlitePool;
use tokio::sync::{mpsc, oneshot};

use crate::config::Config;
use crate::data::{NewEvent, SamplePage, Series, SeriesInfo, SeriesSamples, Stats, StoredEvent};
use crate::error::HistoryError;
use crate::live::Live;
use crate::waiting::Batch;
use crate::write::{Message, Reply, Writer};
use crate::{file, limits, read};

/// An open history. Clones are handles on the same one; it is closed by [`History::close`] or when the last
/// handle is dropped.
#[derive(Clone)]
pub struct History {
    outbox: mpsc::Sender<Message>,
    shared: Arc<Shared>,
    set_aside: Option<Arc<Path>>,
}

impl History {
    /// Opens the history, making its folder (mode 0700) and file (mode 0600) when missing.
    ///
    /// A damaged file is set aside, reported by [`History::set_aside`], and a new one begun. Must be called
    /// within a Tokio runtime.
    ///
    /// # Errors
    /// [`HistoryError::Open`] when another process has it, a newer version made it, it is something else's or the
    /// system refuses, and [`HistoryError::Database`] when it cannot be read.
    pub async fn open(config: Config) -> Result<History, HistoryError> {
        let opened = file::open(&config).await?;
        let shared = Arc::new(Shared {
            config,
            readers: opened.readers,
            live: RwLock::default(),
            stats: Mutex::default(),
            queue: Queue::default(),
        });
        let writer = Writer::begin(opened.writer, opened.lock, Arc::clone(&shared)).await;
        let writer = writer.map_err(HistoryError::database("take up the history"))?;
        let (outbox, inbox) = mpsc::channel(limits::QUEUE_MESSAGES);
        tokio::spawn(writer.run(inbox));
        Ok(History {
            outbox,
            shared,
            set_aside: opened.set_aside.map(Arc::from),
        })
    }

    /// Where a damaged history went that stood in this one's place when it was opened.
    pub fn set_aside(&self) -> Option<&Path> {
        self.set_aside.as_deref()
    }

    /// Hands in samples. Never waits: when the queue is full they are dropped and counted in
    /// [`Stats::dropped`]. They can be read, and survive a kill, within half a second.
    ///
    /// Series of one node had better follow each other, which takes less room.
    pub fn append(&self, batch: impl IntoIterator<Item = SeriesSamples>) {
        let batch = Batch::of(batch);
        if batch.is_empty() {
            return;
        }
        let samples = batch.len();
        self.hand_in(
            &self.shared.queue.samples,
            samples,
            limits::QUEUE_SAMPLES,
            samples,
            Message::Samples(batch),
        );
    }

    /// Notes that something happened. Never waits.
    pub fn record(&self, event: NewEvent) {
        self.hand_in(
            &self.shared.queue.events,
            1,
            limits::QUEUE_EVENTS,
            1,
            Message::Event(event),
        );
    }

    /// Hands in a report frame: opaque bytes that stand for the whole state at a time, in milliseconds since
    /// the epoch. Never waits. Frames of more than [`limits::MAX_FRAME_BYTES`] are dropped and counted.
    pub fn put_frame(&self, at_ms: i64, bytes: Vec<u8>) {
        let size = bytes.len();
        if size > limits::MAX_FRAME_BYTES {
            self.shared.queue.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let message = Message::Frame { at_ms, bytes };
        self.hand_in(
            &self.shared.queue.frame_bytes,
            size,
            limits::QUEUE_FRAME_BYTES,
            1,
            message,
        );
    }

    /// Waits until all that was handed in before is committed.
    ///
    /// # Errors
    /// [`HistoryError::NotWritten`] when the commit failed; it is tried again. [`HistoryError::Closed`].
    pub async fn flush(&self) -> Result<(), HistoryError> {
        self.ask(Message::Flush).await
    }

    /// Commits, seals what can be sealed and clears what is too old or too big: at once what otherwise
    /// happens by itself every few seconds.
    ///
    /// # Errors
    /// As [`History::flush`].
    pub async fn tidy(&self) -> Result<(), HistoryError> {
        self.ask(Message::Tidy).await
    }

    /// Commits and closes. Other handles then drop what is handed in.
    ///
    /// # Errors
    /// [`HistoryError::NotWritten`] when the last commit failed: what it held is lost.
    pub async fn close(self) -> Result<(), HistoryError> {
        self.ask(Message::Close).await
    }

    /// A metric's past on a node from `from_ms` to `to_ms`, both included, in at most `max_points` points
    /// (from 2 to [`limits::MAX_POINTS`]). All incarnations are in it; their starts are told.
    ///
    /// # Errors
    /// [`HistoryError::Database`] when the file cannot be read.
    pub async fn range(
        &self,
        node: &str,
        metric: &str,
        from_ms: i64,
        to_ms: i64,
        max_points: u32,
    ) -> Result<Series, HistoryError> {
        self.mind_damage(read::range(&self.shared, node, metric, from_ms, to_ms, max_points).await)
    }

    /// What history holds of a node: a line per metric and incarnation.
    ///
    /// # Errors
    /// [`HistoryError::Database`] when the file cannot be read.
    pub async fn series_of(&self, node: &str) -> Result<Vec<SeriesInfo>, HistoryError> {
        self.mind_damage(read::series_of(&self.shared, node).await)
    }

    /// A page of raw samples of a node's metrics (all when none are named) from `from_ms` to `to_ms`, both
    /// included. A page has about `limit` rows, at most [`limits::MAX_PAGE_ROWS`]; rows of one time are never
    /// parted. Go on with [`SamplePage::next_from_ms`].
    ///
    /// # Errors
    /// [`HistoryError::Database`] when the file cannot be read.
    pub async fn samples(
        &self,
        node: &str,
        metrics: &[&str],
        from_ms: i64,
        to_ms: i64,
        limit: u32,
    ) -> Result<SamplePage, HistoryError> {
        self.mind_damage(read::samples(&self.shared, node, metrics, from_ms, to_ms, limit).await)
    }

    /// The newest `limit` events (at most [`limits::MAX_EVENTS_READ`]) from `from_ms` to `to_ms`, both
    /// included, oldest first.
    ///
    /// # Errors
    /// [`HistoryError::Database`] when the file cannot be read.
    pub async fn events(
        &self,
        from_ms: i64,
        to_ms: i64,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, HistoryError> {
        self.mind_damage(read::events(&self.shared, from_ms, to_ms, limit).await)
    }

    /// The newest frame at or before a time, with its own time; none when there is none that old.
    ///
    /// # Errors
    /// [`HistoryError::Database`] when the file cannot be read.
    pub async fn frame_at(&self, at_ms: i64) -> Result<Option<(i64, Vec<u8>)>, HistoryError> {
        self.mind_damage(read::frame_at(&self.shared, at_ms).await)
    }

    /// Times of frames from `from_ms` to `to_ms`, both included: at most [`limits::MAX_FRAME_TIMES`].
    ///
    /// # Errors
    /// [`HistoryError::Database`] when the file cannot be read.
    pub async fn frame_times(&self, from_ms: i64, to_ms: i64) -> Result<Vec<i64>, HistoryError> {
        self.mind_damage(read::frame_times(&self.shared, from_ms, to_ms).await)
    }

    /// How the history does. Does no I/O.
    pub fn stats(&self) -> Stats {
        let mut stats = self.shared.stats().clone();
        stats.dropped = self.shared.queue.dropped.load(Ordering::Relaxed);
        stats
    }

    /// Sends when there is room in the queue that `used` counts, or else drops and counts.
    fn hand_in(&self, used: &AtomicUsize, size: usize, limit: usize, things: usize, message: Message) {
        let before = used.fetch_add(size, Ordering::Relaxed);
        if before.saturating_add(size) <= limit && self.outbox.try_send(message).is_ok() {
            return;
        }
        used.fetch_sub(size, Ordering::Relaxed);
        self.shared
            .queue
            .dropped
            .fetch_add(things as u64, Ordering::Relaxed);
    }

    /// A read may meet damage that the check at the start did not look for; the next start will.
    fn mind_damage<T>(&self, outcome: Result<T, HistoryError>) -> Result<T, HistoryError> {
        if let Err(HistoryError::Database { source, .. }) = &outcome
            && is_damage(source)
        {
            file::mark_suspect(&self.shared.config.path);
        }
        outcome
    }

    async fn ask(&self, message: impl FnOnce(Reply) -> Message) -> Result<(), HistoryError> {
        let (reply, answer) = oneshot::channel();
        self.outbox
            .send(message(reply))
            .await
            .map_err(|_| HistoryError::Closed)?;
        answer.await.map_err(|_| HistoryError::Closed)?
    }
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History")
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}

/// What handles and the writer share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) readers: SqlitePool,
    pub(crate) queue: Queue,
    live: RwLock<Live>,
    stats: Mutex<Stats>,
}

/// What waits for the writer or for a commit.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(crate) samples: AtomicUsize,
    pub(crate) events: AtomicUsize,
    pub(crate) frame_bytes: AtomicUsize,
    dropped: AtomicU64,
}

impl Shared {
    /// The unsealed samples. A panic elsewhere leaves them sound: each change is complete or not begun.
    pub(crate) fn live(&self) -> RwLockReadGuard<'_, Live> {
        self.live.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The unsealed samples, for the writer.
    pub(crate) fn live_mut(&self) -> RwLockWriteGuard<'_, Live> {
        self.live.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The statistics.
    pub(crate) fn stats(&self) -> MutexGuard<'_, Stats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
