//! A metric's past on one node, in as many points as are wanted.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;

use crate::data::{Point, Sample, Series};
use crate::error::HistoryError;
use crate::history::Shared;
use crate::limits::{self, CHUNK_MS};
use crate::live::{chunk_of, insert_sorted};

use super::blocks::{self, Packed, Summary};
use super::series::{self, SeriesRow};
use super::steps::{Piece, Sum, candidates, points};

/// Answers [`crate::History::range`].
pub(crate) async fn range(
    shared: &Shared,
    node: &str,
    metric: &str,
    from_ms: i64,
    to_ms: i64,
    max_points: u32,
) -> Result<Series, HistoryError> {
    let max_points = max_points.clamp(2, limits::MAX_POINTS) as usize;
    let rows = series::rows(shared, node, Some(metric)).await?;
    let newest = rows.iter().max_by_key(|row| row.last_ms);
    let mut answer = Series {
        label: newest.map(|row| row.label.clone()).unwrap_or_default(),
        format: newest.map(|row| row.format.clone()).unwrap_or_default(),
        ..Series::default()
    };
    if from_ms > to_ms {
        return Ok(answer);
    }
    answer.incarnations_ms = incarnations(&rows, from_ms, to_ms);

    let window = Window { from_ms, to_ms };
    let mut lines = gather(shared, &rows, window).await?;
    let (first_ms, last_ms) = match extent(&lines) {
        Some((first, last)) => (first.max(from_ms), last.min(to_ms)),
        None => return Ok(answer),
    };
    let count: i64 = lines.iter().map(Line::count).sum();
    // What was thinned is known by chunks alone.
    let thinned = lines
        .iter()
        .flat_map(|line| line.chunks.values())
        .any(Stretch::is_thinned);
    let narrowest = if thinned { CHUNK_MS } else { 1 };
    let raw = !thinned && count <= max_points as i64;
    let steps: Vec<i64> = candidates(first_ms, last_ms, max_points)
        .filter(|step| *step >= narrowest)
        .collect();
    if raw || steps.first().is_none_or(|step| *step < CHUNK_MS) {
        unpack(shared, &mut lines).await?;
    }
    let work = move || {
        let mut lines = lines;
        lines.iter_mut().for_each(|line| line.decode(window));
        let pieces: Vec<Piece> = lines.iter().flat_map(Line::pieces).collect();
        condense(&pieces, raw, window.from_ms, &steps, max_points)
    };
    let condensed = tokio::task::spawn_blocking(work).await;
    (answer.step_ms, answer.points) = condensed.map_err(|_| HistoryError::Closed)?;
    Ok(answer)
}

fn incarnations(rows: &[SeriesRow], from_ms: i64, to_ms: i64) -> Vec<i64> {
    let mut starts: Vec<i64> = rows.iter().map(|row| row.incarnation_ms).collect();
    starts.retain(|start| *start > 0 && (from_ms..=to_ms).contains(start));
    starts.sort_unstable();
    starts.dedup();
    starts
}

/// The points, and the width of each; 0 when they are the samples themselves.
fn condense(
    pieces: &[Piece],
    raw: bool,
    from_ms: i64,
    steps: &[i64],
    max_points: usize,
) -> (i64, Vec<Point>) {
    if raw {
        return (0, points(pieces, from_ms, 1, false));
    }
    for &step in steps {
        let points = points(pieces, from_ms, step, true);
        if points.len() <= max_points {
            return (step, points);
        }
    }
    // So many incarnations that each one's own point is too much.
    let step = steps.first().copied().unwrap_or(i64::MAX);
    (step, points(pieces, from_ms, step, false))
}

#[derive(Debug, Clone, Copy)]
struct Window {
    from_ms: i64,
    to_ms: i64,
}

impl Window {
    fn holds(self, t_ms: i64) -> bool {
        (self.from_ms..=self.to_ms).contains(&t_ms)
    }
}

/// One incarnation within the window.
struct Line {
    series: i64,
    incarnation_ms: i64,
    chunks: BTreeMap<i64, Stretch>,
}

/// One incarnation within one chunk.
#[derive(Default)]
struct Stretch {
    summary: Option<Summary>,
    packed: Option<Packed>,
    /// Samples: live ones at first, all after decoding.
    samples: Vec<Sample>,
    /// Set when `samples` are all there are and the summary no longer counts.
    decoded: bool,
}

impl Stretch {
    /// True when the summary says all there is to say.
    fn is_whole(&self, window: Window) -> bool {
        let inside = |s: &Summary| window.holds(s.t_min) && window.holds(s.t_max);
        self.samples.is_empty() && self.summary.as_ref().is_some_and(inside)
    }

    fn is_thinned(&self) -> bool {
        !self.decoded && self.summary.as_ref().is_some_and(|s| s.thinned)
    }

    fn count(&self) -> i64 {
        let summary = self.summary.as_ref().filter(|_| !self.decoded);
        summary.map_or(0, |s| s.count) + self.samples.len() as i64
    }
}

impl Line {
    fn count(&self) -> i64 {
        self.chunks.values().map(Stretch::count).sum()
    }

