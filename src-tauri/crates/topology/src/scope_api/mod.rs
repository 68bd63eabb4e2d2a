//! The answers of Weave Scope's `GET /api/topology…`, with its field names, for clients that exist.
//!
//! The mixed view is Orrery's own and never appears here. Differences from Scope are those that its defects
//! ask for: controls of nodes that only plugins report, jobs among the parents, sets in order.

mod list;
mod node;
mod pieces;
mod rows;
mod summary;

use orrery_model::SmolStr;
use petgraph::Direction;

use crate::card::connections::neighbours;
use crate::derive::{Chosen, Derivation, Options, RenderEdge, TopologyKey};
use crate::query::QueryError;

pub use list::{OptionGroup, OptionValue, Stats, TopologyDesc};
use node::Around;
pub use node::{Cell, ChildrenGroup, Column, Connection, Connections, ControlInstance, Details, NodeAnswer};
pub use pieces::Pieces;
pub use rows::{Facts, MetricRows};
pub use summary::{Listed, MetricSample, Summary, Table, TableColumn, TableRow};

/// Answer to `GET /api/topology/T`.
#[derive(Debug, Clone, serde::Serialize, schemars::JsonSchema)]
pub struct TopologyAnswer {
    /// Nodes by id in ascending order; a map of them by id for clients.
    #[serde(serialize_with = "by_id")]
    #[schemars(with = "std::collections::BTreeMap<String, Listed>")]
    pub nodes: Vec<Listed>,
}

fn by_id<S: serde::Serializer>(nodes: &[Listed], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(nodes.iter().map(|node| (&node.summary.id, node)))
}

impl Derivation {
    /// `GET /api/topology`: top-level topologies by name, with the counts of what no filter takes away.
    pub fn scope_topologies(&self) -> Vec<TopologyDesc> {
        self.scope_topologies_with(None)
    }

    /// The same for a request with parameters: then options not named take their defaults.
    pub fn scope_topologies_with(&self, options: Option<&Options>) -> Vec<TopologyDesc> {
        list::topologies(self, chosen(options))
    }

    /// `GET /api/topology/T`; nothing when there is no such topology. Without options (a request without
    /// any parameter) no filter applies, not even a default one.
    pub fn scope_nodes(&self, topology: &str, options: Option<&Options>) -> Option<TopologyAnswer> {
        let key = scope_key(topology)?;
        let derived = self.derived(key, chosen(options));
        let shelf = self.shelf(&self.summaries, key, derived.layer(), self.summaries_epoch());
        let mut nodes: Vec<Listed> = derived
            .places()
            .map(|place| Listed {
                summary: shelf
                    .get(place, |node| Summary::of(self, node, rows::Readings::Newest))
                    .clone(),
                adjacency: derived.adjacency(place),
            })
            .collect();
        // Nearly in order: report nodes come by id, others after them.
        nodes.sort_by(|a, b| a.summary.id.cmp(&b.summary.id));
        Some(TopologyAnswer { nodes })
    }

    /// The same with the nodes alone that a query matches, and their edges among each other.
    ///
    /// # Errors
    /// When the query does not parse.
    pub fn scope_nodes_matching(
        &self,
        topology: &str,
        options: Option<&Options>,
        query: &str,
    ) -> Result<Option<TopologyAnswer>, QueryError> {
        let query = self.read_query(query)?;
        let Some(mut answer) = self.scope_nodes(topology, options) else {
            return Ok(None);
        };
        if let (false, Some(key)) = (query.is_empty(), scope_key(topology)) {
            let matching = self.matching(key, chosen(options), &query);
            answer.nodes.retain(|n| matching.contains(&n.summary.id));
            for node in &mut answer.nodes {
                node.adjacency.retain(|id| matching.contains(id));
            }
        }
        Ok(Some(answer))
    }

    /// `GET /api/topology/T/ID`; nothing when there is no such topology or node. Controls that name no
    /// probe are sent to `probe_id`.
    pub fn scope_node(
        &self,
        topology: &str,
        node_id: &str,
        options: Option<&Options>,
        probe_id: &str,
    ) -> Option<NodeAnswer> {
        let key = scope_key(topology)?;
        let shown = self.derived(key, chosen(options));
        if let Some(place) = shown.place(node_id) {
            let neighbours = |direction| neighbours(&shown, shown.at(place), direction);
            let around = Around {
                adjacency: shown.adjacency(place),
                incoming: neighbours(Direction::Incoming),
                outgoing: neighbours(Direction::Outgoing),
            };
            let node = Details::of(self, key, shown.at(place), around, probe_id);
            return Some(NodeAnswer { node });
        }
        // A node that the options hide keeps its own edges, but nothing shown has one to it but itself.
        let layer = shown.layer();
        let (place, node) = layer.get(node_id)?;
        let mut adjacency: Vec<SmolStr> = layer
            .edges
            .targets(place)
            .map(|to| layer.nodes[to as usize].id.clone())
            .collect();
        adjacency.sort_unstable();
        let neighbour = |id: &SmolStr| match *id == node.id {
            true => Some(node),
            false => shown.get(id),
        };
        let edge = |id: &SmolStr| Some((neighbour(id)?, RenderEdge { flows: &[] }));
        let around = Around {
            incoming: adjacency
                .iter()
                .filter(|id| **id == node.id)
                .filter_map(edge)
                .collect(),
            outgoing: adjacency.iter().filter_map(edge).collect(),
            adjacency: adjacency.clone(),
        };
        let node = Details::of(self, key, node, around, probe_id);
        Some(NodeAnswer { node })
    }
}

fn scope_key(topology: &str) -> Option<TopologyKey> {
    TopologyKey::parse(topology).filter(|key| *key != TopologyKey::Everything)
}

fn chosen(options: Option<&Options>) -> Chosen<'_> {
    options.map_or(Chosen::Unfiltered, Chosen::Values)
}
