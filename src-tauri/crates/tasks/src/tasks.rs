//! All tasks: made, changed, started and stopped here.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::beat;
use crate::directory::{self, TaskFile};
use crate::entry::{Entry, Lateness, State};
use crate::error::TaskError;
use crate::life::{Input, Life};
use crate::limits::{STOP_WAIT, TASKS_MAX, WAITING_KEPT};
use crate::manifest::{Fault, TaskSpec};
use crate::schedule::Now;
use crate::seams::{Host, Records, Subscriptions, TaskRecord};
use crate::view::{Declared, TaskDetails, TaskInfo};
use crate::watch::{RunReport, Watcher};
use crate::workflow::Workflow;

/// All tasks. Clones share them.
#[derive(Clone)]
pub struct Tasks {
    pub(crate) inner: Arc<Inner>,
}

/// What the handle and the loops share.
pub(crate) struct Inner {
    pub(crate) subscriptions: Arc<dyn Subscriptions>,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) records: Arc<dyn Records>,
    pub(crate) began: Instant,
    state: Mutex<State>,
    /// Held from the moment that it is decided what is written of a task until it is: what was decided first is
    /// written first. Taken before `state`.
    pub(crate) writing: tokio::sync::Mutex<()>,
    /// Rung when the first of the timers is another one.
    pub(crate) woken: Notify,
    pub(crate) stop: CancellationToken,
    pub(crate) runs: TaskTracker,
    pub(crate) lateness: Lateness,
}

impl Inner {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Now {
        Now {
            monotonic: self.began.elapsed(),
            wall_ms: self.host.wall_ms(),
        }
    }
}

impl Tasks {
    /// Takes up the tasks of earlier and runs those that were started. What cannot be read any more is left out,
    /// and told.
    pub fn start(
        subscriptions: Arc<dyn Subscriptions>,
        host: Arc<dyn Host>,
        records: Arc<dyn Records>,
        kept: Vec<TaskRecord>,
    ) -> Tasks {
        let inner = Arc::new(Inner {
            subscriptions,
            host,
            records,
            began: Instant::now(),
            state: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            woken: Notify::new(),
            stop: CancellationToken::new(),
            runs: TaskTracker::new(),
            lateness: Lateness::default(),
        });
        // What changes from here on is noticed, however late the loop begins.
        let changed = inner.subscriptions.changed();
        let arrived = inner.subscriptions.arrived();
        {
            let mut state = inner.state();
            for record in kept {
                resume(&inner, &mut state, record);
            }
        }
        inner.runs.spawn(beat::run(inner.clone(), changed, arrived));
        inner.runs.spawn(beat::save(inner.clone()));
        Tasks { inner }
    }

    /// Stops to run tasks, lets what runs come to its end for a while, and writes everything down.
    pub async fn shutdown(&self) {
        self.inner.state().is_closed = true;
        self.inner.stop.cancel();
        self.inner.runs.close();
        if tokio::time::timeout(STOP_WAIT, self.inner.runs.wait())
            .await
            .is_err()
        {
            tracing::warn!("a task's run is left behind unfinished");
        }
        beat::save_all(&self.inner).await;
    }

    /// Everything that is wrong with a manifest, if it became a task now.
    #[must_use]
    pub fn check(&self, manifest: &str) -> Vec<Fault> {
        self.read(manifest, false).err().unwrap_or_default()
    }

    /// Makes a task. It is started unless its manifest or the caller says otherwise. With `force` it is made though
    /// what it needs is not there, and waits for that.
    ///
    /// # Errors
    /// When the manifest is wrong, there are too many tasks, or it cannot be written down.
    pub async fn create(
        &self,
        manifest: &str,
        user: &str,
        start: Option<bool>,
        force: bool,
    ) -> Result<TaskInfo, TaskError> {
        self.make(manifest, user, start, force, None).await
    }

