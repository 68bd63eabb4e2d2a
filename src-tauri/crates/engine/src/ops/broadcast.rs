//! What all plugins are told that listen, and questions that a plugin answers as it sees fit.

use std::time::Duration;

use futures_util::future::join_all;
use orrery_supervisor::{AskError, CallError, Configured, HealthAnswer, HealthWord, SupervisorError};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::api::{ApiError, Caller, Code, ManagedPlugin, Role};
use crate::engine::Engine;
use crate::limits::{BROADCAST_NAME_CHARS, ORDER_WAIT};

/// The interface of plugins that are told.
const INTERFACE: &str = "events";

/// How one plugin took a broadcast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Told {
    /// Plugin id.
    pub plugin: String,
    /// `ok`, `skipped` or `failed`.
    pub result: &'static str,
    /// Why it was skipped or failed; empty otherwise.
    pub message: String,
}

impl Engine {
    /// Tells every plugin that we run and that names the interface `events`: `POST /events` with `event` and
    /// `details`, all at once, each within its own time. The results are in the order of ids.
    ///
    /// # Errors
    /// When the caller may not, the event's name is none, or this instance runs no plugins.
    pub async fn broadcast(
        &self,
        caller: &Caller,
        event: &str,
        details: Value,
    ) -> Result<Vec<Told>, ApiError> {
        self.allow(caller, Role::Control, true)?;
        if !is_name(event) {
            let message = format!(
                "An event's name is 1 to {BROADCAST_NAME_CHARS} letters, digits, dots, dashes and underscores."
            );
            return Err(ApiError::bad_request(message));
        }
        let plugins = self.managed_plugins()?;
        let body = json!({ "event": event, "details": details });
        Ok(join_all(plugins.iter().map(|plugin| self.tell(plugin, &body))).await)
    }

    async fn tell(&self, plugin: &ManagedPlugin, body: &Value) -> Told {
        let told = |result, message: String| Told {
            plugin: plugin.id.clone(),
            result,
            message,
        };
        if !plugin.interfaces.iter().any(|interface| interface == INTERFACE) {
            return told("skipped", "It does not ask for events.".to_owned());
        }
        let supervisor = match self.run_by_us() {
            Ok(managed) => &managed.supervisor,
            Err(error) => return told("failed", error.message),
        };
        match supervisor.tell(&plugin.id, body).await {
            Ok(Configured::Applied) => told("ok", String::new()),
            Ok(Configured::Unsupported) => told("skipped", "It has no POST /events.".to_owned()),
            Ok(Configured::Refused(why)) => told("failed", why),
            Err(AskError::Supervisor(error)) => told("skipped", error.to_string()),
            Err(error) => told("failed", error.to_string()),
        }
    }

    /// Asks a plugin a question that it defines itself, with `GET /health?about=…`.
    ///
    /// # Errors
    /// When the caller may not, the plugin does not run, or it gives no answer to such questions.
    pub async fn ask_plugin(&self, caller: &Caller, plugin: &str, about: &str) -> Result<Value, ApiError> {
        self.allow(caller, Role::View, false)?;
        let asked = self.run_by_us()?.supervisor.ask(plugin, about).await;
        asked.map(said).map_err(|error| unanswered(plugin, error))
    }

    /// Asks the same until it answers with `code`, for at most `time` and never longer than 50 s.
    ///
    /// # Errors
    /// As [`Self::ask_plugin`]; [`Code::Timeout`] with the last answer's code when it was another to the end.
    pub async fn wait_for_plugin(
        &self,
        caller: &Caller,
        plugin: &str,
        about: &str,
        code: i64,
        time: Duration,
    ) -> Result<Value, ApiError> {
        self.allow(caller, Role::View, false)?;
        let supervisor = &self.run_by_us()?.supervisor;
        let waited = supervisor.wait_for_code(plugin, about, code, time.min(ORDER_WAIT));
        waited.await.map(said).map_err(|error| unanswered(plugin, error))
    }
}

fn is_name(event: &str) -> bool {
    (1..=BROADCAST_NAME_CHARS).contains(&event.len())
        && event
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

fn said(answer: HealthAnswer) -> Value {
    let word = match answer.word {
        HealthWord::Ok => "ok",
        HealthWord::Degraded => "degraded",
        HealthWord::Error => "error",
        HealthWord::Fatal => "fatal",
        HealthWord::Unknown => "unknown",
    };
    json!({ "status": word, "code": answer.code, "messages": answer.messages, "details": answer.details })
}

fn unanswered(plugin: &str, error: AskError) -> ApiError {
    let code = match &error {
        AskError::Supervisor(SupervisorError::Unknown(_)) => Code::NotFound,
        AskError::Supervisor(_) | AskError::Call(CallError::Refused(_)) => Code::Unavailable,
        AskError::OtherCode(_) | AskError::Call(CallError::Timeout) => Code::Timeout,
        AskError::Unsupported | AskError::Call(CallError::Protocol(_)) => Code::Refused,
    };
    ApiError::new(code, format!("{plugin}: {error}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_events_name_is_a_plain_word() {
        for (name, good) in [
            ("startup", true),
            ("vm.resumed-2", true),
            ("", false),
            ("two words", false),
            ("a/b", false),
            ("é", false),
        ] {
            assert_eq!(is_name(name), good, "{name}");
        }
        assert!(!is_name(&"x".repeat(BROADCAST_NAME_CHARS + 1)));
    }
}
