//! What is asked of whoever runs the processes: the seam to the supervisor, and the supervisor behind it.

use std::time::Duration;

use orrery_supervisor::view::{ExitKind, InstanceView};
use orrery_supervisor::{
    CallError, Candidate as Second, Configured, Later, ReportFacts, Spec, Supervisor, Want, spec::Rest,
};
use serde_json::Value;

use crate::clock::now_ms;
use crate::error::Failure;
use crate::limits::LAST_LINES;

/// Whoever runs the processes.
pub(crate) trait Processes: Send + Sync + 'static {
    /// From now on the plugin is run like this. A process that runs differently is replaced.
    fn put<'a>(&'a self, id: &'a str, spec: Spec, want: Want) -> Later<'a, Result<(), Failure>>;

    /// This is wanted of it.
    fn want<'a>(&'a self, id: &'a str, want: Want) -> Later<'a, ()>;

    /// Its process is stopped and started.
    fn restart<'a>(&'a self, id: &'a str) -> Later<'a, ()>;

    /// Runs a second process beside the plugin's, or in its place where they cannot overlap. When this resolves it
    /// has sent a valid report; when it fails, or is dropped, that process ends and the former one is back.
    fn candidate<'a>(&'a self, id: &'a str, spec: Spec) -> Later<'a, Result<Box<dyn Candidate>, Failure>>;

    /// Waits until its process has sent a valid report; fails when `timeout` is over first.
    fn ready<'a>(&'a self, id: &'a str, timeout: Duration) -> Later<'a, Result<(), Failure>>;

    /// Waits until its process has run for as long as counts as stable; fails when it ends or is not well first.
    fn stable<'a>(&'a self, id: &'a str) -> Later<'a, Result<(), Failure>>;

    /// Waits until nothing of it runs, for at most `timeout`.
    fn quiet<'a>(&'a self, id: &'a str, timeout: Duration) -> Later<'a, ()>;

    /// Sends a config to the running process.
    fn configure<'a>(&'a self, id: &'a str, config: &'a Value) -> Later<'a, Result<Configured, Failure>>;

    /// The plugin is not run any more; resolves when its process and socket are gone.
    fn forget<'a>(&'a self, id: &'a str) -> Later<'a, ()>;

    /// How its process stands; none when the plugin is not known.
    fn view(&self, id: &str) -> Option<InstanceView>;
}

/// A second process that has sent a valid report.
pub(crate) trait Candidate: Send {
    /// It becomes the plugin's process; the former one is ended. On failure the former one is back.
    fn promote(self: Box<Self>, want: Want) -> Later<'static, Result<(), Failure>>;

    /// What its first report told.
    fn facts(&self) -> ReportFacts;

    /// It is ended; resolves when it is gone.
    fn discard(self: Box<Self>) -> Later<'static, ()>;
}

impl Processes for Supervisor {
    fn put<'a>(&'a self, id: &'a str, spec: Spec, want: Want) -> Later<'a, Result<(), Failure>> {
        Box::pin(async move {
            let put = Supervisor::put(self, id, spec, want).await;
            put.map_err(|error| Failure::new("supervisor", error.to_string()))
        })
    }

    fn want<'a>(&'a self, id: &'a str, want: Want) -> Later<'a, ()> {
        Box::pin(async move {
            if let Err(error) = Supervisor::want(self, id, want).await {
                tracing::debug!(plugin = id, %error, "a wish finds nobody");
            }
        })
    }

    fn restart<'a>(&'a self, id: &'a str) -> Later<'a, ()> {
        Box::pin(async move {
            if let Err(error) = Supervisor::restart(self, id).await {
                tracing::debug!(plugin = id, %error, "a restart finds nobody");
            }
        })
    }

    fn candidate<'a>(&'a self, id: &'a str, spec: Spec) -> Later<'a, Result<Box<dyn Candidate>, Failure>> {
        Box::pin(async move {
            let refused = |error: orrery_supervisor::SupervisorError| {
                Failure::new("supervisor", error.to_string()).retryable()
            };
            if Supervisor::view(self, id).is_none() {
                let absent = Want::Rest(Rest::Absent);
                Supervisor::put(self, id, spec.clone(), absent)
                    .await
                    .map_err(refused)?;
            }
            let mut second = Supervisor::candidate(self, id, spec).await.map_err(refused)?;
            match second.ready().await {
                Ok(facts) => Ok(Box::new(Tried { second, facts }) as Box<dyn Candidate>),
                Err(view) => {
                    let failure = failure_of(&view);
                    second.discard().await;
                    Err(failure)
                }
            }
        })
    }