    /// Makes a task, also one that a file declares.
    pub(crate) async fn make(
        &self,
        manifest: &str,
        user: &str,
        start: Option<bool>,
        force: bool,
        declared: Option<&str>,
    ) -> Result<TaskInfo, TaskError> {
        let (mut spec, workflow) = self.read(manifest, force).map_err(TaskError::Invalid)?;
        if let (Some(file), true) = (declared, spec.name.is_empty()) {
            spec.name = directory::name_of(file).to_owned();
        }
        let wants_start = start.or(spec.start).unwrap_or(true);
        if wants_start && spec.schedule.is_past(self.inner.host.wall_ms()) {
            return Err(TaskError::Invalid(vec![Fault {
                field: "schedule".to_owned(),
                message: "is over already".to_owned(),
            }]));
        }
        let id = uuid::Uuid::now_v7().to_string();
        let life = Life::new(spec.rules(&id));
        let mut entry = Entry::new(&id, user, self.inner.host.wall_ms(), 1, spec, workflow, life);
        entry.declared = declared.map(Declared::by);
        if self.inner.state().tasks.len() >= TASKS_MAX {
            return Err(TaskError::TooMany);
        }
        self.keep(entry.record(0)).await?;
        let mut state = self.open_state()?;
        state.tasks.insert(id.clone(), entry);
        if wants_start {
            state.step(&self.inner, &id, Input::Start)?;
        }
        state.info(&self.inner, &id)
    }

    /// Gives a task another manifest; id, counts and history stay. With `expected` it is changed only when it is at
    /// that generation; with `force`, though what it needs is not there.
    ///
    /// # Errors
    /// When the manifest is wrong, somebody else changed it, or it cannot be written down.
    pub async fn update(
        &self,
        task: &str,
        manifest: &str,
        expected: Option<u64>,
        force: bool,
    ) -> Result<TaskInfo, TaskError> {
        let id = self.find(task)?;
        self.refuse_declared(&id)?;
        self.change(&id, manifest, expected, force).await
    }

    /// The same of any task.
    pub(crate) async fn change(
        &self,
        id: &str,
        manifest: &str,
        expected: Option<u64>,
        force: bool,
    ) -> Result<TaskInfo, TaskError> {
        let id = id.to_owned();
        let (mut spec, workflow) = self.read(manifest, force).map_err(TaskError::Invalid)?;
        let _turn = self.inner.writing.lock().await;
        let record = {
            let state = self.open_state()?;
            let entry = state.entry(&id)?;
            if let (Some(declared), true) = (&entry.declared, spec.name.is_empty()) {
                spec.name = directory::name_of(&declared.file).to_owned();
            }
            if expected.is_some_and(|expected| expected != entry.generation) {
                return Err(TaskError::Generation {
                    current: entry.generation,
                });
            }
            TaskRecord {
                generation: entry.generation + 1,
                manifest: spec.to_value(),
                warnings: spec.warnings.clone(),
                ..entry.record(WAITING_KEPT)
            }
        };
        let generation = record.generation;
        self.keep(record).await?;
        let mut state = self.open_state()?;
        let entry = state.tasks.get_mut(&id).ok_or(TaskError::NotFound(id.clone()))?;
        if entry.generation + 1 != generation {
            return Err(TaskError::Generation {
                current: entry.generation,
            });
        }
        let rules = spec.rules(&id);
        entry.replace(generation, spec, workflow);
        state.step(&self.inner, &id, Input::Replace(rules))?;
        state.info(&self.inner, &id)
    }

    /// Starts a task.
    ///
    /// # Errors
    /// When there is none, or it cannot be started as it stands.
    pub fn begin(&self, task: &str) -> Result<TaskInfo, TaskError> {
        self.wish(task, Input::Start)
    }

    /// Stops a task; a run that is under way may finish.
    ///
    /// # Errors
    /// When there is none, or it cannot be stopped as it stands.
    pub fn end(&self, task: &str) -> Result<TaskInfo, TaskError> {
        self.wish(task, Input::Stop)
    }

    /// Takes back that a task is disabled.
    ///
    /// # Errors
    /// When there is none, or it is not disabled.
    pub fn enable(&self, task: &str) -> Result<TaskInfo, TaskError> {
        self.wish(task, Input::Enable)
    }

