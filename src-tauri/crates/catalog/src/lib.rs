//! The catalog: what can be measured, under which name and by whom; who wants it, and who has to run for that.
//!
//! Pure: it starts no process, speaks to no plugin, reads no clock and keeps nothing on disk. Somebody else tells it
//! what sources say of themselves and holds on to what it decides.
//!
//! Start at [`Namespace`] for names, at [`Query`] for asking, at [`Catalog`] for what there is, and at
//! [`Subscriptions`] for who wants what. A catalog and a [`View`] never change: a reader that took one has it whole.

mod catalog;
mod config;
mod describe;
mod entry;
mod group;
pub mod limits;
mod namespace;
mod query;
mod readings;
mod shelf;
mod subscriptions;
mod syntax;
pub mod view;

pub use catalog::{Catalog, Found, LookUpError};
pub use config::{ConfigError, Layer, LayerKind, Layers, Resolved, resolve};
pub use describe::{Described, describe, from_manifest, from_report};
pub use entry::{MetricEntry, MetricKey, Place, Told};
pub use group::{GroupRequest, Need, Part, PluginWant, Problem, ProblemKind, View, Want};
pub use namespace::{Element, Namespace, NamespaceError};
pub use query::{Query, QueryElement, Versions};
pub use readings::{Reading, readings};
pub use shelf::{Instance, Selected, Shelf, ShelfError, Source, Standing};
pub use subscriptions::{Changes, GroupError, Lessor, Subscriptions};
pub use syntax::SyntaxError;
