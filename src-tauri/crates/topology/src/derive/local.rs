//! Machines of the local network that no probe runs on.
//!
//! Scope drops them. Here they are drawn on request: then every topology that endpoints join is made once
//! more, with a node for each of them, and what is made otherwise stays as it is.

use orrery_model::{NodeId, SmolStr};
use rustc_hash::FxHashSet;

use crate::derive::catalog::TopologyKey;
use crate::derive::containers::{self, Addresses};
use crate::derive::endpoints::{Endpoint, Endpoints};
use crate::derive::layer::{Join, Layer};
use crate::derive::limits::MAX_LOCAL_PEERS;
use crate::derive::node::{NodeKind, PseudoKind, local_id};
use crate::derive::snapshot::Derivation;
use crate::derive::{clouds, hosts, kubernetes, processes};

/// Subject of the node that stands for many local peers.
pub(crate) const LOCAL_NETWORK: &str = "network";

/// Which node stands for a machine of the local network.
pub(crate) struct LocalPeers<'a> {
    /// Addresses that belong to something reported.
    claimed: &'a [&'a Addresses],
    many: bool,
}

impl<'a> LocalPeers<'a> {
    pub(crate) fn of(endpoints: &Endpoints, claimed: &'a [&'a Addresses]) -> Self {
        let mut out = LocalPeers { claimed, many: false };
        let peers: FxHashSet<&SmolStr> = (0..endpoints.len())
            .map(|at| endpoints.get(at))
            .filter(|e| out.is_peer(e))
            .map(|e| &e.address)
            .collect();
        out.many = peers.len() > MAX_LOCAL_PEERS;
        out
    }

    fn is_peer(&self, endpoint: &Endpoint) -> bool {
        endpoint.host.is_none()
            && endpoint.outside.is_none()
            && !endpoint.address.is_empty()
            && self.claimed.iter().all(|owners| owners.find(endpoint).is_none())
    }

    /// Id of the node for a peer with this address.
    pub(crate) fn id(&self, address: &str) -> NodeId {
        local_id(if self.many { LOCAL_NETWORK } else { address })
    }

    /// Place of the node for an endpoint, where it is such a machine's.
    pub(crate) fn place(&self, join: &mut Join, endpoint: &Endpoint) -> Option<u32> {
        self.is_peer(endpoint)
            .then(|| join.target(NodeKind::Pseudo(PseudoKind::Local), self.id(&endpoint.address)))
    }
}

/// A topology with machines of the local network.
pub(crate) fn layer(derivation: &Derivation, key: TopologyKey) -> Layer {
    let report = &**derivation.report();
    let endpoints = &**derivation.endpoints();
    let (of_containers, of_pods) = (Addresses::of_containers(report), Addresses::of_pods(report));
    let (none, some, all): (&[&Addresses], &[&Addresses], &[&Addresses]) =
        (&[], &[&of_containers], &[&of_containers, &of_pods]);
    let processes = |peers: &LocalPeers<'_>| processes::processes(report, endpoints, Some(peers));
    let containers = |peers: &LocalPeers<'_>| {
        let plain = containers::containers(report, endpoints, &processes(peers), Some(peers));
        containers::with_images(report, &plain)
    };
    let over_processes = LocalPeers::of(endpoints, none);
    let over_containers = LocalPeers::of(endpoints, some);
    let over_pods = LocalPeers::of(endpoints, all);
    let pods = || kubernetes::pods(report, endpoints, &containers(&over_pods), Some(&over_pods));
    match key {
        TopologyKey::Everything | TopologyKey::Weave => Layer::clone(derivation.layer(key)),
        TopologyKey::Processes => processes(&over_processes),
        TopologyKey::ProcessesByName => processes::by_name(&processes(&over_processes)),
        TopologyKey::Containers => containers(&over_containers),
        TopologyKey::ContainersByHostname => containers::by_hostname(&containers(&over_containers)),
        TopologyKey::ContainersByImage => containers::by_image(report, &containers(&over_containers)),
        TopologyKey::Pods => pods(),
        TopologyKey::KubeControllers => kubernetes::controllers(report, &pods()),
        TopologyKey::Services => kubernetes::services(report, &pods()),
        TopologyKey::EcsTasks => clouds::ecs_tasks(report, &containers(&over_containers)),
        TopologyKey::EcsServices => {
            clouds::ecs_services(report, &clouds::ecs_tasks(report, &containers(&over_containers)))
        }
        TopologyKey::SwarmServices => clouds::swarm_services(report, &containers(&over_containers)),
        TopologyKey::Hosts => hosts::hosts(
            report,
            endpoints,
            derivation.layer(TopologyKey::Processes),
            derivation.plain_containers(),
            derivation.layer(TopologyKey::ContainersByImage),
            derivation.layer(TopologyKey::Pods),
            Some(&over_processes),
        ),
    }
}
