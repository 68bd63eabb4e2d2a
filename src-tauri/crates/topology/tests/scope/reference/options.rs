//! What the chosen options leave of a topology.

use orrery_model::{Report, TopologyKind};

use super::containers::is_running;
use super::kubernetes::is_pause;
use super::{Chosen, Node, Nodes};

/// After options: without pseudo nodes that nothing is connected to.
pub(crate) fn shown(report: &Report, name: &str, nodes: Nodes, chosen: Chosen<'_>) -> Nodes {
    let mut nodes = match chosen {
        None => nodes,
        Some(chosen) => nodes_of(report, name, nodes, chosen),
    };
    if let Some(node) = nodes.all.get_mut("in-theinternet") {
        node.adjacency.remove("out-theinternet");
    }
    let connected = nodes.connected();
    nodes.retain(|n| !n.is_pseudo() || connected.contains(&n.id))
}

fn nodes_of(report: &Report, name: &str, nodes: Nodes, chosen: &[(&str, &str)]) -> Nodes {
    let value = |option: &str, default: &'static str| {
        let said = chosen.iter().find(|(id, _)| *id == option);
        said.map_or(default.to_owned(), |(_, value)| (*value).to_owned())
    };
    let connected = nodes.connected();
    let containers = name.starts_with("containers");
    let keep = |node: &Node| {
        let real = !node.is_pseudo();
        let (system, stopped) = (value("system", "application"), value("stopped", "running"));
        let of_containers = match system.as_str() {
            "application" => is_application(node),
            "system" => !is_application(node),
            _ => true,
        } && match stopped.as_str() {
            "running" => is_running(node),
            "stopped" => !is_running(node),
            _ => true,
        };
        let hidden = |option: &str| value(option, "hide") == "hide";
        let unconnected = hidden("unconnected") && !connected.contains(&node.id);
        let grouping = ["pseudo:uncontained:", "pseudo:unmanaged:"];
        let gathers = grouping.iter().any(|prefix| node.id.starts_with(prefix));
        let is = |kinds: &[&str]| kinds.contains(&node.topology.as_str());
        let storage = is(&["persistent_volume", "persistent_volume_claim", "storage_class"]);
        let snapshot = is(&["volume_snapshot", "volume_snapshot_data"]);
        let dropped = match name {
            "processes" | "processes-by-name" => real && unconnected,
            "hosts" | "weave" => false,
            _ if containers => (real && !of_containers) || (gathers && hidden("pseudo")),
            "pods" => {
                (storage && hidden("storage"))
                    || (snapshot && hidden("snapshot"))
                    || (gathers && hidden("pseudo"))
            }
            _ => gathers && hidden("pseudo"),
        };
        !dropped && (!real || in_chosen_namespace(report, name, node, &value("namespace", "")))
    };
    nodes.retain(keep)
}

fn in_chosen_namespace(report: &Report, name: &str, node: &Node, chosen: &str) -> bool {
    let named = |kind: TopologyKind, key: &str| -> Vec<String> {
        let nodes = report.topology(kind).nodes.values();
        nodes.filter_map(|n| n.latest(key)).map(str::to_owned).collect()
    };
    let mut namespaces = named(TopologyKind::Namespace, "kubernetes_name");
    if report.topology(TopologyKind::Namespace).nodes.is_empty() {
        use TopologyKind::{CronJob, DaemonSet, Deployment, Pod, Service, StatefulSet};
        for kind in [Pod, Service, Deployment, DaemonSet, StatefulSet, CronJob] {
            let living = report.topology(kind).nodes.values();
            let living = living.filter(|n| n.latest("kubernetes_state") != Some("deleted"));
            namespaces.extend(living.filter_map(|n| n.latest("kubernetes_namespace").map(str::to_owned)));
        }
    }
    let stacks = named(TopologyKind::SwarmService, "stack_namespace");
    let containers = name.starts_with("containers");
    let kubernetes = ["pods", "services", "kube-controllers"].contains(&name);
    let groups = [
        (containers || kubernetes).then_some(namespaces),
        (containers || name == "swarm-services").then_some(stacks),
    ];
    groups.into_iter().flatten().all(|known| {
        let wanted: Vec<&str> = chosen
            .split(',')
            .filter(|w| !w.is_empty() && known.iter().any(|k| k == w))
            .collect();
        wanted.is_empty() || wanted.iter().any(|w| is_in(node, w))
    })
}

/// Where Orrery means to differ: what stands for several containers is where any of them is, and services
/// are in their own stack.
fn is_in(node: &Node, namespace: &str) -> bool {
    if node.topology == "container_image" || node.topology.starts_with("group:container:") {
        return node.children_of("container").any(|c| is_in(c, namespace));
    }
    let said = [
        "kubernetes_namespace",
        "docker_label_io.kubernetes.pod.namespace",
        "stack_namespace",
        "docker_label_com.docker.stack.namespace",
    ];
    let own = said.iter().find_map(|key| node.fact(key)).unwrap_or_default();
    own == namespace || (own.is_empty() && namespace == "No Stack")
}

fn is_application(node: &Node) -> bool {
    let names = [
        "weavescope",
        "weavedns",
        "weave",
        "weaveproxy",
        "weaveexec",
        "ecs-agent",
    ];
    let images = [
        "swarm",
        "weaveworks/scope",
        "weaveworks/weavedns",
        "weaveworks/weave",
        "weaveworks/weaveproxy",
        "weaveworks/weaveexec",
        "amazon/amazon-ecs-agent",
        "openshift/origin-pod",
        "docker.io/openshift/origin-pod",
    ];
    let label = |label: &str| node.word(&format!("docker_label_{label}"));
    let image = node.word("docker_image_name").split(':').next().unwrap();
    !(names.contains(&node.word("docker_container_name"))
        || images.contains(&image)
        || is_pause(node)
        || label("io.kubernetes.docker.type") == "podsandbox"
        || label("works.weave.role") == "system"
        || node.word("docker_image_label_works.weave.role") == "system"
        || label("io.kubernetes.pod.namespace") == "kube-system"
        || label("io.kubernetes.pod.name").starts_with("kube-system/"))
}
