//! Manual pages, made from what the commands say of themselves.

use std::path::Path;

use clap::CommandFactory as _;

use crate::args::Cli;
use crate::exit::Exit;
use crate::output::print;

/// Prints the page of `orrery`, or writes a page for every command into a directory.
pub(crate) fn run(out: Option<&Path>) -> Result<(), Exit> {
    let Some(dir) = out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command())
            .render(&mut page)
            .map_err(Exit::failed)?;
        return print(&page);
    };
    let failed = |error| Exit::failed(format!("cannot write into {}: {error}", dir.display()));
    std::fs::create_dir_all(dir).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), dir).map_err(failed)?;
    eprintln!("wrote the pages into {}", dir.display());
    Ok(())
}
