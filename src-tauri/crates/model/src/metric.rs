//! Metrics as nodes carry them.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use crate::Timestamp;

/// One reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When it was taken.
    pub date: Timestamp,
    /// The reading, in the unit that the metric's template names by its format.
    pub value: f64,
}

impl Sample {
    /// The reading as bits, to tell any two apart.
    pub(crate) fn bits(self) -> (i64, u64) {
        (self.date.0, self.value.to_bits())
    }
}

/// Readings of a metric, shared where they are cloned.
///
/// Everything that is idle has the same readings: decoding lets it have one list, and whoever joins readings
/// keeps it that way. Changing a list copies it if it is shared.
#[derive(Debug, Clone, Default)]
pub struct Samples(Arc<[Sample]>);

impl Samples {
    /// Adds a reading behind the others.
    pub fn push(&mut self, sample: Sample) {
        self.0 = self.0.iter().copied().chain([sample]).collect();
    }

    /// True when somebody else has the same list.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Where the list lies, for telling lists apart quickly.
    pub(crate) fn address(&self) -> usize {
        self.0.as_ptr().addr()
    }

    /// True when both are one list in memory.
    pub fn is_shared_with(&self, other: &Samples) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl PartialEq for Samples {
    fn eq(&self, other: &Self) -> bool {
        self.is_shared_with(other) || self.0 == other.0
    }
}

impl Deref for Samples {
    type Target = [Sample];

    fn deref(&self) -> &[Sample] {
        &self.0
    }
}

impl DerefMut for Samples {
    fn deref_mut(&mut self) -> &mut [Sample] {
        Arc::make_mut(&mut self.0)
    }
}

impl From<&[Sample]> for Samples {
    fn from(samples: &[Sample]) -> Self {
        Samples(samples.into())
    }
}

impl From<Vec<Sample>> for Samples {
    fn from(samples: Vec<Sample>) -> Self {
        Samples(samples.into())
    }
}

impl FromIterator<Sample> for Samples {
    fn from_iter<I: IntoIterator<Item = Sample>>(samples: I) -> Self {
        Samples(samples.into_iter().collect())
    }
}

/// A metric's recent readings on one node, in time order, no two at the same time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metric {
    /// Readings, oldest first.
    pub samples: Samples,
    /// The least value the metric is meant to take (or took).
    pub min: f64,
    /// The greatest value the metric is meant to take: a limit where there is one.
    pub max: f64,
}

impl Metric {
    /// A metric with one reading.
    pub fn of(date: Timestamp, value: f64, min: f64, max: f64) -> Self {
        Metric {
            samples: [Sample { date, value }].as_slice().into(),
            min,
            max,
        }
    }

    /// The newest reading.
    pub fn last(&self) -> Option<Sample> {
        self.samples.last().copied()
    }
}
