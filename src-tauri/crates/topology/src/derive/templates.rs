//! How a kind of node is shown, in the order of display: worked out once for all nodes of a snapshot.

use std::sync::Arc;

use orrery_model::{MetadataTemplate, MetricTemplate, SmolStr, Topology};

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
        Templates {
            facts: facts
                .into_iter()
                .map(|(key, template)| {
                    let id = if template.id.is_empty() { key } else { &template.id };
                    keyed(id, &template)
                })
                .collect(),
            metrics: metrics
                .into_iter()
                .map(|(key, template)| keyed(key, template))
                .collect(),
        }
    }
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
