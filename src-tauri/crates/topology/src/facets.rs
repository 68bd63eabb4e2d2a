//! What nodes can be boxed by, and what is said beside a box's name.

use std::collections::BTreeMap;

use orrery_model::{Node, NodeId, Report, TopologyKind};

use crate::derive::containers::{container_of, image_without_tag};
use crate::derive::node::{GroupKind, NodeKind, RenderNode};
use crate::derive::options::namespace_of;
use crate::derive::{keys, units};
use crate::labels::{container_name, host_label};
use crate::picture::Facet;

/// Field of the host, which is the only one with facts.
const HOST: &str = "host";

/// Facets of a node, by field.
pub(crate) fn facets(report: &Report, node: &RenderNode) -> BTreeMap<String, Facet> {
    let mut out = BTreeMap::new();
    let mut put = |field: &str, key: &str, label: String| {
        if !key.is_empty() {
            out.insert(
                field.to_owned(),
                Facet {
                    key: key.to_owned(),
                    label,
                },
            );
        }
    };
    if let Some(host) = common_host(node) {
        put(HOST, &host, host_label(&host).to_string());
    }
    let kind = match node.kind {
        NodeKind::Known(kind) => kind,
        NodeKind::Group(GroupKind::ProcessStack) => TopologyKind::Process,
        NodeKind::Group(_) | NodeKind::Pseudo(_) => return out,
    };
    let facts = &*node.node;
    if let Some(unit) = units::box_of(kind, facts) {
        put("unit", &unit.key, unit.label.to_string());
    }
    if let Some(namespace) = namespace_of(facts) {
        put("namespace", namespace, namespace.to_owned());
    }
    if let Some(image) = facts.latest(keys::IMAGE_NAME) {
        let image = image_without_tag(image);
        put("image", image, image.to_owned());
    }
    if let Some(name) = facts
        .latest(keys::NAME)
        .or_else(|| facts.latest(keys::CONTAINER_NAME))
    {
        put("name", name, name.to_owned());
    }
    if let Some(user) = facts.latest(keys::USER) {
        put("user", user, user.to_owned());
    }
    if kind == TopologyKind::Process
        && let Some(container) = container_of(facts)
    {
        let label = match report.node(TopologyKind::Container, &container) {
            Some(known) => container_name(known, &container),
            None => container_name(&Node::default(), &container),
        };
        put("container", &container, label.to_string());
    }
    if let Some(pod) = facts.parents.get(TopologyKind::Pod.tag()).and_then(|p| p.first()) {
        let name = report
            .node(TopologyKind::Pod, pod)
            .and_then(|p| p.latest(keys::K8S_NAME));
        put("pod", pod, name.unwrap_or(pod).to_owned());
    }
    out
}

/// The host that a node is on, or that everything below it is on.
fn common_host(node: &RenderNode) -> Option<NodeId> {
    let single = match node.kind {
        NodeKind::Pseudo(_) => return None,
        NodeKind::Known(kind) => matches!(
            kind,
            TopologyKind::Host | TopologyKind::Process | TopologyKind::Container | TopologyKind::Pod
        ),
        NodeKind::Group(group) => group == GroupKind::ProcessStack,
    };
    if single && let Some(host) = node.host() {
        return Some(host);
    }
    let mut hosts = node
        .children
        .iter()
        .filter_map(|c| crate::derive::node::host_of(&c.node));
    let first = hosts.next()?;
    hosts.all(|h| h == first).then_some(first)
}

/// Facts beside the boxes of hosts: `8 cores · load 2.31`.
pub(crate) fn facts(report: &Report) -> BTreeMap<(String, String), String> {
    let hosts = report.topology(TopologyKind::Host).nodes.iter();
    hosts
        .filter_map(|(id, node)| {
            let text = host_facts(node);
            (!text.is_empty()).then(|| ((HOST.to_owned(), id.to_string()), text))
        })
        .collect()
}

fn host_facts(host: &Node) -> String {
    let cores = host
        .latest(keys::CORES)
        .and_then(|c| c.parse::<u32>().ok())
        .map(|c| match c {
            1 => "1 core".to_owned(),
            _ => format!("{c} cores"),
        });
    let load = host.metrics.get("load1").and_then(orrery_model::Metric::last);
    let load = load.map(|s| format!("load {:.2}", s.value));
    cores.into_iter().chain(load).collect::<Vec<_>>().join(" · ")
}
