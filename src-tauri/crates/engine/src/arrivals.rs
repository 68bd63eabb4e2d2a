//! What wakes the collector.

use orrery_model::Report;
use orrery_model::window::{Completeness, SourceId};
use orrery_plugins::PluginEvent;

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
    /// From the plugin registry.
    Plugin(PluginEvent),
}
