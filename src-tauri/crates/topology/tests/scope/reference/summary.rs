//! A node in short: facts, parents, metrics, tables.

use std::collections::{BTreeMap, BTreeSet};

use orrery_model::{MetadataSource, Metric, Report, TableType, TopologyKind};
use serde_json::{Value, json};

use super::labels::{kind_of, labels};
use super::{Node, Nodes};

/// Where nodes of a kind are shown by themselves.
pub(super) fn home(kind: TopologyKind) -> Option<&'static str> {
    use TopologyKind as K;
    Some(match kind {
        K::Process => "processes",
        K::Container => "containers",
        K::ContainerImage => "containers-by-image",
        K::Pod
        | K::PersistentVolume
        | K::PersistentVolumeClaim
        | K::StorageClass
        | K::VolumeSnapshot
        | K::VolumeSnapshotData => "pods",
        K::Deployment | K::DaemonSet | K::StatefulSet | K::CronJob | K::Job => "kube-controllers",
        K::Service => "services",
        K::EcsTask => "ecs-tasks",
        K::EcsService => "ecs-services",
        K::SwarmService => "swarm-services",
        K::Host => "hosts",
        _ => return None,
    })
}

/// What is not there is left out; edges are added by whoever knows which are shown.
pub(super) fn summary(report: &Report, node: &Node, readings: bool) -> Value {
    let labels = labels(report, node);
    let mut out = json!({
        "id": node.id, "label": labels.label, "labelMinor": labels.minor, "rank": labels.rank,
    });
    let mut put = |key: &str, value: Value| {
        let empty = match &value {
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Bool(flag) => !flag,
            _ => value.is_null(),
        };
        if !empty {
            out[key] = value;
        }
    };
    put("shape", labels.shape.into());
    put("stack", labels.stack.into());
    put("pseudo", node.is_pseudo().into());
    if let Some(kind) = kind_of(node) {
        let said = &report.topology(kind).tag;
        let camera = [TopologyKind::VolumeSnapshot, TopologyKind::VolumeSnapshotData].contains(&kind);
        put(
            "tag",
            if said.is_empty() && camera {
                "camera"
            } else {
                said.as_str()
            }
            .into(),
        );
        put("parents", parents(report, node).into());
        if !node.topology.starts_with("group:") {
            put("metadata", metadata(report, kind, node).into());
            put("metrics", metrics(report, kind, node, readings).into());
            put("tables", tables(report, kind, node).into());
        }
    }
    out
}

pub(super) fn with_adjacency(summary: &mut Value, adjacency: &BTreeSet<String>) {
    if !adjacency.is_empty() {
        summary["adjacency"] = json!(adjacency);
    }
}

fn metadata(report: &Report, kind: TopologyKind, node: &Node) -> Vec<Value> {
    let templates = &report.topology(kind).metadata_templates;
    let mut sorted: Vec<_> = templates.iter().collect();
    sorted.sort_by(|a, b| a.1.priority.total_cmp(&b.1.priority));
    let rows = sorted.into_iter().filter_map(|(key, template)| {
        let id = if template.id.is_empty() { key } else { &template.id };
        let latest = || node.fact(id).map(str::to_owned);
        let set = || {
            let set = node.said.sets.get(id).filter(|set| !set.is_empty())?;
            let names: Vec<&str> = set.iter().map(AsRef::as_ref).collect();
            Some(names.join(", "))
        };
        let count = || {
            Some(node.count(id))
                .filter(|count| *count > 0)
                .map(|count| count.to_string())
        };
        let value = match template.from {
            MetadataSource::Latest => latest().or_else(set),
            MetadataSource::Sets => set(),
            MetadataSource::Counters => count().or_else(latest),
        }?;
        let namespace = id == "kubernetes_namespace" && template.label == "Name";
        let label = if namespace { "Namespace" } else { &template.label };
        let mut row = json!({ "id": id, "label": label, "value": value });
        if template.priority != 0.0 {
            row["priority"] = json!(template.priority);
        }
        if !template.data_type.is_empty() {
            row["dataType"] = json!(template.data_type);
        }
        if template.truncate != 0 {
            row["truncate"] = json!(template.truncate);
        }
        Some(row)
    });
    rows.collect()
}

