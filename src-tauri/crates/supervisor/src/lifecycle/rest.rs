//! What is shown of a plugin without a process, and whether there should be one.

use super::{Left, Lifecycle};
use crate::spec::{Activation, Rest, Want};
use crate::view::InstanceState;

impl Lifecycle {
    /// The state of a plugin without a process.
    pub(super) fn resting_state(&self) -> InstanceState {
        if self.closing {
            return InstanceState::Stopped;
        }
        match (&self.want, self.left) {
            (Want::Rest(Rest::Absent), _) => InstanceState::Absent,
            (Want::Rest(Rest::Disabled), _) => InstanceState::Disabled,
            (Want::Rest(Rest::Inapplicable(_)), _) => InstanceState::Inapplicable,
            (Want::Rest(Rest::Stopped), _) => InstanceState::Stopped,
            (Want::Automatic | Want::Run, Some(Left::Finished)) => InstanceState::Stopped,
            (Want::Automatic | Want::Run, Some(Left::Failed)) => InstanceState::Crashed,
            (Want::Automatic | Want::Run, Some(Left::Completed)) => InstanceState::Completed,
            (Want::Automatic | Want::Run, Some(Left::ExecutionFailed)) => InstanceState::ExecutionFailed,
            (Want::Automatic | Want::Run, None) if self.yielded => InstanceState::Stopped,
            (Want::Automatic | Want::Run, None) => InstanceState::Idle,
        }
    }

    /// Whether a plugin without a process should have one.
    pub(super) fn has_reason(&self) -> bool {
        let ended_for_good = matches!(self.left, Some(Left::Finished | Left::Failed));
        if self.closing || self.yielded || ended_for_good {
            return false;
        }
        match (&self.want, self.rules.activation) {
            (Want::Rest(_), _) => false,
            (Want::Automatic | Want::Run, Activation::Trigger(_)) => self.agenda.is_due(),
            (Want::Run, _) | (Want::Automatic, Activation::Always) => true,
            (Want::Automatic, Activation::OnDemand { .. }) => self.leases > 0,
            (Want::Automatic, Activation::Manual) => false,
        }
    }

    /// Whether a process that there is may stay. One that runs on demand stays until its idle time is over.
    pub(super) fn may_stay(&self) -> bool {
        if self.closing || self.yielded {
            return false;
        }
        match (&self.want, self.rules.activation) {
            (Want::Rest(_), _) | (Want::Automatic, Activation::Manual) => false,
            (Want::Run, _)
            | (Want::Automatic, Activation::Always | Activation::OnDemand { .. } | Activation::Trigger(_)) => {
                true
            }
        }
    }
}
