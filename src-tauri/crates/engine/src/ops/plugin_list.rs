//! Every plugin and every socket, each once: what we run joined with what answers.

use std::collections::BTreeMap;

use orrery_plugins::{PluginInfo, PluginState};
use serde_json::json;

use crate::api::{HealthAnswer, ManagedPlugin, PluginEntry};

/// Joins by id. A socket that stands in conflict is an entry of its own beside the one that holds the id.
pub(super) fn join(managed: Vec<ManagedPlugin>, sockets: Vec<PluginInfo>) -> Vec<PluginEntry> {
    let mut all: Vec<PluginEntry> = Vec::new();
    let mut by_id: BTreeMap<String, ManagedPlugin> = managed.into_iter().map(|m| (m.id.clone(), m)).collect();
    for socket in sockets {
        let holds = !matches!(socket.state, PluginState::Rejected | PluginState::Conflict);
        let ours = if holds { by_id.remove(&socket.id) } else { None };
        all.push(match ours {
            Some(managed) => ours_with(managed, Some(socket)),
            None => external(socket),
        });
    }
    all.extend(by_id.into_values().map(|m| ours_with(m, None)));
    let path = |e: &PluginEntry| e.socket.as_ref().map(|s| s.path.clone());
    all.sort_by(|a, b| (&a.id, path(a)).cmp(&(&b.id, path(b))));
    all
}

fn ours_with(managed: ManagedPlugin, socket: Option<PluginInfo>) -> PluginEntry {
    PluginEntry {
        id: managed.id.clone(),
        label: managed.label.clone(),
        description: managed.description.clone(),
        origin: word(&managed.origin),
        state: word(&managed.instance.state),
        status: socket.as_ref().map(|s| s.status.clone()).unwrap_or_default(),
        interfaces: match &socket {
            Some(socket) if !socket.interfaces.is_empty() => socket.interfaces.clone(),
            _ => managed.interfaces.clone(),
        },
        subscriptions: Vec::new(),
        managed: Some(Box::new(managed)),
        socket,
    }
}

fn external(socket: PluginInfo) -> PluginEntry {
    let state = match socket.state {
        PluginState::Connecting => "connecting",
        PluginState::Ok => "external_up",
        PluginState::Failing => "external_lost",
        PluginState::Rejected => "rejected",
        PluginState::Conflict => "conflict",
    };
    PluginEntry {
        id: socket.id.clone(),
        label: socket.label.clone(),
        description: socket.description.clone(),
        origin: "external".to_owned(),
        state: state.to_owned(),
        status: socket.status.clone(),
        interfaces: socket.interfaces.clone(),
        subscriptions: Vec::new(),
        managed: None,
        socket: Some(socket),
    }
}

/// A plain enum as it is written in JSON.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// Health of a plugin that somebody else runs, told from its reports.
pub(super) fn health_of_socket(info: &PluginInfo) -> HealthAnswer {
    let (status, state) = match info.state {
        PluginState::Ok => (200, "OK"),
        PluginState::Connecting => (503, "UNKNOWN"),
        _ => (503, "ERROR"),
    };
    let text = if status == 200 { "" } else { info.status.as_str() };
    HealthAnswer {
        status,
        body: json!({
            "status": state, "info": text, "message": text, "details": {},
            "state": external(info.clone()).state, "reason": text, "source": "report",
            "checked_at": info.last_report_ms,
        }),
        retry_after_s: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(id: &str, path: &str, state: PluginState) -> PluginInfo {
        PluginInfo {
            id: id.to_owned(),
            path: path.to_owned(),
            state,
            status: "ok".to_owned(),
            label: id.to_owned(),
            description: String::new(),
            interfaces: vec!["reporter".to_owned()],
            api_version: "1".to_owned(),
            last_report_ms: None,
            latency_us: None,
            report_bytes: None,
            report_nodes: None,
            failures: 0,
            next_attempt_ms: None,
            warnings: Vec::new(),
            conflicts_with: None,
        }
    }

    fn managed(id: &str) -> ManagedPlugin {
        let json = json!({
            "id": id, "label": id, "description": "", "origin": "managed", "activation": "always",
            "desired": "automatic", "interfaces": [], "current": null, "pending": null, "retained": [],
            "operation": null, "source": "",
            "config": {
                "structured": null, "text": null, "hash": "", "policy": [], "rejected": "", "effective": [], "wrong": [],
            },
            "instance": {
                "state": "running", "reason": "", "since_ms": 0, "pid": 7, "generation": 1, "started_ms": 0,
                "next_try_ms": null, "restarts": 0, "last_exit": null, "socket": "", "limits": [],
                "health": { "state": "ok", "checks": [], "streak": 1 }, "usage": null,
            },
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn what_we_run_and_its_socket_are_one_entry() {
        let list = join(
            vec![managed("a"), managed("b")],
            vec![
                socket("a", "/1/a.sock", PluginState::Ok),
                socket("a", "/2/a.sock", PluginState::Conflict),
                socket("c", "/1/c.sock", PluginState::Failing),
            ],
        );
        let seen: Vec<_> = list
            .iter()
            .map(|e| {
                (
                    e.id.as_str(),
                    e.origin.as_str(),
                    e.state.as_str(),
                    e.socket.is_some(),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("a", "managed", "running", true),
                ("a", "external", "conflict", true),
                ("b", "managed", "running", false),
                ("c", "external", "external_lost", true),
            ]
        );
    }

    #[test]
    fn a_socket_is_judged_by_its_reports() {
        assert_eq!(health_of_socket(&socket("a", "/a", PluginState::Ok)).status, 200);
        let lost = health_of_socket(&socket("a", "/a", PluginState::Failing));
        assert_eq!((lost.status, lost.body["source"].as_str()), (503, Some("report")));
    }
}
