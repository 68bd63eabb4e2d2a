//! The guardian and the launcher as a program of its own: small, so that starting it costs little. Applications
//! whose own executable is heavy to load name this one in their configuration.

fn main() -> std::process::ExitCode {
    orrery_runner::guardian::run_if_asked();
    // Started by hand: there is nothing to guard.
    std::process::ExitCode::from(2)
}
