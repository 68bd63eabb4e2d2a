//! Pods, storage, services and controllers.

use orrery_model::{Node as Said, Report, TopologyKind};

use super::containers::{is_running, join_addresses, with_images};
use super::{Join, Node, Nodes, PSEUDO, host_of};

const ANY: [TopologyKind; 10] = [
    TopologyKind::Pod,
    TopologyKind::Service,
    TopologyKind::Deployment,
    TopologyKind::DaemonSet,
    TopologyKind::StatefulSet,
    TopologyKind::CronJob,
    TopologyKind::Job,
    TopologyKind::PersistentVolume,
    TopologyKind::PersistentVolumeClaim,
    TopologyKind::StorageClass,
];

/// The container that only holds a pod's network. Where Orrery means to differ: those of today count too.
pub(super) fn is_pause(node: &Node) -> bool {
    [
        "google_containers/pause",
        "k8s.gcr.io/pause",
        "eks/pause",
        "registry.k8s.io/pause",
        "rancher/mirrored-pause",
        "rancher/pause",
        "mcr.microsoft.com/oss/kubernetes/pause",
        "podman-pause",
    ]
    .iter()
    .any(|image| node.word("docker_image_name").contains(image))
}

/// Nodes joined into their parents; those without one are unmanaged, or dropped.
pub(super) fn to_parents(nodes: &Nodes, kinds: &[TopologyKind], unmanaged: bool) -> Nodes {
    let mut join = Join::default();
    for node in nodes.all.values() {
        if unmanaged && let Some(host) = node.id.strip_prefix("pseudo:uncontained:") {
            join.add_deep(node, PSEUDO, &format!("pseudo:unmanaged:{host}"));
            continue;
        }
        if node.is_pseudo() {
            join.pass(node);
            continue;
        }
        let mut alone = true;
        for kind in kinds {
            for parent in node.parents(kind.tag()) {
                join.add_deep(node, kind.tag(), &parent);
                alone = false;
            }
        }
        if alone && unmanaged {
            join.add_deep(node, PSEUDO, &format!("pseudo:unmanaged:{}", host_of(node)));
        }
    }
    join.done(nodes)
}

/// A node with one child of a kind has that one's metrics.
pub(super) fn lend_metrics(mut nodes: Nodes, from: &str) -> Nodes {
    for node in nodes.all.values_mut() {
        let mut lent = Said::new(node.said.id.clone(), "");
        let speaking: Vec<&Node> = node
            .children_of(from)
            .filter(|c| c.fact("does_not_make_connections").is_none())
            .collect();
        if let [only] = speaking.as_slice() {
            lent.metrics = only.said.metrics.clone();
        }
        node.said.merge(&lent);
    }
    nodes
}

pub(super) fn pods(report: &Report) -> Nodes {
    if ANY.iter().all(|kind| report.topology(*kind).nodes.is_empty()) {
        return Nodes::default();
    }
    let inside = with_images(report).retain(|n| n.is_pseudo() || (is_running(n) && !is_pause(n)));
    let mut joined = to_parents(&inside, &[TopologyKind::Pod], true);
    for pod in joined.all.values_mut().filter(|n| n.topology == "pod") {
        // A pod is where the first thing inside is.
        let hosts = pod
            .children
            .values()
            .map(|child| child.parents("host"))
            .find(|hosts| !hosts.is_empty());
        for host in hosts.unwrap_or_default() {
            pod.said = std::mem::take(&mut pod.said).with_parent("host", host);
        }
    }
    let joined = lend_metrics(joined, "container");
    let by_address = join_addresses(report, TopologyKind::Pod, |pod| {
        let own = pod.fact("kubernetes_is_in_host_network").is_none();
        let ip = Some(pod.word("kubernetes_ip")).filter(|ip| own && !ip.is_empty());
        ip.map(|ip| format!(";{ip};")).into_iter().collect()
    });
    by_address.merge(joined).merge(storage(report)).retain(|n| {
        let over = ["deleted", "failed"].contains(&n.word("kubernetes_state"));
        n.is_pseudo() || !over
    })
}

/// Whether there is an edge from one node to another.
type Linked<'a> = &'a dyn Fn(&Node, &Node) -> bool;

fn storage(report: &Report) -> Nodes {
    use TopologyKind::{
        PersistentVolume, PersistentVolumeClaim, Pod, StorageClass, VolumeSnapshot, VolumeSnapshotData,
    };
    let same = |from: &'static str, to: &'static str| {
        move |a: &Node, b: &Node| !a.word(from).is_empty() && a.word(from) == b.word(to)
    };
    let name = "kubernetes_name";
    let pods = Nodes::select(report, Pod);
    let claims = Nodes::select(report, PersistentVolumeClaim);
    let volumes = Nodes::select(report, PersistentVolume);
    let classes = Nodes::select(report, StorageClass);
    let snapshots = Nodes::select(report, VolumeSnapshot);
    let mut data = Nodes::select(report, VolumeSnapshotData);
    if snapshots.all.is_empty() {
        data = Nodes::default();
    }
    let claimed = |pod: &Node, claim: &Node| {
        let wanted = pod.word("kubernetes_volume_claim").split(';');
        wanted.filter(|w| !w.is_empty()).any(|w| w == claim.word(name))
            && pod.word("kubernetes_namespace") == claim.word("kubernetes_namespace")
    };
    let held = |snapshot: &Node, data: &Node| {
        same("kuberneets_snapshot_data", name)(snapshot, data)
            || same(name, "kubernetes_volume_snapshot_name")(snapshot, data)
    };
    let links: [(&Nodes, &Nodes, Linked<'_>); 5] = [
        (&pods, &claims, &claimed),
        (&claims, &volumes, &same("kubernetes_volume_name", name)),
        (&classes, &claims, &same(name, "kubernetes_storage_class_name")),
        (&volumes, &snapshots, &same(name, "kubernetes_volume_name")),
        (&snapshots, &data, &held),
    ];
    let mut out = Nodes::default();
    for kind in [&claims, &volumes, &classes, &snapshots, &data] {
        out = out.merge(kind.clone());
    }
    for (from, to, linked) in links {
        for source in from.all.values() {
            let mut linking = source.clone();
            for target in to.all.values().filter(|target| linked(source, target)) {
                linking.adjacency.insert(target.id.clone());
                let key = (target.topology.clone(), target.id.clone());
                linking.children.insert(key, target.clone());
            }
            let id = linking.id.clone();
            out = out.merge(Nodes {
                all: [(id, linking)].into(),
                filtered: 0,
            });
        }
    }
    out
}

pub(super) fn services(report: &Report) -> Nodes {
    grouped(report, &[TopologyKind::Service], false)
}

pub(super) fn controllers(report: &Report) -> Nodes {
    let kinds = [
        TopologyKind::Deployment,
        TopologyKind::DaemonSet,
        TopologyKind::StatefulSet,
        TopologyKind::CronJob,
        TopologyKind::Job,
    ];
    grouped(report, &kinds, true)
}

fn grouped(report: &Report, kinds: &[TopologyKind], unmanaged: bool) -> Nodes {
    let pods = pods(report);
    if ANY.iter().all(|kind| report.topology(*kind).nodes.is_empty()) {
        return Nodes::default();
    }
    let joined = lend_metrics(to_parents(&pods, kinds, unmanaged), "pod");
    let mut out = Nodes::default();
    for kind in kinds {
        out = out.merge(Nodes::select(report, *kind));
    }
    out.merge(joined)
}
