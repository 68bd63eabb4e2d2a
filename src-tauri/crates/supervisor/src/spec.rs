//! How a plugin is to be run: plain data, made from its manifest by whoever keeps the records.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How a plugin is to be run.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// Absolute path of the program.
    pub program: PathBuf,
    /// SHA-256 of the program, in hexadecimal; with it, a program that differs is never executed.
    pub sha256: Option<String>,
    /// Arguments. `{socket}` is replaced by the path to listen on at each start.
    pub args: Vec<String>,
    /// Environment on top of the fixed one. `{socket}` in a value is replaced as in arguments.
    pub env: BTreeMap<String, String>,
    /// Working directory, which must exist. It is given to the account.
    pub cwd: PathBuf,
    /// Account to run as; none is ours. Processes of two accounts never overlap: they share the working directory.
    pub user: Option<String>,
    /// File that its output goes to, besides memory.
    pub log_file: Option<PathBuf>,
    /// Directory for its temporary files alone; each process has its own, with a dot and its number at the end.
    pub private_tmp: Option<PathBuf>,
    /// Where it listens.
    pub socket: SocketSpec,
    /// When it runs.
    pub activation: Activation,
    /// How it is started.
    pub start: StartSpec,
    /// Graceful phase of a stop; everything that is left then is killed.
    pub stop_timeout: Duration,
    /// How its health is checked.
    pub health: HealthSpec,
    /// What happens after it ended.
    pub restart: RestartSpec,
    /// What it may use.
    pub limits: LimitSpec,
    /// How its resources are recorded.
    pub metrics: MetricsSpec,
}

impl Spec {
    /// A program with every setting at its default.
    pub fn new(program: impl Into<PathBuf>, cwd: impl Into<PathBuf>, socket: impl Into<PathBuf>) -> Self {
        Spec {
            program: program.into(),
            sha256: None,
            args: Vec::new(),
            env: BTreeMap::new(),
            cwd: cwd.into(),
            user: None,
            log_file: None,
            private_tmp: None,
            socket: SocketSpec {
                path: socket.into(),
                staging: None,
                ours: true,
                handover: Handover::Path,
            },
            activation: Activation::Always,
            start: StartSpec::default(),
            stop_timeout: Duration::from_secs(5),
            health: HealthSpec::default(),
            restart: RestartSpec::default(),
            limits: LimitSpec::default(),
            metrics: MetricsSpec::default(),
        }
    }

    /// Whether a process started by this spec needs no replacement to follow the other.
    pub(crate) fn is_same_process(&self, other: &Spec) -> bool {
        let mut same = other.clone();
        same.activation = self.activation;
        same.start = self.start;
        same.stop_timeout = self.stop_timeout;
        same.health = self.health;
        same.restart = self.restart;
        same.metrics = self.metrics;
        same.log_file.clone_from(&self.log_file);
        same.socket.staging.clone_from(&self.socket.staging);
        same == *self
    }
}

/// Where a plugin listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketSpec {
    /// Path of the socket that everybody else uses.
    pub path: PathBuf,
    /// Path of the sockets of candidates, outside of every root that is searched for plugins but on the same file
    /// system; each candidate has its own, see [`SocketSpec::staging_of`]. None when the program chooses its path
    /// itself: then old and new cannot overlap.
    pub staging: Option<PathBuf>,
    /// The directory is ours: it is made with mode 0700, and what a dead process left in it is removed.
    pub ours: bool,
    /// Who binds the socket.
    pub handover: Handover,
}

impl SocketSpec {
    /// Where the candidate of this number listens: the number is put after the directory's name. No two candidates
    /// share a path, because whoever was promoted may remove the path that it was started with when it ends.
    pub(crate) fn staging_of(&self, number: u64) -> Option<PathBuf> {
        let staging = self.staging.as_ref()?;
        let mut directory = staging.parent()?.as_os_str().to_owned();
        directory.push(format!(".{number}"));
        Some(PathBuf::from(directory).join(staging.file_name()?))
    }

    /// The directory in which the process of this number listens before it says where; none when it is told where.
    pub(crate) fn run_dir(&self, generation: u64) -> Option<PathBuf> {
        if self.handover != Handover::Stdout {
            return None;
        }
        let apart = self.staging_of(generation);
        let socket = apart.as_deref().unwrap_or(&self.path);
        socket.parent().map(Path::to_owned)
    }
}

/// Who binds the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Handover {
    /// The program, at the path it is told.
    #[default]
    Path,
    /// We do, and hand it over as descriptor 3 with `LISTEN_FDS=1`: connections wait while it restarts.
    ListenFd,
    /// The program, in a directory that it is given, and says where with its first line of standard output: a path, or
    /// a JSON object, such as `{"socket": "/…", "version": "1.2.0"}`.
    Stdout,
}

