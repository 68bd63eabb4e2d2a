//! The `orrery` command as people and scripts use it: the real program, real packages, real processes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod api;
mod comes_in;
mod instance;
mod make;
mod managed;
mod pages;
mod probe;
mod run;
