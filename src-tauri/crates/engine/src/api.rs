//! What shells ask of the engine and what they get: plain data, the same over every transport.

mod error;

use std::collections::BTreeMap;

use orrery_topology::{
    details::{DetailControl, NodeDetails},
    info::TopologyInfo,
    view::ViewSpec,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

pub use error::{ApiError, Code, FieldError};
pub use orrery_catalog::view::{CatalogMetric, CatalogPage, MetricReading, SubscriptionView};
pub use orrery_manager::view::{
    ConfigChange, ConfigChanged, ConfigLayerView, ConfigScope, ManagedPlugin, OperationState, OperationView,
    PackageSource, PendingView, PluginConfig, PluginOrder, PolicyRule, RejectedPackage, RevisionView,
};
pub use orrery_plugins::{PluginInfo, PluginState};
pub use orrery_supervisor::view::{LogPage, UsagePoint};
pub use orrery_tasks::RunReport;
pub use orrery_tasks::TaskFile;
pub use orrery_tasks::view::{TaskDetails, TaskInfo};

/// Who asks. Made by the shell that authenticated them, never by what they send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// Name for the record: a user name, a token's name, a plugin's id.
    pub user: String,
    /// What they may do.
    pub role: Role,
    /// The way they came.
    pub origin: Origin,
    /// Where from, for the record: an address, a process; empty for the window.
    pub from: String,
}

/// What a caller may do; each includes the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look.
    View,
    /// Look and press controls.
    Control,
    /// Everything.
    Admin,
}

/// The way a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The desktop window.
    Window,
    /// HTTP on TCP.
    Http,
    /// The instance socket.
    Socket,
    /// The engine itself.
    Internal,
}

