//! A node in full.

use std::sync::Arc;

use orrery_model::SmolStr;
use petgraph::Direction;
use schemars::JsonSchema;
use serde::Serialize;

use crate::card::children::{ChildColumn, groups};
use crate::card::connections::{Link, is_internet, links};
use crate::card::controls::active;
use crate::derive::kubernetes::{CONTROLLERS, is_storage};
use crate::derive::node::{host_name, unmanaged_id};
use crate::derive::system::{is_pause, is_running};
use crate::derive::{Derivation, RenderEdge, RenderNode, TopologyKey};
use crate::labels::{Style, labels};
use crate::scope_api::rows::Readings;
use crate::scope_api::summary::{Listed, Summary};

/// Answer to `GET /api/topology/T/ID`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct NodeAnswer {
    /// The node.
    pub node: Details,
}

/// A node with what is around it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Details {
    /// What lists show of it, with readings.
    #[serde(flatten)]
    pub summary: Listed,
    /// Controls active on it.
    pub controls: Vec<ControlInstance>,
    /// Children by kind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<ChildrenGroup>,
    /// Inbound and outbound connections.
    pub connections: Vec<Connections>,
}

/// A control of a node.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ControlInstance {
    /// Probe that runs it.
    pub probe_id: String,
    /// Node.
    pub node_id: String,
    /// Key.
    pub id: String,
    /// Text shown.
    pub human: String,
    /// Icon name.
    pub icon: String,
    /// Question asked first.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub confirmation: String,
    /// Order.
    pub rank: i64,
}

/// Children of one kind.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChildrenGroup {
    /// Always empty.
    pub id: String,
    /// Text shown.
    pub label: String,
    /// By id.
    pub nodes: Vec<Listed>,
    /// Topology that shows them.
    pub topology_id: String,
    /// Columns.
    pub columns: Vec<Column>,
}

/// A column of children or connections.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Column {
    /// Key.
    pub id: String,
    /// Text shown.
    pub label: String,
    /// Sorted by at first.
    pub default_sort: bool,
    /// `number`, or nothing for text.
    pub data_type: String,
}

/// Connections of one direction.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Connections {
    /// `incoming-connections` or `outgoing-connections`.
    pub id: String,
    /// Topology that shows the neighbours.
    pub topology_id: String,
    /// Text shown.
    pub label: String,
    /// Columns.
    pub columns: Vec<Column>,
    /// Rows by key.
    pub connections: Vec<Connection>,
}

/// A row of connections.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    /// Key.
    pub id: String,
    /// Neighbour.
    pub node_id: String,
    /// Text shown.
    pub label: String,
    /// Second line.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub label_minor: String,
    /// Cells.
    pub metadata: Vec<Cell>,
}

/// What a node is connected with, as far as the options show it.
pub(super) struct Around<'a> {
    /// Ids of nodes that it has edges to.
    pub(super) adjacency: Vec<SmolStr>,
    /// Nodes that have edges to it, by id.
    pub(super) incoming: Vec<(&'a RenderNode, RenderEdge<'a>)>,
    /// Nodes that it has edges to, by id.
    pub(super) outgoing: Vec<(&'a RenderNode, RenderEdge<'a>)>,
}

/// A cell of a row of connections.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Cell {
    /// Column.
    pub id: &'static str,
    /// Always empty.
    pub label: &'static str,
    /// Text shown.
    pub value: String,
}

impl Details {
    pub(super) fn of(
        derivation: &Derivation,
        key: TopologyKey,
        node: &RenderNode,
        around: Around<'_>,
        probe_id: &str,
    ) -> Self {
        let table = |links: Vec<Link<'_>>, id: &str, label: &str| Connections {
            id: id.to_owned(),
            topology_id: key.id().to_owned(),
            label: label.to_owned(),
            columns: connection_columns(node),
            connections: rows(derivation, node, links),
        };
        let incoming = links(derivation, key, node, around.incoming, Direction::Incoming);
        let outgoing = links(derivation, key, node, around.outgoing, Direction::Outgoing);
        Details {
            summary: Listed {
                summary: Arc::new(Summary::of(derivation, node, Readings::All)),
                adjacency: around.adjacency,
            },
            controls: controls(derivation, node, probe_id),
            children: children(derivation, key, node),
            connections: vec![
                table(incoming, "incoming-connections", "Inbound"),
                table(outgoing, "outgoing-connections", "Outbound"),
            ],
        }
    }
}

