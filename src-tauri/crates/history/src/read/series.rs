//! Which series there are.

use sqlx::FromRow;

use crate::data::SeriesInfo;
use crate::error::HistoryError;
use crate::history::Shared;
use crate::limits;

/// A series and how it is shown.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct SeriesRow {
    pub(crate) id: i64,
    pub(crate) incarnation_ms: i64,
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) metric: String,
    pub(crate) kind: String,
    pub(crate) label: String,
    pub(crate) format: String,
}

/// Series of a node, of one metric or of all, by metric, then incarnation.
pub(crate) async fn rows(
    shared: &Shared,
    node: &str,
    metric: Option<&str>,
) -> Result<Vec<SeriesRow>, HistoryError> {
    let mut rows: Vec<SeriesRow> = sqlx::query_as(
        "SELECT s.id, s.incarnation_ms, s.first_ms, s.last_ms, m.key AS metric, m.kind, m.label, m.format
         FROM node n JOIN series s ON s.node = n.id JOIN metric m ON m.id = s.metric
         WHERE n.key = ?1 AND (?2 IS NULL OR m.key = ?2)
         ORDER BY s.last_ms DESC LIMIT ?3",
    )
    .bind(node)
    .bind(metric)
    .bind(limits::MAX_SERIES_READ)
    .fetch_all(&shared.readers)
    .await
    .map_err(HistoryError::database("look up series"))?;
    rows.sort_by(|a, b| (&a.metric, a.incarnation_ms, a.id).cmp(&(&b.metric, b.incarnation_ms, b.id)));
    Ok(rows)
}

/// What history holds of a node.
pub(crate) async fn series_of(shared: &Shared, node: &str) -> Result<Vec<SeriesInfo>, HistoryError> {
    let rows = rows(shared, node, None).await?;
    let live = shared.live();
    let infos = rows.into_iter().map(|row| {
        let (first, last) = live.extent(row.id).unwrap_or((row.first_ms, row.last_ms));
        SeriesInfo {
            metric: row.metric,
            kind: row.kind,
            label: row.label,
            format: row.format,
            from_ms: row.first_ms.min(first),
            to_ms: row.last_ms.max(last),
            incarnation_ms: row.incarnation_ms,
        }
    });
    Ok(infos.collect())
}
