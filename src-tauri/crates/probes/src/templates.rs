//! How the probes' facts and metrics are shown: the keys, labels and orders that Scope's clients know.

use orrery_model::{MetadataSource, MetadataTemplate, MetricTemplate, SmolStr, Topology};

/// A metadata row of a topology.
pub(crate) fn metadata(
    topology: &mut Topology,
    id: &'static str,
    label: &'static str,
    priority: f64,
    data_type: &'static str,
    from: MetadataSource,
) {
    let template = MetadataTemplate {
        id: SmolStr::new_static(id),
        label: SmolStr::new_static(label),
        truncate: 0,
        data_type: SmolStr::new_static(data_type),
        priority,
        from,
    };
    topology.metadata_templates.insert(template.id.clone(), template);
}

/// A metric of a topology.
pub(crate) fn metric(
    topology: &mut Topology,
    id: &'static str,
    label: &'static str,
    format: &'static str,
    group: &'static str,
    priority: f64,
) {
    let template = MetricTemplate {
        id: SmolStr::new_static(id),
        label: SmolStr::new_static(label),
        format: SmolStr::new_static(format),
        group: SmolStr::new_static(group),
        priority,
    };
    topology.metric_templates.insert(template.id.clone(), template);
}

/// Shape and labels, which Scope's reports carry.
pub(crate) fn shape(topology: &mut Topology, kind: orrery_model::TopologyKind) {
    topology.shape = SmolStr::new_static(kind.shape());
    topology.label = SmolStr::new_static(kind.label());
    topology.label_plural = SmolStr::new_static(kind.label_plural());
}
