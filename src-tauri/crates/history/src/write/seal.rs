//! Sealing: samples of a chunk that has passed move from the tail into one block per series.

use std::collections::BTreeMap;
use std::sync::Arc;

use sqlx::Connection;

use crate::codec::{decode_tail, encode_times, encode_values};
use crate::data::Sample;
use crate::history::Shared;
use crate::limits;
use crate::live::{chunk_of, chunk_start, insert_sorted};
use crate::read::blocks;

use super::Writer;
use super::rows::{self, SealedBlock};

impl Writer {
    /// Reads the tail that an earlier run left into memory.
    pub(super) async fn replay(&mut self) -> Result<(), sqlx::Error> {
        let ids: Vec<i64> = sqlx::query_scalar("SELECT id FROM tail ORDER BY id")
            .fetch_all(&mut self.db)
            .await?;
        for id in ids {
            let data: Vec<u8> = sqlx::query_scalar("SELECT data FROM tail WHERE id = ?")
                .bind(id)
                .fetch_one(&mut self.db)
                .await?;
            let Ok(samples) = decode_tail(&data) else {
                tracing::error!(row = id, "a row of the history's tail is damaged and left out");
                continue;
            };
            let mut live = self.shared.live_mut();
            for s in samples {
                live.insert(
                    s.series,
                    Sample {
                        t_ms: s.t_ms,
                        value: s.value,
                    },
                );
            }
        }
        Ok(())
    }

    /// Seals every chunk whose time has come, oldest first.
    pub(super) async fn seal_due(&mut self) -> Result<(), sqlx::Error> {
        let due_ms = self.shared.config.now_ms().saturating_sub(limits::SEAL_DELAY_MS);
        // A chunk is due when the next one has begun long enough ago.
        let mut through = chunk_of(due_ms) - 1;
        if self.shared.live().len() > limits::LIVE_SAMPLES {
            through = i64::MAX;
        }
        let chunks = self.shared.live().chunks_through(through);
        for chunk in chunks {
            self.seal(chunk).await?;
        }
        self.catalog.forget_idle(limits::IDLE_COMMITS);
        Ok(())
    }

    /// Seals one chunk; all older ones must be sealed already. Doing it again changes nothing.
    async fn seal(&mut self, chunk: i64) -> Result<(), sqlx::Error> {
        let thinned = blocks::thinned(&mut self.db, chunk).await?;
        if thinned == Some(true) {
            return self.drop_late(chunk).await;
        }
        let earlier = match thinned {
            Some(_) => self.earlier_blocks(chunk).await?,
            None => BTreeMap::new(),
        };
        let shared = Arc::clone(&self.shared);
        let first_times = blocks::next_times(&mut self.db, chunk).await?;
        let work = tokio::task::spawn_blocking(move || encode_chunk(&shared, chunk, first_times, earlier));
        let sealed = work.await.map_err(std::io::Error::other)?;

        let mut transaction = self.db.begin().await?;
        let db = &mut *transaction;
        rows::write_times(db, chunk, first_times, &sealed.times).await?;
        rows::write_blocks(db, chunk, &sealed.blocks).await?;
        rows::write_summaries(db, chunk, &sealed.blocks).await?;
        rows::write_spans(db, &sealed.blocks).await?;
        rows::write_chunk(db, chunk, sealed.added).await?;
        sqlx::query("DELETE FROM tail WHERE chunk_max <= ?")
            .bind(chunk)
            .execute(&mut *db)
            .await?;
        transaction.commit().await?;

        let taken = self.take_live(chunk);
        // Samples that a block had already were counted twice while they were live.
        let repeated = taken.saturating_sub(sealed.added.unsigned_abs());
        let mut stats = self.shared.stats();
        stats.samples = stats.samples.saturating_sub(repeated);
        Ok(())
    }

    /// Drops samples that came when their chunk had been thinned.
    async fn drop_late(&mut self, chunk: i64) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM tail WHERE chunk_max <= ?")
            .bind(chunk)
            .execute(&mut self.db)
            .await?;
        let dropped = self.take_live(chunk);
        let mut stats = self.shared.stats();
        stats.samples = stats.samples.saturating_sub(dropped);
        stats.ignored += dropped;
        Ok(())
    }

    /// Forgets the live samples of a chunk. Gives their number.
    fn take_live(&self, chunk: i64) -> u64 {
        let mut live = self.shared.live_mut();
        let before = live.len();
        live.remove(chunk);
        (before - live.len()) as u64
    }

    /// Samples that blocks of the chunk hold for the series that late samples came for.
    async fn earlier_blocks(&mut self, chunk: i64) -> Result<BTreeMap<i64, Vec<Sample>>, sqlx::Error> {
        let series: Vec<i64> = {
            let live = self.shared.live();
            live.chunk(chunk)
                .map(|c| c.keys().copied().collect())
                .unwrap_or_default()
        };
        let mut earlier = BTreeMap::new();
        for id in series {
            if let Some(samples) = blocks::read_one(&mut self.db, chunk, id).await? {
                earlier.insert(id, samples);
            }
        }
        Ok(earlier)
    }
}

/// A chunk as it goes into the database.
struct SealedChunk {
    times: Vec<Vec<u8>>,
    blocks: Vec<SealedBlock>,
    /// Samples that were not in a block before.
    added: i64,
}

fn encode_chunk(
    shared: &Shared,
    chunk: i64,
    first_times: i64,
    mut earlier: BTreeMap<i64, Vec<Sample>>,
) -> SealedChunk {
    let live = shared.live();
    let mut sealed = SealedChunk {
        times: Vec::new(),
        blocks: Vec::new(),
        added: 0,
    };
    let mut numbers: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
    for (&series, samples) in live.chunk(chunk).into_iter().flatten() {
        let mut merged = earlier.remove(&series).unwrap_or_default();
        let before = merged.len();
        for &sample in samples {
            insert_sorted(&mut merged, sample);
        }
        let added = (merged.len() - before) as i64;
        let (Some(first), Some(last)) = (merged.first(), merged.last()) else {
            continue;
        };
        if added == 0 {
            continue;
        }
        let t: Vec<i64> = merged.iter().map(|s| s.t_ms).collect();
        let values: Vec<f64> = merged.iter().map(|s| s.value).collect();
        let next = first_times + numbers.len() as i64;
        let times = *numbers
            .entry(encode_times(chunk_start(chunk), &t))
            .or_insert(next);
        sealed.added += added;
        sealed.blocks.push(SealedBlock {
            series,
            times,
            count: merged.len() as i64,
            span_ms: (first.t_ms, last.t_ms),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            sum: finite(values.iter().sum()),
            data: encode_values(&values),
        });
    }
    let mut by_number: Vec<(i64, Vec<u8>)> = numbers
        .into_iter()
        .map(|(bytes, number)| (number, bytes))
        .collect();
    by_number.sort_unstable();
    sealed.times = by_number.into_iter().map(|(_, bytes)| bytes).collect();
    sealed
}

/// The nearest number that the database can hold.
fn finite(sum: f64) -> f64 {
    if sum.is_nan() {
        0.0
    } else {
        sum.clamp(f64::MIN, f64::MAX)
    }
}
