//! Scope's rules once more, written down as plainly as they read: slow, without anything shared or carried
//! along, and by nobody who had the other form in mind. Random reports must give the same answers by both.
//!
//! A topology is made as Scope made it: nodes are joined into others, and keep all that went into them below.

mod containers;
mod details;
mod kubernetes;
mod labels;
mod options;
mod processes;
mod summary;

use std::collections::{BTreeMap, BTreeSet};

use orrery_model::{Node as Said, Report, TopologyKind, id};
use serde_json::{Value, json};

pub(crate) use options::shown;

pub(crate) const PSEUDO: &str = "pseudo";

/// A node of a topology.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) id: String,
    /// Tag of its kind, `group:…` or `pseudo`.
    pub(crate) topology: String,
    pub(crate) said: Said,
    pub(crate) adjacency: BTreeSet<String>,
    /// By kind and id.
    pub(crate) children: BTreeMap<(String, String), Node>,
}

impl Node {
    fn new(topology: &str, id: &str) -> Node {
        Node {
            id: id.to_owned(),
            topology: topology.to_owned(),
            said: Said::new(id, ""),
            adjacency: BTreeSet::new(),
            children: BTreeMap::new(),
        }
    }

    fn fact(&self, key: &str) -> Option<&str> {
        self.said.latest(key)
    }

    /// A fact; empty where there is none.
    fn word(&self, key: &str) -> &str {
        self.fact(key).unwrap_or_default()
    }

    fn is_pseudo(&self) -> bool {
        self.topology == PSEUDO
    }

    fn parents(&self, tag: &str) -> Vec<String> {
        let ids = self.said.parents.get(tag).into_iter().flatten();
        ids.map(ToString::to_string).collect()
    }

    fn children_of(&self, tag: &str) -> impl Iterator<Item = &Node> {
        self.children.values().filter(move |child| child.topology == tag)
    }

    fn count(&self, tag: &str) -> usize {
        self.children_of(tag).count()
    }

    fn merge(&mut self, other: &Node) {
        let mut said = other.said.clone();
        said.id = self.said.id.clone();
        self.said.merge(&said);
        self.adjacency.extend(other.adjacency.iter().cloned());
        for (key, child) in &other.children {
            self.children.entry(key.clone()).or_insert_with(|| child.clone());
        }
    }
}

/// Nodes by id, and how many the last step left out.
#[derive(Clone, Default, Debug)]
pub(crate) struct Nodes {
    pub(crate) all: BTreeMap<String, Node>,
    pub(crate) filtered: usize,
}

impl Nodes {
    /// What reports say of a kind. Edges are reported of endpoints and of overlay peers alone.
    fn select(report: &Report, kind: TopologyKind) -> Nodes {
        let edges = [TopologyKind::Endpoint, TopologyKind::Overlay].contains(&kind);
        let nodes = report.topology(kind).nodes.iter().map(|(id, said)| {
            let mut node = Node::new(kind.tag(), id);
            node.said = Said::clone(said);
            if edges {
                node.adjacency = said.adjacency.iter().map(ToString::to_string).collect();
            }
            (node.id.clone(), node)
        });
        Nodes {
            all: nodes.collect(),
            filtered: 0,
        }
    }

    fn merge(mut self, other: Nodes) -> Nodes {
        for (id, node) in other.all {
            match self.all.get_mut(&id) {
                Some(held) => held.merge(&node),
                None => {
                    self.all.insert(id, node);
                }
            }
        }
        self.filtered += other.filtered;
        self
    }

    /// Without nodes that fail a test, and without the edges to them.
    fn retain(mut self, keep: impl Fn(&Node) -> bool) -> Nodes {
        let before = self.all.len();
        self.all.retain(|_, node| keep(node));
        self.filtered += before - self.all.len();
        self.cut();
        self
    }

    fn cut(&mut self) {
        let ids: BTreeSet<String> = self.all.keys().cloned().collect();
        for node in self.all.values_mut() {
            node.adjacency.retain(|to| ids.contains(to));
        }
    }

    /// Ids of nodes with an edge to or from another.
    fn connected(&self) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        for (id, node) in &self.all {
            for to in node.adjacency.iter().filter(|to| *to != id) {
                out.extend([id.clone(), to.clone()]);
            }
        }
        out
    }
}

/// Nodes while others are joined into them.
#[derive(Default)]
struct Join {
    nodes: BTreeMap<String, Node>,
    /// Where each went.
    went: BTreeMap<String, Vec<String>>,
}

impl Join {
    fn into_what_is_reported(report: &Report, kinds: &[TopologyKind]) -> Join {
        let mut out = Join::default();
        for kind in kinds {
            for (id, node) in Nodes::select(report, *kind).all {
                out.nodes.insert(
                    id,
                    Node {
                        adjacency: BTreeSet::new(),
                        ..node
                    },
                );
            }
        }
        out
    }

