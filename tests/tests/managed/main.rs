//! Plugins that we run, as their users see them: over HTTP, with real packages and processes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod account;
mod catalog;
mod disk;
mod ghosts;
mod hostile;
mod kill;
mod life;
mod lists;
mod load;
mod metrics;
mod orders;
mod own_config;
mod package;
mod stage;
mod streams;
mod tasks;
mod told;
mod trust;
