//! The runner on real processes, sockets and control groups.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "tests fail by panicking, and say when they are skipped and what they measured"
)]

mod death;
mod launching;
mod limits;
mod many;
mod output;
mod stopping;
mod support;
