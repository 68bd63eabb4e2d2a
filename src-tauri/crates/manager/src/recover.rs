//! What an earlier run left: its records, and operations that it did not bring to their end.

use orrery_store::{Change, Loaded, OperationRecord, OperationState, PluginRecord};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::book::{Book, Incoming, Operation, Plugin};
use crate::error::StartError;
use crate::event::Event;
use crate::op::{end, facts_of, reached, steps_of};
use crate::plan::{Kind, Recovery, Step};
use crate::shared::Shared;
use crate::view::{ConfigScope, PluginOrder, RejectedPackage};
use crate::work;

/// Takes everything that was recorded into the book. Gives the operations that have not ended.
pub(crate) async fn take_in(shared: &Shared, loaded: Loaded) -> Result<Vec<OperationRecord>, StartError> {
    let unfinished = enter_all(&mut shared.book(), loaded);
    let mended = without_lost_revisions(&shared.book());
    let changes = mended.iter().cloned().map(Change::PutPlugin).collect();
    shared.store.commit(changes).await?;
    let mut book = shared.book();
    for record in mended {
        if let Some(plugin) = book.plugins.get_mut(&record.id) {
            plugin.record = record;
        }
    }
    Ok(unfinished)
}

fn enter_all(book: &mut Book, loaded: Loaded) -> Vec<OperationRecord> {
    let mut unfinished = Vec::new();
    for revision in loaded.revisions {
        let key = (revision.plugin.clone(), revision.sha256.clone());
        book.revisions.insert(key, revision);
    }
    for record in loaded.plugins {
        book.plugins.insert(record.id.clone(), Plugin::new(record));
    }
    for layer in loaded.layers {
        match ConfigScope::of_record(&layer) {
            Some(scope) => drop(book.layers.insert(scope, layer.values)),
            None => tracing::warn!(layer = layer.layer, "a layer of the config is not understood"),
        }
    }
    for operation in loaded.operations {
        match operation.ended_ms {
            Some(_) => book.ended.push_back(operation),
            None => unfinished.push(operation),
        }
    }
    book.watched.clone_from(&loaded.watched);
    for file in loaded.watched {
        if file.reason.is_empty() {
            continue;
        }
        let rejected = RejectedPackage {
            path: file.path.display().to_string(),
            reason: file.reason,
            code: file.code,
            at_ms: file.at_ms,
        };
        book.rejected.insert(file.path, rejected);
    }
    unfinished
}

/// A revision whose record is lost cannot come into force; an earlier one that is kept can.
fn without_lost_revisions(book: &Book) -> Vec<PluginRecord> {
    let lost = book
        .plugins
        .values()
        .map(|plugin| &plugin.record)
        .filter(|record| record.current.is_some() && book.current(record).is_none());
    let mended = lost.filter_map(|record| {
        let is_there = |sum: &&String| book.revision(&record.id, sum).is_some();
        let mut kept = record.retained.iter().filter(is_there).cloned();
        Some(PluginRecord {
            current: Some(kept.next()?),
            retained: kept.collect(),
            ..record.clone()
        })
    });
    mended.collect()
}

/// Closes the operations that are to be undone, and enters the others. Gives their ids, with the step from which they
/// go on; without one they are done from their beginning.
pub(crate) async fn close(
    shared: &Shared,
    unfinished: Vec<OperationRecord>,
) -> Result<Vec<(String, Option<Step>)>, StartError> {
    let mut others = Vec::new();
    for record in unfinished {
        let kind = Kind::from_word(&record.kind);
        let order: Option<PluginOrder> = serde_json::from_value(record.order.clone()).ok();
        let step = reached(&record);
        match (kind, order) {
            (Some(kind), Some(order)) => match kind.recovery(step) {
                Recovery::Undo => undo(shared, record, kind, step).await?,
                Recovery::Again => {
                    let kind = Kind::of(&order);
                    let record = OperationRecord {
                        kind: kind.word().to_owned(),
                        state: OperationState::Queued,
                        steps: steps_of(kind),
                        ..record
                    };
                    others.push(enter(shared, record, order, None));
                }
                Recovery::Finish => others.push(enter(shared, record, order, step)),
            },
            (Some(_) | None, _) => undo(shared, record, Kind::Dismiss, step).await?,
        }
    }
    Ok(others)
}

fn enter(
    shared: &Shared,
    record: OperationRecord,
    order: PluginOrder,
    step: Option<Step>,
) -> (String, Option<Step>) {
    let id = record.id.clone();
    let operation = Operation {
        record,
        order,
        cancel: CancellationToken::new(),
        step,
        ended: watch::Sender::new(false),
    };
    shared.book().open.insert(id.clone(), operation);
    (id, step)
}

/// Nothing of the operation is recorded; what it left on disk and is nobody's the sweep takes.
async fn undo(
    shared: &Shared,
    mut record: OperationRecord,
    kind: Kind,
    step: Option<Step>,
) -> Result<(), StartError> {
    const WHY: &str = "Orrery ended while it was under way; everything is as before";
    let id = record.plugin.clone();
    let mut changes = Vec::new();
    match (kind, shared.record(&id)) {
        (Kind::Upgrade, Some(mut plugin)) => {
            let facts = facts_of(&record);
            let incoming = Incoming {
                operation: record.id.clone(),
                version: facts.version,
                sha256: facts.after.unwrap_or_default(),
                signature: String::new(),
                bytes: 0,
            };
            let failure = crate::error::Failure::new("interrupted", WHY);
            plugin.pending = Some(work::pending(&incoming, step, &failure));
            changes.push(Change::PutPlugin(plugin));
        }
        (Kind::Install, None) if !id.is_empty() => {
            work::remove_traces(shared, &id, facts_of(&record).made_state);
        }
        _ => {}
    }
    for step in &mut record.steps {
        if step.state == "running" {
            step.state = "failed".to_owned();
        } else if step.state == "waiting" {
            step.state = "skipped".to_owned();
        }
    }
    end(&mut record, OperationState::Failed);
    record.outcome = WHY.to_owned();
    record.code = "interrupted".to_owned();
    record.retryable = true;
    changes.push(Change::PutOperation(record.clone()));
    shared.store.commit(changes.clone()).await?;
    let event = Event {
        operation: record.id.clone(),
        user: record.user.clone(),
        ..Event::new(format!("{}_failed", record.kind), id, WHY)
    };
    {
        let mut book = shared.book();
        for change in changes {
            if let Change::PutPlugin(plugin) = change
                && let Some(known) = book.plugins.get_mut(&plugin.id)
            {
                known.record = plugin;
            }
        }
        book.ended.push_back(record);
    }
    shared.events.tell(event);
    Ok(())
}
