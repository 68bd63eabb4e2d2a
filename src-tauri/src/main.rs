//! `orrery-desktop`: the window.

use std::process::ExitCode;

fn main() -> ExitCode {
    orrery_engine::guard_if_asked();
    orrery_desktop::run()
}
