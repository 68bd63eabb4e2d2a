//! Joining readings, so that nodes that share theirs go on sharing them.

use std::cmp::Ordering;

use rustc_hash::FxHashMap;

use super::canonical::compare;
use crate::metric::Samples;
use crate::{Entries, Metric, Sample};

/// Joins of a sort that are remembered. Idle nodes of one report come to hundreds of pairs of lists, and where many
/// sources name them, to as many for each.
const REMEMBERED: usize = 1 << 14;

/// What became of pairs of shared lists of readings, and of pairs of all metrics of nodes. To be used within one
/// step, of one kind of joining.
#[derive(Debug, Default)]
pub(crate) struct Joins {
    samples: Memo<Samples>,
    pub(crate) metrics: Memo<Entries<Metric>>,
}

/// A list that many may have.
pub(crate) trait Shared: Clone {
    /// True when somebody else has it.
    fn is_shared(&self) -> bool;
    /// Where it lies.
    fn address(&self) -> usize;
}

impl Shared for Samples {
    fn is_shared(&self) -> bool {
        Samples::is_shared(self)
    }

    fn address(&self) -> usize {
        Samples::address(self)
    }
}

impl Shared for Entries<Metric> {
    fn is_shared(&self) -> bool {
        Entries::is_shared(self)
    }

    fn address(&self) -> usize {
        Entries::address(self)
    }
}

/// What became of pairs of shared lists, by where these lie.
#[derive(Debug)]
pub(crate) struct Memo<T>(FxHashMap<(usize, usize), Join<T>>);

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Memo(FxHashMap::default())
    }
}

#[derive(Debug)]
struct Join<T> {
    /// Both are held, so that what lies at their addresses stays the same.
    _pair: (T, T),
    joined: T,
}

impl<T: Shared> Memo<T> {
    fn key(held: &T, other: &T) -> Option<(usize, usize)> {
        (held.is_shared() && other.is_shared()).then(|| (held.address(), other.address()))
    }

    /// What a pair became before.
    pub(crate) fn get(&self, held: &T, other: &T) -> Option<T> {
        let join = self.0.get(&Self::key(held, other)?)?;
        Some(join.joined.clone())
    }

    /// Notes what a pair became, as long as there is room.
    pub(crate) fn put(&mut self, held: &T, other: &T, joined: &T) {
        if let Some(key) = Self::key(held, other)
            && self.0.len() < REMEMBERED
        {
            let joined = joined.clone();
            let _pair = (held.clone(), other.clone());
            self.0.insert(key, Join { _pair, joined });
        }
    }
}

impl Joins {
    /// What `join` makes of a pair of lists, made once for a pair that several nodes have.
    pub(crate) fn of(&mut self, held: &Samples, other: &Samples, join: impl FnOnce() -> Samples) -> Samples {
        if let Some(joined) = self.samples.get(held, other) {
            return joined;
        }
        let joined = join();
        self.samples.put(held, other, &joined);
        joined
    }
}

/// Joins two metrics: readings by time, the widest range.
pub(super) fn merge_metric(held: &mut Metric, other: &Metric, joins: &mut Joins) {
    held.min = held.min.min(other.min);
    held.max = held.max.max(other.max);
    if other.samples.is_empty() || held.samples == other.samples {
        return;
    }
    held.samples = match held.samples.is_empty() {
        true => other.samples.clone(),
        false => joins.of(&held.samples, &other.samples, || {
            joined(&held.samples, &other.samples)
        }),
    };
}

/// Joins readings by time.
pub(crate) fn joined(held: &[Sample], other: &[Sample]) -> Samples {
    // Most often the other ones are newer, or there are none yet.
    let newer = match (held.last(), other.first()) {
        (Some(last), Some(first)) => last.date < first.date,
        _ => true,
    };
    if newer {
        return held.iter().chain(other).copied().collect();
    }
    let mut all = [held, other].concat();
    normalize_samples(&mut all);
    all.into()
}

/// Brings readings into time order, one per time: of two the one with the larger JSON.
pub(crate) fn normalize_samples(samples: &mut Vec<Sample>) {
    samples.sort_by(|a, b| a.date.cmp(&b.date).then_with(|| compare_values(b.value, a.value)));
    samples.dedup_by_key(|sample| sample.date);
}

fn compare_values(a: f64, b: f64) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    compare(&a, &b).then_with(|| a.total_cmp(&b))
}
