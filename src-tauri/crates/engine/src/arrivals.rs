//! What wakes the collector.

use orrery_model::Report;
use orrery_model::window::{Completeness, SourceId};
use orrery_plugins::PluginEvent;
use tokio::sync::oneshot;

/// Something that a source says.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// A report of a built-in probe or a remote source.
    Report {
        /// Whose.
        source: SourceId,
        /// What it says.
        report: Report,
        /// Whether what it does not name is gone.
        completeness: Completeness,
        /// Size on the wire in bytes; 0 for built-in probes.
        bytes: u64,
    },
    /// A report that was handed in, and is answered when readers see it.
    Uploaded {
        /// Whose.
        source: SourceId,
        /// What it says.
        report: Report,
        /// Size on the wire in bytes.
        bytes: u64,
        /// Dropped when it is published.
        seen: oneshot::Sender<()>,
    },
    /// From the plugin registry.
    Plugin(PluginEvent),
}
