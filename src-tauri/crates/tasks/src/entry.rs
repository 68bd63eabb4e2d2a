//! One task at work, and all of them with their timers.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::directory::TaskFile;
use crate::error::TaskError;
use crate::life::{Effect, Happened, Input, Life, Phase, Refusal};
use crate::limits::{LATENESS_KEPT, VALUES_SHOWN};
use crate::manifest::{Fault, TaskSpec};
use crate::recent::Recent;
use crate::run;
use crate::sample::{Sample, Series};
use crate::schedule::{Now, Schedule};
use crate::seams::{Collected, TaskRecord};
use crate::tasks::Inner;
use crate::view::{Declared, TaskDetails, TaskInfo, queries, steps};
use crate::watch::{Events, RunReport, TaskDid};
use crate::workflow::Workflow;

/// A task at work.
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) user: String,
    pub(crate) created_ms: i64,
    pub(crate) generation: u64,
    pub(crate) spec: Arc<TaskSpec>,
    pub(crate) workflow: Arc<Workflow>,
    pub(crate) life: Life,
    pub(crate) events: Arc<Events>,
    /// Values of the last run.
    pub(crate) values: Arc<[Sample]>,
    /// What a stream brought that no run has taken.
    pub(crate) streamed: VecDeque<Sample>,
    /// What a stream could not have that no run has told.
    pub(crate) stream_problems: Vec<String>,
    /// The generation for which a stream's plugin is being asked.
    pub(crate) asking: Option<u64>,
    /// Newest sample by series that a stream brought.
    pub(crate) seen: HashMap<Arc<Series>, i64>,
    /// Who wants to know how the next run goes.
    pub(crate) asked: Vec<oneshot::Sender<RunReport>>,
    pub(crate) is_unsaved: bool,
    pub(crate) recent: Recent,
    pub(crate) declared: Option<Declared>,
    /// What was lost when its manifest was read.
    pub(crate) warnings: Vec<Fault>,
    wake: Option<Duration>,
}

impl Entry {
    pub(crate) fn new(
        id: &str,
        user: &str,
        created_ms: i64,
        generation: u64,
        spec: TaskSpec,
        workflow: Workflow,
        life: Life,
    ) -> Entry {
        let warnings = spec.warnings.clone();
        Entry {
            id: id.to_owned(),
            user: user.to_owned(),
            created_ms,
            generation,
            spec: Arc::new(spec),
            workflow: Arc::new(workflow),
            life,
            events: Arc::default(),
            values: Arc::default(),
            streamed: VecDeque::new(),
            stream_problems: Vec::new(),
            asking: None,
            seen: HashMap::new(),
            asked: Vec::new(),
            is_unsaved: false,
            recent: Recent::default(),
            declared: None,
            warnings,
            wake: None,
        }
    }

    pub(crate) fn replace(&mut self, generation: u64, spec: TaskSpec, mut workflow: Workflow) {
        workflow.take_over(&self.workflow);
        self.generation = generation;
        self.warnings.clone_from(&spec.warnings);
        self.spec = Arc::new(spec);
        self.workflow = Arc::new(workflow);
        self.streamed.clear();
        self.stream_problems.clear();
        self.seen.clear();
    }

    /// What a stream has for a run; none when it brought nothing.
    pub(crate) fn stream_brought(&mut self) -> Option<Collected> {
        let is_stream = matches!(self.spec.schedule, Schedule::Stream { .. });
        let any = !self.streamed.is_empty() || !self.stream_problems.is_empty();
        (is_stream && any).then(|| Collected {
            samples: self.streamed.drain(..).collect(),
            problems: std::mem::take(&mut self.stream_problems),
            notes: Vec::new(),
        })
    }

    /// Whether a stream may bring something now.
    pub(crate) fn is_streaming(&self) -> bool {
        let runs = matches!(
            self.life.phase(),
            Phase::Scheduled | Phase::Failing | Phase::Firing
        );
        runs && matches!(self.spec.schedule, Schedule::Stream { .. })
    }

