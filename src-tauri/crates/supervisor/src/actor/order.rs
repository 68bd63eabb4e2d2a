//! What is ordered of a plugin's actor.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::{Actor, CandidateView};
use crate::calls::CallError;
use crate::error::SupervisorError;
use crate::health::HealthReply;
use crate::lifecycle::{Input, Rules};
use crate::spec::{Spec, Want};

/// What somebody who asks a plugin for its reports anyway heard of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A valid report.
    Good {
        /// How long the call took.
        took: Duration,
    },
    /// None.
    Bad {
        /// Why.
        error: CallError,
    },
}

/// An order to a plugin's actor.
pub(crate) enum Order {
    Put {
        spec: Box<Spec>,
        want: Want,
    },
    Want(Want),
    Restart,
    Heard {
        socket: PathBuf,
        heard: Heard,
    },
    Health {
        max_age: Duration,
        reply: oneshot::Sender<HealthReply>,
    },
    Candidate {
        spec: Box<Spec>,
        reply: oneshot::Sender<Result<Accepted, SupervisorError>>,
    },
    Promote {
        number: u64,
        want: Want,
        reply: oneshot::Sender<Result<u64, SupervisorError>>,
    },
    Discard {
        number: u64,
        reply: oneshot::Sender<()>,
    },
    /// Answered when everything ordered before it, leases too, shows in where it stands.
    Shown {
        reply: oneshot::Sender<()>,
    },
    /// Answered as soon as nothing of it runs.
    Quiet {
        reply: oneshot::Sender<()>,
    },
    Forget {
        reply: oneshot::Sender<()>,
    },
    Shutdown {
        deadline: Duration,
    },
}

/// A candidate that was taken in.
pub(crate) struct Accepted {
    pub(crate) number: u64,
    pub(crate) status: watch::Receiver<CandidateView>,
    /// The candidate is dropped when this is.
    pub(crate) held: oneshot::Sender<()>,
}

impl Actor {
    pub(super) fn obey(&mut self, order: Order) {
        match order {
            Order::Put { spec, want } => {
                let anew = !self.spec.is_same_process(&spec);
                self.adopt(*spec, anew);
                self.wanted(want);
            }
            Order::Want(want) => self.wanted(want),
            Order::Restart => self.feed(Input::Restart),
            Order::Heard { socket, heard } => self.heard(&socket, heard),
            Order::Health { max_age, reply } => self.health_asked(max_age, reply),
            Order::Candidate { spec, reply } => self.candidate_ordered(*spec, reply),
            Order::Promote { number, want, reply } => self.promote(number, want, reply),
            Order::Discard { number, reply } => self.discard(number, Some(reply)),
            Order::Shown { reply } => {
                self.count_leases();
                self.shown.push(reply);
            }
            Order::Quiet { reply } => self.quiet.push(reply),
            Order::Forget { reply } => {
                self.forgetting.push(reply);
                self.abandon_candidate();
                self.wanted(Want::Rest(crate::spec::Rest::Absent));
            }
            Order::Shutdown { deadline } => self.close(deadline),
        }
    }

    /// Runs it in another way from now on; `anew` replaces the process at once.
    pub(super) fn adopt(&mut self, spec: Spec, anew: bool) {
        if self.spec.socket != spec.socket {
            self.close_listener();
        }
        self.spec = spec;
        let mut usage = self
            .shared
            .usage
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        usage.resize(self.spec.metrics.keep);
        drop(usage);
        let rules = Rules::of(&self.spec);
        self.feed(Input::Rules { rules, anew });
    }

    pub(super) fn wanted(&mut self, want: Want) {
        let work_once = want == Want::Run && self.cycle.is_trigger();
        self.want = if work_once { Want::Automatic } else { want.clone() };
        self.feed(Input::Want(want));
    }
}
