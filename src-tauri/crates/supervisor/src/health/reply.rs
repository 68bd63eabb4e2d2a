//! The answer to a question for a plugin's health, as HTTP gives it.

use std::time::Duration;

use serde_json::{Value, json};

use super::{HealthAnswer, HealthWord};
use crate::calls::CallError;
use crate::view::{HealthCheck, HealthState, InstanceView};

/// The answer to a question for a plugin's health.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthReply {
    /// 200 when it is well, 404 when there is no such plugin, 503 otherwise.
    pub status: u16,
    /// `{status, info, message, details, code, messages, health, state, reason, source, checked_at}`; `info` and
    /// `message` are the same, in the spellings of two generations of clients.
    pub body: Value,
    /// When to ask again, in seconds, where it is known.
    pub retry_after_s: Option<u64>,
}

/// Where a finding comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Its own answer.
    Health,
    /// Its reports.
    Report,
    /// That it runs at all.
    Process,
}

impl Source {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Source::Health => "health",
            Source::Report => "report",
            Source::Process => "process",
        }
    }
}

/// What a check of a running plugin found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    pub(crate) source: Source,
    pub(crate) found: Result<HealthAnswer, CallError>,
    /// When, in milliseconds since the epoch.
    pub(crate) at_ms: i64,
    pub(crate) took: Duration,
}

impl Finding {
    /// A good report.
    pub(crate) fn good_report(at_ms: i64, took: Duration) -> Self {
        let well = HealthAnswer {
            word: HealthWord::Ok,
            code: 0,
            messages: Vec::new(),
            details: None,
        };
        Finding {
            source: Source::Report,
            found: Ok(well),
            at_ms,
            took,
        }
    }

    pub(crate) fn state(&self) -> HealthState {
        match &self.found {
            Ok(answer) => match answer.word {
                HealthWord::Ok => HealthState::Ok,
                HealthWord::Degraded | HealthWord::Unknown => HealthState::Degraded,
                HealthWord::Error | HealthWord::Fatal => HealthState::Failing,
            },
            Err(_) => HealthState::Failing,
        }
    }

    /// As it is kept.
    pub(crate) fn check(&self) -> HealthCheck {
        let (code, messages) = match &self.found {
            Ok(answer) => (answer.code, answer.messages.clone()),
            Err(error) => (1, vec![error.to_string()]),
        };
        HealthCheck {
            at_ms: self.at_ms,
            state: self.state(),
            code,
            messages,
            source: self.source.word().to_owned(),
            took_ms: u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl HealthReply {
    /// There is no such plugin.
    pub fn unknown_plugin() -> Self {
        HealthReply {
            status: 404,
            body: json!({ "message": "Plugin not found" }),
            retry_after_s: None,
        }
    }

    /// It does not run.
    pub(crate) fn not_running(view: &InstanceView, now_ms: i64) -> Self {
        let wait_ms = view
            .next_try_ms
            .map(|next| u64::try_from(next - now_ms).unwrap_or(0));
        HealthReply {
            status: 503,
            body: json!({
                "status": "UNKNOWN", "info": view.reason, "message": view.reason, "details": {},
                "health": HealthState::Unknown, "state": view.state, "reason": view.reason,
                "source": "process", "checked_at": now_ms,
                "last_exit": view.last_exit, "next_try": view.next_try_ms,
            }),
            retry_after_s: wait_ms.map(|ms| ms.div_ceil(1_000).max(1)),
        }
    }

    /// It runs, and this was found.
    pub(crate) fn running(view: &InstanceView, finding: &Finding) -> Self {
        let (status, reason) = match &finding.found {
            Ok(answer) => match answer.word {
                HealthWord::Ok => ("OK", String::new()),
                HealthWord::Unknown => ("UNKNOWN", String::new()),
                HealthWord::Degraded | HealthWord::Error | HealthWord::Fatal => ("ERROR", String::new()),
            },
            Err(CallError::Timeout) => ("ERROR", "Timeout".to_owned()),
            Err(CallError::Protocol(_)) => ("ERROR", "BadResponse".to_owned()),
            Err(CallError::Refused(_)) => ("ERROR", "Unreachable".to_owned()),
        };
        let check = finding.check();
        let message = check.messages.join("; ");
        let details = match &finding.found {
            Ok(HealthAnswer {
                details: Some(details),
                ..
            }) => details.clone(),
            Ok(_) | Err(_) => json!({}),
        };
        HealthReply {
            status: if status == "OK" { 200 } else { 503 },
            body: json!({
                "status": status, "info": message, "message": message, "details": details,
                "code": check.code, "messages": check.messages, "health": check.state,
                "state": view.state, "reason": reason, "source": check.source,
                "checked_at": check.at_ms, "took_ms": check.took_ms,
            }),
            retry_after_s: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::InstanceState;

    fn finding(found: Result<&str, CallError>) -> Finding {
        let found = found.map(|body| {
            HealthAnswer::read(200, body.as_bytes())
                .expect("reads")
                .expect("is one")
        });
        Finding {
            source: Source::Health,
            found,
            at_ms: 1_000,
            took: Duration::from_millis(3),
        }
    }

    #[test]
    fn only_a_plugin_that_is_well_gives_200() {
        let view = InstanceView {
            state: InstanceState::Running,
            ..InstanceView::default()
        };
        let check = |found: Result<&str, CallError>, status: u16, word: &str, reason: &str, info: &str| {
            let reply = HealthReply::running(&view, &finding(found));
            assert_eq!(reply.status, status, "{reply:?}");
            assert_eq!(reply.body["status"], word);
            assert_eq!(reply.body["reason"], reason);
            assert_eq!(reply.body["info"], info);
            assert_eq!(reply.body["message"], reply.body["info"]);
            assert_eq!(reply.body["source"], "health");
            assert_eq!(reply.body["state"], "running");
            assert_eq!(reply.body["checked_at"], 1_000);
        };
        check(Ok(r#"{"status":"OK","info":"fine"}"#), 200, "OK", "", "fine");
        check(
            Ok(r#"{"status":"ERROR","message":"no disk"}"#),
            503,
            "ERROR",
            "",
            "no disk",
        );
        check(Ok(r#"{"status":"UNKNOWN"}"#), 503, "UNKNOWN", "", "");
        check(Ok(r#"{"status":"degraded"}"#), 503, "ERROR", "", "");
        check(
            Err(CallError::Timeout),
            503,
            "ERROR",
            "Timeout",
            "no answer in time",
        );
        check(
            Err(CallError::Protocol("odd".to_owned())),
            503,
            "ERROR",
            "BadResponse",
            "odd",
        );
        check(
            Err(CallError::Refused("gone".to_owned())),
            503,
            "ERROR",
            "Unreachable",
            "nobody listens: gone",
        );
    }

    #[test]
    fn one_that_does_not_run_says_why_and_when_to_ask_again() {
        let view = InstanceView {
            state: InstanceState::Backoff,
            reason: "It exited with code 3.".to_owned(),
            next_try_ms: Some(5_500),
            ..InstanceView::default()
        };
        let reply = HealthReply::not_running(&view, 3_000);
        assert_eq!((reply.status, reply.retry_after_s), (503, Some(3)));
        assert_eq!(reply.body["status"], "UNKNOWN");
        assert_eq!(reply.body["state"], "backoff");
        assert_eq!(reply.body["info"], "It exited with code 3.");
        assert_eq!(reply.body["source"], "process");
        assert_eq!(HealthReply::not_running(&view, 9_000).retry_after_s, Some(1));
        assert_eq!(HealthReply::unknown_plugin().status, 404);
    }
}
