//! How a kind of node is shown, in the order of display: worked out once for all nodes of a snapshot.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use orrery_model::{
    Entries, Latest, MetadataSource, MetadataTemplate, Metric, MetricTemplate, Node, SmolStr, Topology,
};

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
    /// True when some facts are counts of what is below a node.
    pub(crate) counts: bool,
    wanted_facts: Vec<Wanted>,
    wanted_metrics: Vec<Wanted>,
}

/// Templates up to which looking a node's facts up needs no memory from the heap.
const ON_THE_STACK: usize = 16;

/// A key to look up in nodes.
#[derive(Debug)]
struct Wanted {
    key: SmolStr,
    /// Place among the templates.
    place: usize,
    /// Where it stood in a node before. Nodes of a kind mostly have the same keys, so that is where it stands
    /// in the next one; if not, it is looked for.
    stood: AtomicUsize,
}

/// Tells what a node holds under each of some keys, by their places.
fn look_up<'a, V, R>(
    wanted: &[Wanted],
    entries: &'a Entries<V>,
    tell: impl FnOnce(&[Option<&'a V>]) -> R,
) -> R {
    let mut few = [None; ON_THE_STACK];
    let mut many = Vec::new();
    let found: &mut [Option<&'a V>] = if wanted.len() <= ON_THE_STACK {
        &mut few[..wanted.len()]
    } else {
        many.resize(wanted.len(), None);
        &mut many
    };
    for wanted in wanted {
        found[wanted.place] = wanted.find(entries);
    }
    tell(found)
}

impl Wanted {
    fn find<'a, V>(&self, entries: &'a Entries<V>) -> Option<&'a V> {
        let stands = entries.at(self.stood.load(Ordering::Relaxed));
        match stands.filter(|(held, _)| **held == self.key) {
            Some((_, value)) => Some(value),
            None => entries.position(&self.key).and_then(|at| {
                self.stood.store(at, Ordering::Relaxed);
                entries.at(at).map(|(_, value)| value)
            }),
        }
    }
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
            .map(|(key, template)| keyed(said(&template.id, key), &template))
            .collect();
        let metrics: Vec<_> = metrics
            .into_iter()
            .map(|(key, template)| keyed(said(&template.id, key), template))
            .collect();
        Templates {
            counts: facts
                .iter()
                .any(|shown| shown.template.from == MetadataSource::Counters),
            wanted_facts: wanted(&facts),
            wanted_metrics: wanted(&metrics),
            facts,
            metrics,
        }
    }

    /// Tells what a node says under the keys of the facts, by their places.
    pub(crate) fn facts_of<'a, R>(&self, node: &'a Node, tell: impl FnOnce(&[Option<&'a Latest>]) -> R) -> R {
        look_up(&self.wanted_facts, &node.latest, tell)
    }

    /// The same one by one, for who need not know all.
    pub(crate) fn each_fact<'a>(
        &'a self,
        node: &'a Node,
    ) -> impl Iterator<Item = (&'a Keyed<MetadataTemplate>, Option<&'a Latest>)> {
        let wanted = self.wanted_facts.iter();
        wanted.filter_map(|wanted| Some((&**self.facts.get(wanted.place)?, wanted.find(&node.latest))))
    }

    /// True when a node reads anything under the keys of the metrics.
    pub(crate) fn any_metric(&self, node: &Node) -> bool {
        self.wanted_metrics
            .iter()
            .any(|wanted| wanted.find(&node.metrics).is_some())
    }

    /// Tells what a node reads under the keys of the metrics, by their places.
    pub(crate) fn metrics_of<'a, R>(
        &self,
        node: &'a Node,
        tell: impl FnOnce(&[Option<&'a Metric>]) -> R,
    ) -> R {
        look_up(&self.wanted_metrics, &node.metrics, tell)
    }
}

fn wanted<T>(all: &[Arc<Keyed<T>>]) -> Vec<Wanted> {
    let wanted = all.iter().enumerate().map(|(place, shown)| Wanted {
        key: shown.id.clone(),
        place,
        stood: AtomicUsize::new(place),
    });
    wanted.collect()
}

/// Scope's probe calls the namespace of a volume snapshot its name.
fn corrected(key: &str, template: &MetadataTemplate) -> MetadataTemplate {
    let mut template = template.clone();
    if key == keys::K8S_NAMESPACE && template.label == "Name" {
        template.label = SmolStr::new_static("Namespace");
    }
    template
}

/// The key that nodes use: what the template says, or else the one it stands under.
fn said<'a>(id: &'a SmolStr, key: &'a SmolStr) -> &'a SmolStr {
    if id.is_empty() { key } else { id }
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
    fn what_is_found_is_what_the_node_says() {
        let node = |keys: &[&str]| {
            let facts = keys.iter();
            facts.fold(Node::new("n", "process"), |n, key| {
                n.with_latest(key, Timestamp(1), *key)
            })
        };
        let nodes = [node(&["b", "d", "e", "k30"]), node(&["a", "d"]), node(&[])];
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
            for node in nodes.iter().chain(nodes.iter().rev()) {
                templates.facts_of(node, |found| {
                    assert_eq!(found.len(), keys.len());
                    for (shown, found) in templates.facts.iter().zip(found) {
                        assert_eq!(*found, node.latest.get(&shown.id), "{} of {keys:?}", shown.id);
                    }
                });
            }
        };
        check(&[]);
        check(&["a", "b", "c", "d", "d'", "f"]);
        let many: Vec<String> = (0..40).map(|n| format!("k{n}")).collect();
        check(&many.iter().map(String::as_str).collect::<Vec<_>>());
    }
}
