//! The handle on all plugins.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use orrery_runner::output::{Output, OutputConfig};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::actor::{Actor, Common, Heard, Order, Shared, Standing};
use crate::calls::{Calls, Configured};
use crate::candidate::Candidate;
use crate::error::SupervisorError;
use crate::event::Event;
use crate::health::{HealthAnswer, HealthReply};
use crate::launcher::Launcher;
use crate::outbox::Outbox;
use crate::spec::{Spec, Want};
use crate::text::clean;
use crate::usage::UsageRing;
use crate::view::{ExitView, InstanceView, LogLine, LogPage, UsagePoint};
use crate::{CallError, limits};

/// Keeps plugins running. Clones are the same supervisor; when the last one goes, everything is ended.
#[derive(Clone)]
pub struct Supervisor {
    inner: Arc<Inner>,
}

struct Inner {
    common: Arc<Common>,
    plugins: Mutex<Plugins>,
    tasks: TaskTracker,
}

#[derive(Default)]
struct Plugins {
    entries: BTreeMap<String, Entry>,
    closed: bool,
}

#[derive(Clone)]
struct Entry {
    mailbox: mpsc::Sender<Order>,
    shared: Arc<Shared>,
}

/// A reason for an on-demand plugin to run. It ends with the value.
pub struct Lease {
    shared: Arc<Shared>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.shared
            .leases
            .send_modify(|leases| *leases = leases.saturating_sub(1));
    }
}

impl Supervisor {
    /// Starts with no plugins. Events come through the receiver; they are dropped when nobody reads.
    pub fn start(launcher: Arc<dyn Launcher>, calls: Arc<dyn Calls>) -> (Supervisor, mpsc::Receiver<Event>) {
        let outbox = Arc::new(Outbox::default());
        let (sender, events) = mpsc::channel(limits::EVENTS_CHANNEL);
        let common = Arc::new(Common {
            launcher,
            calls,
            outbox: Arc::clone(&outbox),
            changes: watch::Sender::new(0),
            began: Instant::now(),
        });
        tokio::spawn(async move { outbox.pump(sender).await });
        let inner = Inner {
            common,
            plugins: Mutex::default(),
            tasks: TaskTracker::new(),
        };
        (
            Supervisor {
                inner: Arc::new(inner),
            },
            events,
        )
    }

    /// Takes in a plugin, or another spec of one that is known. A running process is replaced at once when the
    /// spec asks for another one; see [`Supervisor::candidate`] for doing that without a gap.
    ///
    /// # Errors
    /// When there are too many, or everything ends.
    pub async fn put(&self, id: &str, spec: Spec, want: Want) -> Result<(), SupervisorError> {
        let entry = self.entry_for(id, &spec)?;
        entry
            .send(Order::Put {
                spec: Box::new(spec),
                want,
            })
            .await
    }

    /// Says what is wanted of a plugin.
    ///
    /// # Errors
    /// When it is not known.
    pub async fn want(&self, id: &str, want: Want) -> Result<(), SupervisorError> {
        self.entry(id)?.send(Order::Want(want)).await
    }

    /// Stops and starts a plugin that is to run, and forgets its failures.
    ///
    /// # Errors
    /// When it is not known.
    pub async fn restart(&self, id: &str) -> Result<(), SupervisorError> {
        self.entry(id)?.send(Order::Restart).await
    }

    /// Starts a second process of a plugin, from another spec; at its staging socket if it has one. Otherwise
    /// the instance is stopped first and started again if the candidate fails or is dropped.
    ///
    /// # Errors
    /// When the plugin is not known or has a candidate already.
    pub async fn candidate(&self, id: &str, spec: Spec) -> Result<Candidate, SupervisorError> {
        let entry = self.entry(id)?;
        let (reply, answer) = oneshot::channel();
        entry
            .send(Order::Candidate {
                spec: Box::new(spec),
                reply,
            })
            .await?;
        let accepted = answer.await.unwrap_or(Err(SupervisorError::ShutDown))?;
        Ok(Candidate {
            number: accepted.number,
            mailbox: entry.mailbox,
            status: accepted.status,
            _held: accepted.held,
        })
    }

