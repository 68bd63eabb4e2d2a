//! The data plane: what plugins serve, under which address, and the way there.
//!
//! [`object`] is what is declared, [`registry`] keeps the declared and says what became of it, `table` is the
//! immutable routing table made from it, [`proxy`] takes requests to plugins' sockets along that table, and
//! [`availability`] knows which plugins can be reached. [`DataPlane`] holds them together.
//!
//! It knows no gateway, no supervisor and no tokens: who asks is told by an [`proxy::Identity`], how plugins
//! fare by the trait [`Plugins`].

mod alarm;
pub mod availability;
pub mod dry;
mod joined;
pub mod limits;
pub mod object;
mod plane;
pub mod proxy;
pub mod registry;
mod table;
pub mod traffic;
mod wire;

pub use alarm::Alarm;
pub use availability::{Lease, PluginState, Plugins};
pub use joined::Joined;
pub use object::DataPlaneService;
pub use plane::{Config, DataPlane};
pub use proxy::{Identity, Known, Outcome, Proxy};
pub use registry::{Registry, RegistryError};
pub use wire::BoxError;
