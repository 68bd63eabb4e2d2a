//! Which containers are part of the machinery rather than of what people run.

use orrery_model::Node;

use crate::derive::keys;

const SYSTEM_NAMES: [&str; 6] = [
    "weavescope",
    "weavedns",
    "weave",
    "weaveproxy",
    "weaveexec",
    "ecs-agent",
];

const SYSTEM_IMAGES: [&str; 9] = [
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

/// Images of the container that holds a pod's network: those Scope knew, and those in use since.
const PAUSE_IMAGES: [&str; 8] = [
    "google_containers/pause",
    "k8s.gcr.io/pause",
    "eks/pause",
    "registry.k8s.io/pause",
    "rancher/mirrored-pause",
    "rancher/pause",
    "mcr.microsoft.com/oss/kubernetes/pause",
    "podman-pause",
];

/// States of containers that run. Probes of container runtimes other than Docker write the last one.
const RUNNING: [&str; 4] = [
    keys::STATE_RUNNING,
    keys::STATE_RESTARTING,
    keys::STATE_PAUSED,
    "CONTAINER_RUNNING",
];

const ROLE_LABEL: &str = "works.weave.role";

/// True unless it belongs to the machinery.
pub(crate) fn is_application(node: &Node) -> bool {
    let label = |prefix: &str, name: &str| node.latest(&format!("{prefix}{name}"));
    let image = node.latest(keys::IMAGE_NAME).unwrap_or_default();
    let image = image.split_once(':').map_or(image, |(name, _)| name);
    let system = node
        .latest(keys::CONTAINER_NAME)
        .is_some_and(|n| SYSTEM_NAMES.contains(&n))
        || SYSTEM_IMAGES.contains(&image)
        || is_pause(node)
        || label(keys::LABEL_PREFIX, "io.kubernetes.docker.type") == Some("podsandbox")
        || label(keys::LABEL_PREFIX, ROLE_LABEL) == Some("system")
        || label(keys::IMAGE_LABEL_PREFIX, ROLE_LABEL) == Some("system")
        || node.latest(keys::POD_NAMESPACE_LABEL) == Some("kube-system")
        || label(keys::LABEL_PREFIX, "io.kubernetes.pod.name").is_some_and(|n| n.starts_with("kube-system/"));
    !system
}

/// True for the container that only holds a pod's network.
pub(crate) fn is_pause(node: &Node) -> bool {
    let image = node.latest(keys::IMAGE_NAME).unwrap_or_default();
    PAUSE_IMAGES.iter().any(|pause| image.contains(pause))
}

/// True when it runs, or nothing says that it does not.
pub(crate) fn is_running(node: &Node) -> bool {
    node.latest(keys::CONTAINER_STATE)
        .is_none_or(|state| RUNNING.contains(&state))
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_model::Timestamp;

    #[test]
    fn system_containers() {
        let check = |facts: &[(&str, &str)], application: bool| {
            let node = facts.iter().fold(Node::new("c", "container"), |n, (key, value)| {
                n.with_latest(key, Timestamp(1), *value)
            });
            assert_eq!(is_application(&node), application, "{facts:?}");
        };
        check(&[], true);
        check(&[("docker_container_name", "weavescope")], false);
        check(&[("docker_container_name", "weavescope2")], true);
        check(&[("docker_image_name", "weaveworks/scope:1.13.2")], false);
        check(&[("docker_image_name", "registry.k8s.io/pause:3.9")], false);
        check(
            &[("docker_image_name", "gcr.io/google_containers/pause-amd64:3.0")],
            false,
        );
        check(&[("docker_image_name", "shop/api:1")], true);
        check(&[("docker_label_works.weave.role", "system")], false);
        check(&[("docker_image_label_works.weave.role", "system")], false);
        check(
            &[("docker_label_io.kubernetes.pod.namespace", "kube-system")],
            false,
        );
        check(&[("docker_label_io.kubernetes.docker.type", "podsandbox")], false);
    }
}
