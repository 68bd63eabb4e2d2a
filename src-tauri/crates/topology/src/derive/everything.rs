//! The mixed view: containers, pods and processes that are in neither, with one another's connections.
//!
//! A connection belongs to the most exact thing that is known of its end: the container of its process, or
//! the process; else the one container or pod with its address; else its host. What no probe sees is drawn
//! as in the other views, and machines of the local network get a node of their own.
//!
//! An ordinary machine runs hundreds of processes, and a picture of hundreds tells nothing. So a node is
//! *quiet*, and left out unless asked for, when none of this holds:
//!
//! * it has a connection to something else;
//! * it has controls, or a plugin reports it;
//! * it is what its unit was started for: the first process of a system service or of an application in a
//!   user's session (services that sessions run in the background stay quiet), or, where no units are
//!   known, what init started and what that started;
//! * it is a container or a pod.
//!
//! Processes of one name in one box of one host are one stack from three on. A pod whose containers are
//! known is drawn as those, and as itself only where a connection is known to no more than its address. A
//! host is a box; it is also a node where its connections belong to no known process or nothing else is
//! on it.

use orrery_model::{NodeId, Report, TopologyKind};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::derive::containers::{Addresses, container_of};
use crate::derive::endpoints::{Endpoint, Endpoints};
use crate::derive::heads::heads;
use crate::derive::keys;
use crate::derive::layer::{Join, Layer, Targets};
use crate::derive::local::LocalPeers;
use crate::derive::node::{Child, NodeKind, PseudoKind, RenderNode};
use crate::derive::stacks::Stacks;

pub(crate) fn everything(
    report: &Report,
    endpoints: &Endpoints,
    containers: &Layer,
    reported_by_plugin: impl Fn(TopologyKind, &NodeId) -> bool,
) -> Layer {
    let mut join = Join::new();
    for node in containers
        .nodes
        .iter()
        .filter(|n| n.kind == NodeKind::Known(TopologyKind::Container))
    {
        join.add(node.clone());
    }
    let placed = place_processes(&mut join, report, &reported_by_plugin);
    let by_container = Addresses::of_containers(report);
    let by_pod = Addresses::of_pods(report);
    let peers = LocalPeers::of(endpoints, &[]);
    join.lift_endpoints(endpoints, |join, at| {
        let endpoint = endpoints.get(at);
        if let Some((kind, id)) = &endpoint.outside {
            return Targets::One(join.target(*kind, id.clone()));
        }
        place_endpoint(join, report, endpoint, &placed, &by_container, &by_pod, &peers).into()
    });
    add_pods_and_hosts(&mut join, report);
    let mut layer = join.finish();
    quieten(&mut layer, report, &placed, &reported_by_plugin);
    layer
}

/// Where processes went: by process id, and which of them begin a unit.
struct Placed {
    at: FxHashMap<NodeId, u32>,
    heads: FxHashSet<u32>,
}

fn place_processes(
    join: &mut Join,
    report: &Report,
    reported_by_plugin: &impl Fn(TopologyKind, &NodeId) -> bool,
) -> Placed {
    let processes = &report.topology(TopologyKind::Process).nodes;
    let stacks = Stacks::of(report, reported_by_plugin);
    let heads = heads(report);
    let mut placed = Placed {
        at: FxHashMap::default(),
        heads: FxHashSet::default(),
    };
    for (id, node) in processes {
        let at = if let Some(container) = container_of(node) {
            join.target(NodeKind::Known(TopologyKind::Container), container)
        } else if let Some(stack) = stacks.of_process(id) {
            stack.place(join)
        } else {
            let process = RenderNode::known(TopologyKind::Process, id.clone(), node.clone());
            placed.at.insert(id.clone(), join.add(process));
            if heads.contains(id) {
                placed.heads.insert(placed.at[id]);
            }
            continue;
        };
        join.add_child(
            at,
            Child {
                kind: TopologyKind::Process,
                node: node.clone(),
            },
        );
        placed.at.insert(id.clone(), at);
        if heads.contains(id) {
            placed.heads.insert(at);
        }
    }
    placed
}