/// Every operation with a single answer. The answer's type stands beside each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// → [`Status`]
    Status,
    /// → `Vec<TopologyInfo>`
    Topologies {
        /// A moment in the past; none is live.
        #[serde(default)]
        at_ms: Option<i64>,
    },
    /// → [`NodeDetails`]
    Details {
        /// Key of the topology.
        topology: String,
        /// Node id.
        node: String,
        /// A moment in the past; none is live.
        #[serde(default)]
        at_ms: Option<i64>,
    },
    /// → [`SearchResult`]
    Search {
        /// Query text.
        query: String,
        /// At most this many hits with labels; counts are whole. 50 when not given, 5,000 at most.
        #[serde(default)]
        limit: Option<u32>,
        /// A moment in the past; none is live.
        #[serde(default)]
        #[ts(optional)]
        at_ms: Option<i64>,
    },
    /// → [`ControlOutcome`]
    Control {
        /// Node id.
        node: String,
        /// Outside name, such as `iowait~switchToIdle`.
        control: String,
        /// Arguments passed on.
        #[serde(default)]
        args: BTreeMap<String, String>,
        /// Run it though it is not active on the node.
        #[serde(default)]
        force: bool,
    },
    /// → `Vec<DetailControl>`: the controls active on a node, whichever topology shows it
    Controls {
        /// Node id.
        node: String,
    },
    /// → [`HistorySeries`]
    History {
        /// Node id.
        node: String,
        /// Metric id.
        metric: String,
        /// Start, in milliseconds since the epoch.
        from_ms: i64,
        /// End, in milliseconds since the epoch.
        to_ms: i64,
        /// At most this many points; 600 when not given, 10 000 at most.
        #[serde(default)]
        max_points: Option<u32>,
    },
    /// → `Vec<SeriesInfo>`: what history holds of a node
    HistorySeries {
        /// Node id.
        node: String,
    },
    /// → `Vec<Event>`, oldest first
    Events {
        /// Start, in milliseconds since the epoch.
        from_ms: i64,
        /// End, in milliseconds since the epoch.
        to_ms: i64,
        /// At most this many, the newest; 500 when not given, 5 000 at most.
        #[serde(default)]
        limit: Option<u32>,
    },
    /// → `Vec<PluginInfo>`
    Plugins,
    /// → `Vec<PluginInfo>`: call a failing plugin at once
    RetryPlugin {
        /// Path of its socket.
        path: String,
    },
    /// → `Vec<ManagedPlugin>`: plugins that we run, by id
    ManagedPlugins,
    /// → `Vec<PluginEntry>`: every plugin and socket, by id
    PluginList,
    /// → [`HealthAnswer`]
    PluginHealth {
        /// Plugin id.
        plugin: String,
        /// Do not answer from a check of a moment ago.
        #[serde(default)]
        fresh: bool,
    },
    /// → [`OperationView`]: as it stands when ordered; with `wait` when it ended, or 50 s later
    PluginOrder {
        /// What is ordered.
        order: PluginOrder,
        /// Answer when it ended; otherwise at once.
        #[serde(default)]
        wait: bool,
    },
    /// → `Vec<ConfigLayerView>`: config that is said for more or for less than a plugin, the widest first
    ConfigLayers,
    /// → [`ConfigChanged`]
    ConfigSet {
        /// Where.
        scope: ConfigScope,
        /// What.
        change: ConfigChange,
    },
    /// → `Vec<OperationView>`, newest first
    Operations {
        /// At most this many; 100 when not given, 1 000 at most.
        #[serde(default)]
        limit: Option<u32>,
    },
    /// → [`OperationView`]
    CancelOperation {
        /// Its id.
        id: String,
    },
    /// → [`LogPage`]: what a plugin wrote
    PluginLogs {
        /// Plugin id.
        plugin: String,
        /// Lines after this number; 0 for the oldest kept.
        #[serde(default)]
        after: u64,
        /// At most this many, the newest; 500 when not given, 5 000 at most.
        #[serde(default)]
        limit: Option<u32>,
    },
    /// → `Vec<UsagePoint>`: what a plugin's processes use, oldest first
    PluginUsage {
        /// Plugin id.
        plugin: String,
        /// Points after this number; 0 for the oldest kept.
        #[serde(default)]
        after: u64,
    },
    /// → `Vec<RejectedPackage>`: what lies in a watched directory and was not taken
    RejectedPackages,
    /// → [`CatalogPage`]: metrics that can be had
    Catalog {
        /// Such as `/iowait/*`; everything when empty.
        #[serde(default)]
        query: String,
        /// `latest`, `all` or a range such as `>=1.2`; the newest when empty.
        #[serde(default)]
        version: String,
        /// So many are left out at the beginning.
        #[serde(default)]
        offset: u32,
        /// At most this many; 1 000 when not given, 10 000 at most.
        #[serde(default)]
        limit: Option<u32>,
    },
    /// → [`CatalogEntry`]: everything about one metric
    CatalogEntry {
        /// Its name, such as `/iowait/host/*node/iowait`.
        name: String,
        /// `latest` or a range such as `>=1.2`; the newest when empty.
        #[serde(default)]
        version: String,
    },
    /// → `Vec<MetricReading>`: newest values of the metrics that answer a query
    CatalogReadings {
        /// Such as `/iowait/*`; everything when empty.
        #[serde(default)]
        query: String,
        /// `latest`, `all` or a range such as `>=1.2`; the newest when empty.
        #[serde(default)]
        version: String,
        /// At most this many; 1 000 when not given, 10 000 at most.
        #[serde(default)]
        limit: Option<u32>,
    },
    /// → `Vec<TaskInfo>`, those first that were made first
    Tasks,
    /// → [`TaskDetails`]
    Task {
        /// Its id or name.
        task: String,
    },
    /// → `Vec<TaskFile>`: files that declare tasks, and what became of them
    TaskFiles,
    /// → [`TaskCheck`]: what is wrong with a manifest, if it became a task now
    TaskCheck {
        /// YAML or JSON.
        manifest: String,
    },
    /// → [`TaskInfo`]: make a task, and start it unless said otherwise
    TaskCreate {
        /// YAML or JSON.
        manifest: String,
        /// Start it; as its manifest says when not given.
        #[serde(default)]
        start: Option<bool>,
        /// Make it though what it needs is not there; it waits for that.
        #[serde(default)]
        force: bool,
    },
    /// → [`TaskInfo`]: give a task another manifest; id and counts stay
    TaskUpdate {
        /// Its id or name.
        task: String,
        /// YAML or JSON.
        manifest: String,
        /// Only when it is at this generation.
        #[serde(default)]
        generation: Option<u64>,
        /// Change it though what it needs is not there; it waits for that.
        #[serde(default)]
        force: bool,
    },
    /// → [`TaskInfo`]; for `run` a [`RunReport`] once the run is over; for `remove` nothing
    TaskOrder {
        /// Its id or name.
        task: String,
        /// What is ordered.
        order: TaskOrder,
    },
    /// → [`SubscriptionView`]: what a task's queries come to, started or not
    TaskSubscription {
        /// Its id or name.
        task: String,
    },
    /// → [`ExportedText`]: the merged report as JSON, as `GET /api/report` gives it
    ExportReport {
        /// A moment in the past; none is live.
        #[serde(default)]
        at_ms: Option<i64>,
    },
    /// → [`ExportedText`]: a node's history as CSV
    ExportHistory {
        /// Node id.
        node: String,
        /// Metric ids; all when empty.
        #[serde(default)]
        metrics: Vec<String>,
        /// Start, in milliseconds since the epoch.
        from_ms: i64,
        /// End, in milliseconds since the epoch.
        to_ms: i64,
    },
    /// → `null`: forget the layout of a view and lay it out anew
    Rearrange {
        /// Which view.
        spec: ViewSpec,
    },
}

