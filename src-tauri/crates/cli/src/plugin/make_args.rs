//! `orrery plugin …`: the commands for people who write plugins. They need no running instance.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use orrery_packages::{PluginId, Trust};

/// What is done to plugins that are not installed yet.
#[derive(Debug, Subcommand)]
pub(crate) enum Make {
    /// Begin a plugin: a manifest, and a small program that works.
    #[command(after_help = "\
Example:
  orrery plugin init hello      # hello/plugin.toml and hello/bin/hello, in Python
  orrery plugin pack hello      # hello-0.1.0.tar.gz
  orrery plugin install hello-0.1.0.tar.gz")]
    Init {
        /// Id: letters and digits, in groups joined by single dashes.
        id: PluginId,
        /// Directory; named like the id when not given.
        dir: Option<PathBuf>,
        /// Write plugin.toml and no program.
        #[arg(long)]
        manifest_only: bool,
    },
    /// Make a package out of a directory with a plugin.toml.
    #[command(after_help = "\
Example:
  orrery plugin pack hello --out dist")]
    Pack {
        /// Directory with plugin.toml and the program that it names.
        dir: PathBuf,
        /// Directory that the package and its SHA-256 are written into.
        #[arg(long, default_value = ".", value_name = "DIR")]
        out: PathBuf,
        /// Make a .tar.zst, which is smaller, instead of a .tar.gz.
        #[arg(long)]
        zstd: bool,
    },
    /// Write index.json, the list of the packages in a directory, for `install --index`.
    #[command(after_help = "\
Example:
  orrery plugin index dist
  orrery plugin install hello --index dist/index.json")]
    Index {
        /// Directory with packages.
        dir: PathBuf,
    },
    /// Make a pair of keys to sign packages with.
    #[command(after_help = "\
Example:
  orrery plugin keygen release  # release.key: keep it; release.pub: for everybody")]
    Keygen {
        /// Name of the key.
        name: String,
        /// Directory that both files are written into.
        #[arg(long, default_value = ".", value_name = "DIR")]
        dir: PathBuf,
        #[command(flatten)]
        password: Password,
    },
    /// Sign a package, or a program without one; its signature is written beside it.
    #[command(after_help = "\
Example:
  orrery plugin sign hello-0.1.0.tar.gz --key release.key")]
    Sign {
        /// Package file.
        package: PathBuf,
        /// Secret key, as `orrery plugin keygen` or minisign writes it.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        #[command(flatten)]
        password: Password,
    },
    /// Look whether this machine would take a package: its sum, signature, manifest and every file in it.
    #[command(after_help = "\
Examples:
  orrery plugin verify hello-0.1.0.tar.gz
  orrery plugin verify hello-0.1.0.tar.gz --keys . --trust require
  orrery plugin verify hello --index https://plugins.example.org/index.json")]
    Verify(Verify),
    /// Try a plugin, and say what is right and wrong with it.
    ///
    /// A socket is called as Orrery calls it. What a directory with a plugin.toml, or a package, holds is started
    /// first, in its limits and with its defaults, in a temporary directory; and ended again.
    #[command(after_help = "\
Examples:
  orrery plugin probe hello                     # the directory
  orrery plugin probe hello-0.1.0.tar.gz
  orrery plugin probe ./counter                 # a program without a manifest
  orrery plugin probe /var/run/scope/plugins/iowait/iowait.sock")]
    Probe {
        /// Socket, directory or package file.
        target: PathBuf,
        /// For a socket: id that the plugin should have; the socket's name without extension when not given.
        #[arg(long, value_name = "ID")]
        id: Option<String>,
    },
}

/// The password of a secret key.
#[derive(Debug, Args)]
pub(crate) struct Password {
    /// File whose first line is the password of the secret key; - is standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
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
    /// Directory of keys; this machine's when not given.
    #[arg(long, value_name = "DIR")]
    pub(crate) keys: Option<PathBuf>,
    /// What signatures are worth: off, warn or require; this machine's setting when not given.
    #[arg(long, value_name = "LEVEL")]
    pub(crate) trust: Option<Trust>,
}
