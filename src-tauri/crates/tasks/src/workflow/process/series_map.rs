//! A bounded memory by series.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::limits::{SERIES_IDLE, SERIES_IDLE_RUNS, SERIES_MAX};
use crate::sample::{Sample, Series};

/// What is remembered of each series. Processes and containers come and go, so what has told nothing for long is
/// forgotten, and beyond the bound those that were unseen for longest.
#[derive(Debug)]
pub(super) struct SeriesMap<T> {
    held: HashMap<Arc<Series>, Held<T>>,
    bound: usize,
    idle_ms: i64,
    rounds: u64,
    uses: u64,
    newest_ms: i64,
    looked_ms: i64,
}

#[derive(Debug)]
struct Held<T> {
    /// Which of all uses was its last one, in which round.
    used: (u64, u64),
    seen_ms: i64,
    state: T,
}

impl<T> Default for SeriesMap<T> {
    fn default() -> Self {
        SeriesMap::reaching(Duration::ZERO)
    }
}

impl<T> SeriesMap<T> {
    /// One for a processor to which samples matter for so long.
    pub(super) fn reaching(span: Duration) -> Self {
        SeriesMap::bounded(SERIES_MAX, span.max(SERIES_IDLE))
    }

    fn bounded(bound: usize, idle: Duration) -> Self {
        SeriesMap {
            held: HashMap::new(),
            bound,
            idle_ms: i64::try_from(idle.as_millis()).unwrap_or(i64::MAX),
            rounds: 0,
            uses: 0,
            newest_ms: i64::MIN,
            looked_ms: i64::MIN,
        }
    }

    /// The samples of a run follow.
    pub(super) fn round(&mut self, samples: &[Sample]) {
        let Some(newest_ms) = samples.iter().map(|sample| sample.at_ms).max() else {
            return;
        };
        self.rounds += 1;
        self.newest_ms = self.newest_ms.max(newest_ms);
        if self.newest_ms.saturating_sub(self.looked_ms) > self.idle_ms / 4 {
            self.looked_ms = self.newest_ms;
            self.forget_the_gone();
        }
    }

    /// What is remembered of a sample's series; made when it is new.
    pub(super) fn entry(&mut self, sample: &Sample, make: impl FnOnce() -> T) -> &mut T {
        self.uses += 1;
        if self.held.len() >= self.bound && !self.held.contains_key(&sample.series) {
            self.forget_half();
        }
        let (used, seen_ms) = ((self.uses, self.rounds), sample.at_ms);
        let held = self.held.entry(sample.series.clone()).or_insert_with(|| Held {
            used,
            seen_ms,
            state: make(),
        });
        held.used = used;
        held.seen_ms = held.seen_ms.max(seen_ms);
        &mut held.state
    }

    /// Forgets what has told nothing for long. Where runs are far apart every series is old when the next one comes,
    /// so that some runs must have been without it, too.
    fn forget_the_gone(&mut self) {
        let oldest_ms = self.newest_ms.saturating_sub(self.idle_ms);
        let oldest_round = self.rounds.saturating_sub(SERIES_IDLE_RUNS);
        self.held
            .retain(|_, held| held.seen_ms >= oldest_ms || held.used.1 >= oldest_round);
    }

    /// Forgets the half that was unseen for longest, so that this is rare.
    fn forget_half(&mut self) {
        let mut seen: Vec<u64> = self.held.values().map(|held| held.used.0).collect();
        if seen.is_empty() {
            return;
        }
        let middle = seen.len() / 2;
        let (_, median, _) = seen.select_nth_unstable(middle);
        let median = *median;
        self.held.retain(|_, held| held.used.0 > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::tests::sample;

    #[test]
    fn what_is_unseen_for_longest_goes_first() {
        let mut map = SeriesMap::bounded(10, SERIES_IDLE);
        let samples: Vec<_> = (0..100).map(|i| sample(&i.to_string(), "m", 0, 0.0)).collect();
        for (i, sample) in samples.iter().enumerate() {
            *map.entry(sample, || 0) = i;
            assert!(map.held.len() <= 10);
        }
        assert_eq!(*map.entry(&samples[99], || 0), 99);
        assert_eq!(*map.entry(&samples[0], || 7), 7);
    }

    /// A run with a sample of each of these nodes.
    fn run(map: &mut SeriesMap<u32>, at_ms: i64, nodes: &[&str]) -> Vec<u32> {
        let samples: Vec<_> = nodes.iter().map(|node| sample(node, "m", at_ms, 0.0)).collect();
        map.round(&samples);
        let count = |sample| {
            let runs = map.entry(sample, || 0);
            *runs += 1;
            *runs
        };
        samples.iter().map(count).collect()
    }

    #[test]
    fn what_tells_nothing_for_long_is_forgotten() {
        let mut map = SeriesMap::default();
        run(&mut map, 0, &["gone"]);
        for minute in 1..=60 {
            // One that lives for a single run, again and again.
            let runs = run(&mut map, minute * 60_000, &["stays", &format!("short-{minute}")]);
            assert_eq!(runs, [u32::try_from(minute).unwrap(), 1]);
            assert!(map.held.len() <= 22, "{} series are held", map.held.len());
        }
        assert_eq!(run(&mut map, 61 * 60_000, &["gone"]), [1]);
    }

    #[test]
    fn runs_far_apart_forget_nothing() {
        let mut map = SeriesMap::default();
        let day_ms = 24 * 3_600_000;
        for day in 1..=5 {
            let runs = run(&mut map, day * day_ms, &["a", "b", "c"]);
            assert_eq!(runs, [u32::try_from(day).unwrap(); 3]);
            // Nothing comes of the runs between.
            run(&mut map, day * day_ms + 1, &[]);
        }
    }

    #[test]
    fn a_processor_that_looks_far_back_remembers_as_long() {
        let mut map = SeriesMap::reaching(Duration::from_hours(2));
        run(&mut map, 0, &["rare"]);
        for minute in 1..110 {
            run(&mut map, minute * 60_000, &["often"]);
        }
        assert_eq!(run(&mut map, 110 * 60_000, &["rare"]), [2]);
    }
}
