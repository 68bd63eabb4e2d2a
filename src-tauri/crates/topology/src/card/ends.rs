//! Which endpoints a node stands for: its connections begin and end there.

use orrery_model::{NodeId, Report, TopologyKind};
use rustc_hash::FxHashMap;

use crate::derive::containers::Addresses;
use crate::derive::local::LOCAL_NETWORK;
use crate::derive::node::local_id;
use crate::derive::{Endpoints, NodeKind, PseudoKind, RenderNode};

/// Whose an endpoint may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Owner {
    Reported(TopologyKind),
    Outside,
}

/// Numbers of endpoints by whom they belong to; one may belong to a process, a container and a host.
#[derive(Debug, Default)]
pub(crate) struct Ends(FxHashMap<(Owner, NodeId), Vec<u32>>);

impl Ends {
    pub(crate) fn of(report: &Report, endpoints: &Endpoints) -> Self {
        let containers = Addresses::of_containers(report);
        let pods = Addresses::of_pods(report);
        let mut out = Ends::default();
        for at in 0..endpoints.len() {
            let endpoint = endpoints.get(at);
            if let Some((_, id)) = &endpoint.outside {
                out.put(Owner::Outside, id, at);
                continue;
            }
            if endpoint.host.is_none() {
                for subject in [endpoint.address.as_str(), LOCAL_NETWORK] {
                    out.put(Owner::Outside, &local_id(subject), at);
                }
            }
            let owners = [
                (TopologyKind::Process, endpoint.process()),
                (TopologyKind::Container, containers.find(endpoint).cloned()),
                (TopologyKind::Pod, pods.find(endpoint).cloned()),
                (TopologyKind::Host, endpoint.host.clone()),
            ];
            for (kind, id) in owners {
                if let Some(id) = id {
                    out.put(Owner::Reported(kind), &id, at);
                }
            }
        }
        out
    }

    fn put(&mut self, owner: Owner, id: &NodeId, at: usize) {
        self.0.entry((owner, id.clone())).or_default().push(at as u32);
    }

    /// Endpoints of a node and of everything below it, ascending. What runs on a host is not asked: a
    /// connection of a host is one that its own probe saw.
    pub(crate) fn below(&self, node: &RenderNode) -> Vec<u32> {
        let mut out = Vec::new();
        let mut add = |owner: Owner, id: &NodeId| {
            out.extend(self.0.get(&(owner, id.clone())).into_iter().flatten());
        };
        match node.kind {
            NodeKind::Pseudo(
                PseudoKind::InternetIn | PseudoKind::InternetOut | PseudoKind::Service | PseudoKind::Local,
            ) => add(Owner::Outside, &node.id),
            NodeKind::Known(TopologyKind::Host) => add(Owner::Reported(TopologyKind::Host), &node.id),
            kind => {
                if let NodeKind::Known(kind) = kind {
                    add(Owner::Reported(kind), &node.id);
                }
                for child in node.children.iter() {
                    add(Owner::Reported(child.kind), &child.node.id);
                }
            }
        }
        out.sort_unstable();
        out.dedup();
        out
    }
}
