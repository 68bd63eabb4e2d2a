//! Why somebody does not get what they want of a task.

/// What contradicts where a task stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is started already.
    #[error("The task is started already.")]
    AlreadyStarted,
    /// It is stopped already.
    #[error("The task is stopped already.")]
    AlreadyStopped,
    /// Its last run is not over.
    #[error("The task is stopping: its last run is not over.")]
    Stopping,
    /// It has ended.
    #[error("The task has ended: its schedule is over.")]
    Ended,
    /// It is disabled.
    #[error("The task is disabled because it failed too often; enable it first.")]
    Disabled,
    /// It is not disabled.
    #[error("The task is not disabled.")]
    NotDisabled,
    /// It is started.
    #[error("The task is started; stop it first.")]
    NotStopped,
    /// Its schedule ends in the past.
    #[error("The task's schedule is over already; give it another one.")]
    Past,
    /// A run is under way.
    #[error("The task is running at this moment.")]
    Running,
    /// It waits for something.
    #[error("The task waits: {0}")]
    Waiting(String),
}

impl Refusal {
    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::AlreadyStarted => "already_started",
            Refusal::AlreadyStopped => "already_stopped",
            Refusal::Stopping => "stopping",
            Refusal::Ended => "ended",
            Refusal::Disabled => "disabled",
            Refusal::NotDisabled => "not_disabled",
            Refusal::NotStopped => "not_stopped",
            Refusal::Past => "past",
            Refusal::Running => "running",
            Refusal::Waiting(_) => "waiting",
        }
    }

    /// Whether the same wish may be fulfilled later without anything else being done.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Refusal::Stopping | Refusal::Running | Refusal::Waiting(_))
    }
}
