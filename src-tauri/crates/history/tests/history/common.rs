//! A history in a folder of its own, with a clock that tests set.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use orrery_history::{Config, History, Sample, SeriesSamples};
use orrery_model::TopologyKind;

/// 2026-01-01T00:00:00Z, which a chunk starts at.
pub(crate) const T0: i64 = 1_767_225_600_000;
pub(crate) const SECOND: i64 = 1_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;

pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    now: Arc<AtomicI64>,
}

impl Place {
    pub(crate) fn new() -> Self {
        Place {
            folder: tempfile::tempdir().unwrap(),
            now: Arc::new(AtomicI64::new(T0)),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("data").join("history.db")
    }

    pub(crate) fn config(&self) -> Config {
        let now = Arc::clone(&self.now);
        Config {
            clock: Arc::new(move || now.load(Ordering::Relaxed)),
            ..Config::new(self.path())
        }
    }

    pub(crate) fn set_now(&self, ms: i64) {
        self.now.store(ms, Ordering::Relaxed);
    }

    pub(crate) async fn open(&self) -> History {
        History::open(self.config()).await.unwrap()
    }

    /// The database as another program sees it.
    pub(crate) async fn look(&self, sql: &'static str) -> String {
        use sqlx::{Connection, Row};
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.path());
        let mut db = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        let row = sqlx::query(sql).fetch_one(&mut db).await.unwrap();
        let text = row.try_get_unchecked::<String, _>(0).unwrap();
        db.close().await.unwrap();
        text
    }
}

/// Samples of `node`'s `metric`, as a process that began at `incarnation_ms` gives them.
pub(crate) fn series(node: &str, incarnation_ms: i64, metric: &str, samples: &[(i64, f64)]) -> SeriesSamples {
    SeriesSamples {
        node: node.into(),
        kind: TopologyKind::Process,
        incarnation_ms,
        metric: metric.into(),
        label: "CPU".into(),
        format: "percent".into(),
        samples: samples
            .iter()
            .map(|&(t_ms, value)| Sample { t_ms, value })
            .collect(),
    }
}

/// Samples every `step` milliseconds of `from..to`, with values that differ.
pub(crate) fn wave(from: i64, to: i64, step: i64) -> Vec<(i64, f64)> {
    (from..to)
        .step_by(usize::try_from(step).unwrap())
        .map(|t| (t, ((t / step) % 97) as f64 / 7.0))
        .collect()
}
