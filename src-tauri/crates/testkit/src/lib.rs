//! For tests: programmable plugins, good and hostile.

pub mod plugin;
pub mod plugin_hostile;

pub use plugin::{GoodPlugin, Reply, Request};
pub use plugin_hostile::{HostilePlugin, Hostility};
