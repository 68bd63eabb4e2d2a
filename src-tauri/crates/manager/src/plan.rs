//! What an operation consists of, and what becomes of one that was cut off: pure, so that every case can be tried.
//!
//! Two rules make every cut harmless. An operation changes the records in one transaction, so what is recorded is
//! always the state before or the state after. And whatever is on disk without a record is swept away at the next
//! start. A cut-off operation is therefore undone by closing it; only what has passed its turning point goes on.

use crate::view::PluginOrder;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Install,
    Upgrade,
    Rollback,
    Remove,
    Start,
    Stop,
    Restart,
    Enable,
    Disable,
    Configure,
    Dismiss,
}

/// A step of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Fetch,
    Verify,
    Unpack,
    Start,
    Switch,
    Probation,
    Stop,
    Delete,
    Commit,
}

/// What becomes of a cut-off operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// It had not begun, or may be done twice: it is done now.
    Again,
    /// It is closed as failed; nothing of it is recorded.
    Undo,
    /// It goes on from the step that it was in.
    Finish,
}

impl Kind {
    const ALL: [Kind; 11] = [
        Kind::Install,
        Kind::Upgrade,
        Kind::Rollback,
        Kind::Remove,
        Kind::Start,
        Kind::Stop,
        Kind::Restart,
        Kind::Enable,
        Kind::Disable,
        Kind::Configure,
        Kind::Dismiss,
    ];

    pub(crate) fn of(order: &PluginOrder) -> Kind {
        match order {
            // It is an upgrade once its package has shown what of.
            PluginOrder::Install { .. } | PluginOrder::Load { .. } | PluginOrder::Upgrade { .. } => {
                Kind::Install
            }
            PluginOrder::Rollback { .. } => Kind::Rollback,
            PluginOrder::Remove { .. } => Kind::Remove,
            PluginOrder::Start { .. } => Kind::Start,
            PluginOrder::Stop { .. } => Kind::Stop,
            PluginOrder::Restart { .. } => Kind::Restart,
            PluginOrder::Enable { .. } => Kind::Enable,
            PluginOrder::Disable { .. } => Kind::Disable,
            PluginOrder::Configure { .. } | PluginOrder::Reconfigure { .. } => Kind::Configure,
            PluginOrder::Dismiss { .. } => Kind::Dismiss,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::Install => "install",
            Kind::Upgrade => "upgrade",
            Kind::Rollback => "rollback",
            Kind::Remove => "remove",
            Kind::Start => "start",
            Kind::Stop => "stop",
            Kind::Restart => "restart",
            Kind::Enable => "enable",
            Kind::Disable => "disable",
            Kind::Configure => "configure",
            Kind::Dismiss => "dismiss",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Its steps, in order.
    pub(crate) fn steps(self) -> &'static [Step] {
        match self {
            Kind::Install => &[Step::Fetch, Step::Verify, Step::Unpack, Step::Start, Step::Commit],
            Kind::Upgrade => &[
                Step::Fetch,
                Step::Verify,
                Step::Unpack,
                Step::Start,
                Step::Switch,
                Step::Probation,
                Step::Commit,
            ],
            Kind::Rollback => &[Step::Start, Step::Switch, Step::Commit],
            Kind::Remove => &[Step::Stop, Step::Commit, Step::Delete],
            Kind::Configure => &[Step::Verify, Step::Start, Step::Commit],
            Kind::Stop => &[Step::Stop, Step::Commit],
            Kind::Start | Kind::Restart | Kind::Enable | Kind::Disable | Kind::Dismiss => &[Step::Commit],
        }
    }

    /// What becomes of it when it was cut off. `reached` is the step that was recorded last as begun.
    pub(crate) fn recovery(self, reached: Option<Step>) -> Recovery {
        match (self, reached) {
            (_, None) => Recovery::Again,
            // The new revision has been in force since the switch was recorded.
            (Kind::Upgrade, Some(Step::Probation)) => Recovery::Finish,
            // Whoever ordered it wants it gone; once the record is, only files are left.
            (Kind::Remove, Some(Step::Delete)) => Recovery::Finish,
            (Kind::Remove, Some(_)) => Recovery::Again,
            (Kind::Install | Kind::Upgrade | Kind::Rollback | Kind::Configure, Some(_)) => Recovery::Undo,
            (
                Kind::Start | Kind::Stop | Kind::Restart | Kind::Enable | Kind::Disable | Kind::Dismiss,
                Some(_),
            ) => Recovery::Again,
        }
    }
}

impl Step {
    const ALL: [Step; 9] = [
        Step::Fetch,
        Step::Verify,
        Step::Unpack,
        Step::Start,
        Step::Switch,
        Step::Probation,
        Step::Stop,
        Step::Delete,
        Step::Commit,
    ];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Step::Fetch => "fetch",
            Step::Verify => "verify",
            Step::Unpack => "unpack",
            Step::Start => "start",
            Step::Switch => "switch",
            Step::Probation => "probation",
            Step::Stop => "stop",
            Step::Delete => "delete",
            Step::Commit => "commit",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Step> {
        Step::ALL.into_iter().find(|step| step.word() == word)
    }

    /// Whether an operation can be cancelled while it is in this step. In probation that means to go back.
    pub(crate) fn is_cancellable(self) -> bool {
        match self {
            Step::Fetch | Step::Verify | Step::Unpack | Step::Start | Step::Probation => true,
            Step::Switch | Step::Stop | Step::Delete | Step::Commit => false,
        }
    }
}