fn place_endpoint(
    join: &mut Join,
    report: &Report,
    endpoint: &Endpoint,
    placed: &Placed,
    by_container: &Addresses,
    by_pod: &Addresses,
    peers: &LocalPeers<'_>,
) -> Option<u32> {
    let process = endpoint.process();
    if let Some(at) = process.as_ref().and_then(|p| placed.at.get(p)) {
        return Some(*at);
    }
    if let Some(container) = by_container.find(endpoint) {
        return Some(join.target(NodeKind::Known(TopologyKind::Container), container.clone()));
    }
    if let Some(pod) = by_pod.find(endpoint) {
        let node = report.node(TopologyKind::Pod, pod)?;
        return Some(join.add(RenderNode::known(TopologyKind::Pod, pod.clone(), node.clone())));
    }
    if let Some(process) = process.filter(|_| !placed.at.is_empty()) {
        return Some(join.target(NodeKind::Known(TopologyKind::Process), process));
    }
    match &endpoint.host {
        // A port used again belongs to some process of the host, and it is not certain which.
        Some(_) if endpoint.ambiguous => None,
        Some(host) => Some(add_host(join, report, host)),
        None => Some(join.target(NodeKind::Pseudo(PseudoKind::Local), peers.id(&endpoint.address))),
    }
}

fn add_host(join: &mut Join, report: &Report, id: &NodeId) -> u32 {
    match report.node(TopologyKind::Host, id) {
        Some(node) => join.add(RenderNode::known(TopologyKind::Host, id.clone(), node.clone())),
        None => join.target(NodeKind::Known(TopologyKind::Host), id.clone()),
    }
}

/// Pods without known containers, and hosts.
fn add_pods_and_hosts(join: &mut Join, report: &Report) {
    let held: FxHashSet<&NodeId> = report
        .topology(TopologyKind::Container)
        .nodes
        .values()
        .filter_map(|c| c.parents.get(TopologyKind::Pod.tag()))
        .flatten()
        .collect();
    for (id, node) in &report.topology(TopologyKind::Pod).nodes {
        let gone = matches!(
            node.latest(keys::K8S_STATE),
            Some(keys::STATE_DELETED | keys::STATE_FAILED)
        );
        if !held.contains(id) && !gone {
            join.add(RenderNode::known(TopologyKind::Pod, id.clone(), node.clone()));
        }
    }
    for (id, node) in &report.topology(TopologyKind::Host).nodes {
        join.add(RenderNode::known(TopologyKind::Host, id.clone(), node.clone()));
    }
}

/// Marks what is left out unless asked for.
fn quieten(
    layer: &mut Layer,
    report: &Report,
    placed: &Placed,
    reported_by_plugin: &impl Fn(TopologyKind, &NodeId) -> bool,
) {
    let mut inhabited: FxHashSet<NodeId> = FxHashSet::default();
    for (at, node) in layer.nodes.iter_mut().enumerate() {
        let process = matches!(
            node.kind,
            NodeKind::Known(TopologyKind::Process) | NodeKind::Group(_)
        );
        let notable = node.connected
            || placed.heads.contains(&(at as u32))
            || !node.node.controls().is_empty()
            || reported_by_plugin(TopologyKind::Process, &node.id);
        node.quiet = process && !notable;
        let host = node.kind == NodeKind::Known(TopologyKind::Host);
        if !node.quiet
            && !host
            && let Some(on) = node.host()
        {
            inhabited.insert(on);
        }
    }
    for node in layer
        .nodes
        .iter_mut()
        .filter(|n| n.kind == NodeKind::Known(TopologyKind::Host))
    {
        let unknown = report.node(TopologyKind::Host, &node.id).is_none();
        node.quiet = !node.connected && (unknown || inhabited.contains(&node.id));
    }
}
