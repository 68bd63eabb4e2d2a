//! How a plugin is run.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units;

/// `[run]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Program to start: a path within the package. Absolute only for local plugins.
    #[schemars(length(min = 1))]
    pub entry: String,
    /// Arguments. `{socket}`, `{plugins_dir}`, `{state_dir}`, `{config_file}`, `{log_file}` and `{package_dir}` are replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// `{socket}`: Orrery chooses the path and hands it over. Or a fixed path, for plugins that choose their own.
    #[serde(default = "chosen_socket")]
    pub socket: String,
    /// How the socket reaches the plugin.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub handover: Handover,
    /// When it runs.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub activation: Activation,
    /// User that it runs as, by name or number; Orrery's own when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Environment, on top of a small fixed one. The same words in braces are replaced as in arguments.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// With `activation = "on-demand"`: how long it runs on when nobody needs it.
    #[serde(
        default = "idle_stop",
        with = "units::duration",
        skip_serializing_if = "is_idle_stop"
    )]
    #[schemars(with = "units::Time")]
    pub idle_stop: Duration,
    /// With `activation = "trigger"`: when it fires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
}

impl Run {
    /// Whether Orrery chooses the path of the socket; otherwise two processes of this plugin cannot overlap.
    #[must_use]
    pub fn chooses_socket(&self) -> bool {
        self.socket == CHOSEN_SOCKET
    }

    /// Whether the program lies outside of the package.
    #[must_use]
    pub fn entry_is_absolute(&self) -> bool {
        self.entry.starts_with('/')
    }
}

/// How the socket reaches a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Handover {
    /// As a path, on which it listens itself.
    #[default]
    Path,
    /// As an open descriptor that listens already.
    ListenFd,
    /// The plugin says where it listens with the first line of its standard output.
    Stdout,
}

/// When a plugin runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// Always.
    #[default]
    Always,
    /// While somebody needs it.
    OnDemand,
    /// When its trigger fires; it does its work and ends.
    Trigger,
    /// Started on request, then kept running.
    Manual,
}

/// `[run.trigger]`: when a one-shot fires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Trigger {
    /// At every start of Orrery.
    pub at_start: bool,
    /// Once, after it was installed.
    pub first_start: bool,
    /// Again and again.
    #[serde(with = "units::optional_duration", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<units::Time>")]
    pub every: Option<Duration>,
    /// Longest run; then it is ended and counts as failed.
    #[serde(with = "units::duration")]
    #[schemars(with = "units::Time")]
    pub timeout: Duration,
}

impl Default for Trigger {
    fn default() -> Self {
        Self {
            at_start: false,
            first_start: false,
            every: None,
            timeout: Duration::from_secs(300),
        }
    }
}

/// The socket whose path Orrery chooses.
pub(super) const CHOSEN_SOCKET: &str = "{socket}";

fn chosen_socket() -> String {
    CHOSEN_SOCKET.to_owned()
}

fn idle_stop() -> Duration {
    Duration::from_secs(60)
}

fn is_idle_stop(value: &Duration) -> bool {
    *value == idle_stop()
}
