//! A topology while it is being joined: nodes and the connections between them, by number.
//!
//! Every join maps nodes of one layer (or endpoints) to nodes of the next and carries their connections
//! over; an edge remembers which connections it stands for, so figures and tables can be made of any edge.

use std::sync::Arc;

use orrery_model::{Node, NodeId, Topology, TopologyKind};
use rustc_hash::FxHashMap;

use crate::derive::edges::{Edges, Gathered};
use crate::derive::endpoints::Endpoints;
use crate::derive::node::{Child, NodeKind, RenderNode};

/// Where a node goes in the next layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Targets {
    None,
    One(u32),
    Many(Vec<u32>),
}

impl Targets {
    fn as_slice(&self) -> &[u32] {
        match self {
            Targets::None => &[],
            Targets::One(one) => std::slice::from_ref(one),
            Targets::Many(many) => many,
        }
    }
}

impl From<Vec<u32>> for Targets {
    fn from(all: Vec<u32>) -> Self {
        match all.as_slice() {
            [] => Targets::None,
            [one] => Targets::One(*one),
            _ => Targets::Many(all),
        }
    }
}

impl From<Option<u32>> for Targets {
    fn from(one: Option<u32>) -> Self {
        one.map_or(Targets::None, Targets::One)
    }
}

/// A finished layer. What has the same shape shares its index and edges.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layer {
    pub(crate) nodes: Vec<RenderNode>,
    pub(crate) index: Arc<FxHashMap<NodeId, u32>>,
    pub(crate) edges: Arc<Edges>,
    /// Nodes that the last join dropped.
    pub(crate) filtered: u32,
}

impl Layer {
    pub(crate) fn get(&self, id: &str) -> Option<(u32, &RenderNode)> {
        let at = *self.index.get(id)?;
        Some((at, &self.nodes[at as usize]))
    }

    /// The layer without nodes that fail a test; they count as filtered.
    pub(crate) fn retain(self, keep: impl Fn(&RenderNode) -> bool) -> Layer {
        if self.nodes.iter().all(&keep) {
            return self;
        }
        let mut moved: Vec<Option<u32>> = Vec::with_capacity(self.nodes.len());
        let mut nodes = Vec::with_capacity(self.nodes.len());
        for node in self.nodes {
            let kept = keep(&node);
            moved.push(kept.then_some(nodes.len() as u32));
            if kept {
                nodes.push(node);
            }
        }
        let filtered = self.filtered + (moved.len() - nodes.len()) as u32;
        let index = (0u32..).zip(&nodes).map(|(at, node)| (node.id.clone(), at));
        Layer {
            index: Arc::new(index.collect()),
            edges: Arc::new(self.edges.renumbered(&moved)),
            nodes,
            filtered,
        }
    }

    /// The same layer where what reports say of some nodes is replaced. It may not decide the shape.
    pub(crate) fn restated(&self, said: &Restated) -> Layer {
        let mut out = self.clone();
        for node in &mut out.nodes {
            if let Some(new) = said.of(&node.node) {
                node.node = new.clone();
            }
            if node.children.iter().any(|c| said.of(&c.node).is_some()) {
                let children = node.children.iter().map(|c| Child {
                    kind: c.kind,
                    node: said.of(&c.node).unwrap_or(&c.node).clone(),
                });
                node.children = Arc::new(children.collect());
            }
        }
        out
    }
}

/// What reports say anew of nodes, by where it stood before. The report that said it before must be held for
/// as long as this is.
#[derive(Debug, Default)]
pub(crate) struct Restated(FxHashMap<usize, Arc<Node>>);

impl Restated {
    pub(crate) fn note(&mut self, old: &Arc<Node>, new: &Arc<Node>) {
        self.0.insert(Arc::as_ptr(old).addr(), new.clone());
    }

    pub(crate) fn of(&self, old: &Arc<Node>) -> Option<&Arc<Node>> {
        self.0.get(&Arc::as_ptr(old).addr())
    }
}

/// What of a node comes below where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Below {
    Both,
    Itself,
    Children,
}

/// A layer being made.
#[derive(Debug, Default)]
pub(crate) struct Join {
    nodes: Vec<RenderNode>,
    children: Vec<Vec<Child>>,
    index: FxHashMap<NodeId, u32>,
    edges: Gathered,
}

impl Join {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds every node of a report topology.
    pub(crate) fn seed(&mut self, kind: TopologyKind, topology: &Topology) {
        let more = topology.nodes.len();
        self.nodes.reserve(more);
        self.children.reserve(more);
        self.index.reserve(more);
        for (id, node) in &topology.nodes {
            self.add(RenderNode::known(kind, id.clone(), node.clone()));
        }
    }

    /// Adds a node unless its id is there, and says where it is.
    pub(crate) fn add(&mut self, node: RenderNode) -> u32 {
        if let Some(at) = self.index.get(&node.id) {
            return *at;
        }
        let at = self.nodes.len() as u32;
        self.index.insert(node.id.clone(), at);
        self.nodes.push(node);
        self.children.push(Vec::new());
        at
    }

