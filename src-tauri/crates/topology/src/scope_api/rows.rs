//! A node's facts and metrics as lists show them. What a row says is looked up when it is written, so that a
//! list of thousands of nodes takes no more than the nodes themselves.

use std::sync::Arc;

use orrery_model::{MetadataTemplate, Metric, MetricTemplate, Node, SmolStr};
use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Serialize, Serializer};

use super::summary::MetricSample;
use crate::derive::templates::{Keyed, Templates};
use crate::derive::{Derivation, NodeKind, RenderNode};
use crate::summary;

/// Facts by priority, each as `{id, label, value, priority?, dataType?, truncate?}`.
#[derive(Debug, Clone, Default)]
pub struct Facts(Option<(Arc<Templates>, Said)>);

#[derive(Debug, Clone)]
enum Said {
    /// What the node says by itself.
    Node(Arc<Node>),
    /// Places among the templates, and values: some are counts of what is below the node.
    Rows(Vec<(usize, SmolStr)>),
}

impl Facts {
    pub(super) fn of(derivation: &Derivation, node: &RenderNode) -> Self {
        let NodeKind::Known(kind) = node.kind else {
            return Facts::default();
        };
        let shown = derivation.templates(kind).clone();
        if !shown.counts || node.children.is_empty() {
            return Facts(Some((shown, Said::Node(node.node.clone()))));
        }
        let mut rows = Vec::with_capacity(shown.facts.len());
        summary::facts(&shown, node, |place, value| rows.push((place, value)));
        Facts(Some((shown, Said::Rows(rows))))
    }

    pub(super) fn is_empty(&self) -> bool {
        match &self.0 {
            None => true,
            Some((shown, Said::Node(node))) => !summary::has_facts(shown, node),
            Some((_, Said::Rows(rows))) => rows.is_empty(),
        }
    }
}

impl Serialize for Facts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        match &self.0 {
            None => {}
            Some((shown, Said::Rows(rows))) => {
                for (place, value) in rows {
                    seq.serialize_element(&Fact(&shown.facts[*place], value))?;
                }
            }
            Some((shown, Said::Node(node))) => {
                let mut outcome = Ok(());
                summary::facts_alone(shown, node, |place, value| {
                    if outcome.is_ok() {
                        outcome = seq.serialize_element(&Fact(&shown.facts[place], &value));
                    }
                });
                outcome?;
            }
        }
        seq.end()
    }
}

struct Fact<'a>(&'a Keyed<MetadataTemplate>, &'a SmolStr);

impl Serialize for Fact<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (Keyed { id, template }, value) = (self.0, self.1);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", id)?;
        map.serialize_entry("label", &template.label)?;
        map.serialize_entry("value", value)?;
        if template.priority != 0.0 {
            map.serialize_entry("priority", &template.priority)?;
        }
        if !template.data_type.is_empty() {
            map.serialize_entry("dataType", &template.data_type)?;
        }
        if template.truncate != 0 {
            map.serialize_entry("truncate", &template.truncate)?;
        }
        map.end()
    }
}

/// Which readings of a metric are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readings {
    /// The newest alone, as lists have it.
    Newest,
    /// All of the report window.
    All,
}

/// Metrics by priority, each as `{id, label, format?, group?, value, priority?, samples, min, max, url}`; readings
/// are null in lists, and the link is one that Orrery does not make.
#[derive(Debug, Clone, Default)]
pub struct MetricRows(Option<(Arc<Templates>, Arc<Node>, Readings)>);

impl MetricRows {
    pub(super) fn of(derivation: &Derivation, node: &RenderNode, which: Readings) -> Self {
        match node.kind {
            NodeKind::Known(kind) if !node.node.metrics.is_empty() => {
                let shown = derivation.templates(kind).clone();
                MetricRows(Some((shown, node.node.clone(), which)))
            }
            _ => MetricRows::default(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        let Some((shown, node, _)) = &self.0 else {
            return true;
        };
        !summary::has_readings(shown, node)
    }
}

impl Serialize for MetricRows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        let mut outcome = Ok(());
        if let Some((shown, node, which)) = &self.0 {
            summary::readings(shown, node, |place, metric| {
                if outcome.is_ok() {
                    outcome = seq.serialize_element(&Row(&shown.metrics[place], metric, *which));
                }
            });
        }
        outcome?;
        seq.end()
    }
}

struct Row<'a>(&'a Keyed<MetricTemplate>, &'a Metric, Readings);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Row(Keyed { id, template }, metric, which) = self;
        let value = metric.last().map_or(0.0, |s| two_decimals(s.value));
        let samples = (*which == Readings::All).then(|| samples(metric));
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", id)?;
        map.serialize_entry("label", &template.label)?;
        if !template.format.is_empty() {
            map.serialize_entry("format", &template.format)?;
        }
        if !template.group.is_empty() {
            map.serialize_entry("group", &template.group)?;
        }
        map.serialize_entry("value", &value)?;
        if template.priority != 0.0 {
            map.serialize_entry("priority", &template.priority)?;
        }
        map.serialize_entry("samples", &samples)?;
        map.serialize_entry("min", &metric.min)?;
        map.serialize_entry("max", &metric.max)?;
        map.serialize_entry("url", "")?;
        map.end()
    }
}

fn samples(metric: &Metric) -> Box<[MetricSample]> {
    metric
        .samples
        .iter()
        .map(|s| MetricSample {
            date: s.date.to_rfc3339(),
            value: s.value,
        })
        .collect()
}

/// Scope cuts, it does not round.
fn two_decimals(value: f64) -> f64 {
    (value * 100.0).trunc() / 100.0
}
