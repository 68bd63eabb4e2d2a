//! One run of a task.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::time::Instant;

use crate::entry::Entry;
use crate::life::{Input, Outcome};
use crate::limits::RUN_SAMPLES_MAX;
use crate::manifest::TaskSpec;
use crate::recent::{PastRun, RunOutcome};
use crate::sample::{Sample, is_below};
use crate::seams::{Collected, Subscribed};
use crate::tasks::Inner;
use crate::watch::{Events, RunReport, TaskDid};
use crate::workflow::{Around, Bounds, Workflow};

/// What a run works with; nothing of it changes while it runs.
struct Run {
    id: String,
    spec: Arc<TaskSpec>,
    workflow: Arc<Workflow>,
    subscription: Option<Arc<dyn Subscribed>>,
    /// What a stream brought; none when values are to be collected.
    streamed: Option<Collected>,
    events: Arc<Events>,
}

/// Begins a run.
pub(crate) fn spawn(inner: &Arc<Inner>, entry: &mut Entry) {
    let streamed = entry.stream_brought();
    let run = Run {
        id: entry.id.clone(),
        spec: entry.spec.clone(),
        workflow: entry.workflow.clone(),
        subscription: inner.subscriptions.subscription(&entry.id),
        streamed,
        events: entry.events.clone(),
    };
    let inner = inner.clone();
    inner.runs.clone().spawn(async move {
        let began = Instant::now();
        let mut run = run;
        let done = AssertUnwindSafe(run.go(&inner)).catch_unwind().await;
        let (outcome, samples) = done.unwrap_or_else(|_| {
            (
                Outcome::Failed("the run broke off by a fault of Orrery's".to_owned()),
                Vec::new(),
            )
        });
        ended(&inner, &run, outcome, samples, began);
    });
}

impl Run {
    async fn go(&mut self, inner: &Arc<Inner>) -> (Outcome, Vec<Sample>) {
        let bounds = Bounds {
            deadline: Instant::now() + self.spec.deadline,
            timeout: self.spec.timeout,
        };
        let Collected {
            mut samples,
            mut problems,
            notes,
        } = match (self.streamed.take(), &self.subscription) {
            (Some(streamed), _) => streamed,
            (None, Some(subscription)) => {
                let timeout = self.spec.timeout.min(self.spec.deadline);
                subscription.collect(timeout).await
            }
            (None, None) => Collected::default(),
        };
        if samples.len() > RUN_SAMPLES_MAX {
            problems.push(format!(
                "only {RUN_SAMPLES_MAX} of {} samples are taken",
                samples.len()
            ));
            samples.truncate(RUN_SAMPLES_MAX);
        }
        self.tag(&mut samples);
        if !samples.is_empty() {
            let what = TaskDid::Metrics {
                samples: samples.clone(),
            };
            self.events.push(inner.host.wall_ms(), what);
        }
        let failures = self.workflow.run(&samples, self.around(inner), bounds).await;
        let (has_failed, is_lacking) = (!failures.is_empty(), !problems.is_empty());
        let told = [failures, problems, notes].concat().join("; ");
        let outcome = match (has_failed, is_lacking) {
            (true, _) => Outcome::Failed(told),
            (false, true) if samples.is_empty() => Outcome::Failed(told),
            (false, false) if samples.is_empty() && told.is_empty() => {
                Outcome::Skipped("there is nothing to collect at present".to_owned())
            }
            (false, false) if samples.is_empty() => Outcome::Skipped(told),
            (false, false) if told.is_empty() => Outcome::Ok,
            (false, _) => Outcome::Partial(told),
        };
        (outcome, samples)
    }

    fn around<'a>(&'a self, inner: &'a Inner) -> Around<'a> {
        Around {
            host: &inner.host,
            subscription: self.subscription.as_deref(),
        }
    }

    /// Adds the task's tags, deeper prefixes after shallower ones.
    fn tag(&self, samples: &mut [Sample]) {
        if self.spec.tags.is_empty() {
            return;
        }
        for sample in samples {
            let mut series = (*sample.series).clone();
            for (prefix, tags) in &self.spec.tags {
                if is_below(&series.namespace, prefix) {
                    series
                        .tags
                        .extend(tags.iter().map(|(k, v)| (k.clone(), v.clone())));
                }
            }
            sample.series = Arc::new(series);
        }
    }
}

fn ended(inner: &Arc<Inner>, run: &Run, outcome: Outcome, samples: Vec<Sample>, began: Instant) {
    let (word, why) = match &outcome {
        Outcome::Ok => (RunOutcome::Ok, String::new()),
        Outcome::Partial(why) => (RunOutcome::Partial, why.clone()),
        Outcome::Failed(why) => (RunOutcome::Failed, why.clone()),
        Outcome::Skipped(why) => (RunOutcome::Skipped, why.clone()),
    };
    let report = RunReport {
        outcome: word,
        why,
        samples: samples.len() as u64,
        took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    run.events
        .push(inner.host.wall_ms(), TaskDid::Run(report.clone()));
    let mut state = inner.state();
    let Some(entry) = state.tasks.get_mut(&run.id) else {
        return;
    };
    entry.values = samples.into();
    // A run that was none is remembered as a slot that passed.
    if report.outcome != RunOutcome::Skipped {
        entry.recent.push(PastRun {
            at_ms: entry.life.counts().last_run_ms.unwrap_or_default(),
            outcome: report.outcome,
            took_ms: report.took_ms,
            samples: report.samples,
            slots: 1,
            why: report.why.clone(),
        });
    }
    entry.is_unsaved = true;
    for asked in entry.asked.drain(..) {
        // Who asked may have gone.
        let _ = asked.send(report.clone());
    }
    if let Err(error) = state.step(inner, &run.id, Input::RunEnded(outcome)) {
        tracing::error!(%error, task = %run.id, "a run's end was not taken");
    }
}
