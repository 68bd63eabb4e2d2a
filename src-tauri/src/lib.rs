//! The desktop shell: a window on an engine of its own, or on an instance that runs already.
//!
//! It decides nothing: commands from the page go to the engine or to the instance, and come back.

mod args;
mod commands;
mod exports;
mod host;
mod local;
mod notices;
mod paint;
mod pipes;
mod views;
mod web;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use clap::Parser as _;
use tauri::Manager as _;

use crate::args::Args;
use crate::host::{Found, Host};

/// Starts the window and returns when it is closed.
pub fn run() -> ExitCode {
    let args = Args::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("ORRERY_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,orrery=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    tauri::async_runtime::set(runtime.handle().clone());
    // The window does not exist yet when the instance socket opens for later starts.
    let app: Arc<OnceLock<tauri::AppHandle>> = Arc::default();
    let found = match runtime.block_on(host::find(&args, raise(app.clone()))) {
        Ok(found) => found,
        Err(error) => return failed(&*error),
    };
    let host = match found {
        Found::Raised => return ExitCode::SUCCESS,
        Found::Host(host) => host,
    };
    let ended = window(host.clone(), &app);
    runtime.block_on(host.shutdown());
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn window(host: Host, handle: &OnceLock<tauri::AppHandle>) -> tauri::Result<()> {
    let alerted = host.clone();
    let app = tauri::Builder::default()
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_opener::init())
        .plugin(tauri_plugin_window_state::Builder::default().build())
        .manage(host)
        .manage(views::OpenViews::default())
        .manage(pipes::OpenPipes::default())
        .manage(web::Followed::default())
        .invoke_handler(tauri::generate_handler![
            commands::call,
            commands::open_view,
            commands::view_send,
            commands::close_view,
            commands::open_external,
            exports::pick_package,
            exports::save_export,
            exports::save_text,
            pipes::pipe_open,
            pipes::pipe_send,
            pipes::pipe_detach,
            pipes::pipe_close,
            web::send,
            web::follow,
            web::unfollow,
        ])
        .setup(|app| {
            if let Some(window) = app.get_webview_window("main") {
                paint::suit_renderer(&window);
            }
            Ok(())
        })
        .build(tauri::generate_context!())?;
    let _first = handle.set(app.handle().clone());
    tauri::async_runtime::spawn(end_on_signal(app.handle().clone()));
    tauri::async_runtime::spawn(notices::follow(alerted));
    app.run_return(|_, _| {});
    Ok(())
}

/// Whoever ends the program by a signal gets an orderly end too: history is closed, plugins are stopped.
async fn end_on_signal(app: tauri::AppHandle) {
    use tokio::signal::unix::{SignalKind, signal};
    let (terminate, interrupt) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    match (terminate, interrupt) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            app.exit(0);
        }
        (Err(error), _) | (_, Err(error)) => tracing::warn!(%error, "signals are not waited for"),
    }
}

/// Brings the window to the front when a second start asks for it.
fn raise(app: Arc<OnceLock<tauri::AppHandle>>) -> orrery_gateway::Raise {
    Arc::new(move || {
        let Some(window) = app.get().and_then(|app| app.get_webview_window("main")) else {
            return;
        };
        for step in [window.unminimize(), window.show(), window.set_focus()] {
            if let Err(error) = step {
                tracing::debug!(%error, "the window did not come to the front");
            }
        }
    })
}

fn failed(error: &dyn std::fmt::Display) -> ExitCode {
    tracing::error!("{error}");
    ExitCode::FAILURE
}
