//! Weave Scope's rules, worked out by hand: reports and what Scope shows of them, as data.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests end where something is missing"
)]

mod cases;
mod defects;
mod differences;
mod documented;
mod queries;
mod short;