/// What is to be said of a manifest that may become a task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct TaskCheck {
    /// Everything that is wrong; it becomes no task while anything is.
    pub faults: Vec<FieldError>,
    /// What it says and loses here, and what of it will not do all that it says.
    pub warnings: Vec<FieldError>,
}

/// What can be ordered of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskOrder {
    /// Run as planned.
    Start,
    /// Run no more; a run under way may finish.
    Stop,
    /// Take back that it is disabled.
    Enable,
    /// Run once, now.
    Run,
    /// Forget it. It has to be stopped.
    Remove,
}

/// State of the instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
pub struct Status {
    /// Identity of this instance, as `GET /api` gives it.
    pub id: String,
    /// Version of Orrery.
    pub version: String,
    /// Host it runs on.
    pub hostname: String,
    /// User it runs as.
    pub user: String,
    /// True when that user is root.
    pub root: bool,
    /// When it started, in milliseconds since the epoch.
    pub started_ms: i64,
    /// Process id.
    pub pid: u32,
    /// Data directory.
    pub data_dir: String,
    /// What the asking caller may do.
    pub role: Role,
    /// True when no caller may change anything.
    pub read_only: bool,
    /// Interval of the built-in probes, in milliseconds.
    pub interval_ms: u64,
    /// When the newest snapshot was published, in milliseconds since the epoch.
    pub published_ms: i64,
    /// Sources and how they do, in order: built-in probes, then what was looked for and not found.
    pub sources: Vec<SourceStatus>,
    /// Reports taken in over the last ten seconds, per second.
    pub reports_per_s: f64,
    /// Bytes of reports taken in over the last ten seconds, per second.
    pub report_bytes_per_s: f64,
    /// Own CPU over the last ten seconds, in per cent of one core.
    pub own_cpu_percent: f64,
    /// Own resident memory, in bytes.
    pub own_memory_bytes: u64,
    /// Size of the history on disk, in bytes.
    pub history_bytes: u64,
    /// Limit of the history on disk, in bytes.
    pub history_limit_bytes: u64,
    /// Oldest moment that views and reports can be shown at, in milliseconds since the epoch.
    pub history_from_ms: Option<i64>,
    /// Directories in which plugin sockets are looked for.
    pub plugin_roots: Vec<String>,
    /// Set when this window shows another instance: its socket or address.
    pub attached_to: Option<String>,
}

/// How a source does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct SourceStatus {
    /// Key, such as `probe:process`.
    pub id: String,
    /// Text shown, such as `Processes`.
    pub label: String,
    /// How it does.
    pub state: SourceState,
    /// What it sees, such as `212 processes, 198 with readable sockets`.
    pub summary: String,
    /// Where it looked.
    pub looked_at: String,
    /// What limits it, and a command that helps; both may be empty.
    pub limited_by: String,
    /// Command to type, such as `sudo orrery serve`.
    pub remedy: String,
}