    /// Waits until the process of this generation has run for as long as the spec's `stable_after` and is well.
    ///
    /// # Errors
    /// The reason, when it ended, stopped answering or is unwell at the end.
    pub async fn probation(&self, id: &str, generation: u64) -> Result<(), String> {
        let entry = self.entry(id).map_err(|error| error.to_string())?;
        let mut standing = entry.shared.standing.subscribe();
        loop {
            let now = standing.borrow_and_update().clone();
            if now.generation != generation || !now.running {
                let exit = entry.shared.view.borrow().last_exit.clone();
                let ended = exit
                    .map(|exit| exit.text)
                    .filter(|_| !now.alive || now.generation != generation);
                return Err(ended.unwrap_or(now.reason));
            }
            if now.settled {
                let unwell = entry.shared.view.borrow().health.state == crate::view::HealthState::Failing;
                return if unwell { Err(now.ailment) } else { Ok(()) };
            }
            if standing.changed().await.is_err() {
                return Err("it was removed".to_owned());
            }
        }
    }

    /// Waits until every earlier order was taken in and the plugin runs, or rests for good.
    ///
    /// # Errors
    /// When it is not known, or rests; says why.
    pub async fn running(&self, id: &str) -> Result<u64, SupervisorError> {
        // Where it stood before it heard that it is to run says nothing.
        let (reply, shown) = oneshot::channel();
        self.entry(id)?.send(Order::Shown { reply }).await?;
        shown.await.map_err(|_| SupervisorError::ShutDown)?;
        let standing = self
            .wait_for(id, |standing| standing.running || standing.resting)
            .await?;
        if standing.running {
            return Ok(standing.generation);
        }
        Err(SupervisorError::NotRunning {
            plugin: id.to_owned(),
            reason: standing.reason,
        })
    }

    /// Waits until every earlier order was taken in and nothing of the plugin runs.
    ///
    /// # Errors
    /// When it is not known.
    pub async fn quiet(&self, id: &str) -> Result<(), SupervisorError> {
        let (reply, answer) = oneshot::channel();
        self.entry(id)?.send(Order::Quiet { reply }).await?;
        answer.await.map_err(|_| SupervisorError::ShutDown)
    }

    /// Ends a plugin and forgets it. Returns when nothing of it is left.
    pub async fn forget(&self, id: &str) {
        let Some(entry) = self.plugins().entries.remove(id) else {
            return;
        };
        let (reply, answer) = oneshot::channel();
        if entry.send(Order::Forget { reply }).await.is_ok() {
            // Ends in any case when the actor does.
            let _ = answer.await;
        }
        self.inner.common.changes.send_modify(|changes| *changes += 1);
    }

    /// Ids of all plugins.
    pub fn ids(&self) -> Vec<String> {
        self.plugins().entries.keys().cloned().collect()
    }

    /// What is shown of a plugin.
    pub fn view(&self, id: &str) -> Option<InstanceView> {
        let entry = self.entry(id).ok()?;
        Some(entry.shared.view.borrow().clone())
    }

    /// How its last process ended.
    pub fn last_exit(&self, id: &str) -> Option<ExitView> {
        self.entry(id).ok()?.shared.view.borrow().last_exit.clone()
    }

