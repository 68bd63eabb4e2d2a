//! `/metrics`: real plugins that expose, well and badly, a real Prometheus that scrapes, promtool that judges.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on should panic, and one that is skipped should say so"
)]

mod endless;
mod formats;
mod otlp;
mod plugins;
mod prometheus;
mod stage;
mod topology;