    /// Unpacks what has its bytes at hand.
    fn decode(&mut self, window: Window) {
        for stretch in self.chunks.values_mut() {
            let Some(packed) = stretch.packed.take() else {
                continue;
            };
            for sample in packed.decode() {
                insert_sorted(&mut stretch.samples, sample);
            }
            stretch.samples.retain(|s| window.holds(s.t_ms));
            stretch.decoded = true;
        }
    }

    fn pieces(&self) -> impl Iterator<Item = Piece> {
        let incarnation_ms = self.incarnation_ms;
        self.chunks.values().flat_map(move |stretch| {
            let summary = stretch
                .summary
                .as_ref()
                .filter(|_| !stretch.decoded)
                .map(|s| Piece {
                    t_ms: s.t_min,
                    incarnation_ms,
                    sum: Sum {
                        count: s.count,
                        min: s.min,
                        max: s.max,
                        sum: s.sum,
                    },
                });
            let samples = stretch.samples.iter().map(move |s| Piece {
                t_ms: s.t_ms,
                incarnation_ms,
                sum: Sum::of(*s),
            });
            summary.into_iter().chain(samples)
        })
    }
}

/// Collects live samples and summaries of blocks; blocks that a summary does not do for are decoded.
async fn gather(shared: &Shared, rows: &[SeriesRow], window: Window) -> Result<Vec<Line>, HistoryError> {
    let (from, to) = (chunk_of(window.from_ms), chunk_of(window.to_ms));
    let mut lines: Vec<Line> = {
        let live = shared.live();
        let line = |row: &SeriesRow| {
            let stretches = live
                .of_series(row.id, from, to)
                .into_iter()
                .map(|(chunk, mut samples)| {
                    samples.retain(|s| window.holds(s.t_ms));
                    (
                        chunk,
                        Stretch {
                            samples,
                            ..Stretch::default()
                        },
                    )
                });
            Line {
                series: row.id,
                incarnation_ms: row.incarnation_ms,
                chunks: stretches.collect(),
            }
        };
        rows.iter().map(line).collect()
    };
    let fail = || HistoryError::database("read samples");
    let mut transaction = shared.readers.begin().await.map_err(fail())?;
    for line in &mut lines {
        let read = add_blocks(&mut transaction, line, from, to, window);
        read.await.map_err(fail())?;
    }
    transaction.commit().await.map_err(fail())?;
    Ok(lines)
}

async fn add_blocks(
    db: &mut SqliteConnection,
    line: &mut Line,
    from: i64,
    to: i64,
    window: Window,
) -> Result<(), sqlx::Error> {
    for summary in blocks::summaries(db, line.series, from, to).await? {
        let stretch = line.chunks.entry(summary.chunk).or_default();
        stretch.summary = Some(summary);
    }
    let sealed = |stretch: &Stretch| stretch.summary.is_some();
    let partial = line
        .chunks
        .iter()
        .filter(|(_, s)| sealed(s) && !s.is_whole(window));
    let partial: Vec<i64> = partial.map(|(chunk, _)| *chunk).collect();
    for chunk in partial {
        let packed = blocks::packed(db, line.series, chunk, chunk).await?.pop();
        let Some(stretch) = line.chunks.get_mut(&chunk) else {
            continue;
        };
        // A summary by itself cannot be cut where the window is: it stands where it begins.
        if packed.is_none() && stretch.summary.as_ref().is_some_and(|s| !window.holds(s.t_min)) {
            stretch.summary = None;
        }
        stretch.packed = packed;
    }
    line.decode(window);
    line.chunks.retain(|_, stretch| stretch.count() > 0);
    Ok(())
}

/// Fetches the bytes of all blocks that are not decoded yet.
async fn unpack(shared: &Shared, lines: &mut [Line]) -> Result<(), HistoryError> {
    let fail = || HistoryError::database("read samples");
    let mut db = shared.readers.acquire().await.map_err(fail())?;
    for line in lines {
        let sealed = |(chunk, stretch): (&i64, &Stretch)| {
            (stretch.summary.is_some() && !stretch.decoded).then_some(*chunk)
        };
        let Some(from) = line.chunks.iter().find_map(sealed) else {
            continue;
        };
        let to = line.chunks.iter().rev().find_map(sealed).unwrap_or(from);
        for packed in blocks::packed(&mut db, line.series, from, to)
            .await
            .map_err(fail())?
        {
            if let Some(stretch) = line.chunks.get_mut(&packed.chunk).filter(|s| !s.decoded) {
                stretch.packed = Some(packed);
            }
        }
    }
    Ok(())
}

/// Times of the first and the last sample.
fn extent(lines: &[Line]) -> Option<(i64, i64)> {
    let spans = lines
        .iter()
        .flat_map(|line| line.chunks.values())
        .flat_map(|stretch| {
            let summary = stretch
                .summary
                .as_ref()
                .filter(|_| !stretch.decoded)
                .map(|s| (s.t_min, s.t_max));
            let samples = stretch
                .samples
                .first()
                .zip(stretch.samples.last())
                .map(|(a, b)| (a.t_ms, b.t_ms));
            summary.into_iter().chain(samples)
        });
    spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}
