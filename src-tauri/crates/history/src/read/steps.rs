//! From samples to points: one per step, no more than asked for. Pure.

use std::collections::BTreeMap;

use crate::data::{Point, Sample};
use crate::limits::CHUNK_MS;

/// Widths of a step, in milliseconds. From a chunk's width on they are whole multiples of it, so that a block
/// never lies across two steps.
const STEPS_MS: [i64; 31] = [
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    60_000,
    120_000,
    CHUNK_MS,
    2 * CHUNK_MS,
    3 * CHUNK_MS,
    6 * CHUNK_MS,
    12 * CHUNK_MS,
    24 * CHUNK_MS,
    36 * CHUNK_MS,
    72 * CHUNK_MS,
    144 * CHUNK_MS,
    288 * CHUNK_MS,
    576 * CHUNK_MS,
    2_016 * CHUNK_MS,
    8_064 * CHUNK_MS,
    96_768 * CHUNK_MS,
];

/// Steps worth trying for a span, the narrowest first: those with at most `max_points` steps in it.
pub(super) fn candidates(from_ms: i64, to_ms: i64, max_points: usize) -> impl Iterator<Item = i64> {
    let fits = move |step: &i64| {
        let steps = to_ms
            .div_euclid(*step)
            .saturating_sub(from_ms.div_euclid(*step))
            .saturating_add(1);
        steps <= max_points as i64
    };
    STEPS_MS.into_iter().filter(fits)
}

/// Several samples as one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sum {
    pub(super) count: i64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) sum: f64,
}

impl Sum {
    pub(super) fn of(sample: Sample) -> Self {
        Sum {
            count: 1,
            min: sample.value,
            max: sample.value,
            sum: sample.value,
        }
    }

    fn add(&mut self, other: Sum) {
        self.count += other.count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
    }

    fn point(self, t_ms: i64) -> Point {
        let mean = self.sum / self.count.max(1) as f64;
        // Sums of huge numbers overflow, and rounding may leave the range by a hair.
        let avg = if mean.is_nan() {
            self.min
        } else {
            mean.clamp(self.min, self.max)
        };
        Point {
            t_ms,
            avg,
            min: self.min,
            max: self.max,
        }
    }
}

/// A sample, or a block's worth of them, of one incarnation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Piece {
    pub(super) t_ms: i64,
    pub(super) incarnation_ms: i64,
    pub(super) sum: Sum,
}

/// Points of one step each. Samples of two incarnations share no point, as long as the later one's start lies
/// within the step and `apart` is set.
pub(super) fn points(pieces: &[Piece], from_ms: i64, step_ms: i64, apart: bool) -> Vec<Point> {
    let mut sums: BTreeMap<i64, Sum> = BTreeMap::new();
    for piece in pieces {
        let start = piece.t_ms.div_euclid(step_ms).saturating_mul(step_ms);
        let began = if apart {
            piece.incarnation_ms.min(piece.t_ms)
        } else {
            start
        };
        let t_ms = start.max(from_ms).max(began);
        sums.entry(t_ms)
            .and_modify(|sum| sum.add(piece.sum))
            .or_insert(piece.sum);
    }
    sums.into_iter().map(|(t_ms, sum)| sum.point(t_ms)).collect()
}
