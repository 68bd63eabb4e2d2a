//! Controls: what a plugin answers when one is pressed.

use std::collections::BTreeMap;

use http::Method;
use orrery_model::{PluginSpec, Report};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::call::{self, CallError};
use crate::clock;
use crate::handshake;
use crate::limits;
use crate::plugin::Plugin;
use crate::rewrite::{self, Declared};
use crate::text::clean;

/// A plugin's answer to a control.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ControlAnswer {
    /// Value that it answered with, if any.
    pub value: Option<Value>,
    /// Pipe that it opened, if it did.
    pub pipe: Option<String>,
    /// True when the pipe's far end is a terminal that wants every key as it is.
    pub raw_tty: bool,
    /// Control that resizes that terminal, if there is one.
    pub resize_tty_control: Option<String>,
    /// Node that it removed, if it did.
    pub removed_node: Option<String>,
    /// True when the answer carried a report. It was handed over as [`crate::PluginEvent::Report`] before
    /// the answer was.
    pub shortcut: bool,
}

/// Why a control did not succeed. The texts are those that Weave Scope gives.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// No plugin has this id.
    #[error("no plugin has the id {0:?}")]
    UnknownPlugin(String),
    /// The plugin does not name the interface `controller`.
    #[error("plugin {0:?} takes no controls")]
    NotAController(String),
    /// The plugin answered with an error.
    #[error("{0}")]
    Refused(String),
    /// The plugin did not answer within [`crate::limits::CALL_BUDGET`]. Whether the control ran is not known.
    #[error("context deadline exceeded")]
    Timeout,
    /// The plugin could not be reached, or did not finish its answer.
    #[error("{0}")]
    Io(String),
    /// The plugin's answer was not one: another status than 200, or no JSON of the right form.
    #[error("{0}")]
    BadAnswer(String),
}

/// What a plugin gets.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Order<'a> {
    #[serde(rename = "AppID")]
    app_id: &'a str,
    #[serde(rename = "NodeID")]
    node_id: &'a str,
    control: &'a str,
    /// `null` when there are none, as Scope sends it.
    control_args: Option<&'a BTreeMap<String, String>>,
}

/// What a plugin may answer. The protocol's document and its examples spell the shortcut report differently.
#[derive(Deserialize)]
struct WireAnswer {
    value: Option<Value>,
    error: Option<String>,
    pipe: Option<String>,
    #[serde(default)]
    raw_tty: bool,
    resize_tty_control: Option<String>,
    #[serde(rename = "removedNode")]
    removed_node: Option<String>,
    #[serde(rename = "shortcutReport")]
    shortcut: Option<Box<RawValue>>,
    #[serde(rename = "ShortcutReport")]
    capital_shortcut: Option<Box<RawValue>>,
}

/// An answer with its shortcut report taken in.
struct Answered {
    answer: ControlAnswer,
    error: Option<String>,
    shortcut: Option<Result<Shortcut, CallError>>,
}

struct Shortcut {
    report: Report,
    bytes: u64,
}

/// Presses a control of a plugin and hands over the shortcut report that comes back, if one does.
pub(crate) async fn press(
    plugin: &Plugin,
    app_id: &str,
    node: &str,
    control: &str,
    args: &BTreeMap<String, String>,
) -> Result<ControlAnswer, ControlError> {
    let Some(spec) = plugin.spec().filter(handshake::is_controller) else {
        return Err(ControlError::NotAController(plugin.line.id.to_string()));
    };
    let order = Order {
        app_id,
        node_id: node,
        control,
        control_args: (!args.is_empty()).then_some(args),
    };
    let body = serde_json::to_vec(&order).map_err(|e| ControlError::BadAnswer(e.to_string()))?;
    let deadline = Instant::now() + limits::CALL_BUDGET;
    let call = async {
        // Never closed: an error here cannot happen, and waiting on would be wrong if it did.
        let _turn = plugin.controls.acquire().await.map_err(|_| CallError::Deadline)?;
        let answer = plugin
            .line
            .exchange(Method::POST, call::CONTROL, body.into())
            .await?;
        let declared = plugin.declared();
        plugin
            .line
            .off_thread(answer, move |bytes| read_answer(bytes, &spec, &declared))
            .await?
    };
    let answered = call::within(limits::CALL_BUDGET, call).await?;
    let mut answer = answered.answer;
    match answered.shortcut {
        Some(Ok(shortcut)) => {
            if let Some(handed) = plugin.hand_over_shortcut(shortcut.report, shortcut.bytes) {
                answer.shortcut = true;
                // A consumer that is slower than the budget finds the report a moment later.
                let _ = tokio::time::timeout_at(deadline, handed).await;
            }
        }
        Some(Err(fault)) => plugin.drop_shortcut(&fault),
        None => plugin.refresh(),
    }
    match answered.error {
        Some(error) => Err(ControlError::Refused(clean(&error, limits::STATUS_CHARS))),
        None => Ok(answer),
    }
}

