//! Tasks: what is collected, when, through which processors, and to which publishers.
//!
//! A task takes values that the engine has anyway, so nothing is asked of a plugin twice. This crate decides when a
//! task runs and what becomes of the values; what the values are, and which plugins have to run for them, is
//! somebody else's, behind [`seams`](crate).
//!
//! Start at [`life`] for the states of a task and at [`schedule`] for when it runs; both are pure.

pub mod life;
pub mod limits;
pub mod schedule;