    /// The node with this id, made without any facts when it is not there.
    pub(crate) fn target(&mut self, kind: NodeKind, id: NodeId) -> u32 {
        match self.index.get(&id) {
            Some(at) => *at,
            None => self.add(RenderNode::stub(kind, id)),
        }
    }

    /// What is known of the node at a place.
    pub(crate) fn node(&self, at: u32) -> &Arc<orrery_model::Node> {
        &self.nodes[at as usize].node
    }

    pub(crate) fn at(&self, id: &str) -> Option<u32> {
        self.index.get(id).copied()
    }

    pub(crate) fn add_child(&mut self, at: u32, child: Child) {
        self.children[at as usize].push(child);
    }

    pub(crate) fn add_edge(&mut self, from: u32, to: u32) {
        self.edges.flows(from, to, &[]);
    }

    /// A pseudo node taken over as it is, with everything below it.
    pub(crate) fn pass(&mut self, node: &RenderNode) -> Targets {
        Targets::One(self.target(node.kind, node.id.clone()))
    }

    /// Maps the nodes of a layer and carries its edges over. A node and everything below it come below
    /// where it goes.
    pub(crate) fn lift(&mut self, input: &Layer, map: impl FnMut(&mut Join, &RenderNode) -> Targets) {
        self.lift_with(input, Below::Both, map);
    }

    /// The same, but only the node itself comes below where it goes.
    pub(crate) fn lift_alone(&mut self, input: &Layer, map: impl FnMut(&mut Join, &RenderNode) -> Targets) {
        self.lift_with(input, Below::Itself, map);
    }

    /// The same for nodes that go on as others: what is below them comes below those.
    pub(crate) fn rename(&mut self, input: &Layer, map: impl FnMut(&mut Join, &RenderNode) -> Targets) {
        self.lift_with(input, Below::Children, map);
    }

    fn lift_with(
        &mut self,
        input: &Layer,
        what: Below,
        mut map: impl FnMut(&mut Join, &RenderNode) -> Targets,
    ) {
        let targets: Vec<Targets> = input
            .nodes
            .iter()
            .map(|n| self.lift_node(n, what, &mut map))
            .collect();
        for (a, b, flows) in input.edges.iter() {
            for from in targets[a as usize].as_slice() {
                for to in targets[b as usize].as_slice() {
                    self.edges.flows(*from, *to, flows);
                }
            }
        }
    }

    fn lift_node(
        &mut self,
        node: &RenderNode,
        what: Below,
        map: &mut impl FnMut(&mut Join, &RenderNode) -> Targets,
    ) -> Targets {
        let targets = map(self, node);
        for to in targets.as_slice() {
            let below = &mut self.children[*to as usize];
            if let (NodeKind::Known(kind), Below::Both | Below::Itself) = (node.kind, what) {
                below.push(Child {
                    kind,
                    node: node.node.clone(),
                });
            }
            if what != Below::Itself {
                below.extend(node.children.iter().cloned());
            }
        }
        targets
    }

    /// Maps endpoints and makes edges of their connections.
    pub(crate) fn lift_endpoints(
        &mut self,
        endpoints: &Endpoints,
        mut map: impl FnMut(&mut Join, usize) -> Targets,
    ) {
        let targets: Vec<Targets> = (0..endpoints.len()).map(|e| map(self, e)).collect();
        for (i, flow) in endpoints.flows().iter().enumerate() {
            for from in targets[flow.source as usize].as_slice() {
                for to in targets[flow.target as usize].as_slice() {
                    self.edges.flow(*from, *to, i as u32);
                }
            }
        }
    }

    /// Replaces what is known of a node.
    pub(crate) fn set_node(&mut self, at: u32, node: Arc<Node>) {
        self.nodes[at as usize].node = node;
    }

    /// The finished layer: children and connections without repetition, connected nodes marked.
    pub(crate) fn finish(self) -> Layer {
        let Join {
            mut nodes,
            children,
            index,
            edges,
        } = self;
        for (node, mut below) in nodes.iter_mut().zip(children) {
            if below.is_empty() {
                continue;
            }
            let own = (node.kind, node.id.clone());
            below.retain(|c| NodeKind::Known(c.kind) != own.0 || c.node.id != own.1);
            below.sort_by(|a, b| (a.kind, &a.node.id).cmp(&(b.kind, &b.node.id)));
            below.dedup_by(|a, b| a.kind == b.kind && a.node.id == b.node.id);
            node.children = Arc::new(below);
        }
        let edges = edges.finish();
        for (from, to, _) in edges.iter().filter(|(a, b, _)| a != b) {
            nodes[from as usize].connected = true;
            nodes[to as usize].connected = true;
        }
        Layer {
            nodes,
            index: Arc::new(index),
            edges: Arc::new(edges),
            filtered: 0,
        }
    }
}
