//! Remote probes that are connected for controls, and the calls on their way to them.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::limits::{REMOTE_CALLS, REMOTE_CONTROL_TIMEOUT, REMOTE_LINKS_MAX};

/// A control for a remote probe.
#[derive(Debug)]
pub struct RemoteCall {
    /// Node id.
    pub node: String,
    /// Control, as the probe declared it.
    pub control: String,
    /// Arguments.
    pub args: BTreeMap<String, String>,
    /// Where the answer goes.
    pub answer: oneshot::Sender<RemoteAnswer>,
}

/// What a remote probe answered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RemoteAnswer {
    /// Value, if any.
    pub value: Option<Value>,
    /// Its error; empty when it succeeded.
    pub error: String,
    /// Pipe that it opened, if it did.
    pub pipe: Option<String>,
    /// Whether the pipe's far end is a raw terminal.
    pub raw_tty: bool,
    /// Control that resizes the terminal, if there is one.
    pub resize_tty_control: Option<String>,
    /// Node that it removed, if it did.
    pub removed_node: Option<String>,
}

/// Why a remote control gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LinkError {
    /// In Scope's words, on which scripts match.
    #[error("probe {0} is not connected right now")]
    NotConnected(String),
    #[error("probe {0} has {REMOTE_CALLS} controls under way already")]
    Busy(String),
    #[error("context deadline exceeded")]
    Timeout,
    #[error("the connection to probe {0} was lost while its control ran")]
    Lost(String),
}

/// A remote probe's place among the connected ones. Dropping it takes the probe off the list.
#[derive(Debug)]
pub struct ProbeLink {
    /// Calls to pass on.
    pub calls: mpsc::Receiver<RemoteCall>,
    probe: String,
    number: u64,
    links: Arc<Links>,
}

impl Drop for ProbeLink {
    fn drop(&mut self) {
        let mut all = self.links.lock();
        if all.get(&self.probe).is_some_and(|l| l.number == self.number) {
            all.remove(&self.probe);
        }
    }
}

#[derive(Debug)]
struct Link {
    number: u64,
    calls: mpsc::Sender<RemoteCall>,
}

/// Connected probes by id.
#[derive(Debug, Default)]
pub(crate) struct Links {
    all: Mutex<BTreeMap<String, Link>>,
    next: AtomicU64,
}

impl Links {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Link>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a connected probe; a newer connection of the same one replaces the older, which ends. `None`
    /// when there are too many.
    pub(crate) fn connect(self: &Arc<Self>, probe: &str) -> Option<ProbeLink> {
        let (sender, calls) = mpsc::channel(REMOTE_CALLS);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut all = self.lock();
        if !all.contains_key(probe) && all.len() >= REMOTE_LINKS_MAX {
            return None;
        }
        let link = Link {
            number,
            calls: sender,
        };
        all.insert(probe.to_owned(), link);
        Some(ProbeLink {
            calls,
            probe: probe.to_owned(),
            number,
            links: self.clone(),
        })
    }

    /// Ids of the connected probes.
    pub(crate) fn connected(&self) -> HashSet<String> {
        self.lock().keys().cloned().collect()
    }

    /// Sends a control and waits for its answer, [`REMOTE_CONTROL_TIMEOUT`] at most.
    pub(crate) async fn call(
        &self,
        probe: &str,
        node: &str,
        control: &str,
        args: &BTreeMap<String, String>,
    ) -> Result<RemoteAnswer, LinkError> {
        let calls = self.lock().get(probe).map(|l| l.calls.clone());
        let Some(calls) = calls else {
            return Err(LinkError::NotConnected(probe.to_owned()));
        };
        let (answer, answered) = oneshot::channel();
        let call = RemoteCall {
            node: node.to_owned(),
            control: control.to_owned(),
            args: args.clone(),
            answer,
        };
        calls.try_send(call).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => LinkError::Busy(probe.to_owned()),
            mpsc::error::TrySendError::Closed(_) => LinkError::NotConnected(probe.to_owned()),
        })?;
        match timeout(REMOTE_CONTROL_TIMEOUT, answered).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(LinkError::Lost(probe.to_owned())),
            Err(_) => Err(LinkError::Timeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_reach_the_newest_connection_and_fail_in_words() {
        let links = Arc::new(Links::default());
        let none = BTreeMap::new();
        let lost = links.call("a", "n", "c", &none).await.unwrap_err();
        assert_eq!(lost.to_string(), "probe a is not connected right now");

        let mut first = links.connect("a").unwrap();
        let mut second = links.connect("a").unwrap();
        assert!(first.calls.recv().await.is_none(), "the older one ends");
        drop(first);
        let answering = tokio::spawn(async move {
            let call = second.calls.recv().await.unwrap();
            let answer = RemoteAnswer {
                value: Some(call.node.clone().into()),
                ..RemoteAnswer::default()
            };
            call.answer.send(answer).unwrap();
            second
        });
        let answer = links.call("a", "n", "c", &none).await.unwrap();
        assert_eq!(answer.value, Some("n".into()));

        let silent = answering.await.unwrap();
        assert_eq!(links.call("a", "n", "c", &none).await, Err(LinkError::Timeout));
        drop(silent);
        assert!(links.connected().is_empty());
    }

    #[test]
    fn connected_probes_are_bounded() {
        let links = Arc::new(Links::default());
        let held: Vec<_> = (0..REMOTE_LINKS_MAX)
            .map(|n| links.connect(&n.to_string()).unwrap())
            .collect();
        assert!(links.connect("one more").is_none());
        assert!(links.connect("0").is_some(), "a known one may come again");
        drop(held);
    }
}
