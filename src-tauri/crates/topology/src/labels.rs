//! What a node is called, how it is drawn and what it is coloured by.

use orrery_model::{Node, Report, SmolStr, TopologyKind, id};
use smol_str::{SmolStrBuilder, format_smolstr};

use crate::derive::containers::image_without_tag;
use crate::derive::hosts::{ecs_service_name, peer_name};
use crate::derive::keys;
use crate::derive::local::LOCAL_NETWORK;
use crate::derive::node::{GroupKind, NodeKind, PseudoKind, RenderNode, host_name, pseudo_subject};

/// Characters of a container's id that are enough to tell it.
const SHORT_ID: usize = 12;
const NO_IMAGE_NAME: &str = "<none>";
/// The report's convention for a process id: `<host>;<pid>`.
const UNKNOWN_SHAPE: &str = "triangle";

/// How much the second line repeats of what boxes around a node say already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// As Scope shows it: names the host.
    Full,
    /// For the mixed view, where nodes stand in their host's box.
    Brief,
}

/// Texts and shape of a node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Labels {
    pub(crate) label: SmolStr,
    pub(crate) minor: SmolStr,
    pub(crate) rank: SmolStr,
    pub(crate) shape: SmolStr,
    /// Adornment of the shape, such as `camera`.
    pub(crate) tag: SmolStr,
    pub(crate) stack: bool,
}

/// Labels of a derived node.
pub(crate) fn labels(report: &Report, node: &RenderNode, style: Style) -> Labels {
    match node.kind {
        NodeKind::Pseudo(kind) => pseudo(kind, &node.id),
        NodeKind::Group(group) => group_labels(report, group, node),
        NodeKind::Known(kind) => known(report, kind, node, style),
    }
}

fn known(report: &Report, kind: TopologyKind, node: &RenderNode, style: Style) -> Labels {
    let mut out = shaped(report, kind);
    let facts = &*node.node;
    let count = |kind: TopologyKind, one: &str, many: &str| plural(node.count(kind), one, many);
    match kind {
        TopologyKind::Process => process(&mut out, node, style),
        TopologyKind::Container => container(&mut out, node, style),
        TopologyKind::ContainerImage => {
            out.label = image_label(facts, &node.id);
            out.minor = count(TopologyKind::Container, "container", "containers");
            out.rank = out.label.clone();
            out.stack = true;
        }
        TopologyKind::Pod => {
            name_and_rank(&mut out, node);
            out.minor = count(TopologyKind::Container, "container", "containers");
        }
        TopologyKind::Service
        | TopologyKind::Deployment
        | TopologyKind::DaemonSet
        | TopologyKind::StatefulSet
        | TopologyKind::CronJob
        | TopologyKind::Job => {
            name_and_rank(&mut out, node);
            let pods = count(TopologyKind::Pod, "pod", "pods");
            out.minor = controller_name(kind).map_or(pods.clone(), |of| format_smolstr!("{of} of {pods}"));
            out.stack = true;
        }
        TopologyKind::EcsTask => {
            out.label = facts
                .latest(keys::ECS_TASK_FAMILY)
                .map_or_else(|| bare(kind, &node.id), SmolStr::new);
        }
        TopologyKind::EcsService => {
            out.label = SmolStr::new(ecs_service_name(&node.id));
            out.stack = true;
        }
        TopologyKind::SwarmService => {
            out.label = facts
                .latest(keys::SWARM_SERVICE_NAME)
                .map_or_else(|| bare(kind, &node.id), SmolStr::new);
        }
        TopologyKind::Host => host(&mut out, &node.id),
        TopologyKind::Overlay => {
            let peer = peer_name(&node.id);
            let nickname = facts.latest(keys::WEAVE_NICKNAME).filter(|n| !n.is_empty());
            out.label = SmolStr::new(nickname.unwrap_or(peer));
            out.minor = SmolStr::new(peer);
        }
        TopologyKind::PersistentVolume
        | TopologyKind::PersistentVolumeClaim
        | TopologyKind::StorageClass
        | TopologyKind::VolumeSnapshot
        | TopologyKind::VolumeSnapshotData => name_and_rank(&mut out, node),
        TopologyKind::Endpoint | TopologyKind::ReplicaSet | TopologyKind::Namespace => {
            out.label = node.id.clone();
        }
    }
    out
}

