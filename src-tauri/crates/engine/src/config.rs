//! What an engine is started with.

use std::path::PathBuf;
use std::time::Duration;

use std::sync::Arc;

use orrery_manager::{Dirs, FileLayers};
use orrery_packages::Trust;
use orrery_topology::censor::Hide;
use orrery_topology::derive::Settings as DeriveSettings;

use crate::paths::Paths;

/// Built-in reporters that can be switched on one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProbeKind {
    /// The machine itself.
    Host,
    /// Its processes.
    Process,
    /// Their TCP connections.
    Connections,
}

impl ProbeKind {
    /// All of them.
    pub const ALL: [ProbeKind; 3] = [ProbeKind::Host, ProbeKind::Process, ProbeKind::Connections];

    /// Its name on the command line and in source ids.
    pub fn name(self) -> &'static str {
        match self {
            ProbeKind::Host => "host",
            ProbeKind::Process => "process",
            ProbeKind::Connections => "connections",
        }
    }

    /// The probe with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name() == name)
    }

    /// The probes with these names.
    ///
    /// # Errors
    /// A sentence that names the one that does not exist, and those that do.
    pub fn parse_all<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Vec<Self>, String> {
        let known = Self::ALL.map(Self::name).join(", ");
        names
            .into_iter()
            .map(|name| {
                Self::from_name(name.trim())
                    .ok_or_else(|| format!("there is no probe {name:?}; there are {known}"))
            })
            .collect()
    }
}

/// What an engine is started with. Fields are plain: shells read flags, environment and file.
#[derive(Debug, Clone)]
pub struct Config {
    /// Directory for history.db.
    pub data_dir: PathBuf,
    /// Directories in which plugin sockets are looked for.
    pub plugin_roots: Vec<PathBuf>,
    /// Pause between two reports of a built-in probe or plugin.
    pub interval: Duration,
    /// Built-in probes to run.
    pub probes: Vec<ProbeKind>,
    /// Refuse everything that changes something.
    pub read_only: bool,
    /// Call sockets owned by users other than root and the own one.
    pub allow_foreign_owners: bool,
    /// What nobody is shown.
    pub hide: Hide,
    /// What changes how topologies are derived for everybody.
    pub derive: Arc<DeriveSettings>,
    /// Longest time history is kept.
    pub history_max_age: Duration,
    /// Largest size history may take on disk, in bytes.
    pub history_max_bytes: u64,
    /// Alerts appear on the desktop of this instance's own window.
    pub desktop: bool,
    /// How plugins are run; none for an instance that only talks to sockets that it finds.
    pub plugins: Option<PluginRunning>,
}

/// How plugins are run.
#[derive(Debug, Clone)]
pub struct PluginRunning {
    /// Where records, revisions, sockets and logs of plugins are kept.
    pub dirs: Dirs,
    /// Directories in which packages and manifests are looked for.
    pub watched: Vec<PathBuf>,
    /// Directory whose files declare tasks.
    pub tasks: PathBuf,
    /// What signatures are worth.
    pub trust: Trust,
    /// Directory of keys that packages may be signed with; `keys` in the data directory when none is given.
    pub keys: Option<PathBuf>,
    /// What the configuration file says for plugins.
    pub layers: FileLayers,
    /// Refuse to replace a revision by an older version.
    pub refuse_downgrades: bool,
    /// Use control groups where the system has them.
    pub control_groups: bool,
    /// The executable that becomes guardian and launcher; this very one when none is given. Its `main` has to call
    /// [`crate::guard_if_asked`] first.
    pub helper: Option<PathBuf>,
    /// Packages that a new data directory begins with.
    pub first: Vec<PathBuf>,
    /// The socket by which these plugins may call us, where somebody serves one.
    pub host_socket: Option<PathBuf>,
}

impl PluginRunning {
    /// Everything as usual, at the usual places of an instance.
    pub fn at(paths: &Paths) -> Self {
        PluginRunning {
            dirs: Dirs {
                data: paths.data.clone(),
                runtime: paths.runtime.clone(),
                log: paths.log.clone(),
            },
            watched: vec![paths.config.join("plugins.d")],
            tasks: paths.config.join("tasks.d"),
            trust: Trust::Warn,
            keys: None,
            layers: FileLayers::default(),
            refuse_downgrades: false,
            control_groups: true,
            helper: None,
            first: Vec::new(),
            host_socket: None,
        }
    }
}

impl Config {
    /// Defaults with history in `data_dir`.
    pub fn new(data_dir: PathBuf) -> Self {
        Config {
            data_dir,
            plugin_roots: Vec::new(),
            interval: Duration::from_secs(1),
            probes: ProbeKind::ALL.to_vec(),
            read_only: false,
            allow_foreign_owners: false,
            hide: Hide::default(),
            derive: Arc::default(),
            history_max_age: Duration::from_secs(7 * 24 * 3600),
            history_max_bytes: 1 << 30,
            desktop: false,
            plugins: None,
        }
    }
}
