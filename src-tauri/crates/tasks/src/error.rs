//! What can go wrong with what is asked of tasks.

use crate::life::Refusal;
use crate::limits::TASKS_MAX;
use crate::manifest::Fault;

/// Why something that was asked of tasks was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// There is no such task.
    #[error("There is no task {0}.")]
    NotFound(String),
    /// Several tasks have this name.
    #[error("{count} tasks are called {name}; name one by its id.")]
    Ambiguous {
        /// The name.
        name: String,
        /// How many.
        count: usize,
    },
    /// The manifest is wrong.
    #[error("The task is invalid: {}", told(.0))]
    Invalid(Vec<Fault>),
    /// A file declares it.
    #[error("The task is declared in {0}: change or remove that file.")]
    Declared(String),
    /// It contradicts where the task stands.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// Somebody else changed it meanwhile.
    #[error("The task was changed meanwhile: it is at generation {current}.")]
    Generation {
        /// The one in force.
        current: u64,
    },
    /// There are too many.
    #[error("There are {TASKS_MAX} tasks already, and there cannot be more.")]
    TooMany,
    /// It cannot be written down.
    #[error("The task cannot be kept: {0}")]
    Store(String),
    /// The application ends.
    #[error("Tasks are being stopped.")]
    ShuttingDown,
}

impl TaskError {
    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            TaskError::NotFound(_) => "not_found",
            TaskError::Ambiguous { .. } => "ambiguous",
            TaskError::Invalid(_) => "invalid",
            TaskError::Declared(_) => "declared",
            TaskError::Refused(refusal) => refusal.code(),
            TaskError::Generation { .. } => "generation",
            TaskError::TooMany => "too_many",
            TaskError::Store(_) => "store",
            TaskError::ShuttingDown => "shutting_down",
        }
    }
}

fn told(faults: &[Fault]) -> String {
    let each = faults.iter().map(|fault| match fault.field.as_str() {
        "" => format!("it {}", fault.message),
        field => format!("{field} {}", fault.message),
    });
    each.collect::<Vec<_>>().join("; ")
}
