//! `orrery` without arguments: the window where there is one, help where there is none.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;

use clap::CommandFactory as _;

use crate::args::Cli;
use crate::exit::Exit;

/// Becomes `orrery-desktop` when a display and the program are there; prints help otherwise.
pub(crate) fn start_or_help() -> Result<(), Exit> {
    let display = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|v| std::env::var_os(v).is_some_and(|d| !d.is_empty()));
    if let (true, Some(program)) = (display, installed()) {
        let error = std::process::Command::new(&program).exec();
        return Err(Exit::failed(format!(
            "cannot start {}: {error}",
            program.display()
        )));
    }
    Cli::command().print_help().map_err(Exit::failed)
}

/// `orrery-desktop` beside this program or on the path.
pub(crate) fn installed() -> Option<PathBuf> {
    let beside = std::env::current_exe()
        .ok()
        .and_then(|p| p.parent().map(std::path::Path::to_path_buf));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = beside.into_iter().chain(std::env::split_paths(&path));
    places.find_map(|dir| Some(dir.join("orrery-desktop")).filter(|p| p.is_file()))
}
