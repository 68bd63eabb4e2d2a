//! What sources say of their metrics: in reports, in manifests, and when they are asked.

use orrery_model::{MetricTemplate, Report, TopologyKind};
use orrery_packages::manifest::DeclaredMetric;
use orrery_packages::policy::Rule;
use serde::Deserialize;
use smol_str::SmolStr;

use crate::entry::{Place, Told};
use crate::limits::{DESCRIBED, METRICS_PER_SOURCE, WORDS_CHARS};
use crate::namespace::{Element, Namespace};

/// What a plugin answers to `GET /describe`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Described {
    /// Its metrics.
    pub metrics: Vec<(Namespace, Told)>,
    /// Rules of its config.
    pub policy: Vec<Rule>,
}

/// The metrics that the nodes of a report have, and those that it has templates for.
#[must_use]
pub fn from_report(source: &str, report: &Report, now_ms: i64) -> Vec<(Namespace, Told)> {
    let mut metrics: Vec<(Namespace, Told)> = Vec::new();
    for (kind, topology) in &report.topologies {
        let mut bare: std::collections::BTreeSet<&SmolStr> = std::collections::BTreeSet::new();
        for node in topology.nodes.values() {
            bare.extend(node.metrics.keys());
        }
        bare.retain(|id| !topology.metric_templates.contains_key(*id));
        let templates = topology
            .metric_templates
            .iter()
            .map(|(id, template)| (id, Some(template)));
        for (id, template) in templates.chain(bare.into_iter().map(|id| (id, None))) {
            if metrics.len() >= METRICS_PER_SOURCE {
                return metrics;
            }
            // An id that makes no name cannot be asked for, so it is not offered.
            if let Ok(name) = Namespace::of_nodes(source, kind.tag(), id) {
                metrics.push((name, of_template(*kind, id, template, now_ms)));
            }
        }
    }
    metrics
}

fn of_template(kind: TopologyKind, id: &SmolStr, template: Option<&MetricTemplate>, now_ms: i64) -> Told {
    let format = template.map(|t| t.format.clone()).unwrap_or_default();
    Told {
        place: Some(Place {
            topology: kind,
            metric: id.clone(),
        }),
        label: template.map_or_else(|| id.clone(), |t| t.label.clone()),
        unit: SmolStr::new_static(match format.as_str() {
            "percent" => "%",
            "filesize" => "bytes",
            "duration" => "s",
            _ => "",
        }),
        description: SmolStr::default(),
        format,
        group: template.map(|t| t.group.clone()).unwrap_or_default(),
        advertised_ms: now_ms,
    }
}

/// The metrics that a manifest names. Those of topologies that nobody knows are left out.
#[must_use]
pub fn from_manifest(source: &str, declared: &[DeclaredMetric], now_ms: i64) -> Vec<(Namespace, Told)> {
    let metrics = declared.iter().filter_map(|metric| {
        let kind = topology(&metric.topology)?;
        let name = Namespace::of_nodes(source, kind.tag(), &metric.id).ok()?;
        let label = if metric.label.is_empty() {
            &metric.id
        } else {
            &metric.label
        };
        let told = Told {
            place: Some(Place {
                topology: kind,
                metric: SmolStr::from(&metric.id),
            }),
            label: label.into(),
            unit: SmolStr::from(&metric.unit),
            description: SmolStr::from(&metric.description),
            advertised_ms: now_ms,
            ..Told::default()
        };
        Some((name, told))
    });
    metrics.collect()
}

/// A topology by its tag, such as `host`, or its key in reports.
fn topology(name: &str) -> Option<TopologyKind> {
    TopologyKind::from_tag(name).or_else(|| TopologyKind::from_key(name))
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    metrics: Vec<Item>,
    #[serde(default)]
    policy: Vec<Rule>,
}

#[derive(Deserialize)]
struct Item {
    /// The whole name, or topology and metric.
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    topology: String,
    #[serde(default)]
    metric: String,
    #[serde(default)]
    label: String,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    format: String,
    #[serde(default)]
    group: String,
}

/// Reads what a plugin answers to `GET /describe`.
///
/// # Errors
/// Everything that is wrong, at once; nothing of it is taken then.
pub fn describe(source: &str, body: &[u8], now_ms: i64) -> Result<Described, Vec<String>> {
    let answer: Answer = serde_json::from_slice(body).map_err(|error| vec![error.to_string()])?;
    if answer.metrics.len() > DESCRIBED || answer.policy.len() > DESCRIBED {
        return Err(vec![format!("a description has at most {DESCRIBED} entries")]);
    }
    let mut errors = Vec::new();
    let mut described = Described::default();
    for (at, item) in answer.metrics.into_iter().enumerate() {
        match read_item(source, item, now_ms) {
            Ok(metric) => described.metrics.push(metric),
            Err(error) => errors.push(format!("metrics[{at}]: {error}")),
        }
    }
    for (at, rule) in answer.policy.into_iter().enumerate() {
        match rule.check() {
            Ok(()) => described.policy.push(rule),
            Err(error) => errors.push(format!("policy[{at}]: {error}")),
        }
    }
    if errors.is_empty() {
        Ok(described)
    } else {
        Err(errors)
    }
}

