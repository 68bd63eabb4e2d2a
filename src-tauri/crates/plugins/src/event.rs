//! What the registry tells its consumer.

use orrery_model::{Report, SmolStr};

/// Something the engine has to take in.
#[derive(Debug, Clone, PartialEq)]
pub enum PluginEvent {
    /// A good report, with controls already under their outside names.
    Report {
        /// Id of the plugin.
        plugin: SmolStr,
        /// The report; it has exactly one plugin entry, with our status.
        report: Report,
        /// True when it replaces everything that the plugin said before; false for a shortcut report,
        /// which adds to it.
        whole: bool,
        /// Size on the wire.
        bytes: u64,
    },
    /// A plugin whose reports were handed over is no longer there.
    Gone {
        /// Id of the plugin.
        plugin: SmolStr,
    },
    /// The list of plugins or the status of one changed; ask [`crate::Registry::list`].
    Changed,
    /// Something for the record.
    Note {
        /// Id of the plugin.
        plugin: SmolStr,
        /// What kind of thing happened.
        kind: NoteKind,
        /// One sentence.
        text: String,
    },
}

/// What kind of thing happened to a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoteKind {
    /// Its first good report came.
    Started,
    /// A call failed after good ones, or the first one did.
    Failed,
    /// Its socket is no longer there.
    Gone,
    /// A call was good after failed ones.
    Recovered,
}

impl NoteKind {
    /// The kind as a word: `started`, `failed`, `gone`, `recovered`.
    pub fn as_str(self) -> &'static str {
        match self {
            NoteKind::Started => "started",
            NoteKind::Failed => "failed",
            NoteKind::Gone => "gone",
            NoteKind::Recovered => "recovered",
        }
    }
}

impl std::fmt::Display for NoteKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
