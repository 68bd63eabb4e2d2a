//! The writer: one task that owns the database and does everything that changes it.

mod catalog;
mod commit;
mod frames;
mod retain;
mod rows;
mod seal;
mod thin;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use orrery_sqlite::{Lock, is_damage};
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::data::NewEvent;
use crate::error::HistoryError;
use crate::file;
use crate::history::Shared;
use crate::limits;
use crate::live::chunk_start;
use crate::waiting::Batch;

use catalog::Catalog;
use frames::FrameEncoder;

/// What the handle asks of the writer.
pub(crate) enum Message {
    /// New samples.
    Samples(Batch),
    /// Something happened.
    Event(NewEvent),
    /// A report frame.
    Frame { at_ms: i64, bytes: Vec<u8> },
    /// Commit what has arrived.
    Flush(Reply),
    /// Commit, seal what can be sealed and clear all that is too old or too big.
    Tidy(Reply),
    /// Commit and end.
    Close(Reply),
}

/// Where the writer answers.
pub(crate) type Reply = oneshot::Sender<Result<(), HistoryError>>;

/// What has arrived and is not committed.
#[derive(Default)]
struct Pending {
    /// Batch by batch, so that none is copied.
    samples: Vec<Batch>,
    events: Vec<NewEvent>,
    frames: Vec<(i64, Arc<Vec<u8>>)>,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.events.is_empty() && self.frames.is_empty()
    }
}

/// The writer's state.
pub(crate) struct Writer {
    db: SqliteConnection,
    shared: Arc<Shared>,
    pending: Pending,
    catalog: Catalog,
    frames: FrameEncoder,
    commit_at: Option<Instant>,
    retry: Duration,
    retain_at: Instant,
    sealed_at_ms: i64,
    /// A transaction failed on the connection.
    is_stale: bool,
    /// Let go of last, when all else is closed.
    _lock: Lock,
}

impl Writer {
    /// Takes over what an earlier run left unsealed.
    pub(crate) async fn begin(
        db: SqliteConnection,
        lock: Lock,
        shared: Arc<Shared>,
    ) -> Result<Self, sqlx::Error> {
        let mut writer = Writer {
            db,
            shared,
            pending: Pending::default(),
            catalog: Catalog::default(),
            frames: FrameEncoder::default(),
            commit_at: None,
            retry: limits::RETRY_MIN,
            retain_at: Instant::now(),
            sealed_at_ms: i64::MIN,
            is_stale: false,
            _lock: lock,
        };
        writer.replay().await?;
        writer.count().await?;
        Ok(writer)
    }

