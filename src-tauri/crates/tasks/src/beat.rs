//! The loops: one that fires tasks, one that writes down how they stand.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::life::{Input, Phase};
use crate::limits::{SAVE_BATCH, SAVE_EVERY, SAVE_SOON, WAITING_KEPT_ALL};
use crate::seams::{Collected, Subscribed};
use crate::tasks::Inner;

/// Wakes tasks when their moment comes, when what they need comes or goes, and when a stream brings something.
pub(crate) async fn run(
    inner: Arc<Inner>,
    mut changed: watch::Receiver<u64>,
    mut arrived: watch::Receiver<u64>,
) {
    loop {
        let first = inner.state().timers.first().map(|(at, _)| *at);
        let timer = async {
            match first {
                Some(at) => sleep_until(inner.began + at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = inner.stop.cancelled() => return,
            () = timer => fire(&inner),
            () = inner.woken.notified() => {}
            Ok(()) = changed.changed() => {
                rebind(&inner, |phase| {
                    !matches!(phase, Phase::Stopped | Phase::Ended | Phase::Disabled)
                });
            }
            Ok(()) = arrived.changed() => {
                // What a task waits for may be the first report of a plugin.
                rebind(&inner, |phase| phase == Phase::Waiting);
                stream(&inner);
            }
            else => return,
        }
    }
}

fn fire(inner: &Arc<Inner>) {
    let now = inner.began.elapsed();
    let mut state = inner.state();
    for (at, id) in state.due(now) {
        state.went_off(&id);
        let runs = state.tasks.get(&id).map(|entry| entry.life.counts().runs);
        if let Err(error) = state.step(inner, &id, Input::Tick) {
            tracing::error!(%error, task = %id, "a task does not hear its timer");
        }
        if state.tasks.get(&id).map(|entry| entry.life.counts().runs) != runs {
            inner.lateness.note(inner.began.elapsed().saturating_sub(at));
        }
    }
}

fn rebind(inner: &Arc<Inner>, concerned: impl Fn(Phase) -> bool) {
    let mut state = inner.state();
    let started: Vec<String> = state
        .tasks
        .values()
        .filter(|entry| concerned(entry.life.phase()))
        .map(|entry| entry.id.clone())
        .collect();
    for id in started {
        state.rebind(inner, &id);
    }
}

fn stream(inner: &Arc<Inner>) {
    let streams: Vec<String> = {
        let state = inner.state();
        let streams = state.tasks.values().filter(|entry| entry.is_streaming());
        streams.map(|entry| entry.id.clone()).collect()
    };
    for id in streams {
        let Some(subscription) = inner.subscriptions.subscription(&id) else {
            continue;
        };
        if subscription.asks() {
            ask(inner, &id, subscription);
            continue;
        }
        // What is there already is had at once; what is missing then comes later.
        let there = subscription.collect(Duration::ZERO).now_or_never();
        let brought = Collected {
            samples: there.unwrap_or_default().samples,
            ..Collected::default()
        };
        take(inner, &id, brought);
    }
}

fn take(inner: &Arc<Inner>, id: &str, brought: Collected) {
    let mut state = inner.state();
    let entry = state.tasks.get_mut(id).filter(|entry| entry.is_streaming());
    if entry.is_some_and(|entry| entry.take_stream(brought))
        && let Err(error) = state.step(inner, id, Input::Arrived)
    {
        tracing::error!(%error, task = %id, "a task does not hear its stream");
    }
}

/// Asks a stream's plugin for what it has under the task's config, unless that is under way.
fn ask(inner: &Arc<Inner>, id: &str, subscription: Arc<dyn Subscribed>) {
    let (generation, timeout) = {
        let mut state = inner.state();
        let Some(entry) = state.tasks.get_mut(id) else {
            return;
        };
        if entry.asking == Some(entry.generation) {
            return;
        }
        entry.asking = Some(entry.generation);
        (entry.generation, entry.spec.timeout)
    };
    let (inner, id) = (inner.clone(), id.to_owned());
    inner.runs.clone().spawn(async move {
        let asked = AssertUnwindSafe(subscription.collect(timeout)).catch_unwind();
        let brought = tokio::select! {
            () = inner.stop.cancelled() => return,
            brought = asked => brought.unwrap_or_default(),
        };
        let is_meant = {
            let mut state = inner.state();
            let entry = state.tasks.get_mut(&id);
            // After a change it was asked for something else than is wanted now.
            let meant = entry.filter(|entry| entry.asking == Some(generation));
            meant.is_some_and(|entry| {
                entry.asking = None;
                entry.generation == generation
            })
        };
        if is_meant {
            take(&inner, &id, brought);
        }
    });
}

/// Writes down changes of state soon, and counts now and then.
pub(crate) async fn save(inner: Arc<Inner>) {
    let mut all_at = Instant::now() + SAVE_EVERY;
    let mut phases = std::collections::HashMap::<String, (Phase, bool)>::new();
    loop {
        tokio::select! {
            () = inner.stop.cancelled() => return,
            () = tokio::time::sleep(SAVE_SOON) => {}
        }
        let is_time = Instant::now() >= all_at;
        if is_time {
            all_at = Instant::now() + SAVE_EVERY;
        }
        let mut ids = Vec::new();
        {
            let state = inner.state();
            phases.retain(|id, _| state.tasks.contains_key(id));
            for entry in state.tasks.values().filter(|entry| entry.is_unsaved) {
                // That something waits for a sink is news, and that nothing does any more: after a hard end it would
                // be delivered twice.
                let stands = (resting(entry.life.kept().phase), entry.workflow.held().0 > 0);
                let is_news = phases.insert(entry.id.clone(), stands) != Some(stands);
                if is_news || is_time {
                    ids.push(entry.id.clone());
                }
            }
        }
        write(&inner, ids).await;
    }
}

/// What of a state matters after a restart.
fn resting(phase: Phase) -> Phase {
    match phase {
        Phase::Waiting | Phase::Scheduled | Phase::Firing | Phase::Failing => Phase::Scheduled,
        Phase::Stopping | Phase::Stopped => Phase::Stopped,
        Phase::Ended | Phase::Disabled => phase,
    }
}

/// Writes down everything that is not yet.
pub(crate) async fn save_all(inner: &Arc<Inner>) {
    let ids = {
        let state = inner.state();
        let unsaved = state.tasks.values().filter(|entry| entry.is_unsaved);
        unsaved.map(|entry| entry.id.clone()).collect()
    };
    write(inner, ids).await;
}

async fn write(inner: &Arc<Inner>, ids: Vec<String>) {
    let mut left = WAITING_KEPT_ALL;
    for ids in ids.chunks(SAVE_BATCH) {
        let _turn = inner.writing.lock().await;
        let mut records = Vec::with_capacity(ids.len());
        {
            let mut state = inner.state();
            for id in ids {
                if let Some(entry) = state.tasks.get_mut(id) {
                    entry.is_unsaved = false;
                    let record = entry.record(left);
                    let waiting = record.waiting.iter().flat_map(|kept| &kept.series);
                    left = left.saturating_sub(waiting.map(|held| held.points.len()).sum());
                    records.push(record);
                }
            }
        }
        if let Err(error) = inner.records.put(records).await {
            tracing::warn!(error, "how tasks stand cannot be written down; it is tried again");
            let mut state = inner.state();
            for id in ids {
                if let Some(entry) = state.tasks.get_mut(id) {
                    entry.is_unsaved = true;
                }
            }
        }
    }
}
