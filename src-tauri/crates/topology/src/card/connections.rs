//! Inbound and outbound connections of a node.

use std::collections::BTreeMap;

use orrery_model::SmolStr;
use petgraph::Direction;
use rustc_hash::FxHashSet;

use crate::derive::limits::MAX_CONNECTION_ROWS;
use crate::derive::{
    Derivation, Derived, Endpoints, NodeKind, PseudoKind, RenderEdge, RenderNode, TopologyKey, bytes_per_s,
    figures,
};
use crate::details::{ConnectionRow, ConnectionTable};
use crate::draw::home;
use crate::labels::{Style, labels};

/// Connections of a node with one neighbour on one port.
#[derive(Debug)]
pub(crate) struct Link<'a> {
    pub(crate) neighbour: &'a RenderNode,
    /// Address outside, where the neighbour is The Internet.
    pub(crate) remote_address: String,
    /// Address outside, where the node itself is.
    pub(crate) local_address: String,
    /// Server port.
    pub(crate) port: String,
    pub(crate) count: u32,
    pub(crate) flows: Vec<u32>,
}

impl Link<'_> {
    /// Key of the row.
    pub(crate) fn id(&self) -> String {
        format!(
            "{}-{}-{}-{}",
            self.neighbour.id, self.remote_address, self.local_address, self.port
        )
    }
}

/// Neighbours to which (`Outgoing`) or from which (`Incoming`) a node has edges, by id.
pub(crate) fn neighbours<'a>(
    derived: &'a Derived,
    node: &RenderNode,
    direction: Direction,
) -> Vec<(&'a RenderNode, RenderEdge<'a>)> {
    let mut neighbours = derived.neighbours(&node.id, direction);
    neighbours.sort_by(|a, b| a.0.id.cmp(&b.0.id));
    neighbours
}

/// Connections to (`Outgoing`) or from (`Incoming`) neighbours, by the key of their rows.
///
/// They are all those between the endpoints of both, whether or not the edge was made of them. In the mixed
/// view, where an endpoint belongs to one node alone, they are those of the edge.
pub(crate) fn links<'a>(
    derivation: &Derivation,
    key: TopologyKey,
    node: &RenderNode,
    neighbours: Vec<(&'a RenderNode, RenderEdge<'a>)>,
    direction: Direction,
) -> Vec<Link<'a>> {
    let endpoints = derivation.endpoints();
    let mut counted = FxHashSet::default();
    let mut out: BTreeMap<String, Link<'a>> = BTreeMap::new();
    if key == TopologyKey::Everything {
        for (neighbour, edge) in neighbours {
            let flows = edge.flows.iter().copied();
            count(
                derivation,
                node,
                neighbour,
                direction,
                flows,
                &mut counted,
                &mut out,
            );
        }
        return out.into_values().collect();
    }
    let own = derivation.ends().below(node);
    let own_set: FxHashSet<u32> = own.iter().copied().collect();
    for (neighbour, _) in neighbours {
        let theirs = derivation.ends().below(neighbour);
        let flows: Vec<u32> = if direction == Direction::Outgoing {
            let theirs: FxHashSet<u32> = theirs.into_iter().collect();
            between(endpoints, &own, &theirs)
        } else {
            between(endpoints, &theirs, &own_set)
        };
        count(
            derivation,
            node,
            neighbour,
            direction,
            flows,
            &mut counted,
            &mut out,
        );
    }
    out.into_values().collect()
}

/// Connections from some endpoints to others. Those of which the true target is not reported are left out.
fn between(endpoints: &Endpoints, sources: &[u32], targets: &FxHashSet<u32>) -> Vec<u32> {
    let flows = sources.iter().flat_map(|source| endpoints.flows_from(*source));
    flows
        .filter(|(at, flow)| targets.contains(&flow.target) && endpoints.aim_is_known(*at))
        .map(|(at, _)| at)
        .collect()
}