    /// Changes whenever the view of any plugin does.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.common.changes.subscribe()
    }

    /// Lines of a plugin's log after number `after`, at most `limit`.
    pub fn logs(&self, id: &str, after: u64, limit: usize) -> Option<LogPage> {
        let page = self
            .entry(id)
            .ok()?
            .shared
            .output
            .page(after, limit.min(limits::LOG_PAGE_LINES));
        let lines = page.lines.into_iter().map(|line| LogLine {
            seq: line.seq,
            at_ms: line.at_ms,
            stream: line.stream.as_str().to_owned(),
            level: line.level.as_str().to_owned(),
            text: line.text,
        });
        Some(LogPage {
            lines: lines.collect(),
            next: page.next,
            dropped: page.dropped,
        })
    }

    /// Changes with every new line of a plugin's log; the value is the newest line's number.
    pub fn log_changes(&self, id: &str) -> Option<watch::Receiver<u64>> {
        Some(self.entry(id).ok()?.shared.output.follow())
    }

    /// Resource points of a plugin after number `after`, oldest first. Reading takes nothing away.
    pub fn usage(&self, id: &str, after: u64) -> Vec<UsagePoint> {
        let Ok(entry) = self.entry(id) else {
            return Vec::new();
        };
        let usage = entry.shared.usage.lock().unwrap_or_else(PoisonError::into_inner);
        usage.after(after)
    }

    /// Tells what somebody heard on a socket who asks it for reports anyway. Never waits; when too much is told at
    /// once, some is lost.
    pub fn heard(&self, id: &str, socket: &Path, heard: Heard) {
        if let Ok(entry) = self.entry(id) {
            let told = entry.mailbox.try_send(Order::Heard {
                socket: socket.to_owned(),
                heard,
            });
            if told.is_err() {
                tracing::trace!(plugin = %id, "a heard report is lost");
            }
        }
    }

    /// How a plugin is, as HTTP answers. A finding not older than `max_age` is good enough; zero asks for a new
    /// one. Any number of askers cause one call.
    pub async fn health(&self, id: &str, max_age: Duration) -> HealthReply {
        let Ok(entry) = self.entry(id) else {
            return HealthReply::unknown_plugin();
        };
        let (reply, answer) = oneshot::channel();
        if entry.send(Order::Health { max_age, reply }).await.is_err() {
            return HealthReply::unknown_plugin();
        }
        answer.await.unwrap_or_else(|_| HealthReply::unknown_plugin())
    }

    /// Asks a plugin a question that it defines itself.
    ///
    /// # Errors
    /// When it does not run, or gives no answer to such questions.
    pub async fn ask(&self, id: &str, about: &str) -> Result<HealthAnswer, AskError> {
        let entry = self.entry(id)?;
        let (socket, budget) = entry.reach(id)?;
        let about: String = about.chars().take(limits::ABOUT_CHARS).collect();
        let call = self.inner.common.calls.health(&socket, Some(&about), budget);
        match call.await? {
            Some(answer) => Ok(answer),
            None => Err(AskError::Unsupported),
        }
    }

    /// Asks a plugin the same question again and again until it answers with `code`.
    ///
    /// # Errors
    /// When `timeout` has passed (the last trouble), or the plugin becomes unknown.
    pub async fn wait_for_code(
        &self,
        id: &str,
        about: &str,
        code: i64,
        timeout: Duration,
    ) -> Result<HealthAnswer, AskError> {
        let until = Instant::now() + timeout.min(limits::WAIT_MAX);
        loop {
            let trouble = match self.ask(id, about).await {
                Ok(answer) if answer.code == code => return Ok(answer),
                Ok(answer) => AskError::OtherCode(answer.code),
                Err(AskError::Supervisor(SupervisorError::Unknown(id))) => {
                    return Err(SupervisorError::Unknown(id).into());
                }
                Err(error) => error,
            };
            let next = Instant::now() + limits::WAIT_STEP;
            if next > until {
                return Err(trouble);
            }
            tokio::time::sleep_until(next).await;
        }
    }

    /// Hands a config to a running plugin.
    ///
    /// # Errors
    /// When it does not run, or the call fails.
    pub async fn configure(&self, id: &str, config: &Value) -> Result<Configured, AskError> {
        let entry = self.entry(id)?;
        let (socket, budget) = entry.reach(id)?;
        let taken = self.inner.common.calls.configure(&socket, config, budget).await?;
        Ok(match taken {
            Configured::Refused(why) => Configured::Refused(clean(&why)),
            other => other,
        })
    }

    /// Tells a running plugin what happens.
    ///
    /// # Errors
    /// When it does not run, or the call fails.
    pub async fn tell(&self, id: &str, event: &Value) -> Result<Configured, AskError> {
        let entry = self.entry(id)?;
        let (socket, budget) = entry.reach(id)?;
        let taken = self.inner.common.calls.tell(&socket, event, budget).await?;
        Ok(match taken {
            Configured::Refused(why) => Configured::Refused(clean(&why)),
            other => other,
        })
    }

    /// Gives an on-demand plugin a reason to run for as long as the lease is held.
    ///
    /// # Errors
    /// When it is not known.
    pub fn acquire(&self, id: &str) -> Result<Lease, SupervisorError> {
        let entry = self.entry(id)?;
        entry
            .shared
            .leases
            .send_modify(|leases| *leases = leases.saturating_add(1));
        Ok(Lease { shared: entry.shared })
    }

    /// Whether a lease is of the plugin that is known under this id now, and not of one that was forgotten.
    pub fn holds(&self, id: &str, lease: &Lease) -> bool {
        self.entry(id)
            .is_ok_and(|entry| Arc::ptr_eq(&entry.shared, &lease.shared))
    }

    /// Whether a plugin runs for as long as somebody holds a [`Lease`], and not for longer than its idle time.
    pub fn is_on_demand(&self, id: &str) -> bool {
        self.entry(id)
            .is_ok_and(|entry| entry.shared.standing.borrow().on_demand)
    }

    /// Ends everything, in parallel and within `deadline`. Nothing is started any more.
    pub async fn shutdown(&self, deadline: Duration) {
        let until = Instant::now() + deadline;
        let entries: Vec<Entry> = {
            let mut plugins = self.plugins();
            plugins.closed = true;
            plugins.entries.values().cloned().collect()
        };
        for entry in entries {
            let tasks = self.inner.tasks.clone();
            tasks.spawn(async move {
                // An error means that it has ended.
                let _ = entry.send(Order::Shutdown { deadline }).await;
            });
        }
        self.inner.tasks.close();
        let all = tokio::time::timeout_at(until, self.inner.tasks.wait()).await;
        if all.is_err() {
            tracing::warn!("not every plugin ended in time");
        }
        let left = until
            .saturating_duration_since(Instant::now())
            .max(limits::SHUTDOWN_SLACK);
        self.inner.common.launcher.shutdown(left).await;
        self.inner.common.outbox.close();
    }

    async fn wait_for(
        &self,
        id: &str,
        holds: impl Fn(&Standing) -> bool,
    ) -> Result<Standing, SupervisorError> {
        let mut standing = self.entry(id)?.shared.standing.subscribe();
        let found = standing.wait_for(|standing| holds(standing)).await;
        found
            .map(|standing| standing.clone())
            .map_err(|_| SupervisorError::Unknown(id.to_owned()))
    }

    fn plugins(&self) -> MutexGuard<'_, Plugins> {
        self.inner.plugins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, id: &str) -> Result<Entry, SupervisorError> {
        let plugins = self.plugins();
        plugins
            .entries
            .get(id)
            .cloned()
            .ok_or_else(|| SupervisorError::Unknown(id.to_owned()))
    }

    fn entry_for(&self, id: &str, spec: &Spec) -> Result<Entry, SupervisorError> {
        let mut plugins = self.plugins();
        if plugins.closed {
            return Err(SupervisorError::ShutDown);
        }
        if let Some(entry) = plugins.entries.get(id) {
            return Ok(entry.clone());
        }
        if plugins.entries.len() >= limits::PLUGINS {
            return Err(SupervisorError::TooMany);
        }
        let (mailbox, orders) = mpsc::channel(limits::MAILBOX);
        let output = match &spec.log_file {
            Some(file) => Output::open(OutputConfig::new(file)),
            None => Output::in_memory(),
        };
        let shared = Arc::new(Shared {
            id: id.to_owned(),
            view: watch::Sender::default(),
            standing: watch::Sender::default(),
            usage: Mutex::new(UsageRing::new(spec.metrics.keep)),
            output,
            leases: watch::Sender::new(0),
        });
        let actor = Actor::new(
            Arc::clone(&self.inner.common),
            Arc::clone(&shared),
            orders,
            spec.clone(),
        );
        self.inner.tasks.spawn(actor.run());
        let entry = Entry { mailbox, shared };
        plugins.entries.insert(id.to_owned(), entry.clone());
        Ok(entry)
    }
}

impl Entry {
    async fn send(&self, order: Order) -> Result<(), SupervisorError> {
        self.mailbox
            .send(order)
            .await
            .map_err(|_| SupervisorError::ShutDown)
    }

    /// Where a running plugin is reached, and how long a call may take.
    fn reach(&self, id: &str) -> Result<(std::path::PathBuf, Duration), SupervisorError> {
        let view = self.shared.view.borrow();
        if self.shared.standing.borrow().running {
            return Ok((view.socket.clone().into(), limits::HEALTH_BUDGET));
        }
        Err(SupervisorError::NotRunning {
            plugin: id.to_owned(),
            reason: view.reason.clone(),
        })
    }
}

/// Why a question to a plugin got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// It could not be asked.
    #[error(transparent)]
    Supervisor(#[from] SupervisorError),
    /// The call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// It answers no such questions.
    #[error("the plugin answers no such questions")]
    Unsupported,
    /// It answered with another code until time was over.
    #[error("the plugin answered with code {0}")]
    OtherCode(i64),
}
