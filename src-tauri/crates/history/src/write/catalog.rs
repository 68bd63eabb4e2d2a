//! Which number each series that is being written to has.

use std::collections::{BTreeSet, HashMap};
use std::ops::RangeInclusive;

use orrery_model::TopologyKind;
use smol_str::SmolStr;
use sqlx::SqliteConnection;

use crate::limits;
use crate::waiting::Waiting;

/// What makes a series itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SeriesKey {
    node: SmolStr,
    kind: TopologyKind,
    incarnation_ms: i64,
    metric: SmolStr,
}

impl SeriesKey {
    pub(crate) fn of(samples: Waiting<'_>) -> Self {
        SeriesKey {
            node: samples.node.clone(),
            kind: samples.what.kind,
            incarnation_ms: samples.incarnation_ms,
            metric: samples.what.metric.clone(),
        }
    }
}

#[derive(Debug, Clone)]
struct KnownSeries {
    id: i64,
    /// Commit in which it was written last.
    used: u64,
}

#[derive(Debug, Clone, PartialEq)]
struct KnownMetric {
    id: i64,
    label: SmolStr,
    format: SmolStr,
    /// Commit in which it was written last.
    used: u64,
}

/// Numbers of series and metrics, as far as the writer needs them. What a transaction adds counts when it
/// is committed, and is forgotten when it fails.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    series: HashMap<SeriesKey, KnownSeries>,
    metrics: HashMap<(SmolStr, TopologyKind), KnownMetric>,
    staged_series: Vec<SeriesKey>,
    staged_metrics: Vec<(SmolStr, TopologyKind)>,
    created: u64,
    commit: u64,
}

impl Catalog {
    /// The number of the series of these samples, which is made when it does not exist. None when a limit
    /// forbids that.
    ///
    /// `first_ms..=last_ms` is what a series that is made spans at first.
    pub(crate) async fn resolve(
        &mut self,
        db: &mut SqliteConnection,
        samples: Waiting<'_>,
        first_ms: i64,
        last_ms: i64,
    ) -> Result<Option<i64>, sqlx::Error> {
        let key = SeriesKey::of(samples);
        let metric = self.resolve_metric(db, samples).await?;
        if let Some(known) = self.series.get_mut(&key) {
            known.used = self.commit;
            return Ok(Some(known.id));
        }
        let Some(metric) = metric else { return Ok(None) };
        if self.series.len() >= limits::ACTIVE_SERIES {
            return Ok(None);
        }
        let id = self.find_or_make(db, samples, metric, first_ms..=last_ms).await?;
        self.staged_series.push(key.clone());
        self.series.insert(
            key,
            KnownSeries {
                id,
                used: self.commit,
            },
        );
        Ok(Some(id))
    }

    /// The transaction was committed. Gives the number of series that it made.
    pub(crate) fn keep(&mut self) -> u64 {
        self.staged_series.clear();
        self.staged_metrics.clear();
        self.commit += 1;
        std::mem::take(&mut self.created)
    }

    /// The transaction failed.
    pub(crate) fn undo(&mut self) {
        for key in self.staged_series.drain(..) {
            self.series.remove(&key);
        }
        for key in self.staged_metrics.drain(..) {
            self.metrics.remove(&key);
        }
        self.created = 0;
    }

    /// Forgets series and metrics that were not written in the last `commits` commits.
    pub(crate) fn forget_idle(&mut self, commits: u64) {
        let oldest = self.commit.saturating_sub(commits);
        self.series.retain(|_, known| known.used >= oldest);
        self.metrics.retain(|_, known| known.used >= oldest);
    }

    /// Forgets metrics by their numbers, so that they get others when they come again.
    pub(crate) fn forget_metrics(&mut self, gone: &BTreeSet<i64>) {
        self.metrics.retain(|_, known| !gone.contains(&known.id));
    }

    /// Numbers of the series that are being written to.
    pub(crate) fn active(&self) -> BTreeSet<i64> {
        self.series.values().map(|known| known.id).collect()
    }

    async fn resolve_metric(
        &mut self,
        db: &mut SqliteConnection,
        samples: Waiting<'_>,
    ) -> Result<Option<i64>, sqlx::Error> {
        let key = (samples.what.metric.clone(), samples.what.kind);
        let label = SmolStr::new(cut(&samples.what.label, limits::MAX_LABEL_BYTES));
        let format = SmolStr::new(cut(&samples.what.format, limits::MAX_LABEL_BYTES));
        let is_full = self.metrics.len() >= limits::MAX_METRICS;
        match self.metrics.get_mut(&key) {
            Some(known) if known.label == label && known.format == format => {
                known.used = self.commit;
                return Ok(Some(known.id));
            }
            Some(_) => {}
            None if is_full => return Ok(None),
            None => {}
        }
        let id = sqlx::query_scalar(
            "INSERT INTO metric (key, kind, label, format) VALUES (?, ?, ?, ?)
             ON CONFLICT (key, kind) DO UPDATE SET label = excluded.label, format = excluded.format
             RETURNING id",
        )
        .bind(samples.what.metric.as_str())
        .bind(samples.what.kind.tag())
        .bind(label.as_str())
        .bind(format.as_str())
        .fetch_one(db)
        .await?;
        self.staged_metrics.push(key.clone());
        let used = self.commit;
        let known = KnownMetric {
            id,
            label,
            format,
            used,
        };
        self.metrics.insert(key, known);
        Ok(Some(id))
    }

    async fn find_or_make(
        &mut self,
        db: &mut SqliteConnection,
        samples: Waiting<'_>,
        metric: i64,
        span: RangeInclusive<i64>,
    ) -> Result<i64, sqlx::Error> {
        let node = samples.node.as_str();
        let found: Option<i64> = sqlx::query_scalar("SELECT id FROM node WHERE key = ?")
            .bind(node)
            .fetch_optional(&mut *db)
            .await?;
        let node: i64 = match found {
            Some(id) => id,
            None => {
                sqlx::query_scalar("INSERT INTO node (key) VALUES (?) RETURNING id")
                    .bind(node)
                    .fetch_one(&mut *db)
                    .await?
            }
        };
        let found =
            sqlx::query_scalar("SELECT id FROM series WHERE node = ? AND metric = ? AND incarnation_ms = ?")
                .bind(node)
                .bind(metric)
                .bind(samples.incarnation_ms)
                .fetch_optional(&mut *db)
                .await?;
        if let Some(id) = found {
            return Ok(id);
        }
        let id = sqlx::query_scalar(
            "INSERT INTO series (node, metric, incarnation_ms, first_ms, last_ms) VALUES (?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(node)
        .bind(metric)
        .bind(samples.incarnation_ms)
        .bind(*span.start())
        .bind(*span.end())
        .fetch_one(db)
        .await?;
        self.created += 1;
        Ok(id)
    }
}

/// The text, cut to at most so many bytes where a character ends.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