fn controls(derivation: &Derivation, node: &RenderNode, probe_id: &str) -> Vec<ControlInstance> {
    active(derivation.report(), node)
        .into_iter()
        .map(|a| ControlInstance {
            probe_id: if a.probe_id.is_empty() {
                probe_id.to_owned()
            } else {
                a.probe_id.to_owned()
            },
            node_id: node.id.to_string(),
            id: a.id.to_string(),
            human: a.control.human.to_string(),
            icon: a.control.icon.to_string(),
            confirmation: a.control.confirmation.to_string(),
            rank: a.control.rank,
        })
        .collect()
}

fn children(derivation: &Derivation, key: TopologyKey, node: &RenderNode) -> Vec<ChildrenGroup> {
    groups(derivation, node)
        .into_iter()
        .map(|group| {
            let nodes = group.nodes.iter().map(|n| Listed {
                summary: Arc::new(Summary::of(derivation, n, Readings::Newest)),
                adjacency: match is_storage(group.kind) && !is_joined(key, n, node) {
                    true => Vec::new(),
                    false => adjacency(derivation, key, group.topology, n),
                },
            });
            ChildrenGroup {
                id: String::new(),
                label: group.label.clone(),
                nodes: nodes.collect(),
                topology_id: group.topology.id().to_owned(),
                columns: group.columns.iter().map(|c| column(c, false)).collect(),
            }
        })
        .collect()
}

/// Whether storage is below a node as what it was joined into, with its edges. Otherwise it is below a pod or
/// other storage there, which has it as reports name it.
fn is_joined(key: TopologyKey, child: &RenderNode, parent: &RenderNode) -> bool {
    match key {
        TopologyKey::KubeControllers if parent.kind.is_pseudo() => {
            let managed = CONTROLLERS
                .iter()
                .any(|kind| child.node.parents.contains_key(kind.tag()));
            !managed && parent.id == unmanaged_id(&host_name(&child.node))
        }
        TopologyKey::KubeControllers | TopologyKey::Services => {
            let named = child.node.parents.get(parent.kind.tag());
            named.is_some_and(|ids| ids.contains(&parent.id))
        }
        _ => false,
    }
}

/// What a child has edges to in its own topology, as far as the parent's topology was made of it.
fn adjacency(
    derivation: &Derivation,
    parent: TopologyKey,
    own: TopologyKey,
    node: &RenderNode,
) -> Vec<SmolStr> {
    let layer = derivation.layer(own);
    let Some((at, _)) = layer.get(&node.id) else {
        return Vec::new();
    };
    let targets = layer.edges.targets(at).map(|to| &layer.nodes[to as usize]);
    let mut ids: Vec<SmolStr> = targets
        .filter(|to| own != TopologyKey::Containers || takes_part(parent, to))
        .map(|to| to.id.clone())
        .collect();
    ids.sort_unstable();
    ids
}

/// Whether a topology over containers is made of this one too: most are of those that run.
fn takes_part(parent: TopologyKey, container: &RenderNode) -> bool {
    let running = container.kind.is_pseudo() || is_running(&container.node);
    match parent {
        TopologyKey::Pods | TopologyKey::KubeControllers | TopologyKey::Services => {
            running && !is_pause(&container.node)
        }
        TopologyKey::EcsTasks | TopologyKey::EcsServices | TopologyKey::SwarmServices => running,
        _ => true,
    }
}

fn connection_columns(node: &RenderNode) -> Vec<Column> {
    let remote = is_internet(node).then(|| column(&("remote", "Remote", ""), false));
    let common = [
        column(&("port", "Port", "number"), false),
        column(&("count", "Count", "number"), true),
    ];
    remote.into_iter().chain(common).collect()
}

fn column((id, label, data_type): &ChildColumn, default_sort: bool) -> Column {
    Column {
        id: (*id).to_owned(),
        label: (*label).to_owned(),
        default_sort,
        data_type: (*data_type).to_owned(),
    }
}

fn rows(derivation: &Derivation, node: &RenderNode, links: Vec<Link<'_>>) -> Vec<Connection> {
    let report = &**derivation.report();
    links
        .into_iter()
        .map(|link| {
            let labels = labels(report, link.neighbour, Style::Full);
            let outside = !link.remote_address.is_empty();
            Connection {
                id: link.id(),
                node_id: link.neighbour.id.to_string(),
                label: if outside {
                    link.remote_address.clone()
                } else {
                    labels.label.to_string()
                },
                label_minor: if outside {
                    String::new()
                } else {
                    labels.minor.to_string()
                },
                metadata: cells(node, &link),
            }
        })
        .collect()
}

fn cells(node: &RenderNode, link: &Link<'_>) -> Vec<Cell> {
    let cell = |id, value| Cell { id, label: "", value };
    let remote = is_internet(node).then(|| cell("remote", link.local_address.clone()));
    let common = [
        cell("port", link.port.clone()),
        cell("count", link.count.to_string()),
    ];
    remote.into_iter().chain(common).collect()
}
