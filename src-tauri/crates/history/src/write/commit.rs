//! A commit: everything that arrived since the last one, in one small transaction.

use sqlx::{Connection, SqliteConnection};

use crate::codec::{TailSample, encode_tail};
use crate::data::{NewEvent, Sample};
use crate::history::Shared;
use crate::limits;
use crate::live::chunk_of;
use crate::waiting::Batch;

use super::catalog::{Catalog, cut};
use super::frames::{EncodedFrame, write_frame};
use super::{Pending, Writer};

/// What a transaction wrote.
struct Written {
    tail: Vec<TailSample>,
    ignored: usize,
}

impl Writer {
    /// Commits what is pending, or leaves all as it was.
    pub(super) async fn try_commit(&mut self) -> Result<(), sqlx::Error> {
        let frames = self.encode_frames().await?;
        match self.write(&frames).await {
            Ok(written) => {
                self.settle(&written, &frames);
                Ok(())
            }
            Err(error) => {
                self.catalog.undo();
                self.frames.start_anew();
                Err(error)
            }
        }
    }

    async fn write(&mut self, frames: &[EncodedFrame]) -> Result<Written, sqlx::Error> {
        let mut transaction = self.db.begin().await?;
        let db = &mut *transaction;
        let written = collect(db, &mut self.catalog, &self.shared, &self.pending.samples).await?;
        for row in written.tail.chunks(limits::TAIL_ROW_SAMPLES) {
            write_tail(db, row).await?;
        }
        for event in &self.pending.events {
            write_event(db, event).await?;
        }
        for frame in frames {
            write_frame(db, frame).await?;
        }
        transaction.commit().await?;
        Ok(written)
    }

    /// Makes what was committed known.
    fn settle(&mut self, written: &Written, frames: &[EncodedFrame]) {
        let oldest_ms = {
            let mut live = self.shared.live_mut();
            for sample in &written.tail {
                live.insert(
                    sample.series,
                    Sample {
                        t_ms: sample.t_ms,
                        value: sample.value,
                    },
                );
            }
            live.oldest_ms()
        };
        let created = self.catalog.keep();
        let oldest_frame = frames.iter().map(|f| f.at_ms).min();
        {
            let mut stats = self.shared.stats();
            stats.samples += written.tail.len() as u64;
            stats.ignored += written.ignored as u64;
            stats.series += created;
            stats.oldest_ms = stats.oldest_ms.into_iter().chain(oldest_ms).min();
            stats.oldest_whole_ms = stats.oldest_whole_ms.into_iter().chain(oldest_ms).min();
            stats.oldest_frame_ms = stats.oldest_frame_ms.into_iter().chain(oldest_frame).min();
        }
        self.note_bytes();
        let Pending {
            samples,
            events,
            frames,
        } = std::mem::take(&mut self.pending);
        self.release(
            samples.iter().map(Batch::len).sum(),
            events.len(),
            frames.iter().map(|(_, bytes)| bytes.len()).sum(),
        );
    }
}

/// Sorts out which samples are new and to which series they belong.
async fn collect(
    db: &mut SqliteConnection,
    catalog: &mut Catalog,
    shared: &Shared,
    arrived: &[Batch],
) -> Result<Written, sqlx::Error> {
    let kept = shared.config.oldest_kept_ms()..=shared.config.now_ms().saturating_add(limits::MAX_AHEAD_MS);
    let mut tail = Vec::new();
    let mut arrived_count = 0;
    for series in arrived.iter().flat_map(Batch::iter) {
        arrived_count += series.samples.len();
        if series.node.len() > limits::MAX_NODE_BYTES || series.what.metric.len() > limits::MAX_METRIC_BYTES {
            continue;
        }
        let sound = |s: &&Sample| s.value.is_finite() && s.t_ms >= 0 && kept.contains(&s.t_ms);
        let sound: Vec<Sample> = series.samples.iter().filter(sound).copied().collect();
        let times = sound.iter().map(|s| s.t_ms);
        let Some((first_ms, last_ms)) = times.clone().min().zip(times.max()) else {
            continue;
        };
        if let Some(id) = catalog.resolve(db, series, first_ms, last_ms).await? {
            tail.extend(sound.iter().map(|s| TailSample {
                series: id,
                t_ms: s.t_ms,
                value: s.value,
            }));
        }
    }
    // Stable, so that of two samples at one time the first to arrive stays.
    tail.sort_by_key(|s| (s.series, s.t_ms));
    tail.dedup_by_key(|s| (s.series, s.t_ms));
    {
        let live = shared.live();
        tail.retain(|s| !live.contains(s.series, s.t_ms));
    }
    Ok(Written {
        ignored: arrived_count - tail.len(),
        tail,
    })
}

async fn write_tail(db: &mut SqliteConnection, samples: &[TailSample]) -> Result<(), sqlx::Error> {
    let chunk_max = samples.iter().map(|s| chunk_of(s.t_ms)).max().unwrap_or_default();
    let data = encode_tail(samples).map_err(sqlx::Error::Io)?;
    sqlx::query("INSERT INTO tail (chunk_max, data) VALUES (?, ?)")
        .bind(chunk_max)
        .bind(data)
        .execute(db)
        .await?;
    Ok(())
}

async fn write_event(db: &mut SqliteConnection, event: &NewEvent) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO event (at_ms, kind, subject, label, text, user) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(event.at_ms)
        .bind(cut(&event.kind, limits::MAX_LABEL_BYTES))
        .bind(cut(&event.subject, limits::MAX_NODE_BYTES))
        .bind(cut(&event.label, limits::MAX_LABEL_BYTES))
        .bind(cut(&event.text, limits::MAX_TEXT_BYTES))
        .bind(cut(&event.user, limits::MAX_LABEL_BYTES))
        .execute(db)
        .await?;
    Ok(())
}
