//! Keeps plugins running: life cycle, readiness, restarts with back-off, health, usage, candidates for upgrades.
//!
//! It does not know where programs come from, what a manifest is, or how HTTP is spoken: specs are plain data,
//! calls on a plugin's socket go through [`Calls`], processes through [`Launcher`]. Start reading at
//! `lifecycle/mod.rs`, the pure heart, then `actor/mod.rs`, one of which runs for each plugin, and
//! [`Supervisor`], the handle on them all.

mod actor;
pub mod announce;
mod calls;
mod candidate;
mod error;
mod event;
mod files;
mod health;
mod home;
mod launcher;
mod lifecycle;
pub mod limits;
mod outbox;
mod sockets;
pub mod spec;
mod supervisor;
mod tenure;
mod text;
mod usage;
pub mod view;

pub use actor::Heard;
pub use calls::{CallError, Calls, Configured, Later, Peer, ReportFacts};
pub use candidate::Candidate;
pub use error::SupervisorError;
pub use event::{Event, EventKind};
pub use health::{HealthAnswer, HealthReply, HealthWord};
pub use launcher::{Launcher, Program};
pub use orrery_runner::{Account, AccountError, other_account};
pub use spec::{Spec, Want};
pub use supervisor::{AskError, Lease, Supervisor};
