//! Tasks as a whole: executor, publishers and records, in a world that does as it is told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod asked;
mod declared;
mod lives;
mod looks;
mod order;
mod otlp;
mod sinks;
mod speed;
mod world;