fn read_item(source: &str, item: Item, now_ms: i64) -> Result<(Namespace, Told), String> {
    for text in [
        &item.label,
        &item.unit,
        &item.description,
        &item.format,
        &item.group,
    ] {
        if text.chars().count() > WORDS_CHARS || text.chars().any(char::is_control) {
            return Err(format!(
                "a text has at most {WORDS_CHARS} characters, in one line"
            ));
        }
    }
    let namespace = if item.namespace.is_empty() {
        let kind =
            topology(&item.topology).ok_or_else(|| format!("there is no topology {:?}", item.topology))?;
        Namespace::of_nodes(source, kind.tag(), &item.metric).map_err(|error| error.to_string())?
    } else {
        item.namespace
            .parse::<Namespace>()
            .map_err(|error| error.to_string())?
    };
    if namespace.source() != source {
        return Err(format!("{namespace} does not begin with /{source}"));
    }
    let told = Told {
        place: place_of(&namespace),
        label: item.label.into(),
        unit: item.unit.into(),
        description: item.description.into(),
        format: item.format.into(),
        group: item.group.into(),
        advertised_ms: now_ms,
    };
    Ok((namespace, told))
}

/// Where the values of a metric stand, when its name is of the form of nodes' metrics.
fn place_of(namespace: &Namespace) -> Option<Place> {
    let [
        _,
        Element::Static(kind),
        Element::Dynamic(_),
        Element::Static(metric),
    ] = namespace.elements()
    else {
        return None;
    };
    Some(Place {
        topology: topology(kind)?,
        metric: metric.clone(),
    })
}

#[cfg(test)]
mod tests {
    use orrery_model::{Metric, Node, Timestamp};

    use super::*;

    fn names(metrics: &[(Namespace, Told)]) -> Vec<String> {
        metrics.iter().map(|(name, _)| name.to_string()).collect()
    }

    #[test]
    fn a_report_tells_of_templates_and_of_metrics_without() {
        let mut report = Report::default();
        let hosts = report.topology_mut(TopologyKind::Host);
        hosts.metric_templates.insert(
            "load1".into(),
            MetricTemplate {
                id: "load1".into(),
                label: "Load (1m)".into(),
                format: "percent".into(),
                group: "load".into(),
                priority: 1.0,
            },
        );
        hosts.insert(
            Node::new("box;<host>", "host")
                .with_metric("odd/one", Metric::of(Timestamp::default(), 1.0, 0.0, 1.0)),
        );
        let told = from_report("iowait", &report, 7);
        assert_eq!(
            names(&told),
            ["/iowait/host/*node/load1", r"/iowait/host/*node/odd\/one"]
        );
        assert_eq!(told[0].1.unit, "%");
        assert_eq!(told[0].1.group, "load");
        assert_eq!(told[0].1.advertised_ms, 7);
        assert_eq!(told[1].1.label, "odd/one");
    }

    #[test]
    fn a_manifest_tells_before_anything_has_run() {
        let declared: Vec<DeclaredMetric> = serde_json::from_value(serde_json::json!([
            { "topology": "host", "id": "iowait", "unit": "%", "description": "Waiting for disks" },
            { "topology": "nothing", "id": "x" },
        ]))
        .unwrap();
        let told = from_manifest("iowait", &declared, 0);
        assert_eq!(names(&told), ["/iowait/host/*node/iowait"]);
        assert_eq!(told[0].1.label, "iowait");
    }

    #[test]
    fn a_description_is_taken_whole_or_not_at_all() {
        let good = br#"{ "metrics": [
                { "topology": "host", "metric": "a", "unit": "bytes" },
                { "namespace": "/p/disk/*device/*partition/free", "label": "Free" }
            ], "policy": [ { "key": "rate", "type": "integer", "default": 1 } ], "other": 1 }"#;
        let described = describe("p", good, 0).unwrap();
        assert_eq!(
            names(&described.metrics),
            ["/p/host/*node/a", "/p/disk/*device/*partition/free"]
        );
        assert!(described.metrics[0].1.place.is_some() && described.metrics[1].1.place.is_none());
        assert_eq!(described.policy.len(), 1);
        let bad = br#"{ "metrics": [
                { "namespace": "/other/host/*node/a" },
                { "topology": "sky", "metric": "a" },
                { "namespace": "/p/host/*node" },
                { "topology": "host", "metric": "fine" }
            ], "policy": [ { "key": "rate", "type": "integer", "min": 2, "max": 1 } ] }"#;
        assert_eq!(describe("p", bad, 0).unwrap_err().len(), 4);
        assert!(describe("p", b"<html>", 0).is_err());
    }
}