    /// As it is kept, with at most so many of the samples that wait for its sinks.
    pub(crate) fn record(&self, waiting: usize) -> TaskRecord {
        TaskRecord {
            id: self.id.clone(),
            created_ms: self.created_ms,
            user: self.user.clone(),
            generation: self.generation,
            manifest: self.spec.to_value(),
            kept: self.life.kept(),
            declared: self.declared.as_ref().map(|declared| declared.file.clone()),
            warnings: self.warnings.clone(),
            recent: self.recent.clone(),
            waiting: self.workflow.kept(waiting),
        }
    }

    /// Lets something happen to it; slots that were missed meanwhile are remembered.
    pub(crate) fn step(&mut self, input: Input, now: Now) -> Result<Vec<Effect>, Refusal> {
        let missed = self.life.counts().missed;
        let effects = self.life.step(input, now)?;
        self.recent.skip(now.wall_ms, missed, self.life.counts().missed);
        Ok(effects)
    }

    pub(crate) fn name(&self) -> &str {
        match self.spec.name.as_str() {
            "" => &self.id,
            name => name,
        }
    }

    pub(crate) fn info(&self, inner: &Inner, now: Now) -> TaskInfo {
        let (held, dropped) = self.workflow.held();
        let slowed_to = self.life.slowed_to();
        TaskInfo {
            id: self.id.clone(),
            name: self.name().to_owned(),
            generation: self.generation,
            state: self.life.standing(),
            firing: self.life.is_firing(),
            waits_for: self.life.waits_for().unwrap_or_default().to_owned(),
            schedule: self.spec.schedule.kind().to_owned(),
            when: self.spec.when(),
            collect: queries(&self.spec),
            queries: self.spec.collect.len(),
            then: steps(&self.spec),
            created_ms: self.created_ms,
            user: self.user.clone(),
            next_run_ms: self.life.next_run_ms(now),
            recent: self.recent.brief(),
            failures: self.life.failures(),
            slowed_to_ms: slowed_to.map(|pause| u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)),
            counts: self.life.counts().clone(),
            held,
            dropped,
            declared: self.declared.clone(),
            warnings: [
                self.warnings.clone(),
                inner.subscriptions.unsent(&self.id, &self.spec),
                self.workflow.warnings(&inner.host),
            ]
            .concat(),
        }
    }

    pub(crate) fn details(&self, inner: &Inner, now: Now) -> TaskDetails {
        TaskDetails {
            info: TaskInfo {
                recent: self.recent.told(),
                ..self.info(inner, now)
            },
            manifest: self.spec.to_value(),
            values: self.values.iter().take(VALUES_SHOWN).cloned().collect(),
            values_total: self.values.len(),
        }
    }

    /// Takes what a stream has brought; true when any of it is new, or something is wrong.
    pub(crate) fn take_stream(&mut self, brought: Collected) -> bool {
        let Schedule::Stream { max_samples, .. } = self.spec.schedule else {
            return false;
        };
        let mut any = !brought.problems.is_empty();
        self.stream_problems = brought.problems;
        for sample in brought.samples {
            let newest = self.seen.entry(sample.series.clone()).or_insert(i64::MIN);
            if sample.at_ms > *newest {
                *newest = sample.at_ms;
                self.streamed.push_back(sample);
                any = true;
            }
        }
        let beyond = self.streamed.len().saturating_sub(max_samples);
        self.streamed.drain(..beyond);
        // Series that are gone are forgotten when there are many more than values.
        if self.seen.len() > crate::limits::SERIES_MAX {
            self.seen.clear();
        }
        any
    }
}

/// All tasks with their timers.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) tasks: BTreeMap<String, Entry>,
    pub(crate) timers: BTreeSet<(Duration, String)>,
    pub(crate) is_closed: bool,
    /// Files that declare tasks, by name.
    pub(crate) files: BTreeMap<String, TaskFile>,
}

impl State {
    pub(crate) fn entry(&self, id: &str) -> Result<&Entry, TaskError> {
        self.tasks
            .get(id)
            .ok_or_else(|| TaskError::NotFound(id.to_owned()))
    }

