//! A bounded memory by series.

use std::collections::HashMap;
use std::sync::Arc;

use crate::limits::SERIES_MAX;
use crate::sample::Series;

/// What is remembered of each series. Beyond the bound those that were unseen for longest are forgotten.
#[derive(Debug)]
pub(super) struct SeriesMap<T> {
    held: HashMap<Arc<Series>, (u64, T)>,
    uses: u64,
    bound: usize,
}

impl<T> Default for SeriesMap<T> {
    fn default() -> Self {
        SeriesMap::bounded(SERIES_MAX)
    }
}

impl<T> SeriesMap<T> {
    pub(super) fn bounded(bound: usize) -> Self {
        SeriesMap {
            held: HashMap::new(),
            uses: 0,
            bound,
        }
    }

    /// What is remembered of a series; made when it is new.
    pub(super) fn entry(&mut self, series: &Arc<Series>, make: impl FnOnce() -> T) -> &mut T {
        self.uses += 1;
        if self.held.len() >= self.bound && !self.held.contains_key(series) {
            self.forget();
        }
        let uses = self.uses;
        let (seen, state) = self.held.entry(series.clone()).or_insert_with(|| (uses, make()));
        *seen = uses;
        state
    }

    /// Forgets the half that was unseen for longest, so that this is rare.
    fn forget(&mut self) {
        let mut seen: Vec<u64> = self.held.values().map(|(seen, _)| *seen).collect();
        if seen.is_empty() {
            return;
        }
        let middle = seen.len() / 2;
        let (_, median, _) = seen.select_nth_unstable(middle);
        let median = *median;
        self.held.retain(|_, (seen, _)| *seen > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::tests::sample;

    #[test]
    fn what_is_unseen_for_longest_goes_first() {
        let mut map = SeriesMap::bounded(10);
        let series: Vec<_> = (0..100)
            .map(|i| sample(&i.to_string(), "m", 0, 0.0).series)
            .collect();
        for (i, series) in series.iter().enumerate() {
            *map.entry(series, || 0) = i;
            assert!(map.held.len() <= 10);
        }
        assert_eq!(*map.entry(&series[99], || 0), 99);
        assert_eq!(*map.entry(&series[0], || 7), 7);
    }
}
