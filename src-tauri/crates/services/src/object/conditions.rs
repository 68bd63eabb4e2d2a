//! What was found about an object: `status.conditions`.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// Reasons in conditions and in error answers.
pub mod reason {
    /// Accepted: valid and in force.
    pub const VALID: &str = "Valid";
    /// Not accepted: the newest text cannot be read; the last good version stays in force.
    pub const PARSE_ERROR: &str = "ParseError";
    /// Not accepted: the newest text breaks a rule; the last good version stays in force.
    pub const INVALID: &str = "Invalid";
    /// Not accepted: an older object serves this group and version.
    pub const CONFLICT: &str = "Conflict";
    /// Available: the last probe was answered.
    pub const PASSED: &str = "Passed";
    /// Not known yet whether it is available; requests are tried.
    pub const NOT_PROBED: &str = "NotProbed";
    /// The next request starts the plugin.
    pub const ASLEEP: &str = "Asleep";
    /// Not available: no plugin of this id is known.
    pub const PLUGIN_NOT_FOUND: &str = "PluginNotFound";
    /// Not available: the plugin does not run.
    pub const PLUGIN_NOT_RUNNING: &str = "PluginNotRunning";
    /// Not available: the plugin runs but has no socket.
    pub const SOCKET_MISSING: &str = "SocketMissing";
    /// Not available: the socket belongs to somebody else.
    pub const PEER_MISMATCH: &str = "PeerMismatch";
    /// Not available: the last probe was not answered.
    pub const FAILED_PROBE: &str = "FailedProbe";
    /// Not available: the plugin ended too often.
    pub const CRASH_LOOP: &str = "CrashLoop";
    /// Not available: the plugin is being ended.
    pub const DRAINING: &str = "Draining";
}

/// `status` of an object.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// `Accepted` and `Available`, in this order.
    pub conditions: Vec<Condition>,
}

impl Status {
    /// The condition of this type.
    #[must_use]
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|c| c.kind == kind)
    }

    /// Says something. The time of transition moves only with the status word.
    pub(crate) fn set(
        &mut self,
        kind: &'static str,
        status: ConditionStatus,
        reason: &str,
        message: String,
        now: Timestamp,
    ) {
        let new = |since| Condition {
            kind,
            status,
            last_transition_time: since,
            reason: reason.to_owned(),
            message,
        };
        match self.conditions.iter_mut().find(|c| c.kind == kind) {
            Some(known) => {
                let since = if known.status == status {
                    known.last_transition_time
                } else {
                    now
                };
                *known = new(since);
            }
            None => self.conditions.push(new(now)),
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What it is about: [`Condition::ACCEPTED`] or [`Condition::AVAILABLE`].
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Since when the status is what it is.
    pub last_transition_time: Timestamp,
    /// Why, in one word of [`reason`].
    pub reason: String,
    /// Why, for people.
    pub message: String,
}

impl Condition {
    /// The object is valid and in force.
    pub const ACCEPTED: &'static str = "Accepted";
    /// Requests reach the plugin.
    pub const AVAILABLE: &'static str = "Available";
}

/// Whether something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub enum ConditionStatus {
    /// It does.
    True,
    /// It does not.
    False,
    /// Nobody has looked yet.
    Unknown,
}
