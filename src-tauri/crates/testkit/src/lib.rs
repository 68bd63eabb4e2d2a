//! For tests: generated reports, and programmable plugins, good and hostile.

pub mod plugin;
pub mod plugin_hostile;
pub mod report_gen;

pub use plugin::{GoodPlugin, Reply, Request};
pub use plugin_hostile::{HostilePlugin, Hostility};
pub use report_gen::ReportGen;
