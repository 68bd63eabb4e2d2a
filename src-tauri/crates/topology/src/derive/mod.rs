//! From a report to the topologies people look at.
//!
//! [`Derivation`] belongs to one snapshot. It makes each topology when it is first asked for and keeps it,
//! so that views, lists, details and searches of one snapshot share the work. The rules are Weave Scope's:
//! endpoints are joined to processes, containers, pods and hosts ([`layer`] carries connections from join to
//! join), what no probe sees becomes pseudo nodes, and filters come last ([`derived`]).

mod carry;
mod catalog;
mod changes;
mod clouds;
pub(crate) mod containers;
mod derived;
pub(crate) mod dropped;
mod edges;
mod endpoints;
pub(crate) mod everything;
mod figures;
mod heads;
pub(crate) mod hosts;
pub(crate) mod keys;
mod kinds;
pub(crate) mod kubernetes;
mod layer;
pub mod limits;
pub(crate) mod local;
mod networks;
pub(crate) mod node;
pub(crate) mod options;
mod outside;
mod processes;
mod settings;
mod snapshot;
pub(crate) mod stacks;
pub(crate) mod system;
pub(crate) mod templates;
pub(crate) mod units;

use orrery_model::{NodeId, TopologyKind};

pub use catalog::{CATALOG, TopologyEntry, TopologyKey};
pub use derived::{Derived, RenderEdge};
pub(crate) use endpoints::Endpoints;
pub use figures::EdgeFigures;
pub(crate) use figures::{bytes_per_s, figures};
pub use node::{Child, GroupKind, INTERNET_IN, INTERNET_OUT, NodeKind, PseudoKind, RenderNode};
pub use options::{Chosen, Options};
pub use settings::{ContainerFilter, FilterError, Settings};
pub(crate) use snapshot::key;
pub use snapshot::{Basis, Derivation};

use crate::query::QueryError;

/// Where nodes come from: known to whoever merges the reports.
pub trait OriginLookup: Send + Sync {
    /// Sources whose reports name a node, such as `probe:host` or `plugin:iowait`.
    fn sources(&self, kind: TopologyKind, id: &NodeId) -> Vec<String>;

    /// When a node was last seen, in milliseconds since the epoch, if no source has repeated it within its
    /// interval.
    fn stale_since_ms(&self, kind: TopologyKind, id: &NodeId) -> Option<i64>;

    /// Whether any of a node's sources is a plugin.
    fn by_plugin(&self, kind: TopologyKind, id: &NodeId) -> bool {
        self.sources(kind, id)
            .iter()
            .any(|s| s.starts_with(PLUGIN_SOURCE))
    }

    /// False where no source is a plugin.
    fn any_plugin(&self) -> bool {
        true
    }
}

/// Sources of plugins begin with this.
pub const PLUGIN_SOURCE: &str = "plugin:";

/// When nodes appeared or changed last: known to whoever sees one report after the other.
pub trait ChangeLookup: Send + Sync {
    /// Time since a node appeared or what is said of it changed, readings aside, in milliseconds. None where
    /// that is longer ago than is remembered.
    fn changed_ago_ms(&self, kind: TopologyKind, id: &NodeId) -> Option<i64>;
}

/// Why a topology cannot be derived.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeriveError {
    /// There is no topology of this name.
    #[error("there is no topology {topology}")]
    UnknownTopology {
        /// What was asked for.
        topology: String,
    },
    /// The query does not parse.
    #[error(transparent)]
    Query(#[from] QueryError),
}
