//! Hosts, and Weave Net peers.

use orrery_model::{Report, TopologyKind, id};

use crate::derive::endpoints::Endpoints;
use crate::derive::keys;
use crate::derive::layer::{Join, Layer, Targets};
use crate::derive::local::LocalPeers;
use crate::derive::node::{Child, NodeKind, PseudoKind, RenderNode, parent_hosts, unmanaged_id};

/// Every host, joined by the endpoints on it, with what runs on it below: processes, containers, pods, and
/// images by name.
pub(crate) fn hosts(
    report: &Report,
    endpoints: &Endpoints,
    processes: &Layer,
    containers: &Layer,
    images: &Layer,
    pods: &Layer,
    peers: Option<&LocalPeers<'_>>,
) -> Layer {
    let kind = NodeKind::Known(TopologyKind::Host);
    let mut join = Join::new();
    join.seed(TopologyKind::Host, report.topology(TopologyKind::Host));
    for layer in [processes, containers, pods] {
        join.lift_alone(layer, |join, node| match node.kind {
            NodeKind::Known(_) => {
                let hosts = parent_hosts(&node.node);
                let places: Vec<u32> = hosts.map(|host| join.target(kind, host.clone())).collect();
                places.into()
            }
            _ => Targets::None,
        });
    }
    // Images span hosts, so they are below a host without bringing their edges.
    for image in images.nodes.iter().filter(|n| !n.kind.is_pseudo()) {
        for host in parent_hosts(&image.node) {
            let at = join.target(kind, host.clone());
            let child = Child {
                kind: TopologyKind::ContainerImage,
                node: image.node.clone(),
            };
            join.add_child(at, child);
        }
    }
    join.lift_endpoints(endpoints, |join, at| {
        let endpoint = endpoints.get(at);
        if let Some((kind, id)) = &endpoint.outside {
            return Targets::One(join.target(*kind, id.clone()));
        }
        let host = endpoint.host.clone().map(|host| join.target(kind, host));
        host.or_else(|| peers?.place(join, endpoint)).into()
    });
    join.finish()
}

/// Ids of overlay peers begin with this; those of Docker's own overlay are never drawn.
const PEER_PREFIX: char = '#';
const DOCKER_PEER_PREFIX: &str = "#docker_peer_";

/// Every Weave Net peer, with the edges reported.
pub(crate) fn weave(report: &Report) -> Layer {
    let mut join = Join::new();
    let peers = || {
        let nodes = &report.topology(TopologyKind::Overlay).nodes;
        nodes
            .iter()
            .filter(|(id, _)| id.starts_with(PEER_PREFIX) && !id.starts_with(DOCKER_PEER_PREFIX))
    };
    let mut places = rustc_hash::FxHashMap::default();
    for (id, node) in peers() {
        let at = if node.latest(keys::HOST_NODE_ID).is_some() {
            join.add(RenderNode::known(TopologyKind::Overlay, id.clone(), node.clone()))
        } else {
            let nickname = node.latest(keys::WEAVE_NICKNAME).unwrap_or_default();
            join.target(NodeKind::Pseudo(PseudoKind::Unmanaged), unmanaged_id(nickname))
        };
        places.insert(id, at);
    }
    for (id, node) in peers() {
        for to in &node.adjacency {
            if let (Some(a), Some(b)) = (places.get(id), places.get(to)) {
                join.add_edge(*a, *b);
            }
        }
    }
    join.finish()
}

/// A peer's name: its id without the mark.
pub(crate) fn peer_name(id: &str) -> &str {
    id.strip_prefix(PEER_PREFIX).unwrap_or(id)
}

/// Cluster and service of an ECS service's id; old ids have no cluster.
pub(crate) fn ecs_service_name(node_id: &str) -> &str {
    match node_id.split_once(id::DELIMITER) {
        Some((service, "<ecs_service>")) => service,
        Some((_cluster, service)) => service,
        None => node_id,
    }
}
