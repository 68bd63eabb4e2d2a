//! A Scope plugin that slows and thins the traffic of containers and network namespaces.
//!
//! It is a reporter (what is set) and a controller (buttons that set it). Start reading at `plugin.rs`; what
//! the host sees is put together in `report.rs`, what the kernel is told in `netem.rs`.

mod arguments;
mod engine;
mod limits;
mod netem;
mod plugin;
mod report;
mod server;
mod settings;
mod targets;

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};

use arguments::Arguments;
use engine::Engine;
use netem::Programs;
use plugin::Plugin;
use server::Socket;
use targets::Surroundings;

/// The plugin's id: the name of its socket and what its report says.
const ID: &str = "traffic-control";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let arguments = Arguments::read(std::env::args().skip(1))?;
    if arguments.help {
        return std::io::stdout()
            .write_all(arguments::HELP.as_bytes())
            .context("cannot print");
    }
    // Signals are caught before there is anything to clean up.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let system = rustix::system::uname();
    let hostname = arguments
        .hostname
        .unwrap_or_else(|| system.nodename().to_string_lossy().into_owned());
    let path = arguments
        .socket
        .unwrap_or_else(|| arguments.plugins.join(ID).join(format!("{ID}.sock")));
    let plugin = Plugin::new(Surroundings {
        engine: Engine {
            socket: arguments.docker,
        },
        netns: arguments.netns,
        programs: Programs {
            nsenter: arguments.nsenter,
            tc: arguments.tc,
        },
        hostname,
    });
    let socket = Socket::bind(path).await?;
    complain(&format!("listening on {}", socket.path().display()));
    // Whichever ends first, the socket is dropped, and with that removed.
    tokio::select! {
        outcome = socket.serve(plugin.clone()) => outcome,
        () = plugin.keep_looking() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

/// Tells the person who started it.
fn complain(text: &str) {
    // With no one to read it there is nothing to be done.
    let _unread = writeln!(std::io::stderr(), "{ID}: {text}");
}