fn metrics(report: &Report, kind: TopologyKind, node: &Node, readings: bool) -> Vec<Value> {
    let templates = &report.topology(kind).metric_templates;
    let mut sorted: Vec<_> = templates.iter().collect();
    sorted.sort_by(|a, b| a.1.priority.total_cmp(&b.1.priority));
    let rows = sorted.into_iter().filter_map(|(key, template)| {
        let id = if template.id.is_empty() { key } else { &template.id };
        let metric = node.said.metrics.get(id)?;
        // Two decimals, cut and not rounded.
        let value = metric.last().map_or(0.0, |s| (s.value * 100.0).trunc() / 100.0);
        let mut row = json!({
            "id": id, "label": template.label, "value": value, "min": metric.min, "max": metric.max,
            "samples": readings.then(|| samples(metric)), "url": "",
        });
        if template.priority != 0.0 {
            row["priority"] = json!(template.priority);
        }
        if !template.format.is_empty() {
            row["format"] = json!(template.format);
        }
        if !template.group.is_empty() {
            row["group"] = json!(template.group);
        }
        Some(row)
    });
    rows.collect()
}

fn samples(metric: &Metric) -> Vec<Value> {
    let samples = metric.samples.iter();
    let rows = samples.map(|s| json!({ "date": s.date.to_rfc3339(), "value": s.value }));
    rows.collect()
}

fn tables(report: &Report, kind: TopologyKind, node: &Node) -> Vec<Value> {
    let templates = report.topology(kind).table_templates.values();
    let mut out: Vec<Value> = templates
        .map(|template| {
            let mut rows: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
            let property_list = template.table_type == TableType::PropertyList;
            for (key, fact) in &node.said.latest {
                let value = fact.value.to_string();
                let fixed = template.fixed_rows.get(key).filter(|_| property_list);
                let rest = key.strip_prefix(template.prefix.as_str());
                let rest = rest.filter(|_| !template.prefix.is_empty());
                let Some(rest) = fixed.map(AsRef::as_ref).or(rest) else {
                    continue;
                };
                if property_list {
                    let row = rows.entry(format!("label_{rest}")).or_default();
                    row.insert("label".to_owned(), rest.to_owned());
                    row.insert("value".to_owned(), value);
                } else if let Some((row, columns)) = rest.split_once("___") {
                    let column = columns.split("___").next().unwrap();
                    let row = rows.entry(row.to_owned()).or_default();
                    row.insert(column.to_owned(), value);
                }
            }
            let columns: Vec<Value> = template
                .columns
                .iter()
                .map(|c| json!({ "id": c.id, "label": c.label, "dataType": c.data_type }))
                .collect();
            let rows: Vec<Value> = rows
                .into_iter()
                .map(|(id, entries)| json!({ "id": id, "entries": entries }))
                .collect();
            let kind = if property_list {
                "property-list"
            } else {
                "multicolumn-table"
            };
            json!({
                "id": template.id, "label": template.label, "type": kind,
                "columns": (!columns.is_empty()).then_some(columns), "rows": rows,
            })
        })
        .collect();
    out.sort_by_key(|table| table["id"].to_string());
    out
}

const PARENTS: [TopologyKind; 13] = [
    TopologyKind::Container,
    TopologyKind::ContainerImage,
    TopologyKind::Pod,
    TopologyKind::Deployment,
    TopologyKind::DaemonSet,
    TopologyKind::StatefulSet,
    TopologyKind::CronJob,
    // Where Orrery means to differ: Scope left jobs out.
    TopologyKind::Job,
    TopologyKind::Service,
    TopologyKind::EcsTask,
    TopologyKind::EcsService,
    TopologyKind::SwarmService,
    TopologyKind::Host,
];

fn parents(report: &Report, node: &Node) -> Vec<Value> {
    let mut out = Vec::new();
    for kind in PARENTS {
        let reported = Nodes::select(report, kind).all;
        for id in node.parents(kind.tag()) {
            if id == node.id {
                continue;
            }
            let stub = || Node::new(kind.tag(), &id);
            let parent = reported.get(&id).cloned().unwrap_or_else(stub);
            out.push(json!({
                "id": id, "label": labels(report, &parent).label, "topologyId": home(kind),
            }));
        }
    }
    out
}