/// Puts connections with a neighbour into rows, each connection once.
fn count<'a>(
    derivation: &Derivation,
    node: &RenderNode,
    neighbour: &'a RenderNode,
    direction: Direction,
    flows: impl IntoIterator<Item = u32>,
    counted: &mut FxHashSet<u32>,
    out: &mut BTreeMap<String, Link<'a>>,
) {
    let report = &**derivation.report();
    let endpoints = derivation.endpoints();
    for flow in flows {
        if !counted.insert(endpoints.connection_key(flow)) {
            continue;
        }
        let (source, target) = (endpoints.source(flow), endpoints.original_target(flow));
        let source = || outside_address(&source.address, endpoints.source_name(report, flow));
        let aim = || outside_address(&target.address, endpoints.original_target_name(report, flow));
        let (near, far): (&dyn Fn() -> String, &dyn Fn() -> String) = if direction == Direction::Outgoing {
            (&source, &aim)
        } else {
            (&aim, &source)
        };
        let outside = |node: &RenderNode, address: &dyn Fn() -> String| {
            is_internet(node).then(address).unwrap_or_default()
        };
        let mut link = Link {
            neighbour,
            remote_address: outside(neighbour, far),
            local_address: outside(node, near),
            port: target.port.to_string(),
            count: endpoints.weight(flow),
            flows: vec![flow],
        };
        match out.get_mut(&link.id()) {
            Some(known) => {
                known.count = known.count.saturating_add(link.count);
                known.flows.append(&mut link.flows);
            }
            None => {
                out.insert(link.id(), link);
            }
        }
    }
}

/// `name (address)` of an endpoint that is drawn as The Internet.
fn outside_address(address: &str, name: Option<SmolStr>) -> String {
    match name {
        Some(name) => format!("{name} ({address})"),
        None => address.to_owned(),
    }
}

/// True for The Internet, whose connections are told apart by address.
pub(crate) fn is_internet(node: &RenderNode) -> bool {
    matches!(
        node.kind,
        NodeKind::Pseudo(PseudoKind::InternetIn | PseudoKind::InternetOut)
    )
}

pub(super) fn detail_tables(
    derivation: &Derivation,
    key: TopologyKey,
    derived: &Derived,
    node: &RenderNode,
) -> Vec<ConnectionTable> {
    let table = |direction, name: &str, label: &str| ConnectionTable {
        direction: name.to_owned(),
        label: label.to_owned(),
        rows: rows(derivation, key, derived, node, direction),
    };
    vec![
        table(Direction::Incoming, "incoming", "Inbound"),
        table(Direction::Outgoing, "outgoing", "Outbound"),
    ]
}

fn rows(
    derivation: &Derivation,
    key: TopologyKey,
    derived: &Derived,
    node: &RenderNode,
    direction: Direction,
) -> Vec<ConnectionRow> {
    let report = &**derivation.report();
    let neighbours = neighbours(derived, node, direction);
    let mut links = links(derivation, key, node, neighbours, direction);
    // The sort keeps the order of keys where counts are equal.
    links.sort_by_key(|l| std::cmp::Reverse(l.count));
    links
        .into_iter()
        .take(MAX_CONNECTION_ROWS)
        .map(|link| {
            let id = link.id();
            let labels = labels(report, link.neighbour, Style::Full);
            let figures = figures(derivation.endpoints(), &link.flows);
            let outside = !link.remote_address.is_empty();
            ConnectionRow {
                id,
                node_id: link.neighbour.id.to_string(),
                topology: home(key, link.neighbour).id().to_owned(),
                shape: labels.shape.to_string(),
                kind: link.neighbour.kind.tag().to_owned(),
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
                remote: if outside {
                    link.remote_address
                } else {
                    link.local_address
                },
                port: link.port,
                count: link.count,
                bytes_per_s: bytes_per_s(&figures.metrics),
            }
        })
        .collect()
}
