//! Search over all topologies at once.

use std::collections::{BTreeMap, BTreeSet};

use crate::derive::limits::MAX_SEARCH_HITS;
use crate::derive::{CATALOG, Chosen, Derivation, DeriveError, Options, TopologyKey};
use crate::draw::infos_of;
use crate::query::MatchedField;
use crate::view::{MetricInfo, ViewNode};

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// Nodes that match, per topology key, as far as the default options show them.
    pub counts: BTreeMap<String, u32>,
    /// The best of all nodes that match, shown by default or not; each node once.
    pub hits: Vec<Hit>,
}

/// A node that matches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hit {
    /// Node id.
    pub id: String,
    /// Key of a topology that it is in: one that shows it by default, if any does.
    pub topology: String,
    /// Tag of its kind.
    pub kind: String,
    /// Shape name.
    pub shape: String,
    /// Major label.
    pub label: String,
    /// Minor label.
    pub label_minor: String,
    /// Field that matched; empty for the label.
    pub field: String,
    /// Its value.
    pub value: String,
}

/// Every node of every topology, ready to be searched.
#[derive(Debug)]
pub(crate) struct SearchIndex {
    topologies: Vec<Searchable>,
}

#[derive(Debug)]
struct Searchable {
    key: TopologyKey,
    infos: Vec<MetricInfo>,
    /// Nodes, and whether the default options show them.
    nodes: Vec<(ViewNode, bool)>,
}

impl SearchIndex {
    pub(crate) fn of(derivation: &Derivation) -> Self {
        let defaults = Options::default();
        let topologies = CATALOG.iter().map(|entry| {
            let all = derivation.derived(entry.key, Chosen::Unfiltered);
            let shown = derivation.derived(entry.key, Chosen::Values(&defaults));
            let nodes = all.nodes();
            Searchable {
                key: entry.key,
                infos: infos_of(derivation, nodes.iter().copied()),
                nodes: nodes
                    .into_iter()
                    .map(|n| (derivation.view_node(entry.key, n), shown.get(&n.id).is_some()))
                    .collect(),
            }
        });
        SearchIndex {
            topologies: topologies.collect(),
        }
    }
}

/// How good a hit is; less is better.
type Score = (u8, bool, TopologyKey);

impl Derivation {
    /// Searches all topologies. An empty query finds nothing.
    ///
    /// # Errors
    /// When the query does not parse.
    pub fn search(&self, query: &str, limit: usize) -> Result<Found, DeriveError> {
        let text = query.trim().to_lowercase();
        let query = self.read_query(query)?;
        if query.is_empty() {
            return Ok(Found::default());
        }
        let mut counts = BTreeMap::new();
        let mut candidates: Vec<(Score, &ViewNode, MatchedField)> = Vec::new();
        for topology in &self.search_index().topologies {
            let mut count = 0;
            let layer = self.layer(topology.key);
            for (node, shown) in &topology.nodes {
                let whole = layer.get(&node.id).map(|(_, whole)| whole);
                let Some(matched) = whole.and_then(|whole| self.ask(&query, whole, node, &topology.infos))
                else {
                    continue;
                };
                count += u32::from(*shown);
                candidates.push(((closeness(&matched, &text), !shown, topology.key), node, matched));
            }
            counts.insert(topology.key.id().to_owned(), count);
        }
        candidates.sort_by(|a, b| (a.0, &a.1.label, &a.1.id).cmp(&(b.0, &b.1.label, &b.1.id)));
        let mut seen = BTreeSet::new();
        let hits = candidates
            .into_iter()
            .filter(|(_, node, _)| seen.insert(node.id.as_str()))
            .take(limit.min(MAX_SEARCH_HITS))
            .map(|((_, _, key), node, matched)| Hit {
                id: node.id.to_string(),
                topology: key.id().to_owned(),
                kind: node.kind.to_string(),
                shape: node.shape.to_string(),
                label: node.label.to_string(),
                label_minor: node.label_minor.to_string(),
                field: matched.field,
                value: matched.value,
            })
            .collect();
        Ok(Found { counts, hits })
    }
}

fn closeness(matched: &MatchedField, text: &str) -> u8 {
    if !matched.field.is_empty() {
        return 3;
    }
    let value = matched.value.to_lowercase();
    if value == text {
        0
    } else if value.starts_with(text) {
        1
    } else {
        2
    }
}
