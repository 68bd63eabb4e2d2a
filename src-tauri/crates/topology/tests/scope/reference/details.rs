//! A node in full: controls, children, connections.

use std::collections::{BTreeMap, BTreeSet};

use orrery_model::{Report, TopologyKind, id};
use serde_json::{Value, json};

use super::labels::labels;
use super::processes::names;
use super::summary::{home, summary, with_adjacency};
use super::{Node, Nodes};

pub(super) fn details(report: &Report, name: &str, shown: &BTreeMap<String, Node>, node: &Node) -> Value {
    let mut out = summary(report, node, true);
    with_adjacency(&mut out, &node.adjacency);
    out["controls"] = controls(report, node).into();
    let children = children(report, node);
    if !children.is_empty() {
        out["children"] = children.into();
    }
    out["connections"] = json!([
        connections(report, name, shown, node, false),
        connections(report, name, shown, node, true),
    ]);
    out
}

/// Where Orrery means to differ: by rank, and each with its own probe.
fn controls(report: &Report, node: &Node) -> Vec<Value> {
    let Some(kind) = TopologyKind::from_tag(&node.topology) else {
        return Vec::new();
    };
    let declared = &report.topology(kind).controls;
    let active = node.said.controls().into_iter();
    let mut out: Vec<_> = active.filter_map(|id| declared.get_key_value(id)).collect();
    out.sort_by_key(|(id, control)| (control.rank, (*id).clone()));
    let instances = out.into_iter().map(|(id, control)| {
        let probe = match node.word("control_probe_id") {
            _ if !control.probe_id.is_empty() => control.probe_id.as_str(),
            "" => "probe",
            said => said,
        };
        let mut instance = json!({
            "probeId": probe, "nodeId": node.id, "id": id, "human": control.human, "icon": control.icon,
            "rank": control.rank,
        });
        if !control.confirmation.is_empty() {
            instance["confirmation"] = json!(control.confirmation);
        }
        instance
    });
    instances.collect()
}

type Group = (
    TopologyKind,
    &'static str,
    &'static [(&'static str, &'static str, &'static str)],
);

const GROUPS: [Group; 10] = [
    (
        TopologyKind::Pod,
        "Pods",
        &[
            ("kubernetes_state", "State", ""),
            ("container", "# Containers", "number"),
            ("kubernetes_ip", "IP", "ip"),
        ],
    ),
    (
        TopologyKind::EcsTask,
        "Tasks",
        &[("ecs_created_at", "Created At", "datetime")],
    ),
    (
        TopologyKind::Container,
        "Containers",
        &[
            ("docker_cpu_total_usage", "CPU", "number"),
            ("docker_memory_usage", "Memory", "number"),
        ],
    ),
    (
        TopologyKind::Process,
        "Processes",
        &[
            ("pid", "PID", "number"),
            ("process_cpu_usage_percent", "CPU", "number"),
            ("process_memory_usage_bytes", "Memory", "number"),
        ],
    ),
    (TopologyKind::ContainerImage, "Container images", &[]),
    (TopologyKind::PersistentVolume, "Persistent Volumes", &[]),
    (
        TopologyKind::PersistentVolumeClaim,
        "Persistent Volume Claims",
        &[],
    ),
    (TopologyKind::StorageClass, "Storage Classes", &[]),
    (TopologyKind::VolumeSnapshot, "Volume Snapshots", &[]),
    (TopologyKind::VolumeSnapshotData, "Volume Snapshot Data", &[]),
];

fn children(report: &Report, node: &Node) -> Vec<Value> {
    let groups = GROUPS.iter().filter_map(|(kind, label, columns)| {
        let nodes: Vec<Value> = node
            .children_of(kind.tag())
            .map(|child| {
                let mut row = summary(report, child, false);
                with_adjacency(&mut row, &child.adjacency);
                row
            })
            .collect();
        let columns: Vec<Value> = columns.iter().map(|c| column(c, false)).collect();
        (!nodes.is_empty()).then(|| {
            json!({
                "id": "", "label": label, "nodes": nodes, "topologyId": home(*kind), "columns": columns,
            })
        })
    });
    groups.collect()
}

