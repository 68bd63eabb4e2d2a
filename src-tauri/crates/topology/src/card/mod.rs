//! Everything of one node: the details card.

pub(crate) mod children;
pub(crate) mod connections;
pub(crate) mod controls;
pub(crate) mod ends;
mod notes;
pub(crate) mod tables;

use orrery_model::{Metric, TopologyKind};

use crate::derive::kubernetes::is_storage;
use crate::derive::{CATALOG, Chosen, Derivation, DeriveError, Derived, Options, RenderNode, TopologyKey};
use crate::details::{DetailMetric, NodeDetails};
use crate::draw::home;
use crate::labels::{Style, labels};
use crate::summary;

impl Derivation {
    /// Everything of one node, or nothing when no topology has it.
    ///
    /// The options decide which neighbours are listed; the node itself is found whatever they say. The mixed
    /// view finds nodes of all topologies, because its nodes stand for what it does not draw.
    ///
    /// # Errors
    /// When there is no topology of this name.
    pub fn details(
        &self,
        topology: &str,
        node_id: &str,
        options: &Options,
    ) -> Result<Option<NodeDetails>, DeriveError> {
        let asked = crate::derive::key(topology)?;
        let Some((key, derived)) = self.derived_with(asked, node_id, Chosen::Values(options)) else {
            return Ok(None);
        };
        Ok(derived.get(node_id).map(|node| self.card(key, &derived, node)))
    }

    /// The topology that has a node, filtered, with that node in it.
    pub(crate) fn derived_with(
        &self,
        asked: TopologyKey,
        node_id: &str,
        chosen: Chosen<'_>,
    ) -> Option<(TopologyKey, Derived)> {
        let others = CATALOG
            .iter()
            .map(|e| e.key)
            .filter(|_| asked == TopologyKey::Everything);
        let key = std::iter::once(asked)
            .chain(others)
            .find(|key| self.has(*key, node_id))?;
        Some((key, self.derived_keeping(key, node_id, chosen)))
    }

    fn card(&self, key: TopologyKey, derived: &Derived, node: &RenderNode) -> NodeDetails {
        let report = &**self.report();
        let labels = labels(report, node, Style::Full);
        let controls = controls::controls(report, node, &labels.label);
        NodeDetails {
            id: node.id.to_string(),
            kind: node.kind.tag().to_owned(),
            topology: home(key, node).id().to_owned(),
            label: labels.label.to_string(),
            label_minor: labels.minor.to_string(),
            rank: labels.rank.to_string(),
            shape: labels.shape.to_string(),
            stack: labels.stack,
            pseudo: node.kind.is_pseudo(),
            started_ms: summary::started_ms(&node.node),
            stale_since_ms: self.stale_since_ms(node),
            sources: self.sources(node),
            metadata: summary::metadata(self, node),
            metrics: summary::metrics(self, node)
                .into_iter()
                .map(|m| DetailMetric {
                    id: m.shown.id.to_string(),
                    label: m.shown.template.label.to_string(),
                    format: m.shown.template.format.to_string(),
                    group: m.shown.template.group.to_string(),
                    priority: m.shown.template.priority,
                    value: m.metric.last().map(|s| s.value),
                    min: m.metric.min,
                    max: summary::limit(m.metric.max),
                    samples: samples(&m.metric),
                })
                .collect(),
            controls,
            parents: summary::parents(self, node),
            tables: tables::detail_tables(report, node),
            connections: connections::detail_tables(self, key, derived, node),
            children: children::detail_tables(self, node),
            notes: notes::notes(report, node),
        }
    }

    /// What its parent knows of a node, with what is below it in its own topology; alone where no topology
    /// has it, and for storage, which comes below others as reports name it.
    pub(crate) fn full(&self, child: &crate::derive::Child) -> RenderNode {
        let kind: TopologyKind = child.kind;
        let key = TopologyKey::primary(kind).filter(|_| !is_storage(kind));
        let found = key.and_then(|key| self.layer(key).get(&child.node.id));
        let alone = RenderNode::known(kind, child.node.id.clone(), child.node.clone());
        match found {
            Some((_, node)) => RenderNode {
                children: node.children.clone(),
                ..alone
            },
            None => alone,
        }
    }
}

fn samples(metric: &Metric) -> Vec<(i64, f64)> {
    metric
        .samples
        .iter()
        .map(|s| (s.date.as_millis(), s.value))
        .collect()
}
