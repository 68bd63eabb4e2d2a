//! Joining readings, so that nodes that share theirs go on sharing them.

use std::cmp::Ordering;

use super::canonical::compare;
use crate::metric::Samples;
use crate::{Metric, Sample};

/// Joins that are remembered. Idle nodes of one report come to a few pairs of lists.
const SLOTS: usize = 256;

/// What became of pairs of shared lists of readings. To be used within one step, of one kind of joining.
#[derive(Debug, Default)]
pub(crate) struct Joins(Vec<Option<Join>>);

#[derive(Debug, Clone)]
struct Join {
    /// Both are held, so that what lies at their addresses stays the same.
    held: Samples,
    other: Samples,
    joined: Samples,
}

impl Joins {
    /// What `join` makes of a pair of lists, made once for a pair that several nodes have.
    pub(crate) fn of(&mut self, held: &Samples, other: &Samples, join: impl FnOnce() -> Samples) -> Samples {
        if !held.is_shared() || !other.is_shared() {
            return join();
        }
        if self.0.is_empty() {
            self.0.resize(SLOTS, None);
        }
        let mixed = held.address() ^ other.address().rotate_left(17);
        let at = (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % SLOTS;
        let Some(slot) = self.0.get_mut(at) else {
            return join();
        };
        match slot {
            Some(made) if made.held.is_shared_with(held) && made.other.is_shared_with(other) => {
                made.joined.clone()
            }
            _ => {
                let joined = join();
                *slot = Some(Join {
                    held: held.clone(),
                    other: other.clone(),
                    joined: joined.clone(),
                });
                joined
            }
        }
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
