//! Clearing samples: the oldest go, in two stages when it is for want of room.

use sqlx::Connection;

use crate::limits;
use crate::live::chunk_start;
use crate::read::blocks::key;

use super::Writer;
use super::retain::delete;

impl Writer {
    /// Deletes the oldest samples when they are too old, or when the whole is too big. What is too big is
    /// thinned first: the samples go, their summaries stay. Takes one step; true when there is more to do.
    pub(super) async fn clear_samples(&mut self, oldest_ms: i64) -> Result<bool, sqlx::Error> {
        if self.sweep().await? {
            return Ok(true);
        }
        let Some(oldest) = self.oldest_chunk().await? else {
            return Ok(false);
        };
        if chunk_start(oldest + 1) <= oldest_ms {
            self.forget(oldest).await?;
            return Ok(true);
        }
        let max_bytes = self.shared.config.max_bytes;
        let (pages, free) = self.pages().await?;
        let used = (pages - free).saturating_mul(i64::from(limits::PAGE_BYTES));
        if used.unsigned_abs() <= max_bytes {
            return Ok(false);
        }
        const SUMMARIES: &str = "SELECT coalesce(sum(series), 0) FROM chunk";
        let summaries: i64 = sqlx::query_scalar(SUMMARIES).fetch_one(&mut self.db).await?;
        let summary_bytes = summaries.unsigned_abs().saturating_mul(limits::SUMMARY_BYTES);
        match self.oldest_whole_chunk().await? {
            Some(whole) if summary_bytes <= max_bytes / limits::SUMMARY_SHARE => self.thin(whole).await?,
            _ => self.forget(oldest).await?,
        }
        Ok(true)
    }

    /// Number of the oldest chunk.
    pub(super) async fn oldest_chunk(&mut self) -> Result<Option<i64>, sqlx::Error> {
        sqlx::query_scalar("SELECT min(id) FROM chunk")
            .fetch_one(&mut self.db)
            .await
    }

    /// Number of the oldest chunk that is not thinned.
    pub(super) async fn oldest_whole_chunk(&mut self) -> Result<Option<i64>, sqlx::Error> {
        sqlx::query_scalar("SELECT min(id) FROM chunk WHERE thinned = 0")
            .fetch_one(&mut self.db)
            .await
    }

    /// Marks a chunk whose samples go while their summaries stay. The sweep does the rest.
    async fn thin(&mut self, chunk: i64) -> Result<(), sqlx::Error> {
        let mut transaction = self.db.begin().await?;
        let samples: i64 = sqlx::query_scalar("SELECT samples FROM chunk WHERE id = ?")
            .bind(chunk)
            .fetch_one(&mut *transaction)
            .await?;
        sqlx::query("UPDATE chunk SET thinned = 1, samples = 0 WHERE id = ?")
            .bind(chunk)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        self.uncount(samples);
        Ok(())
    }

    /// Takes a chunk from the list. The sweep does the rest.
    async fn forget(&mut self, chunk: i64) -> Result<(), sqlx::Error> {
        let samples: i64 = sqlx::query_scalar("DELETE FROM chunk WHERE id = ? RETURNING samples")
            .bind(chunk)
            .fetch_one(&mut self.db)
            .await?;
        self.uncount(samples);
        Ok(())
    }

    fn uncount(&self, samples: i64) {
        let mut stats = self.shared.stats();
        stats.samples = stats.samples.saturating_sub(samples.unsigned_abs());
    }

    /// Deletes some of what no chunk speaks for. Being cut short, by a kill too, does no harm: the next sweep
    /// goes on.
    async fn sweep(&mut self) -> Result<bool, sqlx::Error> {
        const BLOCKS: &str =
            "DELETE FROM block WHERE key IN (SELECT key FROM block WHERE key < ? ORDER BY key LIMIT ?)";
        const TIMES: &str =
            "DELETE FROM times WHERE key IN (SELECT key FROM times WHERE key < ? ORDER BY key LIMIT ?)";
        const SUMMARIES: &str =
            "DELETE FROM summary WHERE key IN (SELECT key FROM summary WHERE key < ? ORDER BY key LIMIT ?)";
        let below = |chunk: Option<i64>| chunk.map_or(i64::MAX, |chunk| key(chunk, 0));
        let whole = below(self.oldest_whole_chunk().await?);
        let any = below(self.oldest_chunk().await?);
        Ok(delete(&mut self.db, BLOCKS, whole).await?
            || delete(&mut self.db, TIMES, whole).await?
            || delete(&mut self.db, SUMMARIES, any).await?)
    }
}