    /// Serves messages until told to close, or until every handle is gone.
    pub(crate) async fn run(mut self, mut inbox: mpsc::Receiver<Message>) {
        let mut goodbye = None;
        loop {
            let wake = self.commit_at.map_or(self.retain_at, |at| at.min(self.retain_at));
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(Message::Close(reply)) => {
                        goodbye = Some(reply);
                        break;
                    }
                    Some(message) => self.take(message).await,
                    None => break,
                },
                () = sleep_until(wake) => {}
            }
            let now = Instant::now();
            if self.commit_at.is_some_and(|at| at <= now) {
                // The outcome stands in the statistics, and what failed is tried again.
                let _outcome = self.commit().await;
            }
            if self.retain_at <= now {
                self.maintain().await;
            }
        }
        inbox.close();
        while let Ok(message) = inbox.try_recv() {
            self.take(message).await;
        }
        let outcome = self.commit().await;
        self.shared.readers.close().await;
        let Writer {
            db, shared, _lock, ..
        } = self;
        if let Err(error) = db.close().await {
            tracing::warn!(%error, path = %shared.config.path.display(), "closing the history");
        }
        drop(_lock);
        if let Some(reply) = goodbye {
            answer(reply, outcome);
        }
    }

    async fn take(&mut self, message: Message) {
        match message {
            Message::Samples(batch) => self.pending.samples.push(batch),
            Message::Event(event) => self.pending.events.push(event),
            Message::Frame { at_ms, bytes } => self.pending.frames.push((at_ms, Arc::new(bytes))),
            Message::Flush(reply) => {
                let outcome = self.commit().await;
                answer(reply, outcome);
            }
            Message::Tidy(reply) => {
                let outcome = self.tidy().await;
                answer(reply, outcome);
            }
            Message::Close(reply) => answer(reply, Err(HistoryError::Closed)),
        }
        if self.commit_at.is_none() && !self.pending.is_empty() {
            self.commit_at = Some(Instant::now() + limits::COMMIT_DELAY);
        }
    }

    /// Commits what is pending. When that fails, it stays pending and is tried again later.
    async fn commit(&mut self) -> Result<(), HistoryError> {
        self.commit_at = None;
        if self.pending.is_empty() {
            return Ok(());
        }
        let outcome = match self.renew().await {
            Ok(()) => self.try_commit().await,
            Err(error) => Err(error),
        };
        if outcome.is_ok() {
            self.retry = limits::RETRY_MIN;
        } else {
            self.is_stale = true;
            self.commit_at = Some(Instant::now() + self.retry);
            self.retry = (self.retry * 2).min(limits::RETRY_MAX);
        }
        self.note("commit", outcome)
    }

    /// Seals what is due and takes one step of clearing.
    async fn maintain(&mut self) {
        let more = match self.maintain_once().await {
            Ok(more) => more,
            Err(error) => {
                // Noted in the statistics; the next round tries again.
                let _outcome = self.note("clear", Err(error));
                false
            }
        };
        self.retain_at = Instant::now()
            + if more {
                limits::RETAIN_PAUSE
            } else {
                limits::RETAIN_EVERY
            };
    }

    async fn maintain_once(&mut self) -> Result<bool, sqlx::Error> {
        self.renew().await?;
        let done = self.seal_and_clear().await;
        self.is_stale = done.is_err();
        done
    }

    /// A connection on which a transaction failed makes room for another one. On a full disk SQLite takes a
    /// transaction back by itself and the connection's count of open ones is wrong from then on: what it writes
    /// later would never be committed.
    async fn renew(&mut self) -> Result<(), sqlx::Error> {
        if !self.is_stale {
            return Ok(());
        }
        let fresh = file::connect_writer(&self.shared.config.path).await?;
        let failed = std::mem::replace(&mut self.db, fresh);
        self.is_stale = false;
        if let Err(error) = failed.close().await {
            tracing::debug!(%error, "closing a connection that failed");
        }
        Ok(())
    }

    async fn seal_and_clear(&mut self) -> Result<bool, sqlx::Error> {
        let now_ms = self.shared.config.now_ms();
        let since = now_ms.saturating_sub(self.sealed_at_ms);
        // A clock that was set back counts as time that has passed.
        if !(0..limits::SEAL_EVERY_MS).contains(&since) {
            self.seal_due().await?;
            self.sealed_at_ms = now_ms;
        }
        let more = self.retain_step().await?;
        self.note_bytes();
        Ok(more)
    }

    async fn tidy(&mut self) -> Result<(), HistoryError> {
        self.commit().await?;
        self.sealed_at_ms = i64::MIN;
        loop {
            match self.maintain_once().await {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) => return self.note("clear", Err(error)),
            }
        }
    }

    /// Puts the outcome into the statistics and, when it is a new failure, into the log.
    fn note(&self, doing: &'static str, outcome: Result<(), sqlx::Error>) -> Result<(), HistoryError> {
        let text = outcome
            .as_ref()
            .err()
            .map(|error| format!("cannot {doing}: {error}"));
        let is_new = {
            let mut stats = self.shared.stats();
            let is_new = text.is_some() && stats.last_error != text;
            stats.last_error.clone_from(&text);
            is_new
        };
        let Err(error) = outcome else { return Ok(()) };
        if is_new {
            tracing::error!(%error, path = %self.shared.config.path.display(), doing, "history is not written");
        }
        if is_damage(&error) {
            file::mark_suspect(&self.shared.config.path);
        }
        Err(HistoryError::NotWritten(text.unwrap_or_default()))
    }

    fn note_bytes(&self) {
        let bytes = file::bytes_on_disk(&self.shared.config.path);
        self.shared.stats().bytes = bytes;
    }

    /// Counts what the file holds.
    async fn count(&mut self) -> Result<(), sqlx::Error> {
        let db = &mut self.db;
        let series: i64 = sqlx::query_scalar("SELECT count(*) FROM series")
            .fetch_one(&mut *db)
            .await?;
        let sealed: i64 = sqlx::query_scalar("SELECT coalesce(sum(samples), 0) FROM chunk")
            .fetch_one(&mut *db)
            .await?;
        let live = self.shared.live().len() as u64;
        {
            let mut stats = self.shared.stats();
            stats.limit_bytes = self.shared.config.max_bytes;
            stats.series = series.unsigned_abs();
            stats.samples = sealed.unsigned_abs() + live;
        }
        self.note_bytes();
        self.note_oldest().await
    }

    /// Looks up the oldest samples and the oldest frame.
    async fn note_oldest(&mut self) -> Result<(), sqlx::Error> {
        let chunk = self.oldest_chunk().await?;
        let whole = self.oldest_whole_chunk().await?;
        let frame: Option<i64> = sqlx::query_scalar("SELECT min(at_ms) FROM frame")
            .fetch_one(&mut self.db)
            .await?;
        let live = self.shared.live().oldest_ms();
        let mut stats = self.shared.stats();
        let start = |chunk: Option<i64>| chunk.map(chunk_start).into_iter().chain(live).min();
        stats.oldest_ms = start(chunk);
        stats.oldest_whole_ms = start(whole);
        stats.oldest_frame_ms = frame;
        Ok(())
    }

    /// Lets go of room in the queues.
    fn release(&self, samples: usize, events: usize, frame_bytes: usize) {
        let queue = &self.shared.queue;
        queue.samples.fetch_sub(samples, Ordering::Relaxed);
        queue.events.fetch_sub(events, Ordering::Relaxed);
        queue.frame_bytes.fetch_sub(frame_bytes, Ordering::Relaxed);
    }
}

fn answer(reply: Reply, outcome: Result<(), HistoryError>) {
    // Who asked may have gone in the meantime, and then needs no answer.
    let _gone = reply.send(outcome);
}
