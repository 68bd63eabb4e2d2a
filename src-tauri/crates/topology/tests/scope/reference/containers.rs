//! Containers in their groupings, and what is made of those that run.

use std::collections::BTreeMap;

use orrery_model::{Report, TopologyKind, id};

use super::kubernetes::{lend_metrics, to_parents};
use super::processes::{host_in, join_endpoints, processes};
use super::{Join, Node, Nodes, PSEUDO};

/// Nodes by the addresses that are theirs alone.
pub(super) fn owners(
    report: &Report,
    kind: TopologyKind,
    addresses: impl Fn(&Node) -> Vec<String>,
) -> BTreeMap<String, Option<String>> {
    let mut out: BTreeMap<String, Option<String>> = BTreeMap::new();
    for node in Nodes::select(report, kind).all.values() {
        let own: std::collections::BTreeSet<String> = addresses(node).into_iter().collect();
        for address in own {
            let first = !out.contains_key(&address);
            out.insert(address, first.then(|| node.id.clone()));
        }
    }
    out
}

pub(super) fn join_addresses(
    report: &Report,
    kind: TopologyKind,
    addresses: impl Fn(&Node) -> Vec<String>,
) -> Nodes {
    let owners = owners(report, kind, addresses);
    join_endpoints(report, kind, |endpoint, _| owner(&owners, &endpoint.id))
}

fn owner(owners: &BTreeMap<String, Option<String>>, endpoint: &str) -> Option<String> {
    let (scope, address, port) = id::parse_endpoint(endpoint)?;
    let whole = owners.get(&format!("{scope};{address};"));
    let mapped = || owners.get(&format!("{scope};{address};{port}"));
    whole.or_else(mapped)?.clone()
}

fn addresses(container: &Node) -> Vec<String> {
    let not_its_own = ["does_not_make_connections", "docker_is_in_host_network"];
    if not_its_own.iter().any(|key| container.fact(key).is_some()) {
        return Vec::new();
    }
    let set = |key: &str| container.said.sets.get(key).into_iter().flatten();
    let mut out = Vec::new();
    for scoped in set("docker_container_ips_with_scopes") {
        let (_, address) = scoped.split_once(';').unwrap();
        if !address.starts_with("127.") {
            out.push(format!("{scoped};"));
        }
    }
    for published in set("docker_container_ports") {
        if let Some((from, to)) = published.split_once("->")
            && to.ends_with("/tcp")
        {
            let (address, port) = from.rsplit_once(':').unwrap();
            out.push(format!(";{address};{port}"));
        }
    }
    out
}

pub(super) fn containers(report: &Report) -> Nodes {
    let processes = processes(report);
    let mut join = Join::default();
    for node in processes.all.values() {
        if node.is_pseudo() {
            join.pass(node);
            continue;
        }
        match node.fact("docker_container_id").filter(|c| !c.is_empty()) {
            Some(container) => join.add_deep(node, "container", &format!("{container};<container>")),
            None => join.add_deep(node, PSEUDO, &format!("pseudo:uncontained:{}", host_in(&node.id))),
        }
    }
    let by_process = join.done(&processes);
    let by_address = join_addresses(report, TopologyKind::Container, addresses);
    by_address
        .merge(by_process)
        .retain(|n| n.is_pseudo() || n.fact("docker_container_state") != Some("deleted"))
}

/// Id of an image by name. Where Orrery means to differ: a registry's port stays, a digest goes.
fn by_name_id(image: &str) -> String {
    format!("{};<container_image>", without_tag(image))
}

pub(super) fn without_tag(image: &str) -> String {
    let parts: Vec<&str> = image.splitn(3, '/').collect();
    let rest = if parts.len() == 3 {
        parts[1..].join("/")
    } else {
        image.to_owned()
    };
    let (folder, last) = match rest.rsplit_once('/') {
        Some((folder, last)) => (format!("{folder}/"), last.to_owned()),
        None => (String::new(), rest),
    };
    let name = last.split([':', '@']).next().unwrap();
    format!("{folder}{name}")
}

