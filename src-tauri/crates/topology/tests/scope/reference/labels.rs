//! Labels, ranks, shapes and stacks: the table of Scope's documentation, row by row.

use orrery_model::{Report, TopologyKind};

use super::containers::without_tag;
use super::processes::host_name;
use super::{Node, bare, host_of};

/// Label, second line, rank, shape, stack.
pub(super) struct Labels {
    pub(super) label: String,
    pub(super) minor: String,
    pub(super) rank: String,
    pub(super) shape: String,
    pub(super) stack: bool,
}

fn counted(node: &Node, tag: &str, one: &str, many: &str) -> String {
    let count = node.count(tag);
    format!("{count} {}", if count == 1 { one } else { many })
}

fn or<'a>(first: &'a str, second: &'a str) -> &'a str {
    if first.is_empty() { second } else { first }
}

/// Kind that describes a node or its members.
pub(super) fn kind_of(node: &Node) -> Option<TopologyKind> {
    let tag = match node.topology.strip_prefix("group:") {
        Some(group) => group.split(':').next()?,
        None => &node.topology,
    };
    TopologyKind::from_tag(tag)
}

fn shape_of(report: &Report, kind: TopologyKind) -> String {
    or(&report.topology(kind).shape, kind.shape()).to_owned()
}

pub(super) fn labels(report: &Report, node: &Node) -> Labels {
    let mut out = Labels {
        label: String::new(),
        minor: String::new(),
        rank: String::new(),
        shape: kind_of(node).map_or_else(|| "triangle".to_owned(), |kind| shape_of(report, kind)),
        stack: false,
    };
    if node.is_pseudo() {
        pseudo(&mut out, node);
        return out;
    }
    if node.topology.starts_with("group:") {
        let member = kind_of(node).unwrap();
        let topology = report.topology(member);
        let (one, many) = (&topology.label, &topology.label_plural);
        let (one, many) = (or(one, member.label()), or(many, member.label_plural()));
        out.label = node.id.clone();
        out.minor = counted(node, member.tag(), one, many);
        out.rank = node.id.clone();
        out.stack = true;
        return out;
    }
    match kind_of(node).unwrap() {
        TopologyKind::Process => process(&mut out, node),
        TopologyKind::Container => container(&mut out, node),
        TopologyKind::ContainerImage => {
            let image = node.word("docker_image_name");
            let short = without_tag(image);
            let named = |name: &str| !name.is_empty() && name != "<none>";
            out.label = match (named(&short), named(image)) {
                (true, _) => short,
                (_, true) => image.to_owned(),
                _ => bare(TopologyKind::ContainerImage, &node.id).to_owned(),
            };
            out.minor = counted(node, "container", "container", "containers");
            out.rank = out.label.clone();
            out.stack = true;
        }
        TopologyKind::EcsTask => {
            let id = bare(TopologyKind::EcsTask, &node.id);
            out.label = or(node.word("ecs_task_family"), id).to_owned();
        }
        TopologyKind::EcsService => {
            // Ids of old probes have no cluster.
            let old = node.id.strip_suffix(";<ecs_service>");
            let new = node.id.split_once(';').map(|(_, service)| service);
            out.label = old.or(new).unwrap_or(&node.id).to_owned();
            out.stack = true;
        }
        TopologyKind::SwarmService => {
            let id = bare(TopologyKind::SwarmService, &node.id);
            out.label = or(node.word("service_name"), id).to_owned();
        }
        TopologyKind::Host => match host_name(&node.id).split_once('.') {
            None => out.label = host_name(&node.id).to_owned(),
            Some((short, domain)) => {
                out.label = short.to_owned();
                out.minor = domain.to_owned();
                out.rank = domain.to_owned();
            }
        },
        TopologyKind::Overlay => {
            out.minor = node.id.trim_start_matches('#').to_owned();
            out.label = or(node.word("weave_peer_nick_name"), &out.minor).to_owned();
        }
        kind => kubernetes(&mut out, kind, node),
    }
    out
}

fn pseudo(out: &mut Labels, node: &Node) {
    let id = node.id.as_str();
    out.rank = id.strip_prefix("pseudo:").unwrap_or(id).to_owned();
    let (label, minor, shape, stack) = if id == "in-theinternet" {
        ("The Internet", "Inbound connections", "cloud", false)
    } else if id == "out-theinternet" {
        ("The Internet", "Outbound connections", "cloud", false)
    } else if let Some(service) = id.strip_prefix("service-") {
        (service, "", "cloud", false)
    } else if let Some(host) = id.strip_prefix("pseudo:uncontained:") {
        ("Uncontained", host, "square", true)
    } else {
        let host = id.strip_prefix("pseudo:unmanaged:").unwrap();
        ("Unmanaged", host, "square", true)
    };
    (out.label, out.minor) = (label.to_owned(), minor.to_owned());
    (out.shape, out.stack) = (shape.to_owned(), stack);
}

fn process(out: &mut Labels, node: &Node) {
    let (host, pid) = node.id.split_once(';').unwrap();
    let (name, container) = (node.word("name"), node.word("docker_container_name"));
    out.label = or(name, pid).to_owned();
    out.rank = or(name, host).to_owned();
    out.minor = match (name.is_empty(), container.is_empty()) {
        (false, false) => format!("{host} ({container}:{pid})"),
        (false, true) => format!("{host} ({pid})"),
        (true, false) => format!("{host} ({container})"),
        (true, true) => host.to_owned(),
    };
}

fn container(out: &mut Labels, node: &Node) {
    let names = [
        "docker_label_com.amazonaws.ecs.container-name",
        "docker_label_io.kubernetes.container.name",
        "docker_env_MARATHON_APP_ID",
        "docker_container_name",
        "docker_container_hostname",
    ];
    let named = names
        .iter()
        .map(|key| node.word(key))
        .find(|name| !name.is_empty());
    let short: String = bare(TopologyKind::Container, &node.id).chars().take(12).collect();
    out.label = named.map_or(short, str::to_owned);
    out.minor = host_of(node).to_owned();
    let image = without_tag(node.word("docker_image_name"));
    out.rank = match node.word("docker_image_name").is_empty() {
        true => or(host_of(node), &out.label).to_owned(),
        false => image,
    };
}

fn kubernetes(out: &mut Labels, kind: TopologyKind, node: &Node) {
    let id = node.id.split_once(';').map_or(node.id.as_str(), |(id, _)| id);
    out.label = or(node.word("kubernetes_name"), id).to_owned();
    out.rank = format!("{}/{}", node.word("kubernetes_namespace"), out.label);
    let of = match kind {
        TopologyKind::Pod => {
            out.minor = counted(node, "container", "container", "containers");
            return;
        }
        TopologyKind::Service => "",
        TopologyKind::Deployment => "Deployment of ",
        TopologyKind::DaemonSet => "DaemonSet of ",
        TopologyKind::StatefulSet => "StatefulSet of ",
        TopologyKind::CronJob => "CronJob of ",
        TopologyKind::Job => "Job of ",
        _ => return,
    };
    out.minor = format!("{of}{}", counted(node, "pod", "pod", "pods"));
    out.stack = true;
}
