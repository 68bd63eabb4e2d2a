//! What a decoding carries along: limits, warnings, where it is, and strings seen before.

use std::fmt::Write as _;

use crate::decode::{Limits, Warning};
use crate::entries::put_in_order;
use crate::{Entries, Latest, Metric, Names, Sample, Samples, SmolStr, Timestamp, TopologyKind, limits};

/// State of one decoding.
pub(super) struct Context {
    /// Stands in for timestamps that cannot be read.
    pub(super) received: Timestamp,
    /// The topology being read.
    pub(super) kind: Option<TopologyKind>,
    /// The innermost thing whose reading failed, such as a node's id.
    pub(super) culprit: Option<String>,
    /// Levels of `children` above the node being read.
    pub(super) depth: usize,
    /// Room for the readings of one metric.
    pub(super) samples: Vec<Sample>,
    /// Room for the names of one set.
    pub(super) names: Vec<SmolStr>,
    /// Room for the facts of one node.
    pub(super) facts: Vec<(SmolStr, Latest)>,
    /// Room for the metrics of one node.
    pub(super) metrics: Vec<(SmolStr, Metric)>,
    nodes_left: usize,
    edges_left: usize,
    nodes_allowed: usize,
    warnings: Vec<(Oddity, Warning)>,
    seen: Vec<SmolStr>,
    sets_seen: Vec<Names>,
    samples_seen: Vec<Samples>,
    metrics_seen: Vec<Entries<Metric>>,
    times: Vec<(Option<Written>, Timestamp)>,
}

/// A text of 16 to 32 bytes, as all timestamps that people write are: its beginning and its end, which overlap
/// or meet, and its length. Comparing these is comparing the texts, without a loop.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Written {
    begin: u128,
    end: u128,
    len: usize,
}

impl Written {
    #[inline]
    fn of(text: &[u8]) -> Option<Self> {
        let (begin, end) = (text.first_chunk()?, text.last_chunk()?);
        (text.len() <= 32).then(|| Written {
            begin: u128::from_le_bytes(*begin),
            end: u128::from_le_bytes(*end),
            len: text.len(),
        })
    }
}

/// Kinds of oddities; each is reported once per report, with its first occurrence as the example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Oddity {
    Address,
    BareLatest,
    BareSamples,
    Edges,
    ForeignTag,
    OddTimestamp,
    OtherId,
    UnknownTag,
    UnreadableNumber,
    UnreadableTimestamp,
}

/// Slots of the caches of long strings, sets and readings. Reports repeat few of them, in runs.
const SEEN_SLOTS: usize = 256;
/// Slots of the cache of all metrics of nodes, of which there are more: two that meet in one would take turns.
const METRIC_SLOTS: usize = 4096;
/// Slots of the cache of timestamps. All readings of one moment carry the same.
const TIME_SLOTS: usize = 256;
/// Strings up to this many bytes are stored inline and need no cache.
const INLINE_BYTES: usize = 23;

impl Context {
    pub(super) fn new(limits: &Limits, received: Timestamp) -> Self {
        Context {
            received,
            kind: None,
            culprit: None,
            depth: 0,
            samples: Vec::new(),
            names: Vec::new(),
            facts: Vec::new(),
            metrics: Vec::new(),
            nodes_left: limits.nodes,
            edges_left: limits::EDGES,
            nodes_allowed: limits.nodes,
            warnings: Vec::new(),
            seen: vec![SmolStr::default(); SEEN_SLOTS],
            sets_seen: vec![Names::default(); SEEN_SLOTS],
            samples_seen: vec![Samples::default(); SEEN_SLOTS],
            metrics_seen: vec![Entries::default(); METRIC_SLOTS],
            times: vec![(None, Timestamp::ZERO); TIME_SLOTS],
        }
    }

    /// Counts one more node.
    pub(super) fn count_node<E: serde::de::Error>(&mut self) -> Result<(), E> {
        match self.nodes_left.checked_sub(1) {
            Some(left) => {
                self.nodes_left = left;
                Ok(())
            }
            None => Err(E::custom(format_args!("more than {} nodes", self.nodes_allowed))),
        }
    }

    /// Counts one more edge; false, with a warning, when it is one too many.
    pub(super) fn count_edge(&mut self) -> bool {
        if let Some(left) = self.edges_left.checked_sub(1) {
            self.edges_left = left;
            return true;
        }
        self.warn(Oddity::Edges, || {
            let most = limits::EDGES;
            format!("there are more than {most} edges: the rest is left out")
        });
        false
    }

    /// Notes an oddity; `text` is asked for at its first occurrence only.
    pub(super) fn warn(&mut self, oddity: Oddity, text: impl FnOnce() -> String) {
        if let Some((_, warning)) = self.warnings.iter_mut().find(|(o, _)| *o == oddity) {
            warning.times = warning.times.saturating_add(1);
        } else if self.warnings.len() < limits::WARNINGS {
            self.warnings.push((
                oddity,
                Warning {
                    text: text().into(),
                    times: 1,
                },
            ));
        }
    }

    pub(super) fn into_warnings(self) -> Vec<Warning> {
        self.warnings.into_iter().map(|(_, warning)| warning).collect()
    }

