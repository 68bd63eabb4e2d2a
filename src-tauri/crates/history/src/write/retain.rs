//! Clearing what is too old or too big, in small steps between commits.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use crate::config::millis;
use crate::limits::{self, CHUNK_MS};
use crate::live::chunk_start;

use super::Writer;

impl Writer {
    /// Takes one step. True when there is more to do.
    pub(super) async fn retain_step(&mut self) -> Result<bool, sqlx::Error> {
        let now_ms = self.shared.config.now_ms();
        let oldest_ms = self.shared.config.oldest_kept_ms();
        let more = self.clear_samples(oldest_ms).await?
            || self.clear_frames(now_ms).await?
            || self.clear_events(oldest_ms).await?
            || self.clear_series(oldest_ms).await?
            || self.shrink().await?;
        if !more {
            self.note_oldest().await?;
        }
        Ok(more)
    }

    /// Deletes the oldest base frame and those that build on it when all of them are too old, or when frames
    /// take too much.
    async fn clear_frames(&mut self, now_ms: i64) -> Result<bool, sqlx::Error> {
        const BASES: &str = "SELECT at_ms FROM frame WHERE base_ms IS NULL ORDER BY at_ms LIMIT 1";
        let base: Option<i64> = sqlx::query_scalar(BASES).fetch_optional(&mut self.db).await?;
        let Some(base) = base else { return Ok(false) };
        const NEWEST: &str = "SELECT max(at_ms) FROM frame WHERE at_ms = ?1 OR base_ms = ?1";
        let newest: i64 = sqlx::query_scalar(NEWEST)
            .bind(base)
            .fetch_one(&mut self.db)
            .await?;
        const BYTES: &str = "SELECT coalesce(sum(stored_bytes), 0) FROM frame";
        let bytes: i64 = sqlx::query_scalar(BYTES).fetch_one(&mut self.db).await?;

        let config = &self.shared.config;
        let too_old = newest < now_ms.saturating_sub(millis(config.frames_max_age));
        if !too_old && bytes.unsigned_abs() <= config.frames_max_bytes {
            return Ok(false);
        }
        if self.frames.base_ms() == Some(base) {
            self.frames.start_anew();
        }
        let mut transaction = self.db.begin().await?;
        const DATA: &str = "DELETE FROM frame_data WHERE at_ms IN (SELECT at_ms FROM frame WHERE at_ms = ?1 OR base_ms = ?1)";
        sqlx::query(DATA).bind(base).execute(&mut *transaction).await?;
        sqlx::query("DELETE FROM frame WHERE at_ms = ?1 OR base_ms = ?1")
            .bind(base)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn clear_events(&mut self, oldest_ms: i64) -> Result<bool, sqlx::Error> {
        const OLD: &str =
            "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE at_ms < ? ORDER BY at_ms LIMIT ?)";
        if delete(&mut self.db, OLD, oldest_ms).await? {
            return Ok(true);
        }
        let newest: Option<i64> = sqlx::query_scalar("SELECT max(id) FROM event")
            .fetch_one(&mut self.db)
            .await?;
        let first_kept = newest.unwrap_or(0).saturating_sub(limits::MAX_EVENTS) + 1;
        const MANY: &str =
            "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE id < ? ORDER BY id LIMIT ?)";
        delete(&mut self.db, MANY, first_kept).await
    }

    /// Deletes series of which no sample is left, and nodes and metrics of which no series is left.
    async fn clear_series(&mut self, oldest_ms: i64) -> Result<bool, sqlx::Error> {
        let chunk: Option<i64> = sqlx::query_scalar("SELECT min(id) FROM chunk")
            .fetch_one(&mut self.db)
            .await?;
        let oldest_ms = chunk.map_or(oldest_ms, |chunk| chunk_start(chunk).max(oldest_ms));
        // What a series spans is written when it is sealed, and that comes a while after its samples.
        let before_ms = oldest_ms.saturating_sub(2 * CHUNK_MS);
        const VICTIMS: &str =
            "SELECT id, node, metric FROM series WHERE last_ms < ? ORDER BY last_ms LIMIT ?";
        let mut victims: Vec<(i64, i64, i64)> = sqlx::query_as(VICTIMS)
            .bind(before_ms)
            .bind(limits::DELETE_ROWS)
            .fetch_all(&mut self.db)
            .await?;
        let full = victims.len() as i64 == limits::DELETE_ROWS;
        if victims.is_empty() {
            return Ok(false);
        }
        let active = self.catalog.active();
        {
            let live = self.shared.live();
            victims.retain(|(id, ..)| !active.contains(id) && !live.has_series(*id));
        }
        let mut transaction = self.db.begin().await?;
        for (id, ..) in &victims {
            sqlx::query("DELETE FROM series WHERE id = ?")
                .bind(id)
                .execute(&mut *transaction)
                .await?;
        }
        let nodes: BTreeSet<i64> = victims.iter().map(|(_, node, _)| *node).collect();
        for node in nodes {
            const NODE: &str =
                "DELETE FROM node WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM series WHERE node = ?1)";
            sqlx::query(NODE).bind(node).execute(&mut *transaction).await?;
        }
        let metrics: BTreeSet<i64> = victims.iter().map(|(.., metric)| *metric).collect();
        for metric in &metrics {
            const METRIC: &str =
                "DELETE FROM metric WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM series WHERE metric = ?1)";
            sqlx::query(METRIC)
                .bind(metric)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        // Their numbers may be given to others.
        self.catalog.forget_metrics(&metrics);
        let mut stats = self.shared.stats();
        stats.series = stats.series.saturating_sub(victims.len() as u64);
        // A full page of series that all must stay would come again at once.
        Ok(full && !victims.is_empty())
    }

    /// Gives free pages back to the file system.
    async fn shrink(&mut self) -> Result<bool, sqlx::Error> {
        let (pages, free) = self.pages().await?;
        let too_big =
            pages.saturating_mul(i64::from(limits::PAGE_BYTES)).unsigned_abs() > self.shared.config.max_bytes;
        let surplus = if too_big {
            free
        } else {
            free - limits::FREE_PAGES_KEPT.max(pages / 8)
        };
        if surplus <= 0 {
            return Ok(false);
        }
        // The pragma gives back a page per step, so that its rows must be fetched to the end.
        let pragma = format!("PRAGMA incremental_vacuum({})", limits::VACUUM_PAGES);
        sqlx::query(AssertSqlSafe(pragma)).fetch_all(&mut self.db).await?;
        Ok(surplus > limits::VACUUM_PAGES)
    }

    /// Pages of the file, and how many of them are free.
    pub(super) async fn pages(&mut self) -> Result<(i64, i64), sqlx::Error> {
        let pages = sqlx::query_scalar("PRAGMA page_count")
            .fetch_one(&mut self.db)
            .await?;
        let free = sqlx::query_scalar("PRAGMA freelist_count")
            .fetch_one(&mut self.db)
            .await?;
        Ok((pages, free))
    }
}

/// Deletes one step's rows below a bound. True when there was any.
pub(super) async fn delete(
    db: &mut SqliteConnection,
    sql: &'static str,
    below: i64,
) -> Result<bool, sqlx::Error> {
    let outcome = sqlx::query(sql)
        .bind(below)
        .bind(limits::DELETE_ROWS)
        .execute(db)
        .await?;
    Ok(outcome.rows_affected() > 0)
}
