//! Weave Scope's rules, worked out by hand: reports and what Scope shows of them, as data.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests end where something is missing"
)]

mod agreement;
mod cases;
mod defects;
mod differences;
mod documented;
#[path = "../derive/generate.rs"]
#[expect(dead_code, reason = "changes of reports are for another suite")]
mod generate;
mod pieces;
mod queries;
mod reference;
mod short;