pub(super) fn with_images(report: &Report) -> Nodes {
    let images = Nodes::select(report, TopologyKind::ContainerImage).all;
    let mut out = containers(report);
    for node in out.all.values_mut().filter(|n| n.topology == "container") {
        let Some(image) = node
            .fact("docker_image_id")
            .and_then(|i| images.get(&format!("{i};<container_image>")))
        else {
            continue;
        };
        let Some(name) = image.fact("docker_image_name") else {
            continue;
        };
        for key in [
            "docker_image_name",
            "docker_image_tag",
            "docker_image_size",
            "docker_image_virtual_size",
            "docker_image_label_works.weave.role",
        ] {
            if let Some(fact) = image.said.latest.get(key)
                && node
                    .said
                    .latest
                    .get(key)
                    .is_none_or(|own| own.timestamp < fact.timestamp)
            {
                node.said.latest.insert(key.into(), fact.clone());
            }
        }
        node.said.parents.remove("container_image");
        node.said = std::mem::take(&mut node.said).with_parent("container_image", by_name_id(name));
    }
    out
}

pub(super) fn by_hostname(report: &Report) -> Nodes {
    let containers = with_images(report);
    let mut join = Join::default();
    for node in containers.all.values() {
        if node.is_pseudo() {
            join.pass(node);
        } else if let Some(name) = node.fact("docker_container_hostname").filter(|n| !n.is_empty()) {
            join.add_deep(node, "group:container:docker_container_hostname", name);
        }
    }
    join.done(&containers)
}

pub(super) fn by_image(report: &Report) -> Nodes {
    let containers = with_images(report);
    let mut join = Join::into_what_is_reported(report, &[TopologyKind::ContainerImage]);
    for node in containers.all.values() {
        if node.is_pseudo() {
            join.pass(node);
        } else if let Some(image) = node.fact("docker_image_id").filter(|i| !i.is_empty()) {
            join.add_deep(node, "container_image", &format!("{image};<container_image>"));
        }
    }
    let by_id = join.done(&containers);
    let mut join = Join::default();
    for node in by_id.all.values() {
        if node.is_pseudo() {
            join.pass(node);
        } else if let Some(name) = node.fact("docker_image_name") {
            let id = by_name_id(name);
            let mut named = Node::new("container_image", &id);
            named.merge(&Node {
                adjacency: Default::default(),
                ..node.clone()
            });
            match join.nodes.get_mut(&id) {
                Some(held) => held.merge(&named),
                None => {
                    join.nodes.insert(id.clone(), named);
                }
            }
            join.went.entry(node.id.clone()).or_default().push(id);
        }
    }
    join.done(&by_id)
        .retain(|n| n.is_pseudo() || n.count("container") > 0)
}

const RUNNING: [&str; 4] = ["running", "restarting", "paused", "CONTAINER_RUNNING"];

pub(super) fn is_running(node: &Node) -> bool {
    node.fact("docker_container_state")
        .is_none_or(|s| RUNNING.contains(&s))
}

fn of_running(report: &Report, kind: TopologyKind) -> Nodes {
    let running = with_images(report).retain(|n| n.is_pseudo() || is_running(n));
    let joined = lend_metrics(to_parents(&running, &[kind], true), "container");
    Nodes::select(report, kind).merge(joined)
}

fn any(report: &Report, kinds: &[TopologyKind]) -> bool {
    kinds.iter().any(|kind| !report.topology(*kind).nodes.is_empty())
}

pub(super) fn ecs_tasks(report: &Report) -> Nodes {
    if !any(report, &[TopologyKind::EcsTask, TopologyKind::EcsService]) {
        return Nodes::default();
    }
    of_running(report, TopologyKind::EcsTask)
}

pub(super) fn ecs_services(report: &Report) -> Nodes {
    let tasks = ecs_tasks(report);
    if tasks.all.is_empty() && !any(report, &[TopologyKind::EcsService]) {
        return Nodes::default();
    }
    let joined = lend_metrics(to_parents(&tasks, &[TopologyKind::EcsService], false), "ecs_task");
    Nodes::select(report, TopologyKind::EcsService).merge(joined)
}

pub(super) fn swarm_services(report: &Report) -> Nodes {
    if !any(report, &[TopologyKind::SwarmService]) {
        return Nodes::default();
    }
    of_running(report, TopologyKind::SwarmService)
}