fn shaped(report: &Report, kind: TopologyKind) -> Labels {
    let topology = report.topology(kind);
    let shape = if topology.shape.is_empty() {
        kind.shape()
    } else {
        topology.shape.as_str()
    };
    let shape = if shape.is_empty() { UNKNOWN_SHAPE } else { shape };
    Labels {
        shape: SmolStr::new(shape),
        tag: if topology.tag.is_empty() {
            SmolStr::new_static(default_tag(kind))
        } else {
            topology.tag.clone()
        },
        ..Labels::default()
    }
}

/// Adornment of the shape of a kind whose report names none.
fn default_tag(kind: TopologyKind) -> &'static str {
    match kind {
        TopologyKind::VolumeSnapshot | TopologyKind::VolumeSnapshotData => "camera",
        _ => "",
    }
}

fn process(out: &mut Labels, node: &RenderNode, style: Style) {
    let cut = node.id.bytes().position(|b| b == id::DELIMITER as u8);
    let (host, pid) = cut.map_or(("", &*node.id), |at| (&node.id[..at], &node.id[at + 1..]));
    let name = node.node.latest.get(keys::NAME).map(|l| &l.value);
    let name = name.filter(|n| !n.is_empty());
    // Old probes write the container's name on its processes.
    let container = node.node.latest(keys::CONTAINER_NAME).filter(|n| !n.is_empty());
    let named = |other: &str| name.cloned().unwrap_or_else(|| SmolStr::new(other));
    out.label = named(pid);
    out.rank = named(host);
    out.minor = match (style, name, container) {
        (Style::Brief, _, _) => joined(&["pid ", pid]),
        (Style::Full, Some(_), Some(container)) => format_smolstr!("{host} ({container}:{pid})"),
        (Style::Full, Some(_), None) => joined(&[host, " (", pid, ")"]),
        (Style::Full, None, Some(container)) => format_smolstr!("{host} ({container})"),
        (Style::Full, None, None) => SmolStr::new(host),
    };
}

/// Parts one after the other. Every process has such a text, and formatting costs several times as much.
fn joined(parts: &[&str]) -> SmolStr {
    let mut text = SmolStrBuilder::new();
    parts.iter().for_each(|part| text.push_str(part));
    text.finish()
}

fn container(out: &mut Labels, node: &RenderNode, style: Style) {
    let host = host_name(&node.node);
    let image = node.node.latest(keys::IMAGE_NAME).filter(|i| !i.is_empty());
    out.label = container_name(&node.node, &node.id);
    out.rank = match image {
        Some(image) => SmolStr::new(image_without_tag(image)),
        None if !host.is_empty() => host.clone(),
        None => out.label.clone(),
    };
    out.minor = match (style, image) {
        (Style::Brief, Some(image)) => image_and_tag(image, node.node.latest(keys::IMAGE_TAG)),
        (Style::Brief, None) => SmolStr::default(),
        (Style::Full, _) => host,
    };
}

/// The name people know a container by: the one an orchestrator gave it, else its own, else its host
/// name, else the beginning of its id.
pub(crate) fn container_name(node: &Node, node_id: &str) -> SmolStr {
    const NAMES: [&str; 5] = [
        "docker_label_com.amazonaws.ecs.container-name",
        "docker_label_io.kubernetes.container.name",
        "docker_env_MARATHON_APP_ID",
        keys::CONTAINER_NAME,
        keys::CONTAINER_HOSTNAME,
    ];
    if let Some(name) = NAMES
        .into_iter()
        .find_map(|key| node.latest(key).filter(|v| !v.is_empty()))
    {
        return SmolStr::new(name);
    }
    bare(TopologyKind::Container, node_id)
        .chars()
        .take(SHORT_ID)
        .collect()
}

/// `shop/api 2.14.0` of `registry.example/shop/api:2.14.0`.
fn image_and_tag(image: &str, tag: Option<&str>) -> SmolStr {
    let name = image_without_tag(image);
    let last = image.rsplit('/').next().unwrap_or_default();
    match tag
        .or_else(|| last.split_once(':').map(|(_, tag)| tag))
        .filter(|t| *t != "latest" && !t.is_empty())
    {
        Some(tag) => format_smolstr!("{name} {tag}"),
        None => SmolStr::new(name),
    }
}

fn image_label(node: &Node, node_id: &str) -> SmolStr {
    let name = node.latest(keys::IMAGE_NAME).unwrap_or_default();
    let short = image_without_tag(name);
    if !short.is_empty() && short != NO_IMAGE_NAME {
        SmolStr::new(short)
    } else if !name.is_empty() && name != NO_IMAGE_NAME {
        SmolStr::new(name)
    } else {
        bare(TopologyKind::ContainerImage, node_id)
    }
}

