//! Tasks in the engine: where their values come from, and where built-in publishers lead.
//!
//! The tasks crate decides what runs when; here it meets the catalog's subscriptions, the published snapshot,
//! history, plugins' sockets and the state on disk.

mod bound;
mod host;
mod names;
mod own;
mod records;
mod source;
mod unsent;

use std::sync::Arc;

use orrery_tasks::Tasks;

use crate::engine::Engine;

pub(crate) use source::request;

/// Takes up tasks where they were left. Everything else works without, so a failure is told and not the end.
pub(crate) async fn start(engine: &Engine) -> Result<Tasks, String> {
    let managed = engine.managed.as_ref().map_err(Clone::clone)?;
    let (records, kept) = records::open(managed.store.clone()).await.map_err(|error| {
        tracing::error!(error, "tasks are not run");
        format!("Tasks are not run: {error}.")
    })?;
    let tasks = Tasks::start(
        Arc::new(source::Source::new(engine.clone())),
        Arc::new(host::InEngine::new(engine.clone())),
        Arc::new(records),
        kept,
    );
    if let Some(running) = &engine.shared.config.plugins {
        tasks.follow(running.tasks.clone());
    }
    Ok(tasks)
}
