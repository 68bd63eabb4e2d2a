//! A derived topology as a graph, after filters.

use petgraph::Direction;
use petgraph::stable_graph::{NodeIndex, StableDiGraph};
use petgraph::visit::{EdgeRef, IntoEdgeReferences};
use rustc_hash::FxHashMap;
use std::sync::Arc;

use orrery_model::NodeId;

use crate::derive::layer::Layer;
use crate::derive::node::{INTERNET_IN, INTERNET_OUT, RenderNode};
use crate::derive::options::Filter;
use crate::info::ViewStats;

/// An edge of a derived topology: the connections it stands for.
#[derive(Debug, Clone)]
pub struct RenderEdge {
    /// Numbers of the connections; none where a report names the edge as such.
    pub(crate) flows: Arc<Vec<u32>>,
}

/// A derived topology.
#[derive(Debug, Clone)]
pub struct Derived {
    /// Nodes and the edges between them, client to server.
    pub graph: StableDiGraph<RenderNode, RenderEdge>,
    /// Places of nodes by id.
    index: FxHashMap<NodeId, NodeIndex>,
    /// Counts.
    pub stats: ViewStats,
}

impl Derived {
    /// What the filter keeps of a layer. Edges to removed nodes go, and so do the edge from The Internet to
    /// The Internet (an artefact of imperfect tracking) and pseudo nodes that are left without an edge.
    pub(crate) fn of(layer: &Layer, filter: &Filter) -> Self {
        let mut graph = StableDiGraph::with_capacity(layer.nodes.len(), layer.edges.len());
        let mut removed = layer.filtered;
        let places: Vec<Option<NodeIndex>> = layer
            .nodes
            .iter()
            .map(|node| {
                let kept = filter.keeps(node).then(|| graph.add_node(node.clone()));
                removed += u32::from(kept.is_none());
                kept
            })
            .collect();
        for ((from, to), flows) in &layer.edges {
            if let (Some(from), Some(to)) = (places[*from as usize], places[*to as usize]) {
                graph.add_edge(from, to, RenderEdge { flows: flows.clone() });
            }
        }
        let mut index: FxHashMap<NodeId, NodeIndex> = graph
            .node_indices()
            .map(|at| (graph[at].id.clone(), at))
            .collect();
        if let (Some(inside), Some(out)) = (index.get(INTERNET_IN), index.get(INTERNET_OUT))
            && let Some(edge) = graph.find_edge(*inside, *out)
        {
            graph.remove_edge(edge);
        }
        for at in lonely_pseudo_nodes(&graph) {
            if let Some(node) = graph.remove_node(at) {
                index.remove(&node.id);
                removed += 1;
            }
        }
        let stats = ViewStats {
            node_count: graph.node_count() as u32,
            nonpseudo_node_count: graph.node_weights().filter(|n| !n.kind.is_pseudo()).count() as u32,
            edge_count: graph.edge_count() as u32,
            filtered_nodes: removed,
        };
        Derived { graph, index, stats }
    }

    /// The node with this id.
    pub fn get(&self, id: &str) -> Option<&RenderNode> {
        self.graph.node_weight(*self.index.get(id)?)
    }

    /// Nodes in ascending order of their ids.
    pub fn nodes(&self) -> Vec<&RenderNode> {
        let mut nodes: Vec<&RenderNode> = self.graph.node_weights().collect();
        nodes.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        nodes
    }

    /// Edges with the ids of their ends.
    pub(crate) fn edges(&self) -> impl Iterator<Item = (&RenderNode, &RenderNode, &RenderEdge)> {
        self.graph
            .edge_references()
            .map(|e| (&self.graph[e.source()], &self.graph[e.target()], e.weight()))
    }

    /// Neighbours of a node with the edges to (`Outgoing`) or from (`Incoming`) them.
    pub(crate) fn neighbours(&self, id: &str, direction: Direction) -> Vec<(&RenderNode, &RenderEdge)> {
        let Some(at) = self.index.get(id) else {
            return Vec::new();
        };
        let edges = self.graph.edges_directed(*at, direction);
        edges
            .map(|e| {
                let other = if direction == Direction::Outgoing {
                    e.target()
                } else {
                    e.source()
                };
                (&self.graph[other], e.weight())
            })
            .collect()
    }

    /// Ids that the node at a place has edges to, in ascending order.
    pub(crate) fn adjacency(&self, at: NodeIndex) -> Vec<NodeId> {
        let targets = self.graph.neighbors_directed(at, Direction::Outgoing);
        let mut ids: Vec<NodeId> = targets.map(|to| self.graph[to].id.clone()).collect();
        ids.sort_unstable();
        ids
    }

    /// Place of the node with this id.
    pub(crate) fn place(&self, id: &str) -> Option<NodeIndex> {
        self.index.get(id).copied()
    }
}

fn lonely_pseudo_nodes(graph: &StableDiGraph<RenderNode, RenderEdge>) -> Vec<NodeIndex> {
    let has_other = |at: NodeIndex, direction| graph.neighbors_directed(at, direction).any(|n| n != at);
    graph
        .node_indices()
        .filter(|at| graph[*at].kind.is_pseudo())
        .filter(|at| !has_other(*at, Direction::Outgoing) && !has_other(*at, Direction::Incoming))
        .collect()
}
