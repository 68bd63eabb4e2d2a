//! The command line of the window.

use std::path::PathBuf;

use clap::Parser;

/// Orrery's window on this machine.
#[derive(Debug, Parser)]
#[command(name = "orrery-desktop", version, about)]
pub(crate) struct Args {
    /// Keep everything below this directory.
    #[arg(long, env = "ORRERY_DATA_DIR", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Read settings from this file.
    #[arg(long, env = "ORRERY_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Directory searched for plugin sockets; may be given more than once.
    #[arg(long, env = "ORRERY_PLUGINS", value_delimiter = ':', value_name = "DIR")]
    pub(crate) plugins: Vec<PathBuf>,
    /// Directory in which packages and manifests of plugins are looked for; may be given more than once.
    #[arg(long, env = "ORRERY_PACKAGES", value_delimiter = ':', value_name = "DIR")]
    pub(crate) packages: Vec<PathBuf>,
    /// Directory whose files declare tasks.
    #[arg(long, env = "ORRERY_TASKS", value_name = "DIR")]
    pub(crate) tasks: Option<PathBuf>,
    /// Directory of the packages that a new data directory begins with.
    #[arg(long, env = "ORRERY_BUNDLE", value_name = "DIR", hide = true)]
    pub(crate) bundle: Option<PathBuf>,
}