/// How a source does, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// Sees all it can see.
    Ok,
    /// Sees a part, for want of rights.
    Limited,
    /// Failed; the summary says how.
    Failed,
    /// Nothing there to look at.
    Absent,
}

/// Hits of a search.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct SearchResult {
    /// Matching nodes per topology key.
    pub counts: BTreeMap<String, u32>,
    /// The best hits.
    pub hits: Vec<SearchHit>,
}

/// A node that matches a search.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct SearchHit {
    /// Node id.
    pub id: String,
    /// Key of the topology.
    pub topology: String,
    /// Tag of the kind.
    pub kind: String,
    /// Shape name.
    pub shape: String,
    /// Major label.
    pub label: String,
    /// Minor label.
    pub label_minor: String,
    /// Field that matched, such as `Command`; empty for the label.
    pub field: String,
    /// Its value.
    pub value: String,
}

/// What became of a control.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct ControlOutcome {
    /// Value that the plugin answered with, as JSON; none when it gave none.
    #[ts(type = "unknown")]
    pub value: Option<serde_json::Value>,
    /// Pipe that it opened, if it did.
    pub pipe: Option<String>,
    /// True when the far end of the pipe is a terminal that wants every key as it is.
    pub raw_tty: bool,
    /// Control of the same node that resizes the terminal, with the arguments `pipeID`, `width`, `height`.
    pub resize_tty_control: Option<String>,
    /// Node that it removed, if it did.
    pub removed_node: Option<String>,
    /// True when the answer carried a report, which is on screen already.
    pub shortcut: bool,
    /// How long the call took, in milliseconds.
    pub took_ms: u64,
}

/// A metric's past on one node.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct HistorySeries {
    /// Node id.
    pub node: String,
    /// Metric id.
    pub metric: String,
    /// Label, when known.
    pub label: String,
    /// Format, when known.
    pub format: String,
    /// Width of a point in milliseconds; 0 when points are the samples themselves.
    pub step_ms: i64,
    /// Points in time order.
    pub points: Vec<HistoryPoint>,
    /// Starts of incarnations within the range, in milliseconds since the epoch: the line breaks there.
    pub incarnations_ms: Vec<i64>,
}

/// A point of a series: the samples of one step.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct HistoryPoint {
    /// Time, in milliseconds since the epoch.
    pub t_ms: i64,
    /// Mean.
    pub avg: f64,
    /// Least.
    pub min: f64,
    /// Greatest.
    pub max: f64,
}

/// A series that history holds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct SeriesInfo {
    /// Metric id.
    pub metric: String,
    /// Label, when known.
    pub label: String,
    /// Format, when known.
    pub format: String,
    /// First sample, in milliseconds since the epoch.
    pub from_ms: i64,
    /// Last sample, in milliseconds since the epoch.
    pub to_ms: i64,
    /// Start of the incarnation, in milliseconds since the epoch, where known.
    pub started_ms: Option<i64>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS, JsonSchema)]
pub struct Event {
    /// Number, rising.
    pub id: i64,
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
    /// `started`, `stale`, `failed`, `control` or `info`: how the timeline marks it.
    pub kind: String,
    /// Who or what it is about: `plugin:iowait`, a node id.
    pub subject: String,
    /// Text shown for the subject.
    pub label: String,
    /// One sentence.
    pub text: String,
    /// Who did it; empty when nobody did.
    pub user: String,
}

/// A plugin in the list of all: one that we run, a socket that somebody else runs, or both at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
pub struct PluginEntry {
    /// Id.
    pub id: String,
    /// Name shown.
    pub label: String,
    /// Its sentence.
    pub description: String,
    /// `managed`, `local` or `external`.
    pub origin: String,
    /// State of the process we run, such as `running`; of a socket alone: `external_up`, `external_lost`,
    /// `connecting`, `rejected`, `conflict`.
    pub state: String,
    /// `ok` or `error: …`, in Scope's words, where there is a socket.
    pub status: String,
    /// Interfaces.
    pub interfaces: Vec<String>,
    /// Tasks that need it, by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(optional, as = "Option<Vec<String>>")]
    pub subscriptions: Vec<String>,
    /// What we run.
    pub managed: Option<Box<ManagedPlugin>>,
    /// Its socket.
    pub socket: Option<PluginInfo>,
}