fn name_and_rank(out: &mut Labels, node: &RenderNode) {
    let name = node.node.latest(keys::K8S_NAME).filter(|n| !n.is_empty());
    let without_tag = || node.id.split_once(id::DELIMITER).map_or(&*node.id, |(id, _)| id);
    out.label = SmolStr::new(name.unwrap_or_else(without_tag));
    let namespace = node.node.latest(keys::K8S_NAMESPACE).unwrap_or_default();
    out.rank = format_smolstr!("{namespace}/{}", out.label);
}

fn controller_name(kind: TopologyKind) -> Option<&'static str> {
    Some(match kind {
        TopologyKind::Deployment => "Deployment",
        TopologyKind::DaemonSet => "DaemonSet",
        TopologyKind::StatefulSet => "StatefulSet",
        TopologyKind::CronJob => "CronJob",
        TopologyKind::Job => "Job",
        _ => return None,
    })
}

fn host(out: &mut Labels, node_id: &str) {
    let name = bare(TopologyKind::Host, node_id);
    match name.split_once('.') {
        Some((short, domain)) => {
            out.label = SmolStr::new(short);
            out.minor = SmolStr::new(domain);
            out.rank = SmolStr::new(domain);
        }
        None => out.label = name,
    }
}

/// A host's short name.
pub(crate) fn host_label(node_id: &str) -> SmolStr {
    let mut out = Labels::default();
    host(&mut out, node_id);
    out.label
}

fn group_labels(report: &Report, group: GroupKind, node: &RenderNode) -> Labels {
    let member = group.member();
    let mut out = shaped(report, member);
    let topology = report.topology(member);
    let one = if topology.label.is_empty() {
        member.label()
    } else {
        &topology.label
    };
    let many = if topology.label_plural.is_empty() {
        member.label_plural()
    } else {
        &topology.label_plural
    };
    out.label = match group {
        GroupKind::ProcessStack => SmolStr::new(node.node.latest(keys::NAME).unwrap_or(&node.id)),
        GroupKind::ProcessName | GroupKind::ContainerHostname => node.id.clone(),
    };
    out.minor = plural(node.count(member), one, many);
    out.rank = out.label.clone();
    out.stack = true;
    out
}

fn pseudo(kind: PseudoKind, node_id: &str) -> Labels {
    let subject = pseudo_subject(node_id);
    let (label, minor, shape) = match kind {
        PseudoKind::InternetIn => ("The Internet", "Inbound connections", "cloud"),
        PseudoKind::InternetOut => ("The Internet", "Outbound connections", "cloud"),
        PseudoKind::Service => (subject, "", "cloud"),
        PseudoKind::Uncontained => ("Uncontained", subject, "square"),
        PseudoKind::Unmanaged => ("Unmanaged", subject, "square"),
        PseudoKind::Local if subject == LOCAL_NETWORK => {
            ("Local network", "machines without a probe", "cloud")
        }
        PseudoKind::Local => (subject, "local network", "circle"),
    };
    Labels {
        label: SmolStr::new(label),
        minor: SmolStr::new(minor),
        rank: SmolStr::new(node_id.strip_prefix("pseudo:").unwrap_or(node_id)),
        shape: SmolStr::new(shape),
        tag: SmolStr::default(),
        stack: matches!(kind, PseudoKind::Uncontained | PseudoKind::Unmanaged),
    }
}

/// The id without its tag.
fn bare(kind: TopologyKind, node_id: &str) -> SmolStr {
    SmolStr::new(id::parse_tagged(kind, node_id).unwrap_or(node_id))
}

/// `1 pod`, `2 pods`.
fn plural(count: usize, one: &str, many: &str) -> SmolStr {
    format_smolstr!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_in_the_mixed_view() {
        let check = |image: &str, tag: Option<&str>, expected: &str| {
            assert_eq!(image_and_tag(image, tag), expected, "{image}");
        };
        check("shop/api:2.14.0", None, "shop/api 2.14.0");
        check("quay.io/shop/api", Some("2"), "shop/api 2");
        check("nginx:latest", None, "nginx");
        check("localhost:5000/nginx", None, "localhost:5000/nginx");
    }

    #[test]
    fn hosts() {
        let check = |node_id: &str, label: &str, minor: &str| {
            let mut out = Labels::default();
            host(&mut out, node_id);
            assert_eq!(
                (out.label.as_str(), out.minor.as_str()),
                (label, minor),
                "{node_id}"
            );
            assert_eq!(out.rank, minor);
        };
        check("tern;<host>", "tern", "");
        check("tern.example.com;<host>", "tern", "example.com");
    }
}
