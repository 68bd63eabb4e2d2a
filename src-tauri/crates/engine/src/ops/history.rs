//! A metric's past.

use super::named;
use crate::api::{ApiError, HistoryPoint, HistorySeries, SeriesInfo};
use crate::engine::Engine;
use crate::limits::HISTORY_POINTS;

impl Engine {
    /// A metric's past on one node, at most `max_points` points.
    ///
    /// # Errors
    /// [`crate::api::Code::BadRequest`] when the range ends before it starts.
    pub async fn history(
        &self,
        node: &str,
        metric: &str,
        from_ms: i64,
        to_ms: i64,
        max_points: Option<u32>,
    ) -> Result<HistorySeries, ApiError> {
        named("node id", node)?;
        named("metric", metric)?;
        range(from_ms, to_ms)?;
        let points = max_points.unwrap_or(HISTORY_POINTS.0).clamp(1, HISTORY_POINTS.1);
        let series = self
            .shared
            .history
            .range(node, metric, from_ms, to_ms, points)
            .await;
        let series = series.map_err(ApiError::internal)?;
        Ok(HistorySeries {
            node: node.to_owned(),
            metric: metric.to_owned(),
            label: series.label,
            format: series.format,
            step_ms: series.step_ms,
            points: series
                .points
                .iter()
                .map(|p| HistoryPoint {
                    t_ms: p.t_ms,
                    avg: p.avg,
                    min: p.min,
                    max: p.max,
                })
                .collect(),
            incarnations_ms: series.incarnations_ms,
        })
    }

    /// What history holds of a node.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn history_series(&self, node: &str) -> Result<Vec<SeriesInfo>, ApiError> {
        named("node id", node)?;
        let series = self
            .shared
            .history
            .series_of(node)
            .await
            .map_err(ApiError::internal)?;
        Ok(series
            .into_iter()
            .map(|s| SeriesInfo {
                metric: s.metric,
                label: s.label,
                format: s.format,
                from_ms: s.from_ms,
                to_ms: s.to_ms,
                started_ms: (s.incarnation_ms != 0).then_some(s.incarnation_ms),
            })
            .collect())
    }
}

/// Refuses a range that ends before it starts.
pub(super) fn range(from_ms: i64, to_ms: i64) -> Result<(), ApiError> {
    if to_ms < from_ms {
        return Err(ApiError::bad_request(
            "The range ends before it starts: give `from` before `to`.",
        ));
    }
    Ok(())
}
