//! The registry against real plugins on real sockets.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on should panic, and one that is skipped should say so"
)]

mod controls;
mod discovery;
mod once;
mod originals;
mod schedule;
mod status;
mod support;
