//! What the registry is started with.

use std::path::PathBuf;
use std::time::Duration;

use crate::limits;

/// Root that Weave Scope's plugins use.
pub const SCOPE_ROOT: &str = "/var/run/scope/plugins";

/// How plugins are found and called.
#[derive(Debug, Clone)]
pub struct Config {
    /// Directories below which sockets are looked for. They need not exist yet.
    pub roots: Vec<PathBuf>,
    /// Time between calls to one plugin; 10 ms to one hour.
    pub interval: Duration,
    /// Identity sent with every call, in hexadecimal.
    pub probe_id: String,
    /// Identity sent with controls: the `id` of `GET /api`.
    pub app_id: String,
    /// Call sockets whose owner is neither this user nor root.
    pub allow_foreign_owners: bool,
    /// Watch directories for changes. Without it a scan finds them.
    pub watch: bool,
    /// Time between scans when no change was seen.
    pub rescan: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            roots: default_roots(),
            interval: Duration::from_secs(1),
            probe_id: String::from("0"),
            app_id: String::new(),
            allow_foreign_owners: false,
            watch: true,
            rescan: limits::RESCAN,
        }
    }
}

/// Scope's root and our own: below the user's runtime directory, or `/run` where there is none.
pub fn default_roots() -> Vec<PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|d| !d.is_empty());
    let own = runtime.map_or_else(|| PathBuf::from("/run"), PathBuf::from);
    vec![PathBuf::from(SCOPE_ROOT), own.join("orrery/plugins")]
}

/// Why the registry did not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// It was started outside a tokio runtime.
    #[error("plugins need a running tokio runtime")]
    NoRuntime,
    /// The interval is out of range.
    #[error("the plugin interval must be between 10ms and 1h, not {0:?}")]
    Interval(Duration),
    /// Too many roots.
    #[error("{0} plugin roots are configured, {max} are possible", max = limits::MAX_ROOTS)]
    TooManyRoots(usize),
    /// A root cannot be made absolute.
    #[error("plugin root {path:?}: {reason}")]
    Root {
        /// The root as configured.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}
