//! Pressing a control.

use std::collections::BTreeMap;

use orrery_history::NewEvent;
use orrery_model::SmolStr;
use orrery_model::window::SourceId;
use orrery_plugins::ControlError;
use tokio::time::{Instant, timeout};

use super::named;
use crate::api::{ApiError, Caller, Code, ControlOutcome};
use crate::clock;
use crate::engine::Engine;
use crate::limits::{CONTROL_ARGS_MAX, SHORTCUT_SEEN};
use crate::links::LinkError;

/// A control pressed on a node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ControlRequest {
    /// Node id.
    pub node: String,
    /// Outside name, such as `iowait~switchToIdle`.
    pub control: String,
    /// Arguments passed on.
    pub args: BTreeMap<String, String>,
    /// Run it though it is not active on the node.
    pub force: bool,
}

impl Engine {
    /// Runs a control and records who ran it and what became of it, save for a terminal's resizing. Who asks next
    /// finds the report that comes with the answer, as with Scope.
    ///
    /// # Errors
    /// [`Code::NotFound`] for a node or control that does not exist, [`Code::Conflict`] for a control that is
    /// not active on the node, [`Code::Refused`] with the plugin's own words, [`Code::Timeout`],
    /// [`Code::Unavailable`] when the plugin cannot be reached.
    pub async fn control(
        &self,
        caller: &Caller,
        request: ControlRequest,
    ) -> Result<ControlOutcome, ApiError> {
        named("node id", &request.node)?;
        named("control", &request.control)?;
        if request.args.len() > CONTROL_ARGS_MAX {
            let message = format!("A control takes at most {CONTROL_ARGS_MAX} arguments.");
            return Err(ApiError::new(Code::LimitExceeded, message));
        }
        let (human, route) = self.route(&request)?;
        let mut shortcuts = self.shortcuts();
        let started = Instant::now();
        let result = self.run(&request, &route).await;
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        if result.as_ref().is_ok_and(|outcome| outcome.shortcut) {
            // It is taken in even if that takes longer.
            let _seen = timeout(SHORTCUT_SEEN, shortcuts.changed()).await;
        }
        if self.resizes_terminal(&request) {
            return result.map(|outcome| ControlOutcome { took_ms, ..outcome });
        }
        let text = match &result {
            Ok(_) => format!("{human}: done in {took_ms} ms"),
            Err(error) => format!("{human}: {}", error.message),
        };
        self.shared.record(NewEvent {
            at_ms: clock::now_ms(),
            kind: SmolStr::new_static(if result.is_ok() { "control" } else { "failed" }),
            subject: SmolStr::new(&request.node),
            label: SmolStr::from(self.label_of(&request.node)),
            text,
            user: SmolStr::new(&caller.user),
        });
        result.map(|outcome| ControlOutcome { took_ms, ..outcome })
    }

    /// Whether a press is a terminal's own, which its window makes whenever its size changes: that is no news.
    fn resizes_terminal(&self, request: &ControlRequest) -> bool {
        let pipe = request.args.get("pipeID");
        pipe.is_some_and(|pipe| self.shared.pipes.open(pipe))
    }

