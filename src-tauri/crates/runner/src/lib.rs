//! One program inside limits: launched, watched, its output kept, ended with all its descendants.
//!
//! This crate owns processes and control groups. It does not know what a plugin is, when one should run, or what
//! it says on its socket.
//!
//! A [`Runner`] starts a *guardian*, a small process of its own that is the parent of everything launched and ends
//! it all when the application dies, even by SIGKILL. Each program passes through a *launcher*, which takes it into
//! its groups and limits and then becomes it, so that limits hold from its first instruction. Both are the same
//! executable started again; see [`guardian::run_if_asked`]. Start reading at [`Runner`] and `guardian/watch.rs`.

mod account;
mod cgroup;
mod exit;
mod first_line;
pub mod guardian;
mod hold;
mod launch;
pub mod limits;
mod link;
pub mod output;
mod process;
mod procfs;
mod pump;
mod runner;
mod sweep;
mod usage;
mod violation;
mod wire;

pub use account::{Account, AccountError, account, other_account};
pub use exit::Exit;
pub use first_line::{FirstLineError, FirstLineSender};
pub use hold::{HeldBy, LimitHeld, LimitKind};
pub use launch::{Enforce, Launch, LaunchError, Limits};
pub use process::Process;
pub use runner::{Runner, RunnerConfig, StartError};
pub use usage::Usage;
pub use violation::Violation;