    fn at(&mut self, topology: &str, id: &str) -> &mut Node {
        let made = || Node::new(topology, id);
        self.nodes.entry(id.to_owned()).or_insert_with(made)
    }

    /// A node comes below another, which need not be there yet. Pseudo nodes are nobody's.
    fn put_below(&mut self, node: &Node, topology: &str, id: &str) {
        let below = &mut self.at(topology, id).children;
        if !node.is_pseudo() {
            below.insert((node.topology.clone(), node.id.clone()), node.clone());
        }
    }

    /// The same, and its edges go along.
    fn add(&mut self, node: &Node, topology: &str, id: &str) {
        self.put_below(node, topology, id);
        self.went.entry(node.id.clone()).or_default().push(id.to_owned());
    }

    /// The same with all that is below it.
    fn add_deep(&mut self, node: &Node, topology: &str, id: &str) {
        self.add(node, topology, id);
        let below = &mut self.at(topology, id).children;
        for (key, child) in &node.children {
            below.entry(key.clone()).or_insert_with(|| child.clone());
        }
    }

    /// A node stays what it is.
    fn pass(&mut self, node: &Node) {
        let bare = Node {
            adjacency: BTreeSet::new(),
            ..node.clone()
        };
        match self.nodes.get_mut(&node.id) {
            Some(held) => held.merge(&bare),
            None => {
                self.nodes.insert(node.id.clone(), bare);
            }
        }
        self.went
            .entry(node.id.clone())
            .or_default()
            .push(node.id.clone());
    }

    /// With the edges of what was joined.
    fn done(mut self, of: &Nodes) -> Nodes {
        for (id, node) in &of.all {
            for from in self.went.get(id).into_iter().flatten() {
                let to = node.adjacency.iter().filter_map(|to| self.went.get(to)).flatten();
                if let Some(joined) = self.nodes.get_mut(from) {
                    joined.adjacency.extend(to.cloned());
                }
            }
        }
        Nodes {
            all: self.nodes,
            filtered: 0,
        }
    }
}

/// The name in a tagged id; empty where it is of another kind.
fn bare(kind: TopologyKind, id: &str) -> &str {
    id::parse_tagged(kind, id).unwrap_or_default()
}

/// Host that a node says it is on.
fn host_of(node: &Node) -> &str {
    bare(TopologyKind::Host, node.word("host_node_id"))
}

/// A topology before options.
pub(crate) fn topology(report: &Report, name: &str) -> Nodes {
    match name {
        "processes" => processes::processes(report),
        "processes-by-name" => processes::by_name(report),
        "containers" => containers::with_images(report),
        "containers-by-hostname" => containers::by_hostname(report),
        "containers-by-image" => containers::by_image(report),
        "pods" => kubernetes::pods(report),
        "services" => kubernetes::services(report),
        "kube-controllers" => kubernetes::controllers(report),
        "ecs-tasks" => containers::ecs_tasks(report),
        "ecs-services" => containers::ecs_services(report),
        "swarm-services" => containers::swarm_services(report),
        "hosts" => processes::hosts(report),
        "weave" => processes::weave(report),
        _ => Nodes::default(),
    }
}

pub(crate) const TOPOLOGIES: [&str; 13] = [
    "processes",
    "processes-by-name",
    "containers",
    "containers-by-hostname",
    "containers-by-image",
    "pods",
    "kube-controllers",
    "services",
    "ecs-tasks",
    "ecs-services",
    "swarm-services",
    "hosts",
    "weave",
];

/// What was chosen: pairs of options and values, or nothing at all.
pub(crate) type Chosen<'a> = Option<&'a [(&'a str, &'a str)]>;

/// `GET /api/topology/T`.
pub(crate) fn answer(report: &Report, shown: &Nodes) -> Value {
    let nodes = shown.all.iter().map(|(id, node)| {
        let mut summary = summary::summary(report, node, false);
        summary::with_adjacency(&mut summary, &node.adjacency);
        (id.clone(), summary)
    });
    json!({ "nodes": nodes.collect::<serde_json::Map<_, _>>() })
}

/// Counts as the list of topologies has them.
pub(crate) fn stats(shown: &Nodes) -> Value {
    json!({
        "node_count": shown.all.len(),
        "nonpseudo_node_count": shown.all.values().filter(|n| !n.is_pseudo()).count(),
        "edge_count": shown.all.values().map(|n| n.adjacency.len()).sum::<usize>(),
        "filtered_nodes": shown.filtered,
    })
}

/// `GET /api/topology/T/ID`. A node that the options leave out is put back among what they show.
pub(crate) fn node(report: &Report, name: &str, shown: &Nodes, unfiltered: &Node) -> Value {
    let mut around = shown.all.clone();
    let node = around
        .entry(unfiltered.id.clone())
        .or_insert_with(|| unfiltered.clone())
        .clone();
    json!({ "node": details::details(report, name, &around, &node) })
}
