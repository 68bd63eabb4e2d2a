//! What waits for a sink that is down: in memory, and as it is kept over a restart.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::limits::{WAITING_KEPT, WAITING_KEPT_BYTES};
use crate::sample::{Sample, Series};

/// What waits for a sink. A task that is changed hands it on to the publisher that takes the old one's place.
#[derive(Default)]
pub(super) struct Waiting {
    /// Held by whoever delivers.
    pub(super) turn: tokio::sync::Mutex<()>,
    queue: Mutex<VecDeque<Sample>>,
    held: AtomicU64,
    pub(super) dropped: AtomicU64,
}

impl Waiting {
    /// Changes what waits.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut VecDeque<Sample>) -> T) -> T {
        let mut queue = self.queue();
        let done = change(&mut queue);
        self.held.store(queue.len() as u64, Ordering::Relaxed);
        done
    }

    /// Samples that wait, and samples that were let go.
    pub(super) fn counts(&self) -> (u64, u64) {
        (
            self.held.load(Ordering::Relaxed),
            self.dropped.load(Ordering::Relaxed),
        )
    }

    /// The newest of what waits, as much of it as there is room for.
    pub(super) fn kept(&self, room: &mut Room) -> Vec<KeptSeries> {
        let queue = self.queue();
        let mut at: HashMap<&Arc<Series>, usize> = HashMap::new();
        let mut kept: Vec<KeptSeries> = Vec::new();
        // A number that JSON has no word for would make the whole record unreadable.
        let newest = queue.iter().rev().filter(|sample| sample.value.is_finite());
        for sample in newest {
            let known = at.get(&sample.series).copied();
            let bytes = POINT_BYTES + known.map_or_else(|| size(&sample.series), |_| 0);
            let (Some(samples), Some(left)) = (room.samples.checked_sub(1), room.bytes.checked_sub(bytes))
            else {
                break;
            };
            *room = Room { samples, bytes: left };
            let place = known.unwrap_or_else(|| {
                at.insert(&sample.series, kept.len());
                kept.push(KeptSeries {
                    series: (*sample.series).clone(),
                    points: Vec::new(),
                });
                kept.len() - 1
            });
            if let Some(held) = kept.get_mut(place) {
                held.points.push((sample.at_ms, sample.value));
            }
        }
        kept
    }

    /// Takes back what was kept, oldest first, before anything that waits already.
    pub(super) fn restore(&self, kept: Vec<KeptSeries>) {
        let mut all: Vec<Sample> = Vec::new();
        for held in kept {
            let series = Arc::new(held.series);
            all.extend(held.points.into_iter().map(|(at_ms, value)| Sample {
                series: series.clone(),
                at_ms,
                value,
            }));
        }
        all.sort_by_key(|sample| sample.at_ms);
        self.change(|queue| {
            for sample in all.into_iter().rev() {
                queue.push_front(sample);
            }
        });
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Sample>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room for what is kept.
pub(crate) struct Room {
    /// Samples.
    pub(crate) samples: usize,
    /// Bytes, about.
    pub(crate) bytes: usize,
}

impl Room {
    /// A task's, for at most so many samples.
    pub(crate) fn of_task(samples: usize) -> Room {
        Room {
            samples: samples.min(WAITING_KEPT),
            bytes: WAITING_KEPT_BYTES,
        }
    }
}

/// A point as it is written: a moment and a number. Bytes, about.
const POINT_BYTES: usize = 40;

/// A series as it is written. Bytes, about.
fn size(series: &Series) -> usize {
    let texts = [
        &series.namespace,
        &series.plugin,
        &series.topology,
        &series.node,
        &series.metric,
        &series.unit,
    ];
    let tags = series.tags.iter().map(|(key, value)| key.len() + value.len() + 8);
    // Twice, for what has to be escaped.
    2 * (texts.iter().map(|text| text.len()).sum::<usize>() + tags.sum::<usize>()) + 120
}

/// Samples that wait for a sink, as they are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptSamples {
    /// Place of the publisher in the task.
    pub path: String,
    /// What it is.
    pub plugin: String,
    /// By series.
    pub series: Vec<KeptSeries>,
}

/// Samples of a series that wait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptSeries {
    /// What they are values of.
    pub series: Series,
    /// Moments, in milliseconds since the epoch, and values.
    pub points: Vec<(i64, f64)>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::tests::sample;

    fn waiting(samples: &[Sample]) -> Waiting {
        let waiting = Waiting::default();
        waiting.change(|queue| queue.extend(samples.iter().cloned()));
        waiting
    }

    fn order(waiting: &Waiting) -> Vec<i64> {
        waiting.change(|queue| queue.iter().map(|sample| sample.at_ms).collect())
    }

    #[test]
    fn what_is_kept_comes_back_in_order_and_before_what_is_new() {
        let before = waiting(&[
            sample("a", "x", 1, 1.5),
            sample("b", "y", 2, 2.5),
            sample("a", "x", 3, f64::NAN),
            sample("a", "x", 4, -1.0),
        ]);
        let text = serde_json::to_string(&before.kept(&mut Room::of_task(100))).unwrap();
        let after = waiting(&[sample("a", "x", 9, 9.0)]);
        after.restore(serde_json::from_str(&text).unwrap());
        assert_eq!(order(&after), [1, 2, 4, 9], "what is no number is left out");
        assert_eq!(after.counts(), (4, 0));
        let values = after.change(|queue| queue.iter().map(|sample| sample.value).collect::<Vec<_>>());
        assert_eq!(values, [1.5, 2.5, -1.0, 9.0]);
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_newest() {
        let many: Vec<Sample> = (0..1000).map(|at| sample("a", "x", at, 1.0)).collect();
        let few = waiting(&[]);
        few.restore(waiting(&many).kept(&mut Room::of_task(3)));
        assert_eq!(order(&few), [997, 998, 999]);
        // Of series with long names fewer.
        let names: Vec<String> = (0..50).map(|n| format!("{n}{}", "x".repeat(50_000))).collect();
        let long: Vec<Sample> = names.iter().map(|name| sample(name, "x", 1, 1.0)).collect();
        let mut room = Room::of_task(1000);
        let kept = waiting(&long).kept(&mut room);
        assert!(!kept.is_empty() && kept.len() < 50, "{}", kept.len());
        assert!(serde_json::to_string(&kept).unwrap().len() <= WAITING_KEPT_BYTES);
        assert_eq!(
            room.samples,
            1000 - kept.len(),
            "what is left is another publisher's"
        );
    }
}
