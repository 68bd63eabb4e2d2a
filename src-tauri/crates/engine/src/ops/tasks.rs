//! Tasks: looking at them, making, changing and ordering them.

use orrery_catalog::view::SubscriptionView;
use orrery_tasks::manifest::Fault;
use orrery_tasks::view::{TaskDetails, TaskInfo};
use orrery_tasks::{TaskError, Tasks, Watcher};
use serde_json::Value;

use crate::api::{ApiError, Caller, Code, FieldError, Response, TaskCheck, TaskFile, TaskOrder};
use crate::engine::Engine;
use crate::limits::CATALOG_METRICS;
use crate::tasks::request;

impl Engine {
    /// What runs tasks.
    ///
    /// # Errors
    /// [`Code::Unavailable`] where no tasks are run.
    pub fn tasks(&self) -> Result<&Tasks, ApiError> {
        self.tasks.as_ref().map_err(|why| ApiError {
            reason: "no_tasks".to_owned(),
            ..ApiError::new(Code::Unavailable, why.clone())
        })
    }

    pub(crate) fn task_list(&self) -> Result<Vec<TaskInfo>, ApiError> {
        Ok(self.tasks()?.list())
    }

    pub(crate) fn task(&self, task: &str) -> Result<TaskDetails, ApiError> {
        self.tasks()?.show(task).map_err(|error| self.refusal(error))
    }

    pub(crate) fn check_task(&self, manifest: &str) -> Result<TaskCheck, ApiError> {
        let tasks = self.tasks()?;
        Ok(TaskCheck {
            faults: fields(tasks.check(manifest)),
            warnings: fields(tasks.warnings(manifest)),
        })
    }

    pub(crate) fn task_files(&self) -> Result<Vec<TaskFile>, ApiError> {
        Ok(self.tasks()?.files())
    }

    pub(crate) async fn create_task(
        &self,
        caller: &Caller,
        manifest: &str,
        start: Option<bool>,
        force: bool,
    ) -> Result<TaskInfo, ApiError> {
        let made = self.tasks()?.create(manifest, &caller.user, start, force).await;
        made.map_err(refused)
    }

    pub(crate) async fn update_task(
        &self,
        task: &str,
        manifest: &str,
        generation: Option<u64>,
        force: bool,
    ) -> Result<TaskInfo, ApiError> {
        let changed = self.tasks()?.update(task, manifest, generation, force).await;
        changed.map_err(|error| self.refusal(error))
    }

    pub(crate) async fn order_task(&self, task: &str, order: TaskOrder) -> Result<Response, ApiError> {
        let tasks = self.tasks()?;
        let info = match order {
            TaskOrder::Start => tasks.begin(task),
            TaskOrder::Stop => tasks.end(task),
            TaskOrder::Enable => tasks.enable(task),
            TaskOrder::Run => {
                let report = tasks.run_now(task).await.map_err(|error| self.refusal(error))?;
                return Ok(Response::TaskRun(report));
            }
            TaskOrder::Remove => {
                tasks.remove(task).await.map_err(|error| self.refusal(error))?;
                return Ok(Response::Done);
            }
        };
        info.map(|info| Response::TaskInfo(Box::new(info)))
            .map_err(|error| self.refusal(error))
    }

    pub(crate) fn task_subscription(&self, task: &str) -> Result<SubscriptionView, ApiError> {
        let (id, spec) = self.tasks()?.spec(task).map_err(|error| self.refusal(error))?;
        if let Ok(view) = self.subscription(&id) {
            return Ok(SubscriptionView::of(&view, CATALOG_METRICS.0 as usize));
        }
        let request = request(&id, &spec).map_err(|faults| refused(TaskError::Invalid(faults)))?;
        let view = self.preview_subscription(request);
        Ok(SubscriptionView::of(&view, CATALOG_METRICS.0 as usize))
    }

    /// A task's manifest, version 2.
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is none.
    pub fn export_task(&self, task: &str) -> Result<Value, ApiError> {
        self.tasks()?.export(task).map_err(|error| self.refusal(error))
    }

    /// What a task does from here on, or after an event.
    ///
    /// # Errors
    /// [`Code::NotFound`] when there is none.
    pub fn watch_task(&self, task: &str, after: Option<u64>) -> Result<Watcher, ApiError> {
        self.tasks()?
            .watch(task, after)
            .map_err(|error| self.refusal(error))
    }

    /// Why something was not done; of a task that is not there, which one may have been meant.
    fn refusal(&self, error: TaskError) -> ApiError {
        match &error {
            TaskError::NotFound(name) => {
                let (name, tasks) = (name.clone(), self.task_list().unwrap_or_default());
                let names = tasks.iter().map(|task| task.name.as_str());
                refused(error).or_nearly(&name, names)
            }
            _ => refused(error),
        }
    }
}

fn fields(faults: Vec<Fault>) -> Vec<FieldError> {
    let each = faults.into_iter().map(|fault| FieldError {
        field: fault.field,
        message: fault.message,
    });
    each.collect()
}

/// Why something was not done, as clients see it.
fn refused(error: TaskError) -> ApiError {
    let code = match &error {
        TaskError::NotFound(_) => Code::NotFound,
        TaskError::Ambiguous { .. }
        | TaskError::Refused(_)
        | TaskError::Declared(_)
        | TaskError::Generation { .. } => Code::Conflict,
        TaskError::Invalid(_) => Code::Invalid,
        TaskError::TooMany => Code::LimitExceeded,
        TaskError::Store(_) | TaskError::ShuttingDown => Code::Unavailable,
    };
    let refused = ApiError {
        reason: error.code().to_owned(),
        retryable: matches!(&error, TaskError::Refused(refusal) if refusal.is_retryable()),
        ..ApiError::new(code, error.to_string())
    };
    match error {
        TaskError::Invalid(faults) => ApiError {
            fields: fields(faults),
            ..refused
        },
        _ => refused,
    }
}
