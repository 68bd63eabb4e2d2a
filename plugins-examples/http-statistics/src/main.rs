//! A Scope plugin that counts HTTP requests and responses of every process, by capturing packets: the
//! servers need not know.
//!
//! It is a reporter. Start reading at `plugin.rs`; a packet's way leads through `capture.rs`, `packet.rs`,
//! `http.rs`, `count.rs` and `owners.rs`.

mod capture;
mod count;
mod http;
mod limits;
mod owners;
mod packet;
mod plugin;
mod server;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

use count::Counter;
use plugin::Plugin;
use server::Socket;

/// The plugin's id: the name of its socket and what its report says.
const ID: &str = "http-statistics";

const HELP: &str = "\
http-statistics: HTTP requests and responses of each process (needs root)

  --plugins DIR     folder of plugin sockets   [/var/run/scope/plugins]
  --socket PATH     socket, instead of http-statistics/http-statistics.sock in that folder
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
    let counter = Arc::new(Mutex::new(Counter::default()));
    let capturing = capture::open().and_then(|packets| capture::run(packets, Arc::clone(&counter)));
    let trouble = capturing.err().map(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => "capturing packets needs root (CAP_NET_RAW)".to_owned(),
        _ => format!("packets cannot be captured: {error}"),
    });
    if let Some(trouble) = &trouble {
        tell(trouble);
    }
    let plugin = Plugin::new(host, trouble, counter);
    let socket = Socket::bind(socket.unwrap_or_else(|| root.join(ID).join(format!("{ID}.sock")))).await?;
    tell(&format!("listening on {}", socket.path().display()));
    // Whichever ends first, the socket is dropped, and with that removed.
    tokio::select! {
        outcome = socket.serve(plugin.clone()) => outcome,
        () = plugin.keep_counting() => bail!("counting ended"),
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

/// Tells the person who started it.
fn tell(text: &str) {
    // With no one to read it there is nothing to be done.
    let _unread = writeln!(std::io::stderr(), "{ID}: {text}");
}