    /// The control's label and who runs it, if it is declared and (unless forced) active on the node.
    fn route(&self, request: &ControlRequest) -> Result<(String, Route), ApiError> {
        let published = self.published();
        let holders: Vec<_> = published
            .report
            .topologies
            .iter()
            .filter_map(|(kind, t)| {
                t.nodes
                    .get_key_value(request.node.as_str())
                    .map(|(id, n)| (*kind, t, id, n))
            })
            .collect();
        if holders.is_empty() {
            let message = format!("The node {} is not in the current report.", request.node);
            return Err(ApiError::not_found(message));
        }
        let declared = holders
            .iter()
            .find_map(|(_, t, _, _)| t.controls.get(request.control.as_str()));
        let active = holders
            .iter()
            .any(|(_, _, _, n)| n.controls().contains(request.control.as_str()));
        let named = declared.map(|d| d.probe_id.as_str()).filter(|p| !p.is_empty());
        let holding = || {
            holders
                .iter()
                .find_map(|(_, _, _, n)| n.latest("control_probe_id"))
        };
        let probe = named.or_else(holding).filter(|p| *p != self.shared.probe_id);
        match declared {
            Some(declared) if !active && !request.force => {
                let message = format!("{} is not active on this node at present.", declared.human);
                return Err(ApiError::new(Code::Conflict, message));
            }
            // A terminal's resize control is named by its pipe alone: a remote probe knows its own, and
            // whoever insists may ask a plugin for it.
            None if !request.force && probe.is_none() => {
                // Scope's words: scripts match on them.
                return Err(ApiError::not_found(format!(
                    "Control \"{}\" not recognised",
                    request.control
                )));
            }
            _ => {}
        }
        let human = declared.map_or(request.control.as_str(), |d| d.human.as_str());
        let human = human.to_owned();
        // A plugin of a remote probe may have the id of one of ours: ours answers for nodes that it names.
        if let Some((plugin, control)) = request.control.split_once('~') {
            let source = SourceId::plugin(plugin);
            if holders
                .iter()
                .any(|(kind, _, id, _)| published.names(&source, *kind, id))
            {
                return Ok((human, Route::Plugin(plugin.to_owned(), control.to_owned())));
            }
        }
        match (probe, request.control.split_once('~')) {
            (Some(probe), _) => Ok((human, Route::Probe(probe.to_owned()))),
            (None, Some((plugin, control))) => {
                Ok((human, Route::Plugin(plugin.to_owned(), control.to_owned())))
            }
            (None, None) => {
                let message = format!("Nobody is known who runs the control \"{}\".", request.control);
                Err(ApiError::new(Code::Unavailable, message))
            }
        }
    }

    async fn run(&self, request: &ControlRequest, route: &Route) -> Result<ControlOutcome, ApiError> {
        let outcome = match route {
            Route::Plugin(plugin, control) => {
                let answer = self
                    .shared
                    .registry
                    .control(plugin, &request.node, control, &request.args)
                    .await;
                let answer = answer.map_err(|error| coded(plugin, &error))?;
                ControlOutcome {
                    value: answer.value,
                    pipe: answer.pipe,
                    raw_tty: answer.raw_tty,
                    resize_tty_control: answer.resize_tty_control.map(|c| format!("{plugin}~{c}")),
                    removed_node: answer.removed_node,
                    shortcut: answer.shortcut,
                    took_ms: 0,
                }
            }
            Route::Probe(probe) => {
                let links = &self.shared.links;
                let answer = links
                    .call(probe, &request.node, &request.control, &request.args)
                    .await
                    .map_err(|error| lost(&error))?;
                if !answer.error.is_empty() {
                    return Err(ApiError::new(Code::Refused, answer.error));
                }
                ControlOutcome {
                    value: answer.value,
                    pipe: answer.pipe,
                    raw_tty: answer.raw_tty,
                    resize_tty_control: answer.resize_tty_control,
                    removed_node: answer.removed_node,
                    shortcut: false,
                    took_ms: 0,
                }
            }
        };
        if let Some(pipe) = &outcome.pipe
            && let Err(error) = self.shared.pipes.make(pipe)
        {
            return Err(ApiError::busy(format!("No terminal: {error}.")));
        }
        Ok(outcome)
    }

    /// The node's major label where a report gives one, else its id.
    pub(crate) fn label_of(&self, id: &str) -> String {
        let published = self.published();
        let node = published.find(id).map(|(_, n)| n);
        let name = node.and_then(|n| {
            ["docker_container_name", "kubernetes_name", "name", "host_name"]
                .iter()
                .find_map(|key| n.latest(key))
        });
        name.unwrap_or(id).to_owned()
    }
}

/// Who runs a control.
enum Route {
    /// A plugin of ours, by the name it knows the control under.
    Plugin(String, String),
    /// A remote probe, which knows the control as it is.
    Probe(String),
}

fn lost(error: &LinkError) -> ApiError {
    let code = match error {
        LinkError::NotConnected(_) | LinkError::Lost(_) => Code::Unavailable,
        LinkError::Busy(_) => return ApiError::busy(error.to_string()),
        LinkError::Timeout => Code::Timeout,
    };
    ApiError::new(code, error.to_string())
}

fn coded(plugin: &str, error: &ControlError) -> ApiError {
    let code = match error {
        ControlError::UnknownPlugin(_) | ControlError::Io(_) => Code::Unavailable,
        ControlError::NotAController(_) => Code::Conflict,
        ControlError::Refused(_) | ControlError::BadAnswer(_) => Code::Refused,
        ControlError::Timeout => Code::Timeout,
    };
    tracing::debug!(plugin, %error, "control failed");
    ApiError::new(code, error.to_string())
}
