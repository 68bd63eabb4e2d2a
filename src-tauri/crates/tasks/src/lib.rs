//! Tasks: what is collected, when, through which processors, and to which publishers.
//!
//! A task takes values that the engine has anyway, so nothing is asked of a plugin twice. This crate decides when a
//! task runs and what becomes of the values; which plugins have to run for them, and where inside of the application
//! they go, is behind [`seams`].
//!
//! Start at [`Tasks`], at [`life`] for the states of a task and at [`schedule`] for when it runs; the last two are
//! pure.

mod beat;
mod directory;
mod entry;
mod error;
pub mod life;
pub mod limits;
pub mod manifest;
mod publish;
mod recent;
mod run;
mod sample;
pub mod schedule;
pub mod seams;
mod tasks;
pub mod view;
mod watch;
mod workflow;

pub use directory::TaskFile;
pub use error::TaskError;
pub use recent::{PastRun, Recent, RunOutcome};
pub use sample::{Sample, Series};
pub use tasks::Tasks;
pub use watch::{RunReport, TaskDid, TaskEvent, Watcher};
pub use workflow::built_in;
