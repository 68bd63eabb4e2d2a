//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::api::Api;
use crate::plugin::args::Plugin;
use crate::service::Service;
use crate::times;

/// A live model of everything running on your machines.
#[derive(Debug, Parser)]
#[command(name = "orrery", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Options of every command stand apart from its own.
const GLOBAL: &str = "Every command";

/// Which instance.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Keep (or look for) everything below this directory.
    #[arg(long, global = true, help_heading = GLOBAL, env = "ORRERY_DATA_DIR", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Read settings from this file.
    #[arg(long, global = true, help_heading = GLOBAL, env = "ORRERY_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Ask the instance at this address instead of the one on this machine.
    #[arg(long, global = true, help_heading = GLOBAL, env = "ORRERY_URL", value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Token of that instance; for `serve`, the token to use.
    // Some tokens begin like an option does.
    #[arg(
        long,
        allow_hyphen_values = true,
        global = true,
        help_heading = GLOBAL,
        env = "ORRERY_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    pub(crate) token: Option<String>,
    /// Print data as JSON.
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole backend and the browser UI, without a window.
    Serve(Serve),
    /// Services that plugins offer below /apis.
    #[command(subcommand)]
    Service(Service),
    /// Print the merged report.
    Report {
        /// Encoding.
        #[arg(long, value_enum, default_value = "json")]
        format: Format,
        /// Moment in the past.
        #[arg(long, value_parser = times::parse, allow_hyphen_values = true, value_name = "TIME")]
        at: Option<i64>,
    },
    /// List topologies, one topology's nodes, or one node.
    Topology {
        /// Topology, such as processes.
        name: Option<String>,
        /// Node id.
        node: Option<String>,
        /// Only nodes that match this query.
        #[arg(long, value_name = "QUERY")]
        q: Option<String>,
        /// Value of one of the topology's options, such as unconnected=show.
        #[arg(long = "option", value_name = "K=V", value_parser = key_value)]
        options: Vec<(String, String)>,
        /// Moment in the past.
        #[arg(long, value_parser = times::parse, allow_hyphen_values = true, value_name = "TIME")]
        at: Option<i64>,
    },
    /// Press a control of a node.
    Control {
        /// Node id.
        node: String,
        /// Control, such as iowait~switchToIdle.
        control: String,
        /// Argument passed on.
        #[arg(long = "arg", value_name = "K=V", value_parser = key_value)]
        args: Vec<(String, String)>,
        /// Do not ask first.
        #[arg(long)]
        yes: bool,
        /// Run it though it is not active on the node.
        #[arg(long)]
        force: bool,
    },
    /// Print a metric's past on a node; without a metric, list what there is.
    History {
        /// Node id.
        node: String,
        /// Metric id.
        metric: Option<String>,
        /// Start.
        #[arg(long, value_parser = times::parse, allow_hyphen_values = true, default_value = "-1h", value_name = "TIME")]
        from: i64,
        /// End.
        #[arg(long, value_parser = times::parse, allow_hyphen_values = true, default_value = "now", value_name = "TIME")]
        to: i64,
        /// Width of a point.
        #[arg(long, value_parser = times::duration, value_name = "DURATION")]
        step: Option<std::time::Duration>,
    },
    /// Print what happened.
    Events {
        /// Start.
        #[arg(long, value_parser = times::parse, allow_hyphen_values = true, default_value = "-1h", value_name = "TIME")]
        from: i64,
        /// Go on printing as things happen.
        #[arg(long)]
        follow: bool,
    },
    /// Install, run, look at and write plugins.
    #[command(subcommand)]
    Plugin(Plugin),
    /// Look at what can be measured, and at what it is now.
    #[command(
        subcommand,
        after_help = "Example:\n  orrery catalog list '/orrery/host/*'\n  orrery catalog watch '/orrery/host/*/load1'"
    )]
    Catalog(crate::catalog::Catalog),
    /// Configure plugins, in layers: for everything, an interface, a plugin, a version of it, its process.
    #[command(subcommand)]
    Config(crate::config::Config),
    /// Collect metrics on a schedule, process them, and publish them.
    #[command(
        subcommand,
        after_help = "Example:\n  orrery task create -t load.yaml\n  orrery task watch load"
    )]
    Task(crate::task::Task),
    /// Look at operations on plugins, or cancel one.
    #[command(after_help = "Example:\n  orrery ops --limit 5")]
    Ops {
        /// Cancel the operation with this id.
        #[arg(long, value_name = "ID")]
        cancel: Option<String>,
        /// At most so many, the newest.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Write the report, or a node's history, to a file.
    #[command(subcommand)]
    Export(Export),
    /// Print the token that opens the HTTP surface; make, list and revoke further ones.
    Token(crate::access::Token),
    /// Say what is missing on this machine and how to get it.
    Doctor,
    Api(Api),
    /// Print a completion script.
    #[command(after_help = "\
Examples:
  orrery completions bash > ~/.local/share/bash-completion/completions/orrery
  orrery completions zsh > ~/.zfunc/_orrery
  orrery completions fish > ~/.config/fish/completions/orrery.fish")]
    Completions {
        /// Shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one for every command.
    #[command(after_help = "\
Examples:
  orrery man | man -l -
  orrery man --out ~/.local/share/man/man1")]
    Man {
        /// Write orrery.1, orrery-plugin.1 and so on into this directory.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Json,
    Msgpack,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Export {
    /// The merged report as JSON.
    Report {
        /// File; - is standard output.
        #[arg(short, long, default_value = "-", value_name = "FILE")]
        output: PathBuf,
        /// Moment in the past.
        #[arg(long, value_parser = times::parse, allow_hyphen_values = true, value_name = "TIME")]
        at: Option<i64>,
    },
    /// A node's history as CSV.
    History {
        /// Node id.
        node: String,
        /// Metric ids; all when none is given.
        metrics: Vec<String>,
        /// File; - is standard output.
        #[arg(short, long, default_value = "-", value_name = "FILE")]
        output: PathBuf,
        /// Start.
        #[arg(long, value_parser = times::parse, allow_hyphen_values = true, default_value = "-1h", value_name = "TIME")]
        from: i64,
        /// End.
        #[arg(long, value_parser = times::parse, allow_hyphen_values = true, default_value = "now", value_name = "TIME")]
        to: i64,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address to listen on; port 0 picks one.
    #[arg(long, env = "ORRERY_LISTEN", value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// Directory searched for plugin sockets; may be given more than once.
    #[arg(long, env = "ORRERY_PLUGINS", value_delimiter = ':', value_name = "DIR")]
    pub(crate) plugins: Vec<PathBuf>,
    /// Refuse everything that changes something.
    #[arg(long, env = "ORRERY_READ_ONLY")]
    pub(crate) read_only: bool,
    /// Run no built-in probe.
    #[arg(long, conflicts_with = "probes")]
    pub(crate) no_probes: bool,
    /// Built-in probes to run: host, process, connections.
    #[arg(long, env = "ORRERY_PROBES", value_delimiter = ',', value_name = "NAMES")]
    pub(crate) probes: Vec<String>,
    /// Pause between two reports of a probe or plugin.
    #[arg(long, env = "ORRERY_INTERVAL", value_parser = times::duration, value_name = "DURATION")]
    pub(crate) interval: Option<std::time::Duration>,
    /// Directory in which packages and manifests of plugins are looked for; may be given more than once.
    #[arg(long, env = "ORRERY_PACKAGES", value_delimiter = ':', value_name = "DIR")]
    pub(crate) packages: Vec<PathBuf>,
    /// Directory whose files declare tasks.
    #[arg(long, env = "ORRERY_TASKS", value_name = "DIR")]
    pub(crate) tasks: Option<PathBuf>,
    /// Directory of the packages that a new data directory begins with.
    #[arg(long, env = "ORRERY_BUNDLE", value_name = "DIR", hide = true)]
    pub(crate) bundle: Option<PathBuf>,
    /// Run no plugins: talk to the sockets that are found.
    #[arg(long, conflicts_with = "packages")]
    pub(crate) sockets_only: bool,
    /// Listen on the instance socket alone, on no TCP port.
    #[arg(long, conflicts_with = "listen")]
    pub(crate) no_listen: bool,
    /// Send metrics to the OTLP collector at this address.
    #[arg(long, env = "ORRERY_OTLP", value_name = "URL")]
    pub(crate) otlp: Option<String>,
    #[command(flatten)]
    pub(crate) access: crate::access::Access,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or_else(|| format!("{text:?} is not of the form key=value"))?;
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    /// Reading a value under a name that two arguments share would panic, and only when the command runs.
    #[test]
    fn every_command_is_read() {
        let lines = [
            "serve --listen 127.0.0.1:0 --plugins a --probes host --interval 1s --read-only",
            "serve --otlp http://localhost:4318",
            "serve --no-listen --no-probes --token 0123456789abcdef --data d",
            "--token -723456789abcdef0123 token list",
            "report --format msgpack --at -10m",
            "topology --json",
            "topology processes --q cpu>5 --option unconnected=show",
            "topology hosts h;<host> --at now",
            "control n c --arg a=b --yes --force",
            "history n m --from -1h --to now --step 5s",
            "events --from -1h --follow",
            "plugin list --origin managed --state running --interface controller",
            "plugin list",
            "plugin retry p",
            "plugin show p",
            "plugin install p-1.tar.gz --force --no-wait",
            "plugin install https://host/p.tar.gz --sha256 00",
            "plugin install p --index https://host/index.json --version 1.2.3",
            "plugin upgrade p p-2.tar.zst",
            "plugin rollback p --to 1.0.0",
            "plugin remove p --keep-state --force --yes",
            "plugin start p",
            "plugin stop p --no-wait",
            "plugin restart p",
            "plugin enable p",
            "plugin disable p",
            "plugin dismiss p",
            "plugin config p",
            "plugin config p --set a=1 --set b=x",
            "plugin config p --file c.json",
            "plugin config p --clear",
            "plugin logs p -f -n 5",
            "plugin health p",
            "plugin init hello",
            "plugin init hello d --manifest-only --json",
            "plugin pack d --out o --zstd",
            "plugin index d",
            "plugin keygen release --dir d --password-file f",
            "plugin sign p-1.tar.gz --key release.key --password-file -",
            "plugin verify p-1.tar.gz --keys d --trust warn --sha256 00",
            "plugin verify p --index i --version 1.0.0",
            "plugin probe /run/p/p.sock --id p",
            "plugin probe d --json",
            "catalog list",
            "task create -t f --no-start --force",
            "task validate -t -",
            "task update t -t f --generation 3",
            "task list --json",
            "task show t",
            "task subscription t",
            "task start t",
            "task stop t",
            "task enable t",
            "task run t",
            "task run-once t",
            "task remove t",
            "task export t",
            "task watch t --after 3",
            "catalog list /a/* --version >=1.2 --limit 3",
            "catalog get /a/host/*/b --json",
            "catalog watch /a/* --interval 2s --count 1",
            "ops --limit 3",
            "ops --cancel x",
            "export report -o f",
            "export history n m m -o f",
            "token",
            "token --open --url http://localhost:1",
            "token show",
            "token list --json",
            "token new ci --role control",
            "token revoke ci",
            "serve --listen 0.0.0.0:1 --tls-certificate c --tls-key k --allowed-host a --origin https://a --scope-api token",
            "doctor --json",
            "api GET /api -d f",
            "completions bash",
            "man",
            "man --out d",
        ];
        for line in lines {
            let words = std::iter::once("orrery").chain(line.split(' '));
            assert!(
                Cli::try_parse_from(words).is_ok_and(|cli| cli.command.is_some()),
                "{line}"
            );
        }
    }

    #[test]
    fn relative_times_are_taken_as_values() {
        let cli = Cli::try_parse_from(["orrery", "history", "h;<host>", "load1", "--from", "-10m"]).unwrap();
        assert!(matches!(
            cli.command,
            Some(Command::History { metric: Some(_), .. })
        ));
    }
}
