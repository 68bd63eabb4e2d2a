//! The `orrery` command: the whole backend without a window, and everything that asks a running instance.

// Printing is what a command does.
#![expect(clippy::print_stderr, reason = "a command talks to its terminal")]

#[macro_use]
mod output;

mod access;
mod api;
mod args;
mod ask;
mod catalog;
mod config;
mod confirm;
mod desktop;
mod doctor;
mod exit;
mod man;
mod plugin;
mod readings;
mod serve;
mod service;
mod target;
mod task;
mod times;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::args::{Cli, Command};
use crate::exit::Exit;
use crate::plugin::args::Plugin;

/// Reports come and go by the megabyte, made by one thread and freed by another: this allocator gives such memory
/// back within a moment (set in `.cargo/config.toml`), where the C library's keeps it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    orrery_engine::guard_if_asked();
    let cli = Cli::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("ORRERY_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,orrery=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours())
        .with_writer(std::io::stderr)
        .init();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => {
            if !exit.message.is_empty() {
                eprintln!("orrery: {}", exit.message);
            }
            exit.code
        }
    }
}

fn run(cli: Cli) -> Result<(), Exit> {
    let Some(command) = cli.command else {
        return desktop::start_or_help();
    };
    match command {
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "orrery", &mut script);
            output::print(&script)
        }
        Command::Man { out } => man::run(out.as_deref()),
        Command::Token(token) => runtime(false)?.block_on(access::run(&cli.common, token)),
        Command::Service(service) => runtime(false)?.block_on(service::run(&cli.common, service)),
        Command::Serve(options) => runtime(true)?.block_on(serve::run(&cli.common, options)),
        Command::Doctor => runtime(false)?.block_on(doctor::run(&cli.common)),
        Command::Plugin(Plugin::Make(make)) => runtime(false)?.block_on(plugin::make::run(&cli.common, make)),
        Command::Api(api) if api.listed().is_some() => {
            api::list(api.listed().unwrap_or_default(), cli.common.json)
        }
        command => runtime(false)?.block_on(ask::run(&cli.common, command)),
    }
}

/// Whether the log may be coloured: on a terminal whose owner does not mind.
fn colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// Asking needs one thread; serving uses the machine's.
fn runtime(serving: bool) -> Result<tokio::runtime::Runtime, Exit> {
    let mut builder = if serving {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    builder.enable_all().build().map_err(Exit::failed)
}
