//! Samples that are committed but not sealed yet, by chunk and series.

use std::collections::BTreeMap;

use crate::data::Sample;
use crate::limits::CHUNK_MS;

/// Number of the chunk that a time, in milliseconds since the epoch, falls into.
pub(crate) fn chunk_of(t_ms: i64) -> i64 {
    t_ms.div_euclid(CHUNK_MS)
}

/// Start of a chunk, in milliseconds since the epoch.
pub(crate) fn chunk_start(chunk: i64) -> i64 {
    chunk.saturating_mul(CHUNK_MS)
}

/// Samples of one chunk by series, each in time order, no two at the same time.
pub(crate) type LiveChunk = BTreeMap<i64, Vec<Sample>>;

/// The unsealed samples.
#[derive(Debug, Default)]
pub(crate) struct Live {
    chunks: BTreeMap<i64, LiveChunk>,
    samples: usize,
}

impl Live {
    /// Number of samples.
    pub(crate) fn len(&self) -> usize {
        self.samples
    }

    /// Takes a sample in. False, and nothing happens, when there is one at its time already.
    pub(crate) fn insert(&mut self, series: i64, sample: Sample) -> bool {
        let chunk = self.chunks.entry(chunk_of(sample.t_ms)).or_default();
        let fresh = insert_sorted(chunk.entry(series).or_default(), sample);
        self.samples += usize::from(fresh);
        fresh
    }

    /// True when there is a sample of the series at that time.
    pub(crate) fn contains(&self, series: i64, t_ms: i64) -> bool {
        let samples = self
            .chunks
            .get(&chunk_of(t_ms))
            .and_then(|chunk| chunk.get(&series));
        samples.is_some_and(|samples| samples.binary_search_by_key(&t_ms, |s| s.t_ms).is_ok())
    }

    /// True when there is any sample of the series.
    pub(crate) fn has_series(&self, series: i64) -> bool {
        self.chunks.values().any(|chunk| chunk.contains_key(&series))
    }

    /// The samples of a series in chunks `from..=to`, chunk by chunk.
    pub(crate) fn of_series(&self, series: i64, from: i64, to: i64) -> Vec<(i64, Vec<Sample>)> {
        if from > to {
            return Vec::new();
        }
        let chunks = self.chunks.range(from..=to);
        chunks
            .filter_map(|(no, chunk)| Some((*no, chunk.get(&series)?.clone())))
            .collect()
    }

    /// Times of the first and the last sample of a series, in milliseconds since the epoch.
    pub(crate) fn extent(&self, series: i64) -> Option<(i64, i64)> {
        let of = |chunk: &LiveChunk| {
            let samples = chunk.get(&series)?;
            Some((samples.first()?.t_ms, samples.last()?.t_ms))
        };
        let (first, _) = self.chunks.values().find_map(of)?;
        let (_, last) = self.chunks.values().rev().find_map(of)?;
        Some((first, last))
    }

    /// Numbers of the chunks up to and with `through`, oldest first.
    pub(crate) fn chunks_through(&self, through: i64) -> Vec<i64> {
        self.chunks.range(..=through).map(|(no, _)| *no).collect()
    }

    /// A chunk.
    pub(crate) fn chunk(&self, no: i64) -> Option<&LiveChunk> {
        self.chunks.get(&no)
    }

    /// Start of the oldest chunk, in milliseconds since the epoch.
    pub(crate) fn oldest_ms(&self) -> Option<i64> {
        self.chunks.keys().next().map(|no| chunk_start(*no))
    }

    /// Forgets a chunk, when it has been sealed.
    pub(crate) fn remove(&mut self, no: i64) {
        if let Some(chunk) = self.chunks.remove(&no) {
            self.samples -= chunk.values().map(Vec::len).sum::<usize>();
        }
    }
}

/// Puts a sample in its place by time. False when that is taken.
pub(crate) fn insert_sorted(samples: &mut Vec<Sample>, sample: Sample) -> bool {
    if samples.last().is_none_or(|last| last.t_ms < sample.t_ms) {
        samples.push(sample);
        return true;
    }
    match samples.binary_search_by_key(&sample.t_ms, |s| s.t_ms) {
        Ok(_) => false,
        Err(at) => {
            samples.insert(at, sample);
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn samples_are_kept_in_order_and_once(times in prop::collection::vec(0..3 * CHUNK_MS, 0..60)) {
            let mut live = Live::default();
            let mut seen = BTreeSet::new();
            for t_ms in times {
                prop_assert_eq!(live.insert(7, Sample { t_ms, value: 1.0 }), seen.insert(t_ms));
                prop_assert!(live.contains(7, t_ms) && !live.contains(8, t_ms));
            }
            prop_assert_eq!(live.len(), seen.len());
            let extent = seen.first().zip(seen.last()).map(|(a, b)| (*a, *b));
            prop_assert_eq!(live.extent(7), extent);
            let all: Vec<i64> = live.of_series(7, 0, 2).into_iter().flat_map(|(_, s)| s).map(|s| s.t_ms).collect();
            prop_assert_eq!(all, seen.into_iter().collect::<Vec<_>>());
            for no in live.chunks_through(i64::MAX) {
                live.remove(no);
            }
            prop_assert_eq!(live.len(), 0);
        }
    }
}
