//! Report frames.

use sqlx::FromRow;
use zstd::bulk::Decompressor;

use crate::error::HistoryError;
use crate::history::Shared;
use crate::limits;

#[derive(Debug, FromRow)]
struct FrameRow {
    at_ms: i64,
    raw_bytes: i64,
    data: Vec<u8>,
    base_bytes: Option<i64>,
    base_data: Option<Vec<u8>>,
}

/// Answers [`crate::History::frame_at`].
pub(crate) async fn frame_at(shared: &Shared, at_ms: i64) -> Result<Option<(i64, Vec<u8>)>, HistoryError> {
    let row: Option<FrameRow> = sqlx::query_as(
        "SELECT f.at_ms, f.raw_bytes, d.data, b.raw_bytes AS base_bytes, bd.data AS base_data
         FROM frame f JOIN frame_data d ON d.at_ms = f.at_ms
         LEFT JOIN frame b ON b.at_ms = f.base_ms LEFT JOIN frame_data bd ON bd.at_ms = f.base_ms
         WHERE f.at_ms = (SELECT max(at_ms) FROM frame WHERE at_ms <= ?)",
    )
    .bind(at_ms)
    .fetch_optional(&shared.readers)
    .await
    .map_err(HistoryError::database("read a report frame"))?;
    let Some(row) = row else { return Ok(None) };
    let at_ms = row.at_ms;
    let work = tokio::task::spawn_blocking(move || unpack(&row));
    let bytes = work.await.map_err(|_| HistoryError::Closed)?;
    let bytes = bytes.map_err(|error| HistoryError::database("unpack a report frame")(error.into()))?;
    Ok(Some((at_ms, bytes)))
}

/// Answers [`crate::History::frame_times`].
pub(crate) async fn frame_times(shared: &Shared, from_ms: i64, to_ms: i64) -> Result<Vec<i64>, HistoryError> {
    sqlx::query_scalar("SELECT at_ms FROM frame WHERE at_ms BETWEEN ? AND ? ORDER BY at_ms LIMIT ?")
        .bind(from_ms)
        .bind(to_ms)
        .bind(limits::MAX_FRAME_TIMES)
        .fetch_all(&shared.readers)
        .await
        .map_err(HistoryError::database("read times of report frames"))
}

fn unpack(row: &FrameRow) -> std::io::Result<Vec<u8>> {
    let base = match (&row.base_data, row.base_bytes) {
        (Some(data), Some(bytes)) => Decompressor::new()?.decompress(data, bounded(bytes))?,
        _ => Vec::new(),
    };
    Decompressor::with_dictionary(&base)?.decompress(&row.data, bounded(row.raw_bytes))
}

fn bounded(bytes: i64) -> usize {
    usize::try_from(bytes).unwrap_or(0).min(limits::MAX_FRAME_BYTES)
}
