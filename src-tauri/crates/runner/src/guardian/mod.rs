//! The guardian, the parent of everything launched, and the launcher, which becomes what is launched.
//!
//! The guardian is a child subreaper: whatever a program leaves behind becomes the guardian's child, so that nothing
//! escapes. It reads orders from its standard input, a socket whose other end the application holds. When that
//! end closes, for whatever reason, it kills all its descendants, waits until there are none, removes their
//! groups and ends. It has one thread, waits in `poll`, and starts nothing but launchers.
//!
//! When the guardian itself is killed, the kernel kills the programs (parent-death signal), and the application
//! sweeps what they leave behind and starts another guardian.

mod children;
mod launcher;
mod orphans;
mod watch;

use std::ffi::OsStr;

pub(crate) use orphans::{Fit, MARK, Traits, kill_exactly};

/// First argument of a guardian.
pub(crate) const GUARDIAN: &str = "__orrery-guardian";

/// First argument of a launcher.
pub(crate) const LAUNCHER: &str = "__orrery-launcher";

/// Turns this process into a guardian or a launcher if it was started as one, and then never returns; otherwise
/// returns at once. Must be the first thing that `main` does, while there is one thread.
pub fn run_if_asked() {
    let Some(role) = std::env::args_os().nth(1) else {
        return;
    };
    if role == OsStr::new(GUARDIAN) {
        std::process::exit(watch::run());
    }
    if role == OsStr::new(LAUNCHER) {
        std::process::exit(launcher::run());
    }
}

/// Closes every descriptor above standard error. Nothing may be open yet that is still needed.
fn close_inherited() {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else {
        return;
    };
    // The listing's own descriptor is in the list and closed by then, so that closing it again fails harmlessly.
    let open: Vec<i32> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for fd in open.into_iter().filter(|fd| *fd > 2) {
        let _ = nix::unistd::close(fd);
    }
}
