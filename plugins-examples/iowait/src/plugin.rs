//! What the plugin says and what it does when a button is pressed.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::ID;
use crate::cpu::Times;

/// Which share is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Idle,
    IoWait,
}

/// The plugin. Clones share what is shown.
#[derive(Debug, Clone)]
pub(crate) struct Plugin {
    host: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    shown: Shown,
    /// Reading that the next one is compared with.
    last: Option<Times>,
    /// Shares as of the last report that saw time pass.
    percent: Option<(f64, f64)>,
}

impl Plugin {
    /// A plugin that reports on the host of this name.
    pub(crate) fn new(host: String) -> Self {
        let state = State {
            shown: Shown::IoWait,
            last: read(),
            percent: None,
        };
        Plugin {
            host,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// The report: one node, the share that is shown, and both controls, of which one is active.
    pub(crate) fn report(&self) -> Value {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(last), Some(now)) = (state.last, read())
            && let Some(shares) = now.since(last)
        {
            state.percent = Some((shares.idle, shares.iowait));
            state.last = Some(now);
        }
        self.describe(&state)
    }

    /// Runs a control; the answer carries the new report, so that the change is on screen at once.
    pub(crate) fn control(&self, request: &Value) -> Value {
        let shown = match request.get("Control").and_then(Value::as_str) {
            Some("switchToIOWait") => Shown::IoWait,
            Some("switchToIdle") => Shown::Idle,
            other => {
                return json!({ "error": format!("there is no control {}", other.unwrap_or("without a name")) });
            }
        };
        let node = format!("{};<host>", self.host);
        if request.get("NodeID").and_then(Value::as_str) != Some(&node) {
            return json!({ "error": format!("this plugin reports on {node} alone") });
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.shown = shown;
        json!({ "shortcutReport": self.describe(&state) })
    }

    fn describe(&self, state: &State) -> Value {
        let now = Timestamp::now().to_string();
        let (id, label) = match state.shown {
            Shown::Idle => ("idle", "Idle"),
            Shown::IoWait => ("iowait", "IO Wait"),
        };
        let samples: Vec<Value> = state
            .percent
            .map(|(idle, iowait)| if state.shown == Shown::Idle { idle } else { iowait })
            .map(|value| json!({ "date": now, "value": value }))
            .into_iter()
            .collect();
        let control = |dead: bool| json!({ "timestamp": now, "value": { "dead": dead } });
        json!({
            "Host": {
                "nodes": {
                    format!("{};<host>", self.host): {
                        "metrics": { id: { "samples": samples, "min": 0, "max": 100 } },
                        "latestControls": {
                            "switchToIOWait": control(state.shown == Shown::IoWait),
                            "switchToIdle": control(state.shown == Shown::Idle),
                        },
                    },
                },
                "metric_templates": {
                    id: { "id": id, "label": label, "format": "percent", "priority": 0.1 },
                },
                "controls": {
                    "switchToIOWait": {
                        "id": "switchToIOWait", "human": "Switch to IO wait", "icon": "fa-clock-o", "rank": 1,
                    },
                    "switchToIdle": {
                        "id": "switchToIdle", "human": "Switch to idle", "icon": "fa-gears", "rank": 1,
                    },
                },
            },
            "Plugins": [{
                "id": ID,
                "label": "IO wait",
                "description": "Adds a graph of CPU IO wait or idle time to hosts",
                "interfaces": ["reporter", "controller"],
                "api_version": "1",
            }],
        })
    }
}

fn read() -> Option<Times> {
    Times::parse(&std::fs::read_to_string("/proc/stat").ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressing_the_active_control_swaps_what_is_shown_and_what_is_active() {
        let plugin = Plugin::new("h".to_owned());
        let dead = |report: &Value, control: &str| {
            report["Host"]["nodes"]["h;<host>"]["latestControls"][control]["value"]["dead"].clone()
        };
        assert_eq!(
            dead(&plugin.report(), "switchToIdle"),
            json!(false),
            "it begins with IO wait"
        );
        let answer = plugin.control(&json!({ "Control": "switchToIdle", "NodeID": "h;<host>" }));
        let report = &answer["shortcutReport"];
        assert_eq!(dead(report, "switchToIdle"), json!(true));
        assert_eq!(dead(report, "switchToIOWait"), json!(false));
        assert!(
            report["Host"]["metric_templates"]["idle"].is_object(),
            "idle time is shown"
        );
    }

    #[test]
    fn what_it_does_not_know_it_refuses_in_words() {
        let plugin = Plugin::new("h".to_owned());
        let error = |request: Value| plugin.control(&request)["error"].as_str().map(str::to_owned);
        assert!(
            error(json!({ "Control": "explode", "NodeID": "h;<host>" }))
                .unwrap()
                .contains("explode")
        );
        assert!(
            error(json!({ "Control": "switchToIdle", "NodeID": "x;<host>" }))
                .unwrap()
                .contains("h;<host>")
        );
        assert!(error(json!({})).is_some());
    }
}
