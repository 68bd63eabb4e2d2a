//! Raw samples of a node, in pages.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use crate::data::{Sample, SamplePage, SampleRow};
use crate::error::HistoryError;
use crate::history::Shared;
use crate::limits;
use crate::live::{chunk_of, insert_sorted};

use super::blocks;
use super::series::{self, SeriesRow};

/// Answers [`crate::History::samples`].
pub(crate) async fn samples(
    shared: &Shared,
    node: &str,
    metrics: &[&str],
    from_ms: i64,
    to_ms: i64,
    limit: u32,
) -> Result<SamplePage, HistoryError> {
    let limit = limit.clamp(1, limits::MAX_PAGE_ROWS) as usize;
    let mut rows = series::rows(shared, node, None).await?;
    rows.retain(|row| metrics.is_empty() || metrics.contains(&row.metric.as_str()));

    let fail = || HistoryError::database("read samples");
    let mut page = SamplePage::default();
    if from_ms > to_ms {
        return Ok(page);
    }
    for chunk in chunks(shared, &rows, from_ms, to_ms).await? {
        let mut here = live_samples(shared, &rows, chunk);
        let mut db = shared.readers.acquire().await.map_err(fail())?;
        for (row, samples) in rows.iter().zip(&mut here) {
            for sample in blocks::read_one(&mut db, chunk, row.id)
                .await
                .map_err(fail())?
                .unwrap_or_default()
            {
                insert_sorted(samples, sample);
            }
        }
        page.rows.extend(in_order(&rows, &here, from_ms, to_ms));
        if page.rows.len() > limit {
            cut_page(&mut page, limit);
            break;
        }
    }
    Ok(page)
}

/// Chunks that hold any of the series, in time order.
async fn chunks(
    shared: &Shared,
    rows: &[SeriesRow],
    from_ms: i64,
    to_ms: i64,
) -> Result<Vec<i64>, HistoryError> {
    let (from, to) = (chunk_of(from_ms), chunk_of(to_ms));
    let mut chunks: Vec<i64> = {
        let live = shared.live();
        live.chunks_through(to)
            .into_iter()
            .filter(|chunk| *chunk >= from)
            .collect()
    };
    let sealed: Vec<i64> = sqlx::query_scalar("SELECT id FROM chunk WHERE id BETWEEN ? AND ? ORDER BY id")
        .bind(from)
        .bind(to)
        .fetch_all(&shared.readers)
        .await
        .map_err(HistoryError::database("read samples"))?;
    chunks.extend(sealed);
    chunks.sort_unstable();
    chunks.dedup();
    let first = rows
        .iter()
        .map(|row| chunk_of(row.first_ms))
        .min()
        .unwrap_or(i64::MAX);
    chunks.retain(|chunk| *chunk >= first);
    Ok(chunks)
}

fn live_samples(shared: &Shared, rows: &[SeriesRow], chunk: i64) -> Vec<Vec<Sample>> {
    let live = shared.live();
    let of = |row: &SeriesRow| {
        live.chunk(chunk)
            .and_then(|c| c.get(&row.id))
            .cloned()
            .unwrap_or_default()
    };
    rows.iter().map(of).collect()
}

fn in_order(rows: &[SeriesRow], samples: &[Vec<Sample>], from_ms: i64, to_ms: i64) -> Vec<SampleRow> {
    let mut by_time: BTreeMap<(i64, usize), f64> = BTreeMap::new();
    for (i, samples) in samples.iter().enumerate() {
        let inside = samples.iter().filter(|s| (from_ms..=to_ms).contains(&s.t_ms));
        by_time.extend(inside.map(|s| ((s.t_ms, i), s.value)));
    }
    let names: Vec<SmolStr> = rows.iter().map(|row| SmolStr::new(&row.metric)).collect();
    let row = |((t_ms, i), value): ((i64, usize), f64)| SampleRow {
        t_ms,
        metric: names[i].clone(),
        incarnation_ms: rows[i].incarnation_ms,
        value,
    };
    by_time.into_iter().map(row).collect()
}

/// Ends the page after about `limit` rows. Rows of one time stay together, so that the next page can begin
/// at the time after.
fn cut_page(page: &mut SamplePage, limit: usize) {
    let last_ms = page.rows[limit - 1].t_ms;
    let end = page.rows.partition_point(|row| row.t_ms <= last_ms);
    page.next_from_ms = page.rows.get(end).map(|row| row.t_ms);
    page.rows.truncate(end);
}
