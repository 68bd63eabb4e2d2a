//! Plugins kept running for real: processes, sockets and calls are as they are in life.

#![expect(clippy::expect_used, reason = "tests that cannot go on should panic")]

mod announces;
mod candidates;
mod chaos;
mod checks;
mod ends;
mod loops;
mod records;
mod starts;
mod support;