    /// Removes a task that is not started.
    ///
    /// # Errors
    /// When there is none, it is started, or that cannot be written down.
    pub async fn remove(&self, task: &str) -> Result<(), TaskError> {
        let id = self.find(task)?;
        self.refuse_declared(&id)?;
        self.take_out(id).await
    }

    /// The same of any task.
    pub(crate) async fn take_out(&self, id: String) -> Result<(), TaskError> {
        let _turn = self.inner.writing.lock().await;
        let entry = {
            let mut state = self.open_state()?;
            state.step(&self.inner, &id, Input::Remove)?;
            // From here on nobody finds it, so nobody starts it again.
            state.tasks.remove(&id)
        };
        if let Err(why) = self.inner.records.forget(&id).await {
            if let Some(entry) = entry {
                self.inner.state().tasks.insert(id, entry);
            }
            return Err(TaskError::Store(why));
        }
        Ok(())
    }

    /// Runs a task once, started or not, and says how that went.
    ///
    /// # Errors
    /// When there is none, or it cannot run as it stands.
    pub async fn run_now(&self, task: &str) -> Result<RunReport, TaskError> {
        let id = self.find(task)?;
        let (told, report) = oneshot::channel();
        {
            let mut state = self.open_state()?;
            state.step(&self.inner, &id, Input::RunNow)?;
            if let Some(entry) = state.tasks.get_mut(&id) {
                entry.asked.push(told);
            }
        }
        report.await.map_err(|_| TaskError::ShuttingDown)
    }

    /// Takes in the tasks that the files of a directory declare, and follows the files for as long as tasks run.
    pub fn follow(&self, directory: PathBuf) {
        let tasks = Tasks {
            inner: self.inner.clone(),
        };
        self.inner.runs.spawn(directory::follow(tasks, directory));
    }

    /// The files of the directory that is followed, with what became of them.
    #[must_use]
    pub fn files(&self) -> Vec<TaskFile> {
        self.inner.state().files.values().cloned().collect()
    }

    /// What a manifest loses, and what of it will not do all that it says.
    #[must_use]
    pub fn warnings(&self, manifest: &str) -> Vec<Fault> {
        let (Some(spec), _) = TaskSpec::read_all(manifest) else {
            return Vec::new();
        };
        let workflow = Workflow::of(&spec, &self.inner.host);
        let more = workflow.map(|workflow| workflow.warnings(&self.inner.host));
        let unsent = self.inner.subscriptions.unsent("", &spec);
        [spec.warnings, unsent, more.unwrap_or_default()].concat()
    }

    /// All tasks, those first that were made first.
    #[must_use]
    pub fn list(&self) -> Vec<TaskInfo> {
        let now = self.inner.now();
        let state = self.inner.state();
        state
            .tasks
            .values()
            .map(|entry| entry.info(&self.inner, now))
            .collect()
    }

    /// A task, by id or name.
    ///
    /// # Errors
    /// When there is none, or several of that name.
    pub fn show(&self, task: &str) -> Result<TaskDetails, TaskError> {
        let id = self.find(task)?;
        let now = self.inner.now();
        let state = self.inner.state();
        Ok(state.entry(&id)?.details(&self.inner, now))
    }

    /// A task's manifest, version 2.
    ///
    /// # Errors
    /// When there is none, or several of that name.
    pub fn export(&self, task: &str) -> Result<Value, TaskError> {
        let id = self.find(task)?;
        Ok(self.inner.state().entry(&id)?.spec.to_value())
    }

    /// Id and manifest of a task that is named by id or name.
    ///
    /// # Errors
    /// When there is none, or several of that name.
    pub fn spec(&self, task: &str) -> Result<(String, Arc<TaskSpec>), TaskError> {
        let id = self.find(task)?;
        let spec = self.inner.state().entry(&id)?.spec.clone();
        Ok((id, spec))
    }

    /// What a task does from here on, or after an event.
    ///
    /// # Errors
    /// When there is none, or several of that name.
    pub fn watch(&self, task: &str, after: Option<u64>) -> Result<Watcher, TaskError> {
        let id = self.find(task)?;
        Ok(self.inner.state().entry(&id)?.events.watch(after))
    }

