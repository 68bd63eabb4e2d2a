//! Metrics as nodes carry them.

use crate::Timestamp;

/// One reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When it was taken.
    pub date: Timestamp,
    /// The reading, in the unit that the metric's template names by its format.
    pub value: f64,
}

/// A metric's recent readings on one node, in time order, no two at the same time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metric {
    /// Readings, oldest first.
    pub samples: Vec<Sample>,
    /// The least value the metric is meant to take (or took).
    pub min: f64,
    /// The greatest value the metric is meant to take: a limit where there is one.
    pub max: f64,
}

impl Metric {
    /// A metric with one reading.
    pub fn of(date: Timestamp, value: f64, min: f64, max: f64) -> Self {
        Metric {
            samples: vec![Sample { date, value }],
            min,
            max,
        }
    }

    /// The newest reading.
    pub fn last(&self) -> Option<Sample> {
        self.samples.last().copied()
    }
}
