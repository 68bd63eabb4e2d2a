//! Controls: what a plugin answers when one is pressed.

use serde_json::Value;

/// A plugin's answer to a control.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ControlAnswer {
    /// Value that it answered with, if any.
    pub value: Option<Value>,
    /// Pipe that it opened, if it did.
    pub pipe: Option<String>,
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
