//! Keeps plugins running: life cycle, readiness, restarts with back-off, health, usage, candidates for upgrades.
//!
//! It does not know where programs come from, what a manifest is, or how HTTP is spoken: specs are plain data,
//! calls on a plugin's socket go through [`Calls`], processes through [`Launcher`]. Start reading at
//! `lifecycle/mod.rs`, the pure heart, then `actor/mod.rs`, one of which runs for each plugin, and
//! [`Supervisor`], the handle on them all.

mod calls;
pub mod health;
mod launcher;
mod lifecycle;
pub mod limits;
pub mod spec;
mod text;
mod usage;
pub mod view;

pub use calls::{CallError, Calls, Configured, Later, Peer, ReportFacts};
pub use launcher::{Ended, LaunchFailure, LaunchOrder, Launcher, Log, Program, Used, Violated};
pub use spec::{Spec, Want};
