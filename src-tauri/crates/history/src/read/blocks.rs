//! Sealed blocks.

use sqlx::{FromRow, SqliteConnection};

use crate::codec::{decode_times, decode_values};
use crate::data::Sample;
use crate::limits;
use crate::live::chunk_start;

/// Bits of a key below the chunk's number.
const NUMBER_BITS: u32 = 38;

/// Key of a block (`number` is the series) or of shared times (`number` counts them).
pub(crate) fn key(chunk: i64, number: i64) -> i64 {
    (chunk << NUMBER_BITS) | number
}

/// What is known of a block without decoding it.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Summary {
    pub(crate) chunk: i64,
    pub(crate) count: i64,
    pub(crate) t_min: i64,
    pub(crate) t_max: i64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) sum: f64,
    /// Set when there is no block any more.
    pub(crate) thinned: bool,
}

/// Summaries of a series' blocks in chunks `from..=to`, in time order.
pub(crate) async fn summaries(
    db: &mut SqliteConnection,
    series: i64,
    from: i64,
    to: i64,
) -> Result<Vec<Summary>, sqlx::Error> {
    // CROSS JOIN keeps the order written: the series says which chunks can hold it, a chunk and the series
    // make the block's key.
    sqlx::query_as(
        "SELECT c.id AS chunk, b.count, b.t_min, b.t_max, b.min, b.max, b.sum, c.thinned
         FROM series s
         CROSS JOIN chunk c ON c.id BETWEEN max(?2, s.first_ms / ?4) AND min(?3, s.last_ms / ?4)
         CROSS JOIN summary b ON b.key = (c.id << 38) | s.id
         WHERE s.id = ?1 ORDER BY c.id LIMIT ?5",
    )
    .bind(series)
    .bind(from)
    .bind(to)
    .bind(limits::CHUNK_MS)
    .bind(limits::MAX_BLOCKS_READ)
    .fetch_all(db)
    .await
}

/// A block's bytes.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Packed {
    pub(crate) chunk: i64,
    times: Vec<u8>,
    data: Vec<u8>,
}

impl Packed {
    /// The samples. A damaged block is logged and reads as empty.
    pub(crate) fn decode(&self) -> Vec<Sample> {
        let samples = decode_times(chunk_start(self.chunk), &self.times).and_then(|times| {
            let values = decode_values(times.len(), &self.data)?;
            Ok(times
                .into_iter()
                .zip(values)
                .map(|(t_ms, value)| Sample { t_ms, value })
                .collect())
        });
        samples.unwrap_or_else(|error| {
            tracing::error!(%error, chunk = self.chunk, "a block of history is left out");
            Vec::new()
        })
    }
}

/// Bytes of a series' blocks in chunks `from..=to`, in time order.
pub(crate) async fn packed(
    db: &mut SqliteConnection,
    series: i64,
    from: i64,
    to: i64,
) -> Result<Vec<Packed>, sqlx::Error> {
    sqlx::query_as(
        "SELECT c.id AS chunk, t.data AS times, b.data AS data
         FROM series s
         CROSS JOIN chunk c ON c.id BETWEEN max(?2, s.first_ms / ?4) AND min(?3, s.last_ms / ?4)
         CROSS JOIN block b ON b.key = (c.id << 38) | s.id
         CROSS JOIN times t ON t.key = (c.id << 38) | b.times
         WHERE s.id = ?1 ORDER BY c.id LIMIT ?5",
    )
    .bind(series)
    .bind(from)
    .bind(to)
    .bind(limits::CHUNK_MS)
    .bind(limits::MAX_BLOCKS_READ)
    .fetch_all(db)
    .await
}

/// The samples of one block.
pub(crate) async fn read_one(
    db: &mut SqliteConnection,
    chunk: i64,
    series: i64,
) -> Result<Option<Vec<Sample>>, sqlx::Error> {
    let packed: Option<Packed> = sqlx::query_as(
        "SELECT ?1 AS chunk, t.data AS times, b.data AS data
         FROM block b CROSS JOIN times t ON t.key = (?1 << 38) | b.times WHERE b.key = ?2",
    )
    .bind(chunk)
    .bind(key(chunk, series))
    .fetch_optional(db)
    .await?;
    Ok(packed.map(|packed| packed.decode()))
}

/// Whether a chunk was thinned; none when it was not sealed.
pub(crate) async fn thinned(db: &mut SqliteConnection, chunk: i64) -> Result<Option<bool>, sqlx::Error> {
    sqlx::query_scalar("SELECT thinned FROM chunk WHERE id = ?")
        .bind(chunk)
        .fetch_optional(db)
        .await
}

/// The first free number for shared times of a chunk.
pub(crate) async fn next_times(db: &mut SqliteConnection, chunk: i64) -> Result<i64, sqlx::Error> {
    let last: Option<i64> = sqlx::query_scalar("SELECT max(key) FROM times WHERE key >= ? AND key < ?")
        .bind(key(chunk, 0))
        .bind(key(chunk + 1, 0))
        .fetch_one(db)
        .await?;
    Ok(last.map_or(0, |last| last - key(chunk, 0) + 1))
}
