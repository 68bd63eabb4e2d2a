//! From a derived topology to what clients see of it.

use std::collections::BTreeMap;

use orrery_model::SmolStr;
use petgraph::stable_graph::NodeIndex;
use rustc_hash::FxHashSet;

use crate::derive::limits::MAX_VIEW_NODES;
use crate::derive::{Chosen, Derivation, DeriveError, Derived, Options, RenderNode, TopologyKey};
use crate::facets;
use crate::labels::{Style, labels};
use crate::picture::{Picture, PictureNode};
use crate::query::Query;
use crate::summary;
use crate::view::{MetricInfo, ViewEdge, ViewMetric, ViewNode};

impl Derivation {
    /// A topology as clients see it: the nodes that the options keep and the query matches.
    ///
    /// # Errors
    /// When there is no topology of this name, or the query does not parse.
    pub fn picture(&self, topology: &str, options: &Options, query: &str) -> Result<Picture, DeriveError> {
        let query = Query::parse(query)?;
        let key = crate::derive::key(topology)?;
        let derived = self.derived(key, Chosen::Values(options));
        Ok(self.draw(key, &derived, &query))
    }

    /// Ids of the nodes of a topology that a query matches.
    pub(crate) fn matching(&self, key: TopologyKey, chosen: Chosen<'_>, query: &Query) -> FxHashSet<SmolStr> {
        let derived = self.derived(key, chosen);
        let infos = metric_infos(self, &derived);
        let nodes = derived.graph.node_weights();
        nodes
            .map(|node| self.view_node(key, node))
            .filter(|node| query.matches(node, &infos).is_some())
            .map(|node| node.id)
            .collect()
    }

    fn draw(&self, key: TopologyKey, derived: &Derived, query: &Query) -> Picture {
        let infos = metric_infos(self, derived);
        let mut nodes: Vec<(NodeIndex, ViewNode)> = derived
            .graph
            .node_indices()
            .map(|at| (at, self.view_node(key, &derived.graph[at])))
            .filter(|(_, node)| query.matches(node, &infos).is_some())
            .collect();
        let truncated = truncate(&mut nodes, derived);
        nodes.sort_unstable_by(|a, b| a.1.id.cmp(&b.1.id));
        let shown: FxHashSet<&str> = nodes.iter().map(|(_, n)| n.id.as_str()).collect();
        let mut edges: Vec<ViewEdge> = derived
            .edges()
            .filter(|(from, to, _)| shown.contains(from.id.as_str()) && shown.contains(to.id.as_str()))
            .map(|(from, to, edge)| {
                let figures = self.edge_figures(edge);
                ViewEdge {
                    id: format!("{}---{}", from.id, to.id),
                    source: from.id.to_string(),
                    target: to.id.to_string(),
                    connections: figures.connections,
                    ports: figures.ports,
                    metrics: figures.metrics,
                }
            })
            .collect();
        edges.sort_unstable_by(|a, b| a.id.cmp(&b.id));

        let carried: FxHashSet<SmolStr> = nodes
            .iter()
            .flat_map(|(_, n)| &n.metrics)
            .map(|m| m.id.clone())
            .collect();
        let mut stats = derived.stats;
        stats.node_count = nodes.len() as u32;
        stats.nonpseudo_node_count = nodes.iter().filter(|(_, n)| !n.pseudo).count() as u32;
        stats.edge_count = edges.len() as u32;
        let report = &**self.report();
        let nodes = nodes
            .into_iter()
            .map(|(at, node)| PictureNode {
                node,
                facets: facets::facets(report, &derived.graph[at]),
            })
            .collect();
        Picture {
            nodes,
            edges,
            stats,
            metrics: infos
                .into_iter()
                .filter(|m| carried.contains(m.id.as_str()))
                .collect(),
            facts: facets::facts(report),
            truncated_nodes: truncated,
        }
    }

    /// A node as clients see it; box and place are not set.
    pub(crate) fn view_node(&self, key: TopologyKey, node: &RenderNode) -> ViewNode {
        let report = &**self.report();
        let style = if key == TopologyKey::Everything {
            Style::Brief
        } else {
            Style::Full
        };
        let labels = labels(report, node, style);
        let metrics = summary::metrics(self, node)
            .into_iter()
            .filter_map(|m| {
                let last = m.metric.last()?;
                let id = m.shown.id.clone();
                Some(ViewMetric {
                    id,
                    value: last.value,
                    max: summary::limit(m.metric.max),
                })
            })
            .collect();
        ViewNode {
            id: node.id.clone(),
            kind: SmolStr::new_static(node.kind.tag()),
            topology: SmolStr::new_static(home(key, node).id()),
            label: labels.label,
            label_minor: labels.minor,
            rank: labels.rank,
            shape: labels.shape,
            stack: labels.stack,
            pseudo: node.kind.is_pseudo(),
            metrics,
            metadata: summary::metadata(self, node),
            parents: summary::parents(self, node),
            sources: self.sources(node),
            started_ms: summary::started_ms(&node.node),
            stale_since_ms: self.stale_since_ms(node),
            count: summary::stands_for(node),
            ..ViewNode::default()
        }
    }
}

/// The topology whose details show a node: that of its kind; the one it is in where no other has it.
pub(crate) fn home(key: TopologyKey, node: &RenderNode) -> TopologyKey {
    match node.kind {
        crate::derive::NodeKind::Known(kind) => TopologyKey::primary(kind).unwrap_or(key),
        _ => key,
    }
}

/// Keeps as many nodes as a picture may have: connected ones first. Says how many were dropped.
fn truncate(nodes: &mut Vec<(NodeIndex, ViewNode)>, derived: &Derived) -> u32 {
    let over = nodes.len().saturating_sub(MAX_VIEW_NODES);
    if over > 0 {
        nodes.sort_by(|a, b| {
            let key = |n: &(NodeIndex, ViewNode)| !derived.graph[n.0].connected;
            (key(a), &a.1.id).cmp(&(key(b), &b.1.id))
        });
        nodes.truncate(MAX_VIEW_NODES);
    }
    u32::try_from(over).unwrap_or(u32::MAX)
}

/// Metrics that the kinds in a topology may carry, by priority then label.
pub(crate) fn metric_infos(derivation: &Derivation, derived: &Derived) -> Vec<MetricInfo> {
    infos_of(derivation, derived.graph.node_weights())
}

pub(crate) fn infos_of<'a>(
    derivation: &Derivation,
    nodes: impl Iterator<Item = &'a RenderNode>,
) -> Vec<MetricInfo> {
    let kinds: std::collections::BTreeSet<_> = nodes.filter_map(|n| n.kind.topology()).collect();
    let mut by_id: BTreeMap<&str, MetricInfo> = BTreeMap::new();
    for kind in kinds {
        for (id, template) in &derivation.report().topology(kind).metric_templates {
            by_id
                .entry(id)
                .or_insert_with(|| summary::metric_info(id, template));
        }
    }
    let mut infos: Vec<MetricInfo> = by_id.into_values().collect();
    infos.sort_by(|a, b| {
        a.priority
            .total_cmp(&b.priority)
            .then_with(|| a.label.cmp(&b.label))
    });
    infos
}