fn read_answer(bytes: &[u8], spec: &PluginSpec, declared: &Declared) -> Result<Answered, CallError> {
    // Not `from_slice`: what follows the value is tolerated, as in reports.
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let wire = WireAnswer::deserialize(&mut json).map_err(|e| CallError::Decode(e.to_string()))?;
    let shortcut = wire.shortcut.or(wire.capital_shortcut);
    Ok(Answered {
        answer: ControlAnswer {
            value: wire.value,
            pipe: wire.pipe.filter(|p| !p.is_empty()),
            raw_tty: wire.raw_tty,
            resize_tty_control: wire.resize_tty_control.filter(|c| !c.is_empty()),
            removed_node: wire.removed_node.filter(|n| !n.is_empty()),
            shortcut: false,
        },
        error: wire.error.filter(|e| !e.is_empty()),
        shortcut: shortcut.map(|raw| take_in_shortcut(raw.get(), spec, declared)),
    })
}

/// A shortcut report is the plugin's own even when it does not say so; when it says otherwise it is dropped.
fn take_in_shortcut(json: &str, spec: &PluginSpec, declared: &Declared) -> Result<Shortcut, CallError> {
    let decoded = Report::from_json(json.as_bytes(), clock::now());
    let mut report = decoded.map_err(|e| CallError::Decode(e.to_string()))?.report;
    if !report.plugins.is_empty() {
        handshake::check(&report, &spec.id)?;
    }
    rewrite::rewrite(&mut report, spec, Some(declared));
    report.shortcut = true;
    Ok(Shortcut {
        report,
        bytes: json.len() as u64,
    })
}

impl From<CallError> for ControlError {
    fn from(error: CallError) -> Self {
        let text = clean(&error.to_string(), limits::STATUS_CHARS);
        match error {
            CallError::Deadline => ControlError::Timeout,
            CallError::Unreachable(_) | CallError::NoAnswer(_) => ControlError::Io(text),
            CallError::Status(_) | CallError::Decode(_) | CallError::Handshake(_) => {
                ControlError::BadAnswer(text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_form_of_answer_is_read() {
        let spec = PluginSpec {
            id: "p".into(),
            ..PluginSpec::default()
        };
        let check = |text: &str, want: Value| {
            let got = match read_answer(text.as_bytes(), &spec, &Declared::new()) {
                Err(e) => json!(e.to_string()),
                Ok(a) => json!({
                    "value": a.answer.value,
                    "pipe": a.answer.pipe,
                    "removed": a.answer.removed_node,
                    "error": a.error,
                    "shortcut": a.shortcut.map(|s| match s {
                        Ok(shortcut) => shortcut.report.plugins[0].id.to_string(),
                        Err(e) => e.to_string(),
                    }),
                }),
            };
            let mut whole =
                json!({"value": null, "pipe": null, "removed": null, "error": null, "shortcut": null});
            match want {
                Value::Object(fields) => {
                    for (key, value) in fields {
                        whole[key] = value;
                    }
                }
                error => whole = error,
            }
            assert_eq!(got, whole, "{text}");
        };
        check("{}", json!({}));
        check(r#"{"value": [1], "unknown": {}}"#, json!({"value": [1]}));
        check(
            r#"{"value": null, "error": "", "pipe": "", "removedNode": ""} tail"#,
            json!({}),
        );
        check(r#"{"error": "no"}"#, json!({"error": "no"}));
        check(
            r#"{"pipe": "pipe-1", "removedNode": "n"}"#,
            json!({"pipe": "pipe-1", "removed": "n"}),
        );
        check(r#"{"shortcutReport": {}}"#, json!({"shortcut": "p"}));
        check(r#"{"ShortcutReport": {"Plugins": []}}"#, json!({"shortcut": "p"}));
        check(r#"{"shortcutReport": null, "ShortcutReport": null}"#, json!({}));
        check(
            r#"{"ShortcutReport": {"Plugins": [{"id": "q"}]}}"#,
            json!({"shortcut": "plugin must not change its id (is \"q\", should be \"p\")"}),
        );
        check(
            "",
            json!("decoding error: EOF while parsing a value at line 1 column 0"),
        );
        check(
            "[1",
            json!("decoding error: EOF while parsing a list at line 1 column 2"),
        );
    }
}
