//! A Scope plugin that shows how much of the time the host's processors idle, or wait for a disk.
//!
//! It is a reporter (one metric) and a controller (a button that switches between the two). Start reading at
//! `plugin.rs`.

mod cpu;
mod plugin;
mod server;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

use plugin::Plugin;
use server::Socket;

/// The plugin's id: the name of its socket and what its report says.
const ID: &str = "iowait";

const HELP: &str = "\
iowait: idle time and IO wait of the host

  --plugins DIR     folder of plugin sockets   [/var/run/scope/plugins]
  --socket PATH     socket, instead of iowait/iowait.sock in that folder
  --hostname NAME   host that it reports on    [the system's]
  --help            this text
";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let mut root = PathBuf::from("/var/run/scope/plugins");
    let mut socket: Option<PathBuf> = None;
    let mut host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{name} needs a value"));
        match name.as_str() {
            "--plugins" => root = value()?.into(),
            "--socket" => socket = Some(value()?.into()),
            "--hostname" => host = value()?,
            "--help" | "-h" => {
                return std::io::stdout()
                    .write_all(HELP.as_bytes())
                    .context("cannot print");
            }
            _ => bail!("there is no {name}; see --help"),
        }
    }
    // Signals are caught before there is anything to clean up.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let socket = Socket::bind(socket.unwrap_or_else(|| root.join(ID).join(format!("{ID}.sock")))).await?;
    tell(&format!("listening on {}", socket.path().display()));
    // Whichever ends first, the socket is dropped, and with that removed.
    tokio::select! {
        outcome = socket.serve(Plugin::new(host)) => outcome,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

/// Tells the person who started it.
fn tell(text: &str) {
    // With no one to read it there is nothing to be done.
    let _unread = writeln!(std::io::stderr(), "{ID}: {text}");
}
