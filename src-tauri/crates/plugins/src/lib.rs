//! Plugin sockets: finding them, calling them, checking what they say, and sending controls back.
//!
//! This crate owns one outside thing, HTTP over UNIX sockets. It merges nothing and remembers nothing.

mod info;

pub use info::{PluginInfo, PluginState};
