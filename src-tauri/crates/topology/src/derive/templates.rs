//! How a kind of node is shown, in the order of display: worked out once for all nodes of a snapshot.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use orrery_model::{Latest, MetadataTemplate, Metric, MetricTemplate, Node, SmolStr, Topology};

use crate::derive::keys;

/// A template under the key that nodes use. Rows made of it share it.
#[derive(Debug)]
pub(crate) struct Keyed<T> {
    pub(crate) id: SmolStr,
    pub(crate) template: T,
}

/// Templates of one report topology by priority; where priorities are equal, by key.
#[derive(Debug, Default)]
pub(crate) struct Templates {
    pub(crate) facts: Vec<Arc<Keyed<MetadataTemplate>>>,
    pub(crate) metrics: Vec<Arc<Keyed<MetricTemplate>>>,
    facts_by_key: Vec<(SmolStr, usize)>,
    metrics_by_key: Vec<(SmolStr, usize)>,
}

/// Templates up to which looking a node's facts up needs no memory from the heap.
const ON_THE_STACK: usize = 16;

/// Tells what a map holds under each of some keys, by their places. Walking over both in order is faster than
/// looking each key up.
fn walk<'a, V, R>(
    keys: &[(SmolStr, usize)],
    map: &'a BTreeMap<SmolStr, V>,
    tell: impl FnOnce(&[Option<&'a V>]) -> R,
) -> R {
    let mut few = [None; ON_THE_STACK];
    let mut many = Vec::new();
    let found: &mut [Option<&'a V>] = if keys.len() <= ON_THE_STACK {
        &mut few
    } else {
        many.resize(keys.len(), None);
        &mut many
    };
    let mut entries = map.iter();
    let mut entry = entries.next();
    'keys: for (key, place) in keys {
        while let Some((held, value)) = entry {
            match order(held, key) {
                Ordering::Less => entry = entries.next(),
                Ordering::Equal => {
                    found[*place] = Some(value);
                    continue 'keys;
                }
                Ordering::Greater => continue 'keys,
            }
        }
        break;
    }
    tell(found)
}

/// The order of two texts; mostly their first bytes tell it.
fn order(a: &str, b: &str) -> Ordering {
    let first = a.as_bytes().first().cmp(&b.as_bytes().first());
    first.then_with(|| a.cmp(b))
}

impl Templates {
    pub(crate) fn of(topology: &Topology) -> Self {
        // The report has them by key, and sorting keeps that order where priorities are equal.
        let mut facts: Vec<_> = topology
            .metadata_templates
            .iter()
            .map(|(key, template)| (key, corrected(key, template)))
            .collect();
        facts.sort_by(|a, b| a.1.priority.total_cmp(&b.1.priority));
        let mut metrics: Vec<_> = topology.metric_templates.iter().collect();
        metrics.sort_by(|a, b| a.1.priority.total_cmp(&b.1.priority));
        let facts: Vec<_> = facts
            .into_iter()
            .map(|(key, template)| {
                let id = if template.id.is_empty() { key } else { &template.id };
                keyed(id, &template)
            })
            .collect();
        let metrics: Vec<_> = metrics
            .into_iter()
            .map(|(key, template)| keyed(key, template))
            .collect();
        Templates {
            facts_by_key: by_key(&facts),
            metrics_by_key: by_key(&metrics),
            facts,
            metrics,
        }
    }

    /// Tells what a node says under the keys of the facts, by their places.
    pub(crate) fn facts_of<'a, R>(&self, node: &'a Node, tell: impl FnOnce(&[Option<&'a Latest>]) -> R) -> R {
        walk(&self.facts_by_key, &node.latest, tell)
    }

    /// Tells what a node reads under the keys of the metrics, by their places.
    pub(crate) fn metrics_of<'a, R>(
        &self,
        node: &'a Node,
        tell: impl FnOnce(&[Option<&'a Metric>]) -> R,
    ) -> R {
        walk(&self.metrics_by_key, &node.metrics, tell)
    }
}

fn by_key<T>(all: &[Arc<Keyed<T>>]) -> Vec<(SmolStr, usize)> {
    let mut out: Vec<_> = all
        .iter()
        .enumerate()
        .map(|(place, shown)| (shown.id.clone(), place))
        .collect();
    out.sort();
    out
}

/// Scope's probe calls the namespace of a volume snapshot its name.
fn corrected(key: &str, template: &MetadataTemplate) -> MetadataTemplate {
    let mut template = template.clone();
    if key == keys::K8S_NAMESPACE && template.label == "Name" {
        template.label = SmolStr::new_static("Namespace");
    }
    template
}

fn keyed<T: Clone>(id: &SmolStr, template: &T) -> Arc<Keyed<T>> {
    Arc::new(Keyed {
        id: id.clone(),
        template: template.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_model::Timestamp;

    #[test]
    fn walking_finds_what_looking_up_finds() {
        let node = ["b", "d", "e", "k30"]
            .into_iter()
            .fold(Node::new("n", "process"), |n, key| {
                n.with_latest(key, Timestamp(1), key)
            });
        let check = |keys: &[&str]| {
            let mut topology = Topology::default();
            for (at, key) in keys.iter().enumerate() {
                let template = MetadataTemplate {
                    id: SmolStr::new(key.trim_end_matches('\'')),
                    priority: ((at * 7) % 5) as f64,
                    ..MetadataTemplate::default()
                };
                topology.metadata_templates.insert(SmolStr::new(key), template);
            }
            let templates = Templates::of(&topology);
            templates.facts_of(&node, |found| {
                for (shown, found) in templates.facts.iter().zip(found) {
                    assert_eq!(*found, node.latest.get(&shown.id), "{} of {keys:?}", shown.id);
                }
            });
        };
        check(&[]);
        check(&["a", "b", "c", "d", "d'", "f"]);
        let many: Vec<String> = (0..40).map(|n| format!("k{n}")).collect();
        check(&many.iter().map(String::as_str).collect::<Vec<_>>());
    }
}
