//! Derivation from reports, against pictures worked out by hand and against Scope's own answers.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "tests end where something is missing, and say what they skip"
)]

mod containers;
mod details;
mod everything;
mod fixture;
mod generate;
mod golden;
mod hostile;
mod incremental;
mod internet;
mod kubernetes;
mod options;
mod processes;
mod search;
