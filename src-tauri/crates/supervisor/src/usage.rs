//! Resource points of a plugin: a ring that reading never empties.

use std::collections::VecDeque;

use crate::limits;
use crate::view::UsagePoint;

/// The last resource points of a plugin.
#[derive(Debug)]
pub(crate) struct UsageRing {
    points: VecDeque<UsagePoint>,
    keep: usize,
    next: u64,
}

impl UsageRing {
    /// Keeps this many points; at least one.
    pub(crate) fn new(keep: usize) -> Self {
        UsageRing {
            points: VecDeque::new(),
            keep: bounded(keep),
            next: 1,
        }
    }

    /// Keeps this many from now on; the oldest go when that is less than before.
    pub(crate) fn resize(&mut self, keep: usize) {
        self.keep = bounded(keep);
        self.trim();
    }

    /// Takes in a point, whose number it sets.
    pub(crate) fn push(&mut self, point: UsagePoint) {
        self.points.push_back(UsagePoint {
            seq: self.next,
            ..point
        });
        self.next += 1;
        self.trim();
    }

    /// Points after a number, oldest first.
    pub(crate) fn after(&self, seq: u64) -> Vec<UsagePoint> {
        let begin = self.points.partition_point(|point| point.seq <= seq);
        self.points.range(begin..).copied().collect()
    }

    pub(crate) fn newest(&self) -> Option<UsagePoint> {
        self.points.back().copied()
    }

    fn trim(&mut self) {
        while self.points.len() > self.keep {
            self.points.pop_front();
        }
    }
}

fn bounded(keep: usize) -> usize {
    keep.clamp(1, limits::USAGE_KEPT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(points: &[UsagePoint]) -> Vec<u64> {
        points.iter().map(|point| point.seq).collect()
    }

    #[test]
    fn a_full_ring_drops_the_oldest_and_keeps_the_order() {
        let mut ring = UsageRing::new(3);
        assert_eq!(ring.newest(), None);
        for memory_bytes in 0..5 {
            ring.push(UsagePoint {
                memory_bytes,
                ..UsagePoint::default()
            });
        }
        assert_eq!(numbers(&ring.after(0)), [3, 4, 5]);
        assert_eq!(ring.newest().map(|point| point.memory_bytes), Some(4));
    }

    #[test]
    fn readers_have_cursors_and_take_nothing_away() {
        let mut ring = UsageRing::new(10);
        for _ in 0..4 {
            ring.push(UsagePoint::default());
        }
        assert_eq!(numbers(&ring.after(2)), [3, 4]);
        assert_eq!(numbers(&ring.after(2)), [3, 4]);
        assert_eq!(numbers(&ring.after(4)), [] as [u64; 0]);
        assert_eq!(numbers(&ring.after(99)), [] as [u64; 0]);
    }

    #[test]
    fn there_is_room_for_one_at_least() {
        let mut ring = UsageRing::new(0);
        ring.push(UsagePoint::default());
        ring.push(UsagePoint::default());
        assert_eq!(numbers(&ring.after(0)), [2]);
        ring.resize(5);
        ring.push(UsagePoint::default());
        assert_eq!(numbers(&ring.after(0)), [2, 3]);
        ring.resize(1);
        assert_eq!(numbers(&ring.after(0)), [3]);
    }
}
