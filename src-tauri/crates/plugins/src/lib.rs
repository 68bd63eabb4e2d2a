//! Plugin sockets: finding them, calling them, checking what they say, and sending controls back.
//!
//! This crate owns one outside thing, HTTP over UNIX sockets. It merges nothing and remembers nothing.
//! Start reading at [`start`] and [`Registry`].

mod book;
mod call;
mod clock;
mod collect;
mod config;
mod control;
mod discovery;
mod event;
mod handshake;
mod id;
mod info;
pub mod limits;
pub mod once;
mod outbox;
mod pace;
mod plugin;
mod registry;
mod rewrite;
mod scan;
mod text;
mod transport;
mod watch;

pub use collect::{CollectError, Collectors};
pub use config::{Config, SCOPE_ROOT, StartError, default_roots};
pub use control::{ControlAnswer, ControlError};
pub use event::{NoteKind, PluginEvent};
pub use info::{PluginInfo, PluginState, RootInfo};
pub use registry::{Registry, start};
