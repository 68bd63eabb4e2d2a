//! What values are values of: made once, and shared by all tasks and runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use orrery_catalog::{Namespace, Reading};
use orrery_model::SmolStr;
use orrery_tasks::Series;
use tokio::time::Instant;

use crate::limits::{TASK_NAMES, TASK_NAMES_AGE};

/// Series by metric and node. Nodes come and go, so those that nobody asked for in the last one or two ages are
/// forgotten.
#[derive(Default)]
pub(super) struct Names(Mutex<Ages>);

type Key = (Namespace, SmolStr);

#[derive(Default)]
struct Ages {
    began: Option<Instant>,
    now: BTreeMap<Key, Arc<Series>>,
    before: BTreeMap<Key, Arc<Series>>,
}

impl Names {
    /// The series of a reading; none when its metric has no place in a report.
    pub(super) fn series(&self, value: &Reading) -> Option<Arc<Series>> {
        let place = value.entry.told.place.as_ref()?;
        let told = &value.entry.told;
        let make = || Series {
            namespace: value.namespace().to_string().into(),
            plugin: value.entry.source.id.clone(),
            topology: place.topology.tag().into(),
            node: value.node.clone(),
            metric: place.metric.clone(),
            unit: if told.unit.is_empty() {
                told.format.clone()
            } else {
                told.unit.clone()
            },
            tags: BTreeMap::new(),
        };
        let key = (value.entry.namespace.clone(), value.node.clone());
        let mut ages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Some(ages.get(key, Instant::now(), make))
    }
}

impl Ages {
    fn get(&mut self, key: Key, now: Instant, make: impl FnOnce() -> Series) -> Arc<Series> {
        let began = *self.began.get_or_insert(now);
        if now.duration_since(began) >= TASK_NAMES_AGE || self.now.len() >= TASK_NAMES {
            self.before = std::mem::take(&mut self.now);
            self.began = Some(now);
        }
        if let Some(series) = self.now.get(&key) {
            return series.clone();
        }
        let series = match self.before.remove(&key) {
            Some(series) => series,
            None => Arc::new(make()),
        };
        self.now.insert(key, series.clone());
        series
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn key(node: &str) -> Key {
        ("/a/host/*node/load".parse().unwrap(), node.into())
    }

    fn series(node: &str) -> Series {
        Series {
            namespace: "/a/host/n/load".into(),
            plugin: "a".into(),
            topology: "host".into(),
            node: node.into(),
            metric: "load".into(),
            unit: "".into(),
            tags: BTreeMap::new(),
        }
    }

    #[test]
    fn what_is_asked_for_stays_one_and_the_rest_is_forgotten() {
        let (mut ages, start) = (Ages::default(), Instant::now());
        let first = ages.get(key("stays"), start, || series("stays"));
        for minute in 0..120 {
            let now = start + Duration::from_mins(minute);
            let again = ages.get(key("stays"), now, || series("stays"));
            assert!(Arc::ptr_eq(&first, &again));
            let node = format!("short-{minute}");
            ages.get(key(&node), now, || series(&node));
        }
        let held = ages.now.len() + ages.before.len();
        assert!(held <= 40, "{held} series are held");
    }
}
