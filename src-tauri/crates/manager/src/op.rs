//! An operation under way: its journal, its steps, its end.

use std::sync::Arc;

use orrery_store::{Change, OperationRecord, OperationState, StepRecord};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::book::{Incoming, Operation};
use crate::clock::now_ms;
use crate::error::Failure;
use crate::event::Event;
use crate::lane::Turn;
use crate::plan::{Kind, Step};
use crate::shared::Shared;

/// What an unfinished operation needs to be gone on with or undone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Facts {
    /// The plugin's own directory was made for this operation.
    pub(crate) made_state: bool,
    /// Revision that was in force before, by SHA-256.
    pub(crate) before: Option<String>,
    /// Revisions that were kept besides it, by SHA-256.
    pub(crate) retained: Vec<String>,
    /// Revision that comes into force, by SHA-256.
    pub(crate) after: Option<String>,
    /// Its version.
    pub(crate) version: String,
}

/// An operation under way.
pub(crate) struct Op {
    pub(crate) id: String,
    pub(crate) shared: Arc<Shared>,
    pub(crate) cancel: CancellationToken,
}

impl Op {
    /// Begins a step: what is recorded says so before anything of it is done.
    pub(crate) async fn begin(&self, step: Step) -> Result<(), Failure> {
        self.begin_with(step, Vec::new()).await
    }

    /// Begins a step in the same transaction that changes records.
    pub(crate) async fn begin_with(&self, step: Step, mut changes: Vec<Change>) -> Result<(), Failure> {
        self.check_cancelled(step)?;
        let record = self.update(|operation| {
            operation.step = Some(step);
            operation.record.state = OperationState::Running;
            for earlier in &mut operation.record.steps {
                if earlier.state == "running" {
                    earlier.state = "done".to_owned();
                }
            }
            let this = find(&mut operation.record, step);
            this.state = "running".to_owned();
            operation.record.clone()
        });
        let Some(record) = record else {
            return Err(Failure::new("internal", "the operation has ended"));
        };
        let kind = record.kind.clone();
        changes.push(Change::PutOperation(record));
        self.shared.pass(&format!("{kind} {} before", step.word()));
        self.shared.commit(changes).await?;
        self.shared.pass(&format!("{kind} {} begun", step.word()));
        Ok(())
    }

    /// A step has nothing to do.
    pub(crate) fn skip(&self, step: Step, why: &str) {
        self.update(|operation| {
            let step = find(&mut operation.record, step);
            step.state = "skipped".to_owned();
            step.text = why.to_owned();
        });
    }

    /// Says what a step does.
    pub(crate) fn say(&self, step: Step, text: impl Into<String>) {
        let text = text.into();
        self.update(|operation| find(&mut operation.record, step).text = text);
    }

    /// Says how far a step is, in bytes. Not worth the journal.
    pub(crate) fn progress(&self, step: Step, done: u64, total: Option<u64>) {
        self.update(|operation| {
            let step = find(&mut operation.record, step);
            step.done_bytes = Some(done);
            step.total_bytes = total;
        });
    }

    /// The plugin is known now.
    pub(crate) fn of_plugin(&self, plugin: &str) {
        self.update(|operation| operation.record.plugin = plugin.to_owned());
    }

    /// It turns out to be something else: an install is an upgrade when there is something to upgrade.
    pub(crate) fn becomes(&self, kind: Kind) {
        self.update(|operation| {
            let done = std::mem::take(&mut operation.record.steps);
            operation.record.kind = kind.word().to_owned();
            operation.record.steps = steps_of(kind);
            for step in &mut operation.record.steps {
                if let Some(earlier) = done.iter().find(|earlier| earlier.id == step.id) {
                    step.clone_from(earlier);
                }
            }
        });
    }

    /// Notes what is needed to go on or undo; it is written with the next step.
    pub(crate) fn note(&self, change: impl FnOnce(&mut Facts)) {
        self.update(|operation| {
            let mut facts = facts_of(&operation.record);
            change(&mut facts);
            operation.record.facts = serde_json::to_value(facts).unwrap_or_default();
        });
    }

    pub(crate) fn facts(&self) -> Facts {
        self.update(|operation| facts_of(&operation.record))
            .unwrap_or_default()
    }

    fn record(&self) -> Option<OperationRecord> {
        self.shared.book().open.get(&self.id).map(|o| o.record.clone())
    }

    /// A revision is on its way in.
    pub(crate) fn brings(&self, plugin: &str, incoming: Incoming) {
        if let Some(plugin) = self.shared.book().plugins.get_mut(plugin) {
            plugin.incoming = Some(incoming);
        }
        self.shared.bump();
    }

    /// Waits until the plugin is ours.
    pub(crate) async fn turn(&self, plugin: &str) -> Result<Turn, Failure> {
        tokio::select! {
            biased;
            () = self.shared.closing.cancelled() => Err(Failure::closing()),
            () = self.cancel.cancelled() => Err(Failure::cancelled()),
            turn = self.shared.lanes.turn(plugin) => Ok(turn),
        }
    }

