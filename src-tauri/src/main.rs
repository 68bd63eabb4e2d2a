//! `orrery-desktop`: the window.

use std::process::ExitCode;

fn main() -> ExitCode {
    orrery_desktop::run()
}
