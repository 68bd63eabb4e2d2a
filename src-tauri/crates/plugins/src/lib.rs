//! Plugin sockets: finding them, calling them, checking what they say, and sending controls back.
//!
//! This crate owns one outside thing, HTTP over UNIX sockets. It merges nothing and remembers nothing.
//! Start reading at [`start`] and [`Registry`].

mod config;
mod control;
mod event;
mod id;
mod info;
pub mod limits;
mod registry;
mod text;

pub use config::{Config, SCOPE_ROOT, StartError, default_roots};
pub use control::{ControlAnswer, ControlError};
pub use event::{NoteKind, PluginEvent};
pub use info::{PluginInfo, PluginState, RootInfo};
pub use registry::{Registry, start};