    /// Runs something that may be broken off at any time by dropping it.
    pub(crate) async fn cancellable<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Failure::cancelled()),
            result = work => result,
        }
    }

    fn check_cancelled(&self, step: Step) -> Result<(), Failure> {
        // Past its turning point an operation is brought to its end.
        match self.cancel.is_cancelled() && step != Step::Probation && step != Step::Delete {
            true => Err(Failure::cancelled()),
            false => Ok(()),
        }
    }

    /// It is done: its changes and its end are written in one transaction.
    pub(crate) async fn commit(
        &self,
        changes: Vec<Change>,
        outcome: impl Into<String>,
    ) -> Result<(), Failure> {
        self.commit_and_clear(changes, outcome, || {}).await
    }

    /// It is done. Once that is written, and before anybody hears of it, what nobody needs any more is cleared away.
    pub(crate) async fn commit_and_clear(
        &self,
        mut changes: Vec<Change>,
        outcome: impl Into<String>,
        clear: impl FnOnce(),
    ) -> Result<(), Failure> {
        let Some(mut record) = self.record() else {
            return Err(Failure::new("internal", "the operation has ended"));
        };
        let kind = record.kind.clone();
        self.shared.pass(&format!("{kind} end before"));
        let record = {
            for step in &mut record.steps {
                match step.state.as_str() {
                    "running" => step.state = "done".to_owned(),
                    "waiting" => step.state = "skipped".to_owned(),
                    _ => {}
                }
            }
            end(&mut record, OperationState::Done);
            record.outcome = outcome.into();
            record
        };
        changes.push(Change::PutOperation(record.clone()));
        self.shared.commit(changes).await?;
        self.shared.pass(&format!("{kind} end recorded"));
        clear();
        self.close(record);
        Ok(())
    }

    /// It failed, and what it had begun is undone. `changes` are what is to be remembered of it.
    pub(crate) async fn fail(&self, failure: &Failure, mut changes: Vec<Change>) {
        let Some(mut record) = self.record() else {
            return;
        };
        let state = match failure.is_cancelled() {
            true => OperationState::Cancelled,
            false => OperationState::Failed,
        };
        for step in &mut record.steps {
            match step.state.as_str() {
                "running" => {
                    step.state = "failed".to_owned();
                    step.text.clone_from(&failure.text);
                }
                "waiting" => step.state = "skipped".to_owned(),
                _ => {}
            }
        }
        end(&mut record, state);
        record.outcome.clone_from(&failure.text);
        record.code.clone_from(&failure.code);
        record.retryable = failure.retryable;
        changes.push(Change::PutOperation(record.clone()));
        if let Err(error) = self.shared.commit(changes).await {
            // It stays open in the journal, and the next start closes it.
            tracing::error!(%error, operation = self.id, "the end of an operation cannot be written");
        }
        self.close(record);
    }

    fn close(&self, record: OperationRecord) {
        let word = match record.state {
            OperationState::Failed => "failed",
            OperationState::Cancelled => "cancelled",
            OperationState::Done | OperationState::Queued | OperationState::Running => "done",
        };
        let event = Event {
            operation: record.id.clone(),
            user: record.user.clone(),
            ..Event::new(
                format!("{}_{word}", record.kind),
                record.plugin.clone(),
                record.outcome.clone(),
            )
        };
        {
            let mut book = self.shared.book();
            if let Some(operation) = book.open.get_mut(&self.id) {
                operation.record = record;
            }
            book.end(&self.id);
        }
        self.shared.events.tell(event);
        self.shared.bump();
    }

    fn update<T>(&self, change: impl FnOnce(&mut Operation) -> T) -> Option<T> {
        let changed = self.shared.book().open.get_mut(&self.id).map(change);
        self.shared.bump();
        changed
    }
}

/// Steps of a kind of operation, none of them begun.
pub(crate) fn steps_of(kind: Kind) -> Vec<StepRecord> {
    let steps = kind.steps().iter().map(|step| StepRecord {
        id: step.word().to_owned(),
        state: "waiting".to_owned(),
        text: String::new(),
        done_bytes: None,
        total_bytes: None,
    });
    steps.collect()
}

/// The step that is recorded as begun last.
pub(crate) fn reached(record: &OperationRecord) -> Option<Step> {
    let running = record.steps.iter().rev().find(|step| step.state == "running");
    running.and_then(|step| Step::from_word(&step.id))
}

pub(crate) fn facts_of(record: &OperationRecord) -> Facts {
    serde_json::from_value(record.facts.clone()).unwrap_or_default()
}

pub(crate) fn end(record: &mut OperationRecord, state: OperationState) {
    record.state = state;
    record.ended_ms = Some(now_ms());
}

fn find(record: &mut OperationRecord, step: Step) -> &mut StepRecord {
    let at = record.steps.iter().position(|s| s.id == step.word());
    let at = at.unwrap_or_else(|| {
        record.steps.push(StepRecord {
            id: step.word().to_owned(),
            state: "waiting".to_owned(),
            text: String::new(),
            done_bytes: None,
            total_bytes: None,
        });
        record.steps.len() - 1
    });
    &mut record.steps[at]
}