    /// How late the last runs began, oldest first.
    #[must_use]
    pub fn lateness(&self) -> Vec<Duration> {
        self.inner.lateness.all()
    }

    fn wish(&self, task: &str, input: Input) -> Result<TaskInfo, TaskError> {
        let id = self.find(task)?;
        let mut state = self.open_state()?;
        state.step(&self.inner, &id, input)?;
        state.info(&self.inner, &id)
    }

    /// The id of a task that is named by id or name.
    fn find(&self, task: &str) -> Result<String, TaskError> {
        let state = self.inner.state();
        if state.tasks.contains_key(task) {
            return Ok(task.to_owned());
        }
        let named: Vec<&Entry> = state.tasks.values().filter(|e| e.spec.name == task).collect();
        match named.as_slice() {
            [one] => Ok(one.id.clone()),
            [] => Err(TaskError::NotFound(task.to_owned())),
            several => Err(TaskError::Ambiguous {
                name: task.to_owned(),
                count: several.len(),
            }),
        }
    }

    fn read(&self, manifest: &str, force: bool) -> Result<(TaskSpec, Workflow), Vec<Fault>> {
        let (spec, mut faults) = TaskSpec::read_all(manifest);
        let Some(spec) = spec else {
            return Err(faults);
        };
        match self.checked(&spec, force) {
            Ok(workflow) if faults.is_empty() => return Ok((spec, workflow)),
            Ok(_) => {}
            Err(more) => {
                // What cannot be read is told as that, not again by its consequence.
                let told: Vec<String> = faults.iter().map(|fault| fault.field.clone()).collect();
                faults.extend(more.into_iter().filter(|fault| !told.contains(&fault.field)));
            }
        }
        Err(faults)
    }

    /// A task that a file declares is changed there.
    fn refuse_declared(&self, id: &str) -> Result<(), TaskError> {
        let state = self.inner.state();
        match &state.entry(id)?.declared {
            Some(declared) => Err(TaskError::Declared(declared.file.clone())),
            None => Ok(()),
        }
    }

    fn checked(&self, spec: &TaskSpec, force: bool) -> Result<Workflow, Vec<Fault>> {
        let mut faults = if force {
            self.inner.subscriptions.unreadable(spec)
        } else {
            self.inner.subscriptions.check(spec)
        };
        match Workflow::of(spec, &self.inner.host) {
            Ok(workflow) if faults.is_empty() => Ok(workflow),
            Ok(_) => Err(faults),
            Err(more) => {
                faults.extend(more);
                Err(faults)
            }
        }
    }

    fn open_state(&self) -> Result<MutexGuard<'_, State>, TaskError> {
        let state = self.inner.state();
        if state.is_closed {
            Err(TaskError::ShuttingDown)
        } else {
            Ok(state)
        }
    }

    async fn keep(&self, record: TaskRecord) -> Result<(), TaskError> {
        self.inner
            .records
            .put(vec![record])
            .await
            .map_err(TaskError::Store)
    }
}

fn resume(inner: &Arc<Inner>, state: &mut State, record: TaskRecord) {
    let id = record.id;
    let made = TaskSpec::from_value(&record.manifest)
        .and_then(|spec| Workflow::of(&spec, &inner.host).map(|workflow| (spec, workflow)));
    let (spec, workflow) = match made {
        Ok(made) => made,
        Err(faults) => {
            tracing::error!(task = %id, ?faults, "a task cannot be read any more and is left out");
            return;
        }
    };
    let (life, effects) = Life::resume(spec.rules(&id), record.kept, inner.now());
    let mut entry = Entry::new(
        &id,
        &record.user,
        record.created_ms,
        record.generation,
        spec,
        workflow,
        life,
    );
    entry.recent = record.recent;
    entry.workflow.restore(&record.waiting);
    entry.declared = record.declared.as_deref().map(Declared::by);
    entry.warnings = record.warnings;
    state.tasks.insert(id.clone(), entry);
    state.carry_out(inner, &id, effects);
}
