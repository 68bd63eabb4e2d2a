//! Handle on a candidate.

use tokio::sync::{mpsc, oneshot, watch};

use crate::actor::{CandidateStage, CandidateView, Order};
use crate::calls::ReportFacts;
use crate::error::SupervisorError;
use crate::spec::Want;
use crate::view::InstanceView;

/// A second process of a plugin, which shows that another spec works. Dropping it ends the process and leaves
/// the instance as it was; [`Candidate::promote`] makes it the instance.
#[derive(Debug)]
pub struct Candidate {
    pub(crate) number: u64,
    pub(crate) mailbox: mpsc::Sender<Order>,
    pub(crate) status: watch::Receiver<CandidateView>,
    pub(crate) _held: oneshot::Sender<()>,
}

impl Candidate {
    /// Waits until its first report was valid. Every try counts, with the spec's waits between them.
    ///
    /// # Errors
    /// After the last try the view with the reason and the last exit.
    pub async fn ready(&mut self) -> Result<ReportFacts, Box<InstanceView>> {
        let verdict = self.status_when(|stage| stage != CandidateStage::Starting).await;
        match verdict.stage {
            CandidateStage::Ready => Ok(verdict.facts.unwrap_or_default()),
            CandidateStage::Starting | CandidateStage::Failed => Err(Box::new(verdict.instance)),
        }
    }

    /// Waits until it, once ready, is not any more: for as long as it is healthy this does not return.
    pub async fn failed(&mut self) -> Box<InstanceView> {
        Box::new(
            self.status_when(|stage| stage == CandidateStage::Failed)
                .await
                .instance,
        )
    }

    /// Waits for a stage; the end of the plugin ends the waiting.
    async fn status_when(&mut self, holds: impl Fn(CandidateStage) -> bool) -> CandidateView {
        match self.status.wait_for(|view| holds(view.stage)).await {
            Ok(view) => return view.clone(),
            Err(_ended) => {}
        }
        self.status.borrow().clone()
    }

    /// What is shown of its process.
    pub fn view(&self) -> InstanceView {
        self.status.borrow().instance.clone()
    }

    /// Makes it the instance: new connections go to it, calls under way are finished, the old process is ended.
    /// From then on its spec is the plugin's, and `want` is what is wanted of it. Gives its generation.
    ///
    /// # Errors
    /// When it is not ready; then everything is as before and the candidate is ended.
    pub async fn promote(self, want: Want) -> Result<u64, SupervisorError> {
        let (reply, answer) = oneshot::channel();
        let order = Order::Promote {
            number: self.number,
            want,
            reply,
        };
        self.mailbox
            .send(order)
            .await
            .map_err(|_| SupervisorError::ShutDown)?;
        answer.await.unwrap_or(Err(SupervisorError::ShutDown))
    }

    /// Ends it, and waits until nothing of it is left and the instance may run again.
    pub async fn discard(self) {
        let (reply, answer) = oneshot::channel();
        let order = Order::Discard {
            number: self.number,
            reply,
        };
        if self.mailbox.send(order).await.is_ok() {
            // An end without an answer means that it was gone already.
            let _ = answer.await;
        }
    }
}
