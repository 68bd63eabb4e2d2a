//! Processes, and processes by name.

use std::sync::Arc;

use orrery_model::{Node, Report, Timestamp, TopologyKind};

use crate::derive::endpoints::Endpoints;
use crate::derive::keys;
use crate::derive::layer::{Join, Layer, Targets};
use crate::derive::local::LocalPeers;
use crate::derive::node::{GroupKind, NodeKind, RenderNode};

/// Every process, joined by the endpoints whose process is known, and by local peers where these are drawn.
pub(crate) fn processes(report: &Report, endpoints: &Endpoints, peers: Option<&LocalPeers<'_>>) -> Layer {
    let topology = report.topology(TopologyKind::Process);
    if topology.nodes.is_empty() {
        return Layer::default();
    }
    let mut join = Join::new();
    join.seed(TopologyKind::Process, topology);
    join.lift_endpoints(endpoints, |join, at| {
        let endpoint = endpoints.get(at);
        if let Some((kind, id)) = &endpoint.outside {
            return Targets::One(join.target(*kind, id.clone()));
        }
        let kind = NodeKind::Known(TopologyKind::Process);
        let process = endpoint.process().map(|id| join.target(kind, id));
        process.or_else(|| peers?.place(join, endpoint)).into()
    });
    join.finish()
}

/// One group per process name; processes without a name are left out.
pub(crate) fn by_name(processes: &Layer) -> Layer {
    let mut join = Join::new();
    join.lift(processes, |join, node| {
        if node.kind.is_pseudo() {
            return join.pass(node);
        }
        let Some(name) = node.node.latest(keys::NAME).filter(|n| !n.is_empty()) else {
            return Targets::None;
        };
        Targets::One(group(join, GroupKind::ProcessName, keys::NAME, name))
    });
    join.finish()
}

/// The group node whose id is the value its members share.
pub(crate) fn group(join: &mut Join, group: GroupKind, key: &str, value: &str) -> u32 {
    match join.at(value) {
        Some(at) => at,
        None => {
            let node = Node::new(value, group.tag()).with_latest(key, Timestamp::ZERO, value);
            join.add(RenderNode::new(
                NodeKind::Group(group),
                value.into(),
                Arc::new(node),
            ))
        }
    }
}
