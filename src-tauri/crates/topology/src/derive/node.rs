//! Nodes of a derived topology: what they are and what they hold.

use std::sync::{Arc, LazyLock};

use orrery_model::{Node, NodeId, SmolStr, TopologyKind, id};
use smol_str::format_smolstr;

use crate::derive::keys;

/// Id of the node for clients outside every local network.
pub const INTERNET_IN: &str = "in-theinternet";
/// Id of the node for servers outside every local network.
pub const INTERNET_OUT: &str = "out-theinternet";
const SERVICE_PREFIX: &str = "service-";
const UNCONTAINED_PREFIX: &str = "pseudo:uncontained:";
const UNMANAGED_PREFIX: &str = "pseudo:unmanaged:";
const LOCAL_PREFIX: &str = "pseudo:local:";

/// What a derived node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodeKind {
    /// Something that reports name.
    Known(TopologyKind),
    /// Several of one kind that have something in common.
    Group(GroupKind),
    /// Something that no report names.
    Pseudo(PseudoKind),
}

/// What the members of a group have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupKind {
    /// Processes of one name.
    ProcessName,
    /// Processes of one name in one box of the mixed view.
    ProcessStack,
    /// Containers of one host name.
    ContainerHostname,
}

/// Kinds of nodes that no report names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PseudoKind {
    /// Clients outside.
    InternetIn,
    /// Servers outside.
    InternetOut,
    /// A well-known cloud service, by its DNS name.
    Service,
    /// Processes outside containers, per host.
    Uncontained,
    /// Containers outside pods, tasks or services, per host.
    Unmanaged,
    /// A machine of a local network that no probe runs on.
    Local,
}

impl GroupKind {
    /// What nodes of this kind carry as their kind.
    pub const fn tag(self) -> &'static str {
        match self {
            GroupKind::ProcessName => "group:process:name",
            GroupKind::ProcessStack => "group:process:unit",
            GroupKind::ContainerHostname => "group:container:docker_container_hostname",
        }
    }

    /// Kind of the members.
    pub const fn member(self) -> TopologyKind {
        match self {
            GroupKind::ProcessName | GroupKind::ProcessStack => TopologyKind::Process,
            GroupKind::ContainerHostname => TopologyKind::Container,
        }
    }
}

impl NodeKind {
    /// True for what no report names.
    pub const fn is_pseudo(self) -> bool {
        matches!(self, NodeKind::Pseudo(_))
    }

    /// Text that says which kind it is: a topology tag, `group:…` or `pseudo`.
    pub fn tag(self) -> &'static str {
        match self {
            NodeKind::Known(kind) => kind.tag(),
            NodeKind::Group(group) => group.tag(),
            NodeKind::Pseudo(_) => "pseudo",
        }
    }

    /// The report topology that describes it or its members.
    pub fn topology(self) -> Option<TopologyKind> {
        match self {
            NodeKind::Known(kind) => Some(kind),
            NodeKind::Group(group) => Some(group.member()),
            NodeKind::Pseudo(_) => None,
        }
    }
}

/// Something that a derived node stands for or contains.
#[derive(Debug, Clone)]
pub struct Child {
    /// Its kind.
    pub kind: TopologyKind,
    /// What reports say of it.
    pub node: Arc<Node>,
}

/// A node of a derived topology.
#[derive(Debug, Clone)]
pub struct RenderNode {
    /// Id, unique in its topology.
    pub id: NodeId,
    /// What it is.
    pub kind: NodeKind,
    /// What reports say of it; an empty node where nothing does.
    pub node: Arc<Node>,
    /// Everything below it, all levels, by kind and id.
    pub children: Arc<Vec<Child>>,
    /// True when it has an edge to or from another node.
    pub connected: bool,
    /// In the mixed view: left out unless everything is asked for.
    pub quiet: bool,
}

impl RenderNode {
    pub(crate) fn known(kind: TopologyKind, id: NodeId, node: Arc<Node>) -> Self {
        Self::new(NodeKind::Known(kind), id, node)
    }

    /// A node of which nothing but its id is known.
    pub(crate) fn stub(kind: NodeKind, id: NodeId) -> Self {
        let node = Arc::new(Node::new(id.clone(), kind.tag()));
        Self::new(kind, id, node)
    }

    pub(crate) fn new(kind: NodeKind, id: NodeId, node: Arc<Node>) -> Self {
        RenderNode {
            id,
            kind,
            node,
            children: nothing_below(),
            connected: false,
            quiet: false,
        }
    }

    /// Number of children of a kind.
    pub fn count(&self, kind: TopologyKind) -> usize {
        self.children.iter().filter(|c| c.kind == kind).count()
    }

    /// Id of the host it runs on, where known.
    pub fn host(&self) -> Option<NodeId> {
        match self.kind {
            NodeKind::Known(TopologyKind::Host) => Some(self.id.clone()),
            NodeKind::Pseudo(_) => None,
            _ => host_of(&self.node),
        }
    }
}

/// No children, shared by the many nodes that have none.
fn nothing_below() -> Arc<Vec<Child>> {
    static NOTHING: LazyLock<Arc<Vec<Child>>> = LazyLock::new(Arc::default);
    NOTHING.clone()
}

/// Id of the host that a reported node is on: by its own word, or by its parents.
pub(crate) fn host_of(node: &Node) -> Option<NodeId> {
    node.latest
        .get(keys::HOST_NODE_ID)
        .map(|l| l.value.clone())
        .or_else(|| {
            node.parents
                .get(TopologyKind::Host.tag())
                .and_then(|p| p.first().cloned())
        })
}

/// Ids of the hosts that a node names as its parents.
pub(crate) fn parent_hosts(node: &Node) -> impl Iterator<Item = &NodeId> {
    node.parents.get(TopologyKind::Host.tag()).into_iter().flatten()
}

/// The host's name in the id of the host that a node says it is on; empty when it says none.
pub(crate) fn host_name(node: &Node) -> SmolStr {
    let id = node.latest(keys::HOST_NODE_ID);
    id.and_then(|id| id::parse_tagged(TopologyKind::Host, id))
        .map(SmolStr::new)
        .unwrap_or_default()
}

pub(crate) fn service_id(name: &str) -> NodeId {
    format_smolstr!("{SERVICE_PREFIX}{name}")
}

pub(crate) fn uncontained_id(host: &str) -> NodeId {
    format_smolstr!("{UNCONTAINED_PREFIX}{host}")
}

pub(crate) fn unmanaged_id(host: &str) -> NodeId {
    format_smolstr!("{UNMANAGED_PREFIX}{host}")
}

pub(crate) fn local_id(address: &str) -> NodeId {
    format_smolstr!("{LOCAL_PREFIX}{address}")
}

/// True for ids of machines of the local network.
pub(crate) fn is_local(id: &str) -> bool {
    id.starts_with(LOCAL_PREFIX)
}

/// What follows the prefix in a pseudo node's id: a DNS name, a host, an address.
pub(crate) fn pseudo_subject(id: &str) -> &str {
    [SERVICE_PREFIX, UNCONTAINED_PREFIX, UNMANAGED_PREFIX, LOCAL_PREFIX]
        .iter()
        .find_map(|prefix| id.strip_prefix(prefix))
        .unwrap_or(id)
}
