//! The registry against real plugins on real sockets.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on should panic"
)]

mod controls;
mod discovery;
mod schedule;
mod status;
mod support;