    pub(crate) fn info(&self, inner: &Inner, id: &str) -> Result<TaskInfo, TaskError> {
        Ok(self.entry(id)?.info(inner, inner.now()))
    }

    /// Lets something happen to a task, and does what follows from it.
    pub(crate) fn step(&mut self, inner: &Arc<Inner>, id: &str, input: Input) -> Result<(), TaskError> {
        let entry = self
            .tasks
            .get_mut(id)
            .ok_or_else(|| TaskError::NotFound(id.to_owned()))?;
        let effects = entry.step(input, inner.now())?;
        self.carry_out(inner, id, effects);
        Ok(())
    }

    /// Does what follows from a step.
    pub(crate) fn carry_out(&mut self, inner: &Arc<Inner>, id: &str, effects: Vec<Effect>) {
        let mut effects = VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            let Some(entry) = self.tasks.get_mut(id) else {
                return;
            };
            match effect {
                Effect::Subscribe => {
                    inner.subscriptions.subscribe(id, &entry.spec);
                    effects.extend(bind(inner, entry));
                }
                Effect::Unsubscribe => {
                    inner.subscriptions.unsubscribe(id);
                    entry.streamed.clear();
                    entry.stream_problems.clear();
                }
                Effect::Wake(wake) => {
                    if let Some(before) = entry.wake.take() {
                        self.timers.remove(&(before, id.to_owned()));
                    }
                    entry.wake = wake;
                    if let Some(at) = wake {
                        let first = self.timers.first().map(|(at, _)| *at);
                        self.timers.insert((at, id.to_owned()));
                        if first.is_none_or(|first| at < first) {
                            inner.woken.notify_one();
                        }
                    }
                }
                Effect::Fire => run::spawn(inner, entry),
                Effect::Tell(happened) => {
                    entry.is_unsaved = true;
                    tell(inner, entry, happened);
                }
            }
        }
    }

    /// Takes out the tasks whose moment has come, with the moments.
    pub(crate) fn due(&mut self, at: Duration) -> Vec<(Duration, String)> {
        let mut due = Vec::new();
        while self.timers.first().is_some_and(|(wake, _)| *wake <= at) {
            due.extend(self.timers.pop_first());
        }
        due
    }

    /// A timer that has gone off is set anew only when the task asks for another moment.
    pub(crate) fn went_off(&mut self, id: &str) {
        if let Some(entry) = self.tasks.get_mut(id) {
            entry.wake = None;
            entry.life.slept();
        }
    }

    /// Tells a task whether what it needs is there by now.
    pub(crate) fn rebind(&mut self, inner: &Arc<Inner>, id: &str) {
        let Some(entry) = self.tasks.get_mut(id) else {
            return;
        };
        let effects = bind(inner, entry);
        self.carry_out(inner, id, effects);
    }
}

/// Lets a task know whether what it needs is there.
fn bind(inner: &Arc<Inner>, entry: &mut Entry) -> Vec<Effect> {
    let bound = match inner.subscriptions.subscription(&entry.id) {
        Some(subscription) => subscription.lacks().map_or(Ok(()), Err),
        None => return Vec::new(),
    };
    // Nothing that is told of the world is ever refused.
    entry.step(Input::Bound(bound), inner.now()).unwrap_or_default()
}

fn tell(inner: &Arc<Inner>, entry: &Entry, happened: Happened) {
    inner.host.happened(&entry.id, entry.name(), &happened);
    let at_ms = inner.host.wall_ms();
    entry.events.push(at_ms, TaskDid::State { state: happened });
}

/// How late the last runs began.
#[derive(Default)]
pub(crate) struct Lateness(Mutex<VecDeque<Duration>>);

impl Lateness {
    pub(crate) fn note(&self, late: Duration) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= LATENESS_KEPT {
            kept.pop_front();
        }
        kept.push_back(late);
    }

    pub(crate) fn all(&self) -> Vec<Duration> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().copied().collect()
    }
}