/// When a plugin runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// Always.
    #[default]
    Always,
    /// While somebody holds a lease.
    OnDemand {
        /// Time after the last lease ended until it is stopped.
        idle_stop: Duration,
    },
    /// When a trigger fires; it does its work and ends.
    Trigger(TriggerSpec),
    /// Only when it is started by hand.
    Manual,
}

/// When a one-shot plugin works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TriggerSpec {
    /// Once whenever Orrery starts.
    pub at_start: bool,
    /// Once in its life. Whoever keeps the records leaves it true until it has worked once.
    pub first_start: bool,
    /// Again and again, this long after the last start of its work.
    pub every: Option<Duration>,
    /// Longest time its work may take.
    pub timeout: Duration,
}

/// How a plugin is started.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StartSpec {
    /// Tries that a candidate has before it counts as failed; an instance has endless ones.
    pub attempts: u32,
    /// Time until the first valid report.
    pub timeout: Duration,
    /// Time between tries.
    pub backoff: BackoffSpec,
}

impl Default for StartSpec {
    fn default() -> Self {
        StartSpec {
            attempts: 3,
            timeout: Duration::from_secs(10),
            backoff: BackoffSpec::default(),
        }
    }
}

/// Time between tries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BackoffSpec {
    /// After the first failure.
    pub first: Duration,
    /// Growth with every failure.
    pub factor: f64,
    /// Longest; also the pace of a crash loop.
    pub max: Duration,
    /// Part by which each wait is longer or shorter at random, from 0 to 1.
    pub jitter: f64,
}

impl Default for BackoffSpec {
    fn default() -> Self {
        BackoffSpec {
            first: Duration::from_secs(1),
            factor: 2.0,
            max: Duration::from_secs(300),
            jitter: 0.2,
        }
    }
}

/// How health is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthSpec {
    /// Time between checks.
    pub interval: Duration,
    /// Time that one may take.
    pub timeout: Duration,
    /// Failed checks in a row that make it unresponsive.
    pub failures: u32,
    /// The manifest names the interface `health`: a missing answer is a failed check, not a missing route.
    pub declared: bool,
}

impl Default for HealthSpec {
    fn default() -> Self {
        HealthSpec {
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(2),
            failures: 3,
            declared: false,
        }
    }
}

/// What happens after a plugin ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartSpec {
    /// Which ends are followed by a start.
    pub policy: RestartPolicy,
    /// Time in which ends are counted.
    pub window: Duration,
    /// Ends in the window that make a crash loop.
    pub max: u32,
    /// Time after which a start counts as lasting: failures are forgotten, an upgrade is kept.
    pub stable_after: Duration,
}

impl Default for RestartSpec {
    fn default() -> Self {
        RestartSpec {
            policy: RestartPolicy::OnFailure,
            window: Duration::from_secs(600),
            max: 5,
            stable_after: Duration::from_secs(120),
        }
    }
}

/// Which ends are followed by a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RestartPolicy {
    /// Every one.
    Always,
    /// Every one but an end with code 0 after it had worked.
    #[default]
    OnFailure,
    /// None.
    Never,
}

/// What a plugin and all its descendants may use.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LimitSpec {
    /// Memory, in bytes.
    pub memory_bytes: Option<u64>,
    /// CPU in per cent of one core; more than 100 is allowed.
    pub cpu_percent: Option<f64>,
    /// Processes and threads.
    pub pids: Option<u64>,
    /// Open file descriptors of each process.
    pub open_files: Option<u64>,
    /// Refuse to start where the kernel cannot hold a limit, instead of showing it as advisory.
    pub required: bool,
}

/// How resources are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricsSpec {
    /// Time between points.
    pub interval: Duration,
    /// Points kept; at least one.
    pub keep: usize,
}

impl Default for MetricsSpec {
    fn default() -> Self {
        MetricsSpec {
            interval: Duration::from_secs(10),
            keep: 60,
        }
    }
}

/// What is wanted of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Want {
    /// What its activation says.
    #[default]
    Automatic,
    /// Run and be kept running, whatever the activation. Said again, it starts at once what waits for its
    /// next try. For a trigger: work once now.
    Run,
    /// Nothing runs.
    Rest(Rest),
}

/// Why nothing is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rest {
    /// Nothing is ready to run.
    Absent,
    /// The user stopped it.
    Stopped,
    /// The user switched it off.
    Disabled,
    /// It is not for this machine; says why.
    Inapplicable(String),
}