/// Everything about one metric of the catalog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
pub struct CatalogEntry {
    /// The metric.
    pub metric: CatalogMetric,
    /// Versions that have it, newest first.
    pub versions: Vec<String>,
    /// Rules of the config of its plugin.
    pub policy: Vec<PolicyRule>,
    /// Tasks that need its plugin, by id.
    pub subscriptions: Vec<String>,
    /// Its newest values.
    pub readings: Vec<MetricReading>,
}

/// Answer to a question for a plugin's health, with the status that HTTP gives it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
pub struct HealthAnswer {
    /// 200 when it is well, 404 when there is no such plugin, 503 otherwise.
    pub status: u16,
    /// `{status, info, message, details, state, reason, source, checked_at}`.
    #[ts(type = "unknown")]
    pub body: serde_json::Value,
    /// When to ask again, in seconds, where it is known.
    pub retry_after_s: Option<u64>,
}

/// A file's content for the save dialog or a download.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
pub struct ExportedText {
    /// Suggested file name.
    pub file_name: String,
    /// `application/json` or `text/csv`.
    pub media_type: String,
    /// The content.
    pub text: String,
}

/// Answer to a [`Request`]; on the wire it is the bare value.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Response {
    /// To [`Request::Status`].
    Status(Box<Status>),
    /// To [`Request::Topologies`].
    Topologies(Vec<TopologyInfo>),
    /// To [`Request::Details`].
    Details(Box<NodeDetails>),
    /// To [`Request::Search`].
    Search(SearchResult),
    /// To [`Request::Control`].
    Control(ControlOutcome),
    /// To [`Request::Controls`].
    Controls(Vec<DetailControl>),
    /// To [`Request::History`].
    History(HistorySeries),
    /// To [`Request::HistorySeries`].
    Series(Vec<SeriesInfo>),
    /// To [`Request::Events`].
    Events(Vec<Event>),
    /// To [`Request::Plugins`] and [`Request::RetryPlugin`].
    Plugins(Vec<PluginInfo>),
    /// To the exports.
    Exported(ExportedText),
    /// To [`Request::PluginList`].
    PluginList(Vec<PluginEntry>),
    /// To [`Request::PluginHealth`].
    Health(HealthAnswer),
    /// To [`Request::ManagedPlugins`].
    ManagedPlugins(Vec<ManagedPlugin>),
    /// To [`Request::PluginOrder`] and [`Request::CancelOperation`].
    Operation(Box<OperationView>),
    /// To [`Request::ConfigLayers`].
    Config(Vec<ConfigLayerView>),
    /// To [`Request::ConfigSet`].
    ConfigChanged(Box<ConfigChanged>),
    /// To [`Request::Operations`].
    Operations(Vec<OperationView>),
    /// To [`Request::PluginLogs`].
    Logs(LogPage),
    /// To [`Request::PluginUsage`].
    Usage(Vec<UsagePoint>),
    /// To [`Request::Catalog`].
    Catalog(CatalogPage),
    /// To [`Request::CatalogEntry`].
    CatalogEntry(Box<CatalogEntry>),
    /// To [`Request::CatalogReadings`].
    CatalogReadings(Vec<MetricReading>),
    /// To [`Request::Tasks`].
    Tasks(Vec<TaskInfo>),
    /// To [`Request::Task`].
    Task(Box<TaskDetails>),
    /// To what makes, changes, starts and stops tasks.
    TaskInfo(Box<TaskInfo>),
    /// To [`Request::TaskOrder`] when it is to run.
    TaskRun(RunReport),
    /// To [`Request::TaskCheck`].
    Checked(TaskCheck),
    /// To [`Request::TaskFiles`].
    TaskFiles(Vec<TaskFile>),
    /// To [`Request::TaskSubscription`].
    Subscription(Box<SubscriptionView>),
    /// To [`Request::RejectedPackages`].
    Rejected(Vec<RejectedPackage>),
    /// Where there is nothing to say.
    Done,
}
