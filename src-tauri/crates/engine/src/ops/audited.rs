//! What of the operations is noted in the audit log, and under which words.

use std::time::Duration;

use orrery_manager::view::OperationState;
use tokio::time::Instant;

use crate::api::{ApiError, Caller, PackageSource, PluginOrder, Request, Response, TaskOrder};
use crate::audit::{AuditEntry, AuditResult, Deed};
use crate::engine::Engine;

impl Engine {
    /// Begins to note what a caller does. What is dropped before it is told what became of it is noted as left.
    pub fn noting(&self, caller: &Caller, deed: Deed) -> Noting {
        Noting {
            engine: self.clone(),
            caller: caller.clone(),
            deed: Some(deed),
            began: Instant::now(),
        }
    }

    /// Entries of the audit log after one, the oldest first; the newest when `after` is none.
    ///
    /// # Errors
    /// [`crate::api::Code::Internal`] when the log cannot be read.
    pub async fn audit(&self, after: Option<i64>, limit: Option<usize>) -> Result<Vec<AuditEntry>, ApiError> {
        let shared = self.shared.clone();
        tokio::task::spawn_blocking(move || shared.audit.list(after, limit))
            .await
            .map_err(ApiError::internal)?
            .map_err(ApiError::internal)
    }
}

/// Something under way that will be noted, whatever becomes of it.
pub struct Noting {
    engine: Engine,
    caller: Caller,
    /// None when it was noted.
    deed: Option<Deed>,
    began: Instant,
}

impl std::fmt::Debug for Noting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Noting")
            .field("deed", &self.deed)
            .finish_non_exhaustive()
    }
}

impl Noting {
    /// The same about another subject, which shows in the end.
    #[must_use]
    pub fn about(mut self, subject: &str) -> Self {
        if let Some(deed) = &mut self.deed {
            subject.clone_into(&mut deed.subject);
        }
        self
    }

    /// Notes what became of it; `message` says why not, where it was not done.
    pub fn ended(mut self, result: AuditResult, message: &str) {
        self.note(result, message);
    }

    /// Notes the answer of an operation.
    pub(super) fn answered(mut self, answer: &Result<Response, ApiError>) {
        match answer {
            Ok(Response::Operation(operation)) => {
                if let Some(deed) = &mut self.deed {
                    deed.operation.clone_from(&operation.id);
                }
                let result = match operation.state {
                    OperationState::Done => AuditResult::Done,
                    OperationState::Queued | OperationState::Running => AuditResult::Accepted,
                    OperationState::Failed | OperationState::Cancelled => AuditResult::Failed,
                };
                self.note(result, "");
            }
            Ok(_) => self.note(AuditResult::Done, ""),
            Err(error) => self.note(AuditResult::of(error), &error.message),
        }
    }

    fn note(&mut self, result: AuditResult, message: &str) {
        let took: Duration = self.began.elapsed();
        if let Some(deed) = self.deed.take() {
            self.engine
                .shared
                .audit
                .note(&self.caller, deed, result, message, took);
        }
    }
}

impl Drop for Noting {
    fn drop(&mut self) {
        self.note(AuditResult::Failed, "Who asked left before the end.");
    }
}

/// What is noted of an operation; nothing of those that only look.
pub(super) fn deed(request: &Request) -> Option<Deed> {
    match request {
        Request::Control { node, control, .. } => Some(Deed::new("control", node).with(control)),
        Request::RetryPlugin { path } => Some(Deed::new("plugin retry", path)),
        Request::CancelOperation { id } => Some(Deed::new("cancel operation", id)),
        Request::PluginOrder { order, .. } => Some(ordered(order)),
        // Which keys, and not what to: a config may hold secrets.
        Request::ConfigSet { scope, change } => {
            let mut keys: Vec<&str> = change.set.keys().map(String::as_str).collect();
            keys.extend(change.unset.iter().map(String::as_str));
            let what = if change.replace {
                "config replace"
            } else {
                "config set"
            };
            Some(Deed::new(what, scope.to_string()).with(keys.join(" ")))
        }
        // Not what in: a manifest may hold what is nobody else's business.
        Request::TaskCreate { .. } => Some(Deed::new("task create", "task")),
        Request::TaskUpdate { task, .. } => Some(Deed::new("task change", format!("task:{task}"))),
        Request::TaskOrder { task, order } => {
            let what = match order {
                TaskOrder::Start => "task start",
                TaskOrder::Stop => "task stop",
                TaskOrder::Enable => "task enable",
                TaskOrder::Run => "task run",
                TaskOrder::Remove => "task remove",
            };
            Some(Deed::new(what, format!("task:{task}")))
        }
        _ => None,
    }
}

/// The subject is that of the events.
fn ordered(order: &PluginOrder) -> Deed {
    let of = |what: &str, plugin: &str| Deed::new(format!("plugin {what}"), format!("plugin:{plugin}"));
    match order {
        // Not with what: a config may hold secrets.
        PluginOrder::Install { source, .. } | PluginOrder::Load { source, .. } => installed(source),
        PluginOrder::Upgrade { plugin, .. } => of("upgrade", plugin),
        PluginOrder::Rollback { plugin, version } => {
            of("rollback", plugin).with(version.clone().unwrap_or_default())
        }
        PluginOrder::Remove { plugin, .. } => of("remove", plugin),
        PluginOrder::Start { plugin } => of("start", plugin),
        PluginOrder::Stop { plugin } => of("stop", plugin),
        PluginOrder::Restart { plugin } => of("restart", plugin),
        PluginOrder::Enable { plugin } => of("enable", plugin),
        PluginOrder::Disable { plugin } => of("disable", plugin),
        // Not what to: a config may hold secrets.
        PluginOrder::Configure { plugin, .. } => of("configure", plugin),
        PluginOrder::Reconfigure { plugin } => of("reconfigure", plugin),
        PluginOrder::Dismiss { plugin } => of("dismiss", plugin),
    }
}

/// Which plugin it is shows when the package is read: the operation tells.
fn installed(source: &PackageSource) -> Deed {
    let subject = match source {
        PackageSource::File { path, .. } => path.clone(),
        PackageSource::Url { url, .. } => bare(url),
        PackageSource::Index { plugin, .. } => format!("plugin:{plugin}"),
        PackageSource::Upload { upload, .. } => format!("upload {upload}"),
    };
    let deed = Deed::new("plugin install", subject);
    match source {
        PackageSource::Index { index, version, .. } => {
            let version = version.as_deref().unwrap_or("the newest");
            deed.with(format!("{version} of {}", bare(index)))
        }
        _ => deed,
    }
}

/// An address without what may be secret: user, password and query.
fn bare(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_noted_without_their_secrets() {
        let check = |url: &str, want: &str| assert_eq!(bare(url), want);
        check("https://me:pass@host:1/p@x?token=1#a", "https://host:1/p@x");
        check("https://host", "https://host");
        check("/a/b", "/a/b");
    }
}