    /// The text as a shared string. Long texts that were seen lately share one allocation: ids of parents,
    /// keys of metrics and the like repeat thousands of times.
    pub(super) fn share(&mut self, text: &str) -> SmolStr {
        if text.len() <= INLINE_BYTES {
            return SmolStr::new(text);
        }
        let slot = slot(text.as_bytes());
        let Some(held) = self.seen.get_mut(slot) else {
            return SmolStr::new(text);
        };
        if held.as_str() != text {
            *held = SmolStr::new(text);
        }
        held.clone()
    }

    /// The set of these names, shared with a set of lately that had the same; `names` is empty afterwards.
    pub(super) fn share_names(&mut self, names: &mut Vec<SmolStr>) -> Names {
        let at = names.first().map_or(0, |name| slot(name.as_bytes()));
        match self.sets_seen.get_mut(at) {
            Some(held) if **held == **names => {
                names.clear();
                held.clone()
            }
            Some(held) => {
                *held = Names::from(std::mem::take(names));
                held.clone()
            }
            None => Names::from(std::mem::take(names)),
        }
    }

    /// The list of these readings, shared with a list of lately that had the same; `samples` is empty afterwards.
    /// All that is idle has the same readings, at the same times.
    pub(super) fn share_samples(&mut self, samples: &mut Vec<Sample>) -> Samples {
        let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
            return Samples::default();
        };
        let (from, (to, value)) = (first.date.0 as u64, last.bits());
        let at = mix(from ^ (to as u64).rotate_left(29) ^ value ^ samples.len() as u64);
        let shared = match self.samples_seen.get_mut(at) {
            Some(held) if same(held, samples) => held.clone(),
            Some(held) => {
                *held = samples.as_slice().into();
                held.clone()
            }
            None => samples.as_slice().into(),
        };
        samples.clear();
        shared
    }

    /// These metrics, shared with a node of lately that reads the same in all; `metrics` is empty afterwards.
    pub(super) fn share_metrics(&mut self, metrics: &mut Vec<(SmolStr, Metric)>) -> Entries<Metric> {
        put_in_order(metrics);
        // Equal readings are one list already, so that telling lists apart is enough.
        let at = mixed(metrics.iter().fold(0, |hash: u64, (_, metric)| {
            let bits = metric.samples.address() as u64 ^ metric.min.to_bits() ^ metric.max.to_bits();
            hash.rotate_left(23) ^ bits
        }));
        let at = usize::try_from(at >> 32).unwrap_or(0) % METRIC_SLOTS;
        let same = |held: &Entries<Metric>| {
            held.len() == metrics.len()
                && held.iter().zip(metrics.iter()).all(|((a, held), (b, read))| {
                    let range = |metric: &Metric| (metric.min.to_bits(), metric.max.to_bits());
                    held.samples.is_shared_with(&read.samples) && range(held) == range(read) && a == b
                })
        };
        match self.metrics_seen.get_mut(at) {
            Some(held) if same(held) => {
                metrics.clear();
                held.clone()
            }
            Some(held) => {
                *held = Entries::take_from(metrics);
                held.clone()
            }
            None => Entries::take_from(metrics),
        }
    }

    /// [`Timestamp::parse`], which is skipped for a timestamp that was read lately.
    #[inline]
    pub(super) fn parse_time(&mut self, text: &[u8]) -> Option<(Timestamp, bool)> {
        let written = Written::of(text);
        if written.is_none() {
            return Timestamp::parse_bytes(text);
        }
        let Some((held, time)) = self.times.get_mut(slot(text)) else {
            return Timestamp::parse_bytes(text);
        };
        if *held == written {
            return Some((*time, false));
        }
        let parsed = Timestamp::parse_bytes(text);
        if let Some((at, false)) = parsed {
            (*held, *time) = (written, at);
        }
        parsed
    }

    /// Remembers what was being read when an error came up; the innermost wins.
    pub(super) fn blame(&mut self, what: impl FnOnce() -> String) {
        if self.culprit.is_none() {
            self.culprit = Some(what());
        }
    }

    /// The place of the failure for the error message, such as `Host: node "x": `.
    pub(super) fn place(&self) -> String {
        let mut place = String::new();
        if let Some(kind) = self.kind {
            let _ = write!(place, "{kind}: ");
        }
        if let Some(culprit) = &self.culprit {
            let _ = write!(place, "{culprit}: ");
        }
        place
    }
}

/// A cheap hash of the length, the first and the last bytes: enough to keep different keys apart.
#[inline]
fn slot(text: &[u8]) -> usize {
    let head = text.first_chunk::<8>().map_or(0, |c| u64::from_le_bytes(*c));
    let tail = text.last_chunk::<8>().map_or(0, |c| u64::from_le_bytes(*c));
    mix(head ^ tail.rotate_left(29) ^ text.len() as u64)
}

/// A slot of 256 for a number of which any bits may tell.
fn mix(number: u64) -> usize {
    usize::try_from(mixed(number) >> 56).unwrap_or(0)
}

fn mixed(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// True when both are the same, bit for bit.
fn same(a: &[Sample], b: &[Sample]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.bits() == b.bits())
}

/// At most [`limits::QUOTED_CHARS`] of a text, in quotes, control characters escaped.
pub(super) fn quoted(text: &str) -> String {
    let mut chars = text.chars();
    let head: String = chars.by_ref().take(limits::QUOTED_CHARS).collect();
    let dots = if chars.next().is_some() { "…" } else { "" };
    format!("{head:?}{dots}")
}
