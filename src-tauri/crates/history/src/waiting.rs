//! Samples on their way into the file. Reports bring them by the ten thousand, faster than they can be written,
//! so that they wait in as little room as they can.

use orrery_model::{SmolStr, TopologyKind};

use crate::data::{Sample, SeriesSamples};

/// New samples of one series.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waiting<'a> {
    /// Node id.
    pub(crate) node: &'a SmolStr,
    /// When this incarnation of the node began, in milliseconds since the epoch.
    pub(crate) incarnation_ms: i64,
    /// The same for all nodes of a kind.
    pub(crate) what: &'a What,
    pub(crate) samples: &'a [Sample],
}

/// What is measured.
#[derive(Debug, PartialEq)]
pub(crate) struct What {
    pub(crate) kind: TopologyKind,
    /// Metric id.
    pub(crate) metric: SmolStr,
    /// Text shown for the metric.
    pub(crate) label: SmolStr,
    pub(crate) format: SmolStr,
}

/// What was handed in together. Series of one node that follow each other have it once, and all samples lie in one
/// list.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    nodes: Vec<BatchNode>,
    series: Vec<BatchSeries>,
    samples: Vec<Sample>,
    whats: Vec<What>,
}

#[derive(Debug)]
struct BatchNode {
    node: SmolStr,
    incarnation_ms: i64,
}

#[derive(Debug)]
struct BatchSeries {
    node: u32,
    what: u32,
    /// Where its samples end.
    samples_end: u32,
}

/// Different things measured among which each is looked for; what comes beyond them may stand there twice.
const LOOKED_AT: usize = 16;

impl Batch {
    /// What was handed in, up to the point where a number of 32 bits cannot tell it apart any more.
    pub(crate) fn of(series: impl IntoIterator<Item = SeriesSamples>) -> Self {
        let mut batch = Batch::default();
        for series in series {
            if batch.add(series).is_none() {
                break;
            }
        }
        batch.nodes.shrink_to_fit();
        batch.series.shrink_to_fit();
        batch.samples.shrink_to_fit();
        batch
    }

    fn add(&mut self, series: SeriesSamples) -> Option<()> {
        let samples_end = u32::try_from(self.samples.len() + series.samples.len()).ok()?;
        let what = What {
            kind: series.kind,
            metric: series.metric,
            label: series.label,
            format: series.format,
        };
        let what = u32::try_from(self.what(what)).ok()?;
        let node = u32::try_from(self.node(series.node, series.incarnation_ms)).ok()?;
        self.samples.extend_from_slice(&series.samples);
        self.series.push(BatchSeries {
            node,
            what,
            samples_end,
        });
        Some(())
    }

    /// Where it stands among the nodes: it is the last one, or a new one.
    fn node(&mut self, node: SmolStr, incarnation_ms: i64) -> usize {
        let last = self.nodes.last();
        if last.is_none_or(|last| last.node != node || last.incarnation_ms != incarnation_ms) {
            self.nodes.push(BatchNode { node, incarnation_ms });
        }
        self.nodes.len() - 1
    }

    /// Where it stands among those that are measured.
    fn what(&mut self, what: What) -> usize {
        let from = self.whats.len().saturating_sub(LOOKED_AT);
        let known = self.whats.iter().skip(from).position(|known| *known == what);
        known.map_or_else(
            || {
                self.whats.push(what);
                self.whats.len() - 1
            },
            |place| from + place,
        )
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Number of samples.
    pub(crate) fn len(&self) -> usize {
        self.samples.len()
    }

    /// All series, as they were handed in.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Waiting<'_>> {
        let mut start = 0;
        self.series.iter().filter_map(move |series| {
            let end = series.samples_end as usize;
            let samples = self.samples.get(start..end)?;
            start = end;
            let node = self.nodes.get(series.node as usize)?;
            Some(Waiting {
                node: &node.node,
                incarnation_ms: node.incarnation_ms,
                what: self.whats.get(series.what as usize)?,
                samples,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_by_packing() {
        let series = |n: usize| SeriesSamples {
            node: format!("host;{}", n / 3).into(),
            kind: TopologyKind::Process,
            incarnation_ms: n as i64 / 6,
            metric: format!("m{}", n % 23).into(),
            label: "CPU".into(),
            format: "percent".into(),
            samples: vec![
                Sample {
                    t_ms: n as i64,
                    value: 1.0
                };
                n % 3
            ],
        };
        let all: Vec<SeriesSamples> = (0..80).map(series).collect();
        let batch = Batch::of(all.clone());
        let unpacked: Vec<SeriesSamples> = batch
            .iter()
            .map(|w| SeriesSamples {
                node: w.node.clone(),
                kind: w.what.kind,
                incarnation_ms: w.incarnation_ms,
                metric: w.what.metric.clone(),
                label: w.what.label.clone(),
                format: w.what.format.clone(),
                samples: w.samples.to_vec(),
            })
            .collect();
        assert_eq!(unpacked, all);
        assert_eq!(batch.len(), all.iter().map(|s| s.samples.len()).sum::<usize>());
        assert!(Batch::of([]).is_empty() && !batch.is_empty());
    }
}
