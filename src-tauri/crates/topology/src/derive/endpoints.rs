//! Endpoints and the connections between them, read once per report.

use std::sync::Arc;

use orrery_model::{Node, NodeId, Report, SmolStr, TopologyKind, id};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::derive::keys;
use crate::derive::layer::Restated;
use crate::derive::networks::Networks;
use crate::derive::node::{INTERNET_IN, INTERNET_OUT, NodeKind, PseudoKind, service_id};
use crate::derive::outside;

/// One side of connections.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) scope: SmolStr,
    pub(crate) address: SmolStr,
    pub(crate) port: SmolStr,
    /// Id of the host it is on, where a probe on that host said so.
    pub(crate) host: Option<NodeId>,
    pub(crate) pid: Option<SmolStr>,
    /// Where it is drawn when it belongs to nothing that is reported.
    pub(crate) outside: Option<(NodeKind, NodeId)>,
    /// True when its port was used for more than one connection, so that its process is not certain.
    pub(crate) ambiguous: bool,
    /// The endpoint before address translation; itself where there was none, or where it is not reported.
    pub(crate) original: u32,
    /// What its connections are counted by: the endpoint before address translation, or the first of those
    /// that stand for the same one where that is not reported.
    counted_by: u32,
}

/// A reported edge between two endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) source: u32,
    pub(crate) target: u32,
}

/// All endpoints of a report. What has the same shape shares all but what is said of each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Endpoints {
    nodes: Vec<Arc<Node>>,
    /// Parallel to the nodes.
    list: Arc<Vec<Endpoint>>,
    flows: Arc<Vec<Flow>>,
}

impl Endpoints {
    pub(crate) fn of(report: &Report) -> Self {
        let nodes = &report.topology(TopologyKind::Endpoint).nodes;
        let index: FxHashMap<&str, u32> = nodes
            .keys()
            .enumerate()
            .map(|(i, id)| (id.as_str(), i as u32))
            .collect();
        let local = Networks::of(report);
        let mut flows = Vec::new();
        let mut list = Vec::with_capacity(nodes.len());
        let mut missing: FxHashMap<&str, u32> = FxHashMap::default();
        for (i, (id, node)) in nodes.iter().enumerate() {
            let own = i as u32;
            let (original, counted_by) = match node.latest(keys::COPY_OF) {
                None => (own, own),
                Some(of) => match index.get(of) {
                    Some(original) => (*original, *original),
                    None => (own, *missing.entry(of).or_insert(own)),
                },
            };
            list.push(Endpoint {
                original,
                counted_by,
                ..Endpoint::of(report, &local, id, node)
            });
            let targets = node.adjacency.iter().filter_map(|to| index.get(to.as_str()));
            flows.extend(targets.map(|to| Flow {
                source: i as u32,
                target: *to,
            }));
        }
        let nodes: Vec<Arc<Node>> = nodes.values().cloned().collect();
        mark_ambiguous(&mut list, &nodes);
        Endpoints {
            nodes,
            list: Arc::new(list),
            flows: Arc::new(flows),
        }
    }

    /// The same endpoints where what reports say of some is replaced. It may not decide the shape.
    pub(crate) fn restated(&self, said: &Restated) -> Self {
        let mut out = self.clone();
        for node in &mut out.nodes {
            if let Some(new) = said.of(node) {
                *node = new.clone();
            }
        }
        out
    }

    /// What reports say of the endpoint that a connection comes from.
    pub(crate) fn source_node(&self, flow: u32) -> &Node {
        &self.nodes[self.flows[flow as usize].source as usize]
    }

    /// First name seen for the address of the endpoint that a connection comes from.
    pub(crate) fn source_name(&self, report: &Report, flow: u32) -> Option<SmolStr> {
        self.name(report, self.flows[flow as usize].source)
    }

    /// The same of the endpoint at which it arrives, before address translation.
    pub(crate) fn original_target_name(&self, report: &Report, flow: u32) -> Option<SmolStr> {
        self.name(report, self.target(flow).original)
    }

    fn name(&self, report: &Report, at: u32) -> Option<SmolStr> {
        let at = at as usize;
        outside::names(report, &self.list[at].address)
            .first()
            .map(SmolStr::new)
    }