fn column((id, label, data_type): &(&str, &str, &str), sorted: bool) -> Value {
    json!({ "id": id, "label": label, "defaultSort": sorted, "dataType": data_type })
}

fn is_internet(node: &Node) -> bool {
    ["in-theinternet", "out-theinternet"].contains(&node.id.as_str())
}

/// Address of an endpoint that is drawn as The Internet, with its best name.
fn outside(report: &Report, node: &Node, endpoint: &Node) -> String {
    if !is_internet(node) {
        return String::new();
    }
    let (_, address, _) = id::parse_endpoint(&endpoint.id).unwrap();
    match names(report, address).first() {
        Some(name) => format!("{name} ({address})"),
        None => address.to_owned(),
    }
}

fn connections(
    report: &Report,
    name: &str,
    shown: &BTreeMap<String, Node>,
    node: &Node,
    outgoing: bool,
) -> Value {
    let endpoints = Nodes::select(report, TopologyKind::Endpoint).all;
    let original = |endpoint: &Node| endpoint.fact("copy_of").unwrap_or(&endpoint.id).to_owned();
    let mut counted: BTreeSet<String> = BTreeSet::new();
    let mut rows: BTreeMap<String, Value> = BTreeMap::new();
    let neighbours = shown.values().filter(|other| {
        let (from, to) = if outgoing { (node, *other) } else { (*other, node) };
        from.adjacency.contains(&to.id)
    });
    for other in neighbours {
        let (from, to) = if outgoing { (node, other) } else { (other, node) };
        for source in from.children_of("endpoint") {
            for target in to.children_of("endpoint") {
                if !source.adjacency.contains(&target.id) {
                    continue;
                }
                // Where it went before address translation; nothing is known of one that is not reported.
                let Some(aim) = endpoints.get(&original(target)) else {
                    continue;
                };
                if !counted.insert(original(source)) {
                    continue;
                }
                let (near, far) = if outgoing { (source, aim) } else { (aim, source) };
                let (remote, local) = (outside(report, other, far), outside(report, node, near));
                let (_, _, port) = id::parse_endpoint(&aim.id).unwrap();
                let left_out: u32 = source.word("conn_count").parse().unwrap_or(0);
                let key = format!("{}-{remote}-{local}-{port}", other.id);
                let row = rows.entry(key.clone()).or_insert_with(|| {
                    let labels = labels(report, other);
                    let mut row = json!({ "id": key, "nodeId": other.id, "count": 0 });
                    if remote.is_empty() {
                        row["label"] = labels.label.into();
                        row["labelMinor"] = labels.minor.into();
                    } else {
                        row["label"] = remote.into();
                    }
                    row["local"] = local.into();
                    row["port"] = port.into();
                    row
                });
                row["count"] = json!(row["count"].as_u64().unwrap() + 1 + u64::from(left_out));
            }
        }
    }
    let remote_column = is_internet(node);
    let rows: Vec<Value> = rows
        .into_values()
        .map(|row| finished(row, remote_column))
        .collect();
    let mut columns = vec![
        column(&("port", "Port", "number"), false),
        column(&("count", "Count", "number"), true),
    ];
    if remote_column {
        columns.insert(0, column(&("remote", "Remote", ""), false));
    }
    let (id, label) = match outgoing {
        true => ("outgoing-connections", "Outbound"),
        false => ("incoming-connections", "Inbound"),
    };
    json!({ "id": id, "topologyId": name, "label": label, "columns": columns, "connections": rows })
}

/// A row with its cells.
fn finished(mut row: Value, remote_column: bool) -> Value {
    let cell = |id: &str, value: Value| json!({ "id": id, "label": "", "value": value });
    let fields = row.as_object_mut().unwrap();
    let (local, port) = (fields.remove("local").unwrap(), fields.remove("port").unwrap());
    let count = fields.remove("count").unwrap().to_string();
    let mut cells = vec![cell("port", port), cell("count", count.into())];
    if remote_column {
        cells.insert(0, cell("remote", local));
    }
    if fields.get("labelMinor").is_some_and(|minor| minor == "") {
        fields.remove("labelMinor");
    }
    fields.insert("metadata".to_owned(), cells.into());
    row
}