    fn ready<'a>(&'a self, id: &'a str, timeout: Duration) -> Later<'a, Result<(), Failure>> {
        Box::pin(async move {
            let began = now_ms();
            match tokio::time::timeout(timeout, self.running(id)).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(Failure::new("not_running", error.to_string())),
                Err(_) => {
                    let view = Supervisor::view(self, id).unwrap_or_default();
                    // An end says more than where the attempt after it stands.
                    let ended = view
                        .last_exit
                        .filter(|exit| exit.at_ms >= began && exit.kind != ExitKind::Requested);
                    let reason = ended.map(|exit| exit.text).or(Some(view.reason));
                    let reason = reason.filter(|r| !r.is_empty());
                    let reason = reason.unwrap_or_else(|| "no valid report in time".to_owned());
                    Err(Failure::new("start_timeout", reason))
                }
            }
        })
    }

    fn stable<'a>(&'a self, id: &'a str) -> Later<'a, Result<(), Failure>> {
        Box::pin(async move {
            let generation = self.running(id).await;
            let generation = generation.map_err(|error| Failure::new("not_running", error.to_string()))?;
            match self.probation(id, generation).await {
                Ok(()) => Ok(()),
                Err(reason) => {
                    let view = Supervisor::view(self, id).unwrap_or_default();
                    Err(Failure {
                        code: code_of(&view).to_owned(),
                        ..Failure::new("", with_lines(reason, &view))
                    })
                }
            }
        })
    }

    fn quiet<'a>(&'a self, id: &'a str, timeout: Duration) -> Later<'a, ()> {
        Box::pin(async move {
            match tokio::time::timeout(timeout, Supervisor::quiet(self, id)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(plugin = id, %error, "nobody to wait for"),
                Err(_) => tracing::warn!(plugin = id, "a process does not end in time"),
            }
        })
    }

    fn configure<'a>(&'a self, id: &'a str, config: &'a Value) -> Later<'a, Result<Configured, Failure>> {
        Box::pin(async move {
            Supervisor::configure(self, id, config).await.map_err(|error| {
                use orrery_supervisor::AskError;
                let code = match &error {
                    AskError::Call(CallError::Timeout) => "call_timeout",
                    AskError::Call(CallError::Protocol(_)) => "protocol",
                    AskError::Call(CallError::Refused(_)) | AskError::Supervisor(_) => "not_running",
                    AskError::Unsupported | AskError::OtherCode(_) => "protocol",
                };
                Failure::new(code, error.to_string()).retryable()
            })
        })
    }

    fn forget<'a>(&'a self, id: &'a str) -> Later<'a, ()> {
        Box::pin(Supervisor::forget(self, id))
    }

    fn view(&self, id: &str) -> Option<InstanceView> {
        Supervisor::view(self, id)
    }
}

/// A candidate of the supervisor's that is ready.
struct Tried {
    second: Second,
    facts: ReportFacts,
}

impl Candidate for Tried {
    fn promote(self: Box<Self>, want: Want) -> Later<'static, Result<(), Failure>> {
        Box::pin(async move {
            let promoted = Second::promote(self.second, want).await;
            promoted
                .map(drop)
                .map_err(|error| Failure::new("supervisor", error.to_string()).retryable())
        })
    }

    fn discard(self: Box<Self>) -> Later<'static, ()> {
        Box::pin(Second::discard(self.second))
    }

    fn facts(&self) -> ReportFacts {
        self.facts.clone()
    }
}

/// Why a process did not get ready.
fn failure_of(view: &InstanceView) -> Failure {
    let reason = match &view.last_exit {
        Some(exit) if !exit.text.is_empty() => exit.text.clone(),
        _ => view.reason.clone(),
    };
    Failure::new(code_of(view), with_lines(reason, view))
}

fn code_of(view: &InstanceView) -> &'static str {
    match view.last_exit.as_ref().map(|exit| exit.kind) {
        Some(ExitKind::Spawn) => "spawn",
        Some(ExitKind::Code | ExitKind::Signal | ExitKind::Requested) => "exited",
        Some(ExitKind::OutOfMemory) => "limit.memory",
        Some(ExitKind::StartTimeout) => "start_timeout",
        Some(ExitKind::Protocol) => "protocol",
        Some(ExitKind::Unresponsive) => "unresponsive",
        None => "not_running",
    }
}

/// A reason with the last lines that the process wrote.
fn with_lines(reason: String, view: &InstanceView) -> String {
    let lines = view.last_exit.as_ref().map_or(&[][..], |exit| &exit.last_lines);
    let lines = &lines[lines.len().saturating_sub(LAST_LINES)..];
    match lines.is_empty() {
        true => reason,
        false => format!("{reason}\n{}", lines.join("\n")),
    }
}