    /// Connections that come from an endpoint.
    pub(crate) fn flows_from(&self, source: u32) -> impl Iterator<Item = (u32, Flow)> {
        let begin = self.flows.partition_point(|flow| flow.source < source);
        (begin as u32..)
            .zip(self.flows[begin..].iter().copied())
            .take_while(move |(_, flow)| flow.source == source)
    }

    /// False when the endpoint at which a connection arrives is a translated one, and the one before
    /// translation is not reported.
    pub(crate) fn aim_is_known(&self, flow: u32) -> bool {
        let target = self.flows[flow as usize].target;
        let node = &self.nodes[target as usize];
        let translated = node.latest(keys::COPY_OF).is_some_and(|of| *of != node.id);
        !translated || self.list[target as usize].original != target
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn flows(&self) -> &[Flow] {
        &self.flows
    }

    pub(crate) fn get(&self, at: usize) -> &Endpoint {
        &self.list[at]
    }

    pub(crate) fn source(&self, flow: u32) -> &Endpoint {
        &self.list[self.flows[flow as usize].source as usize]
    }

    pub(crate) fn target(&self, flow: u32) -> &Endpoint {
        &self.list[self.flows[flow as usize].target as usize]
    }

    /// The endpoint at which a connection arrives, before address translation.
    pub(crate) fn original_target(&self, flow: u32) -> &Endpoint {
        &self.list[self.target(flow).original as usize]
    }

    /// What a connection is counted by: its source before address translation. Connections with the same
    /// key are one.
    pub(crate) fn connection_key(&self, flow: u32) -> u32 {
        self.source(flow).counted_by
    }

    /// Connections that a flow stands for: itself, and those that a thinning probe left out.
    pub(crate) fn weight(&self, flow: u32) -> u32 {
        let left_out = self
            .source_node(flow)
            .latest(keys::CONN_COUNT)
            .and_then(|n| n.parse::<u32>().ok());
        left_out.unwrap_or(0).saturating_add(1)
    }
}

impl Endpoint {
    fn of(report: &Report, local: &Networks, id: &NodeId, node: &Arc<Node>) -> Self {
        let (scope, address, port) = id::parse_endpoint(id).unwrap_or_default();
        let host = node.latest.get(keys::HOST_NODE_ID).map(|l| l.value.clone());
        let outside = if host.is_none() {
            outside_of(report, local, node, address)
        } else {
            None
        };
        Endpoint {
            scope: SmolStr::new(scope),
            address: SmolStr::new(address),
            port: SmolStr::new(port),
            host,
            pid: node.latest.get(keys::PID).map(|l| l.value.clone()),
            outside,
            ambiguous: false,
            original: 0,
            counted_by: 0,
        }
    }

    /// Id of the process it belongs to, where that is certain.
    pub(crate) fn process(&self) -> Option<NodeId> {
        let (host, pid) = (self.host.as_ref()?, self.pid.as_ref()?);
        let host = id::parse_tagged(TopologyKind::Host, host)?;
        (!self.ambiguous).then(|| smol_str::format_smolstr!("{host};{pid}"))
    }
}

fn outside_of(report: &Report, local: &Networks, node: &Node, address: &str) -> Option<(NodeKind, NodeId)> {
    let names = outside::names(report, address);
    if let Some(name) = outside::known_service(&names) {
        return Some((NodeKind::Pseudo(PseudoKind::Service), service_id(name)));
    }
    let parsed = outside::parse_address(address)?;
    if local.contain(parsed) {
        return None;
    }
    Some(if node.adjacency.is_empty() {
        (
            NodeKind::Pseudo(PseudoKind::InternetOut),
            NodeId::new_static(INTERNET_OUT),
        )
    } else {
        (
            NodeKind::Pseudo(PseudoKind::InternetIn),
            NodeId::new_static(INTERNET_IN),
        )
    })
}

/// A source port that reaches more than one real target was used again within the window.
fn mark_ambiguous(list: &mut [Endpoint], nodes: &[Arc<Node>]) {
    let original_of: FxHashMap<&str, &str> = nodes
        .iter()
        .filter_map(|node| Some((node.id.as_str(), node.latest(keys::COPY_OF)?)))
        .collect();
    for (endpoint, node) in list.iter_mut().zip(nodes).filter(|(_, n)| n.adjacency.len() > 1) {
        let targets: FxHashSet<&str> = node
            .adjacency
            .iter()
            .map(|to| original_of.get(to.as_str()).copied().unwrap_or(to))
            .collect();
        endpoint.ambiguous = targets.len() > 1;
    }
}
