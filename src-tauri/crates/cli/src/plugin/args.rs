//! `orrery plugin …`: the command line. What only an engine that runs plugins of its own can do is not shown yet.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Plugin {
    /// List plugins, and sockets that are none.
    List,
    /// Show everything about one plugin.
    Show {
        /// Plugin id.
        plugin: String,
    },
    /// Install a plugin, or upgrade it, from a package.
    #[command(hide = true)]
    Install(Install),
    /// Upgrade a plugin that is there; the old revision runs until the new one is ready.
    #[command(hide = true)]
    Upgrade {
        /// Plugin id.
        plugin: String,
        #[command(flatten)]
        install: Install,
    },
    /// Go back to an earlier revision.
    #[command(hide = true)]
    Rollback {
        /// Plugin id.
        plugin: String,
        /// Version; the one before when not given.
        #[arg(long, value_name = "VERSION")]
        to: Option<String>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Remove a plugin.
    #[command(hide = true)]
    Remove {
        /// Plugin id.
        plugin: String,
        /// Keep what it has stored.
        #[arg(long)]
        keep_state: bool,
        /// Remove it though tasks need it.
        #[arg(long)]
        force: bool,
        /// Do not ask first.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        wait: Wait,
    },
    /// Start a plugin and keep it running.
    #[command(hide = true)]
    Start(One),
    /// Stop a plugin until it is started.
    #[command(hide = true)]
    Stop(One),
    /// Stop a plugin and start it.
    #[command(hide = true)]
    Restart(One),
    /// Switch a plugin on.
    #[command(hide = true)]
    Enable(One),
    /// Switch a plugin off, also over restarts.
    #[command(hide = true)]
    Disable(One),
    /// Forget a failed upgrade.
    #[command(hide = true)]
    Dismiss(One),
    /// Print a plugin's config, or change it.
    #[command(hide = true)]
    Config(Config),
    /// Print what a plugin wrote.
    #[command(hide = true)]
    Logs {
        /// Plugin id.
        plugin: String,
        /// Go on printing.
        #[arg(short, long)]
        follow: bool,
        /// At most so many lines, the newest.
        #[arg(short = 'n', long, default_value_t = 200, value_name = "LINES")]
        lines: u32,
    },
    /// Ask how a plugin does; fails unless it is well.
    Health {
        /// Plugin id.
        plugin: String,
    },
    /// Call a failing plugin at once.
    Retry {
        /// Plugin id or path of its socket.
        plugin: String,
    },
}

/// One plugin and how to wait.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// Plugin id.
    pub(crate) plugin: String,
    #[command(flatten)]
    pub(crate) wait: Wait,
}

#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// Do not wait for the end.
    #[arg(long)]
    pub(crate) no_wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Install {
    /// Package file, web address, or (with --index) plugin id.
    pub(crate) package: String,
    /// Expected SHA-256 of the package, in hexadecimal.
    #[arg(long, value_name = "HEX")]
    pub(crate) sha256: Option<String>,
    /// Look the plugin up in this directory index, a file or address.
    #[arg(long, value_name = "INDEX")]
    pub(crate) index: Option<String>,
    /// Version to look up; the newest when not given.
    #[arg(long, requires = "index", value_name = "VERSION")]
    pub(crate) version: Option<String>,
    /// Install over the same version with other content.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) wait: Wait,
}

#[derive(Debug, Args)]
pub(crate) struct Config {
    /// Plugin id.
    pub(crate) plugin: String,
    /// Set one key and leave the others; the value is JSON, or text where it is none.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = super::key_value)]
    pub(crate) set: Vec<(String, String)>,
    /// Take the whole config from a JSON file; - is standard input.
    #[arg(long, conflicts_with_all = ["set", "text", "clear"], value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Take the whole config as text from a file; - is standard input.
    #[arg(long, conflicts_with_all = ["set", "clear"], value_name = "FILE")]
    pub(crate) text: Option<PathBuf>,
    /// Clear the config.
    #[arg(long, conflicts_with = "set")]
    pub(crate) clear: bool,
    #[command(flatten)]
    pub(crate) wait: Wait,
}
