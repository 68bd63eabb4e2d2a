//! Plain data that goes in and comes out.

use orrery_model::TopologyKind;
use smol_str::SmolStr;

/// One reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When it was taken, in milliseconds since the epoch.
    pub t_ms: i64,
    /// The reading, in the metric's unit.
    pub value: f64,
}

/// New samples of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesSamples {
    /// Node id.
    pub node: SmolStr,
    /// Topology that the node belongs to.
    pub kind: TopologyKind,
    /// When this incarnation of the node began, in milliseconds since the epoch: it tells a process from
    /// an earlier one with the same id. 0 when not known.
    pub incarnation_ms: i64,
    /// Metric id.
    pub metric: SmolStr,
    /// Text shown for the metric.
    pub label: SmolStr,
    /// `percent`, `filesize`, `integer`, `number`, `duration` or empty.
    pub format: SmolStr,
    /// The samples, in any order. Those that history has already are ignored.
    pub samples: Vec<Sample>,
}

/// The samples of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Start of the step within the range asked for, in milliseconds since the epoch.
    pub t_ms: i64,
    /// Mean.
    pub avg: f64,
    /// Least.
    pub min: f64,
    /// Greatest.
    pub max: f64,
}

/// A metric's past on one node.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// Points in time order.
    pub points: Vec<Point>,
    /// Width of a point in milliseconds; 0 when points are the samples themselves.
    pub step_ms: i64,
    /// Starts of incarnations within the range, in milliseconds since the epoch.
    pub incarnations_ms: Vec<i64>,
    /// Text shown for the metric.
    pub label: String,
    /// Format of the metric.
    pub format: String,
}

/// A series that history holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesInfo {
    /// Metric id.
    pub metric: String,
    /// Topology that the node belongs to, by tag.
    pub kind: String,
    /// Text shown for the metric.
    pub label: String,
    /// Format of the metric.
    pub format: String,
    /// First sample, in milliseconds since the epoch.
    pub from_ms: i64,
    /// Last sample, in milliseconds since the epoch.
    pub to_ms: i64,
    /// Start of the incarnation, in milliseconds since the epoch; 0 when not known.
    pub incarnation_ms: i64,
}

/// One raw sample.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleRow {
    /// When it was taken, in milliseconds since the epoch.
    pub t_ms: i64,
    /// Metric id.
    pub metric: SmolStr,
    /// Start of the node's incarnation, in milliseconds since the epoch; 0 when not known.
    pub incarnation_ms: i64,
    /// The reading.
    pub value: f64,
}

/// A page of raw samples, in order of time, then metric, then incarnation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SamplePage {
    /// The samples.
    pub rows: Vec<SampleRow>,
    /// Start of the next page, in milliseconds since the epoch; none when this is the last.
    pub next_from_ms: Option<i64>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewEvent {
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
    /// Kind, such as `control`.
    pub kind: SmolStr,
    /// Who or what it is about: `plugin:iowait`, a node id.
    pub subject: SmolStr,
    /// Text shown for the subject.
    pub label: SmolStr,
    /// One sentence.
    pub text: String,
    /// Who did it; empty when nobody did.
    pub user: SmolStr,
}

/// Something that happened, as stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StoredEvent {
    /// Number, rising.
    pub id: i64,
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
    /// Kind, such as `control`.
    pub kind: String,
    /// Who or what it is about.
    pub subject: String,
    /// Text shown for the subject.
    pub label: String,
    /// One sentence.
    pub text: String,
    /// Who did it; empty when nobody did.
    pub user: String,
}

/// How the history does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    /// Bytes on disk, the write-ahead log included.
    pub bytes: u64,
    /// Bytes that it may take.
    pub limit_bytes: u64,
    /// Series.
    pub series: u64,
    /// Samples, sealed or not; thinned ones are not counted.
    pub samples: u64,
    /// Samples, events and frames dropped since the start because a queue was full or closed.
    pub dropped: u64,
    /// Samples ignored since the start: repeated, not finite, too old, too far ahead, or of a series that
    /// would exceed a limit.
    pub ignored: u64,
    /// Time of the oldest report frame, in milliseconds since the epoch.
    pub oldest_frame_ms: Option<i64>,
    /// Start of what ranges can show, in milliseconds since the epoch.
    pub oldest_ms: Option<i64>,
    /// Start of what is kept sample by sample, in milliseconds since the epoch. What is older was thinned:
    /// its ranges have a point per five minutes.
    pub oldest_whole_ms: Option<i64>,
    /// Why the last commit or clearing failed; none when it went well.
    pub last_error: Option<String>,
}
