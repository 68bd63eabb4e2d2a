//! A derived topology as a graph, after filters.

use std::sync::Arc;

use orrery_model::NodeId;
use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef as _;

use crate::derive::layer::Layer;
use crate::derive::node::{INTERNET_IN, INTERNET_OUT, RenderNode};
use crate::derive::options::Filter;
use crate::info::ViewStats;

/// An edge of a derived topology: the connections it stands for.
#[derive(Debug, Clone, Copy)]
pub struct RenderEdge<'a> {
    /// Numbers of the connections; none where a report names the edge as such.
    pub(crate) flows: &'a [u32],
}

/// A derived topology: what is left of a layer.
#[derive(Debug, Clone)]
pub struct Derived {
    layer: Arc<Layer>,
    /// Nodes by their places in the layer and the edges between them by theirs, client to server.
    graph: DiGraph<u32, u32>,
    /// Where nodes of the layer are in the graph; its end for those that are not.
    index: Vec<NodeIndex>,
    /// Counts.
    pub stats: ViewStats,
}

impl Derived {
    /// What the filter keeps of a layer. Edges to removed nodes go, and so do the edge from The Internet to
    /// The Internet (an artefact of imperfect tracking) and pseudo nodes that are left without an edge.
    pub(crate) fn of(layer: Arc<Layer>, filter: &Filter) -> Self {
        let mut kept: Vec<bool> = layer.nodes.iter().map(|node| filter.keeps(node)).collect();
        let place = |id: &str| layer.index.get(id).copied();
        let crossing = place(INTERNET_IN).zip(place(INTERNET_OUT));
        let drawn = |kept: &[bool], ends: (u32, u32)| {
            kept[ends.0 as usize] && kept[ends.1 as usize] && Some(ends) != crossing
        };
        let mut company = vec![false; layer.nodes.len()];
        for (from, to, _) in layer.edges.iter() {
            if from != to && drawn(&kept, (from, to)) {
                company[from as usize] = true;
                company[to as usize] = true;
            }
        }
        for ((node, kept), company) in layer.nodes.iter().zip(&mut kept).zip(company) {
            *kept &= company || !node.kind.is_pseudo();
        }
        let mut graph = DiGraph::with_capacity(layer.nodes.len(), layer.edges.len());
        let mut nonpseudo = 0;
        let index: Vec<NodeIndex> = (0u32..)
            .zip(&kept)
            .map(|(at, kept)| {
                if !*kept {
                    return NodeIndex::end();
                }
                nonpseudo += u32::from(!layer.nodes[at as usize].kind.is_pseudo());
                graph.add_node(at)
            })
            .collect();
        for (edge, (from, to, _)) in (0u32..).zip(layer.edges.iter()) {
            if drawn(&kept, (from, to)) {
                graph.add_edge(index[from as usize], index[to as usize], edge);
            }
        }
        let stats = ViewStats {
            node_count: graph.node_count() as u32,
            nonpseudo_node_count: nonpseudo,
            edge_count: graph.edge_count() as u32,
            filtered_nodes: layer.filtered + (layer.nodes.len() - graph.node_count()) as u32,
        };
        Derived {
            layer,
            graph,
            index,
            stats,
        }
    }

    /// The layer that it is made of.
    pub(crate) fn layer(&self) -> &Arc<Layer> {
        &self.layer
    }

    /// Places in the layer of the nodes that are shown, ascending.
    pub(crate) fn places(&self) -> impl Iterator<Item = u32> {
        self.graph.node_weights().copied()
    }

    /// The node at a place of the layer.
    pub(crate) fn at(&self, place: u32) -> &RenderNode {
        &self.layer.nodes[place as usize]
    }

    /// Place of the node with this id.
    pub(crate) fn place(&self, id: &str) -> Option<u32> {
        let place = *self.layer.index.get(id)?;
        (self.index[place as usize] != NodeIndex::end()).then_some(place)
    }

    /// The node with this id.
    pub fn get(&self, id: &str) -> Option<&RenderNode> {
        self.place(id).map(|place| self.at(place))
    }

    /// Nodes in ascending order of their ids.
    pub fn nodes(&self) -> Vec<&RenderNode> {
        let mut nodes: Vec<&RenderNode> = self.places().map(|place| self.at(place)).collect();
        nodes.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        nodes
    }

    /// Edges with the nodes at their ends, client and server.
    pub fn edges(&self) -> impl Iterator<Item = (&RenderNode, &RenderNode, RenderEdge<'_>)> {
        self.edges_by_place()
            .map(|(from, to, edge)| (self.at(from), self.at(to), edge))
    }

    /// The same with the places of the nodes.
    pub(crate) fn edges_by_place(&self) -> impl Iterator<Item = (u32, u32, RenderEdge<'_>)> {
        self.graph.edge_references().map(|edge| {
            let (from, to) = (self.graph[edge.source()], self.graph[edge.target()]);
            (from, to, self.edge(*edge.weight()))
        })
    }

    fn edge(&self, at: u32) -> RenderEdge<'_> {
        RenderEdge {
            flows: self.layer.edges.flows(at),
        }
    }

    /// Neighbours of a node with the edges to (`Outgoing`) or from (`Incoming`) them.
    pub(crate) fn neighbours(&self, id: &str, direction: Direction) -> Vec<(&RenderNode, RenderEdge<'_>)> {
        let Some(place) = self.place(id) else {
            return Vec::new();
        };
        let edges = self.graph.edges_directed(self.index[place as usize], direction);
        edges
            .map(|edge| {
                let other = if direction == Direction::Outgoing {
                    edge.target()
                } else {
                    edge.source()
                };
                (self.at(self.graph[other]), self.edge(*edge.weight()))
            })
            .collect()
    }

    /// Ids that the node at a place has edges to, in ascending order.
    pub(crate) fn adjacency(&self, place: u32) -> Vec<NodeId> {
        let targets = self
            .graph
            .neighbors_directed(self.index[place as usize], Direction::Outgoing);
        let mut ids: Vec<NodeId> = targets.map(|to| self.at(self.graph[to]).id.clone()).collect();
        ids.sort_unstable();
        ids
    }
}
