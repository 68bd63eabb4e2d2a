//! From a derived topology to what clients see of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use orrery_model::SmolStr;
use rustc_hash::FxHashSet;

use crate::derive::limits::MAX_VIEW_NODES;
use crate::derive::{Chosen, Derivation, DeriveError, Derived, Options, RenderEdge, RenderNode, TopologyKey};
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
        let query = self.read_query(query)?;
        let key = crate::derive::key(topology)?;
        let derived = self.derived(key, Chosen::Values(options));
        Ok(self.draw(key, &derived, &query))
    }

    /// Ids of the nodes of a topology that a query matches.
    pub(crate) fn matching(&self, key: TopologyKey, chosen: Chosen<'_>, query: &Query) -> FxHashSet<SmolStr> {
        let derived = self.derived(key, chosen);
        let infos = metric_infos(self, &derived);
        derived
            .places()
            .map(|place| derived.at(place))
            .filter(|node| {
                let shown = self.view_node(key, node);
                self.ask(query, node, &shown, &infos).is_some()
            })
            .map(|node| node.id.clone())
            .collect()
    }

    fn draw(&self, key: TopologyKey, derived: &Derived, query: &Query) -> Picture {
        let infos = metric_infos(self, derived);
        let shelf = self.shelf(&self.pictured, key, derived.layer(), self.pictures_epoch());
        let mut nodes: Vec<(u32, Arc<PictureNode>)> = derived
            .places()
            .map(|place| {
                (
                    place,
                    shelf.get(place, |node| self.pictured_node(key, node)).clone(),
                )
            })
            .filter(|(place, n)| {
                query.is_empty() || self.ask(query, derived.at(*place), &n.node, &infos).is_some()
            })
            .collect();
        let truncated = truncate(&mut nodes, derived);
        let mut shown = vec![false; derived.layer().nodes.len()];
        for (place, _) in &nodes {
            shown[*place as usize] = true;
        }
        let mut nodes: Vec<Arc<PictureNode>> = nodes.into_iter().map(|(_, node)| node).collect();
        // Nearly in order: report nodes come by id, others after them.
        nodes.sort_by(|a, b| a.node.id.cmp(&b.node.id));
        let mut edges: Vec<ViewEdge> = derived
            .edges_by_place()
            .filter(|(from, to, _)| shown[*from as usize] && shown[*to as usize])
            .map(|(from, to, edge)| self.view_edge(derived.at(from), derived.at(to), edge))
            .collect();
        edges.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        let carried = |info: &MetricInfo| {
            let mut metrics = nodes.iter().flat_map(|n| &n.node.metrics);
            metrics.any(|m| m.id == info.id)
        };
        let metrics = infos.into_iter().filter(carried).collect();
        let mut stats = derived.stats;
        stats.node_count = nodes.len() as u32;
        stats.nonpseudo_node_count = nodes.iter().filter(|n| !n.node.pseudo).count() as u32;
        stats.edge_count = edges.len() as u32;
        Picture {
            nodes,
            edges,
            stats,
            metrics,
            facts: facets::facts(self.report()),
            truncated_nodes: truncated,
        }
    }

    fn pictured_node(&self, key: TopologyKey, node: &RenderNode) -> PictureNode {
        PictureNode {
            node: self.view_node(key, node),
            facets: facets::facets(self.report(), node),
        }
    }

    fn view_edge(&self, from: &RenderNode, to: &RenderNode, edge: RenderEdge<'_>) -> ViewEdge {
        let figures = self.edge_figures(edge);
        ViewEdge {
            id: format!("{}---{}", from.id, to.id),
            source: from.id.clone(),
            target: to.id.clone(),
            connections: figures.connections,
            ports: figures.ports,
            metrics: figures.metrics,
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
fn truncate(nodes: &mut Vec<(u32, Arc<PictureNode>)>, derived: &Derived) -> u32 {
    let over = nodes.len().saturating_sub(MAX_VIEW_NODES);
    if over > 0 {
        nodes.sort_by(|a, b| {
            let key = |n: &(u32, Arc<PictureNode>)| !derived.at(n.0).connected;
            (key(a), &a.1.node.id).cmp(&(key(b), &b.1.node.id))
        });
        nodes.truncate(MAX_VIEW_NODES);
    }
    u32::try_from(over).unwrap_or(u32::MAX)
}

/// Metrics that the kinds in a topology may carry, by priority then label.
pub(crate) fn metric_infos(derivation: &Derivation, derived: &Derived) -> Vec<MetricInfo> {
    infos_of(derivation, derived.places().map(|place| derived.at(place)))
}

pub(crate) fn infos_of<'a>(
    derivation: &Derivation,
    nodes: impl Iterator<Item = &'a RenderNode>,
) -> Vec<MetricInfo> {
    let mut kinds = BTreeSet::new();
    let mut last = None;
    for kind in nodes.filter_map(|n| n.kind.topology()) {
        // Nodes of a kind stand together.
        if last.replace(kind) != Some(kind) {
            kinds.insert(kind);
        }
    }
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
