//! Samples on their way into the file. Reports bring them by the ten thousand, faster than they can be written,
//! so that they wait in as little room as they can.

use std::ops::Deref;
use std::sync::Arc;

use orrery_model::{SmolStr, TopologyKind};

use crate::data::{Sample, SeriesSamples};

/// New samples of one series.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// Node id.
    pub(crate) node: SmolStr,
    /// When this incarnation of the node began, in milliseconds since the epoch.
    pub(crate) incarnation_ms: i64,
    /// The same for all nodes of a kind.
    pub(crate) what: Arc<What>,
    pub(crate) samples: Few,
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

/// Samples; nearly always there is one.
#[derive(Debug)]
pub(crate) enum Few {
    One(Sample),
    Many(Box<[Sample]>),
}

impl Deref for Few {
    type Target = [Sample];

    fn deref(&self) -> &[Sample] {
        match self {
            Few::One(sample) => std::slice::from_ref(sample),
            Few::Many(samples) => samples,
        }
    }
}

impl From<Vec<Sample>> for Few {
    fn from(samples: Vec<Sample>) -> Self {
        match samples.as_slice() {
            [one] => Few::One(*one),
            _ => Few::Many(samples.into()),
        }
    }
}

/// Different things measured that are remembered while a batch is packed.
const REMEMBERED: usize = 8;

/// What was handed in, as it waits.
pub(crate) fn pack(batch: Vec<SeriesSamples>) -> Vec<Waiting> {
    let mut seen: Vec<Arc<What>> = Vec::with_capacity(REMEMBERED);
    let packed = batch.into_iter().map(|series| {
        let what = What {
            kind: series.kind,
            metric: series.metric,
            label: series.label,
            format: series.format,
        };
        let what = match seen.iter().find(|seen| ***seen == what) {
            Some(seen) => seen.clone(),
            None => {
                if seen.len() >= REMEMBERED {
                    seen.remove(0);
                }
                let what = Arc::new(what);
                seen.push(what.clone());
                what
            }
        };
        Waiting {
            node: series.node,
            incarnation_ms: series.incarnation_ms,
            what,
            samples: series.samples.into(),
        }
    });
    packed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_by_packing() {
        let series = |n: usize| SeriesSamples {
            node: format!("host;{n}").into(),
            kind: TopologyKind::Process,
            incarnation_ms: n as i64,
            metric: format!("m{}", n % 11).into(),
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
        let batch: Vec<SeriesSamples> = (0..40).map(series).collect();
        let unpacked: Vec<SeriesSamples> = pack(batch.clone())
            .into_iter()
            .map(|w| SeriesSamples {
                node: w.node,
                kind: w.what.kind,
                incarnation_ms: w.incarnation_ms,
                metric: w.what.metric.clone(),
                label: w.what.label.clone(),
                format: w.what.format.clone(),
                samples: w.samples.to_vec(),
            })
            .collect();
        assert_eq!(unpacked, batch);
    }
}
