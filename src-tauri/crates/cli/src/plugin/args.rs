//! `orrery plugin …`: the command line.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::make_args::Make;

/// The commands that a person uses in the order of a plugin's life.
#[derive(Debug, Subcommand)]
pub(crate) enum Plugin {
    /// List plugins, and sockets that are none.
    #[command(after_help = "Example:\n  orrery plugin list --origin managed --state running")]
    List(Filter),
    /// Show everything about one plugin.
    Show {
        /// Plugin id.
        plugin: String,
    },
    /// Install a plugin, or upgrade it, from a package.
    ///
    /// The package is a file, a web address, or (with --index) the id of a plugin in a directory index. A program
    /// without a package is taken too: it says itself where it listens, and runs while it is needed. What it is is
    /// verified, unpacked and started; the plugin counts as installed when its first report is good, and nothing
    /// is left behind when it is not. Ctrl-C cancels. One that lacks config is installed and waits for it.
    #[command(after_help = "\
Examples:
  orrery plugin install iowait-0.1.0.tar.gz
  orrery plugin install https://plugins.example.org/iowait-0.1.0.tar.gz --sha256 5feceb66…
  orrery plugin install iowait --index dist/plugins/index.json")]
    Install(Install),
    /// Load a plugin: what it measures is in the catalog, and it runs as its manifest says.
    ///
    /// The same as install, but a plugin that lacks config is refused with everything that is missing, and nothing
    /// of it is left behind. Config that is given for everything or for its interfaces counts.
    #[command(after_help = "\
Examples:
  orrery plugin load ./counter --name counter
  orrery plugin load billing-1.2.0.tar.gz --config tenant=blue --config token=file:/etc/billing.token
  orrery plugin load billing-1.2.0.tar.gz --config-file billing.json")]
    Load(Install),
    /// Upgrade a plugin that is there; the old revision runs until the new one is ready.
    #[command(after_help = "\
Examples:
  orrery plugin upgrade iowait iowait-0.2.0.tar.gz
  orrery plugin upgrade iowait iowait --index https://plugins.example.org/index.json")]
    Upgrade {
        /// Plugin id.
        plugin: String,
        #[command(flatten)]
        install: Install,
    },
    /// Go back to an earlier revision, without downloading anything.
    #[command(after_help = "\
Examples:
  orrery plugin rollback iowait
  orrery plugin rollback iowait --to 0.1.0")]
    Rollback {
        /// Plugin id.
        plugin: String,
        /// Version; the one before when not given.
        #[arg(long, value_name = "VERSION")]
        to: Option<String>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Remove a plugin, or all that were installed; asks first. Local ones are the user's and stay.
    #[command(
        visible_alias = "unload",
        after_help = "\
Examples:
  orrery plugin remove iowait --keep-state --yes
  orrery plugin remove --all"
    )]
    Remove {
        /// Plugin id.
        #[arg(required_unless_present = "all")]
        plugin: Option<String>,
        /// Remove every plugin that was installed.
        #[arg(long, conflicts_with = "plugin")]
        all: bool,
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
    Start(One),
    /// Stop a plugin until it is started.
    Stop(One),
    /// Stop a plugin and start it.
    Restart(One),
    /// Switch a plugin on.
    Enable(One),
    /// Switch a plugin off, also over restarts.
    Disable(One),
    /// Forget a failed upgrade.
    Dismiss(One),
    /// Print a plugin's config, or change it; the plugin keeps its old one when it does not take the new.
    #[command(after_help = "\
Examples:
  orrery plugin config http-stats
  orrery plugin config http-stats --set sample_rate=100 --set paths='[\"/api\"]'
  orrery plugin config http-stats --file config.json")]
    Config(Config),
    /// Print what a plugin wrote.
    #[command(after_help = "Example:\n  orrery plugin logs iowait --follow -n 20")]
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
    /// Ask a plugin a question that it defines itself, until it answers with a code.
    ///
    /// The question goes to the plugin as GET /health?about=QUESTION.
    #[command(after_help = "Example:\n  orrery plugin wait backup task-7 --code 0 --timeout 10m")]
    Wait {
        /// Plugin id.
        plugin: String,
        /// The question, as the plugin defines it.
        #[arg(value_name = "QUESTION")]
        about: String,
        /// The code that ends the wait.
        #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
        code: i64,
        /// Longest wait.
        #[arg(long, default_value = "50s", value_parser = crate::times::duration, value_name = "DURATION")]
        timeout: std::time::Duration,
    },
    /// Tell every plugin that names the interface events what happens; fails if one of them fails.
    #[command(after_help = "Example:\n  orrery plugin broadcast resumed --details '{\"after\": \"2h\"}'")]
    Broadcast {
        /// What happens: letters, digits, dots, dashes and underscores.
        event: String,
        /// More of it, as JSON.
        #[arg(long, value_name = "JSON")]
        details: Option<String>,
    },
    /// Call a failing plugin at once.
    Retry {
        /// Plugin id or path of its socket.
        plugin: String,
    },
    #[command(flatten)]
    Make(Make),
}

/// Which plugins are listed.
#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Only these: managed, local or external.
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) origin: Option<String>,
    /// Only these: running, failed, stopped, …
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Option<String>,
    /// Only these: reporter, controller, …
    #[arg(long, value_name = "INTERFACE")]
    pub(crate) interface: Option<String>,
}

impl Filter {
    /// Whether an entry of the list is asked for.
    pub(crate) fn takes(&self, entry: &Value) -> bool {
        let is =
            |wanted: &Option<String>, key: &str| wanted.as_ref().is_none_or(|w| entry[key] == w.as_str());
        is(&self.origin, "origin")
            && is(&self.state, "state")
            && self.interface.as_ref().is_none_or(|wanted| {
                let offered = entry["interfaces"].as_array();
                offered.is_some_and(|all| all.iter().any(|i| i == wanted.as_str()))
            })
    }

    /// Whether everything is asked for.
    pub(crate) fn is_open(&self) -> bool {
        self.origin.is_none() && self.state.is_none() && self.interface.is_none()
    }
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
    /// File of a package or program, web address, or (with --index) plugin id.
    #[arg(value_name = "PACKAGE")]
    pub(crate) package: String,
    /// Id of a program without a package; its file's name when not given.
    #[arg(long, value_name = "ID")]
    pub(crate) name: Option<String>,
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
    /// Give it a value of its config, laid over what it has; the value is JSON, or text where it is none. It is then
    /// refused when it lacks any.
    #[arg(long, value_name = "KEY=VALUE", value_parser = super::key_value)]
    pub(crate) config: Vec<(String, String)>,
    /// The same from a JSON file; - is standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) config_file: Option<PathBuf>,
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
