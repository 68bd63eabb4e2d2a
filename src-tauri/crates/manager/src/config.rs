//! What a manager is told when it starts.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use orrery_packages::manifest::Machine;
use orrery_packages::{Caps, FetchOptions, Trust};

use crate::layers::FileLayers;
use crate::limits::SWEEP_BEAT;

/// Is told every point that an operation passes, such as `upgrade switch`. Only tests have a use for it.
pub type Hook = Arc<dyn Fn(&str) + Send + Sync>;

/// What a manager is told when it starts.
#[derive(Clone)]
pub struct ManagerConfig {
    /// Where things are kept.
    pub dirs: Dirs,
    /// Directories in which packages and manifests of local plugins are looked for.
    pub watched: Vec<PathBuf>,
    /// What signatures are worth.
    pub trust: Trust,
    /// Directory of the keys that packages may be signed with.
    pub keys: PathBuf,
    /// Refuse to replace a revision by an older version.
    pub refuse_downgrades: bool,
    /// How packages are fetched.
    pub fetch: FetchOptions,
    /// How large packages may be.
    pub caps: Caps,
    /// The machine that host rules are held against.
    pub machine: Machine,
    /// Tells this machine from a copy of its disk; empty when there is nothing to tell it by.
    pub machine_id: String,
    /// What the configuration file says for plugins.
    pub layers: FileLayers,
    /// Time between sweeps of what belongs to nobody.
    pub sweep_every: Duration,
    /// Is told every point that an operation passes.
    pub hook: Option<Hook>,
}

impl ManagerConfig {
    /// Everything as usual, with these directories.
    pub fn new(dirs: Dirs) -> Self {
        ManagerConfig {
            keys: dirs.data.join("keys"),
            dirs,
            watched: Vec::new(),
            trust: Trust::Warn,
            refuse_downgrades: false,
            fetch: FetchOptions::default(),
            caps: Caps::default(),
            machine: Machine::this(),
            machine_id: crate::stamp::machine_id(Path::new("/")),
            layers: FileLayers::default(),
            sweep_every: SWEEP_BEAT,
            hook: None,
        }
    }
}

/// Where things are kept. `data` has to be on one file system, and so has `runtime`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirs {
    /// Revisions, state of plugins, packages on their way.
    pub data: PathBuf,
    /// Sockets, config files, temporary files.
    pub runtime: PathBuf,
    /// What plugins write.
    pub log: PathBuf,
}

impl Dirs {
    /// Unpacked revisions: `<id>/<version>-<sum>/`.
    pub fn revisions(&self) -> PathBuf {
        self.data.join("plugins/revisions")
    }

    /// A plugin's own directory, which outlives its revisions.
    pub fn state(&self, id: &str) -> PathBuf {
        self.data.join("plugins/state").join(id)
    }

    /// Packages on their way.
    pub fn incoming(&self) -> PathBuf {
        self.data.join("plugins/incoming")
    }

    /// Where a plugin's socket is, below a directory that is searched for sockets.
    pub fn socket(&self, id: &str) -> PathBuf {
        self.runtime.join("plugins").join(id).join(format!("{id}.sock"))
    }

    /// Where candidates' sockets are, in the same shape but outside of every directory that is searched; each
    /// candidate's directory has a dot and its number after its name.
    pub fn staging(&self, id: &str) -> PathBuf {
        self.runtime.join("staging").join(id).join(format!("{id}.sock"))
    }

    /// Sockets that candidates of a plugin have, or left.
    pub(crate) fn staged(&self, id: &str) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.runtime.join("staging")) else {
            return Vec::new();
        };
        let numbered = |name: &str| name.strip_prefix(id).is_some_and(|rest| rest.starts_with('.'));
        let is_its = |dir: &PathBuf| {
            dir.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(numbered)
        };
        let dirs = entries.flatten().map(|entry| entry.path()).filter(is_its);
        dirs.map(|dir| dir.join(format!("{id}.sock"))).collect()
    }

    /// A plugin's config files.
    pub fn config(&self, id: &str) -> PathBuf {
        self.runtime.join("config").join(id)
    }

    /// A plugin's temporary files.
    pub fn tmp(&self, id: &str) -> PathBuf {
        self.runtime.join("tmp").join(id)
    }

    /// What a plugin wrote.
    pub fn log_file(&self, id: &str) -> PathBuf {
        self.log.join("plugins").join(format!("{id}.log"))
    }
}
