//! Pods with their storage, Kubernetes services and controllers.

use std::sync::Arc;

use orrery_model::{Node, NodeId, Report, SmolStr, TopologyKind, id};
use rustc_hash::FxHashMap;

use crate::derive::containers::{Addresses, child, drop_deleted};
use crate::derive::endpoints::Endpoints;
use crate::derive::keys;
use crate::derive::layer::{Join, Layer, Targets};
use crate::derive::local::LocalPeers;
use crate::derive::node::{NodeKind, PseudoKind, RenderNode, host_name, pseudo_subject, unmanaged_id};
use crate::derive::system::{is_pause, is_running};

const KINDS: [TopologyKind; 10] = [
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

const STORAGE: [TopologyKind; 5] = [
    TopologyKind::PersistentVolume,
    TopologyKind::PersistentVolumeClaim,
    TopologyKind::StorageClass,
    TopologyKind::VolumeSnapshot,
    TopologyKind::VolumeSnapshotData,
];

/// Kinds of controllers.
pub(crate) const CONTROLLERS: [TopologyKind; 5] = [
    TopologyKind::Deployment,
    TopologyKind::DaemonSet,
    TopologyKind::StatefulSet,
    TopologyKind::CronJob,
    TopologyKind::Job,
];

/// True for the kinds of storage.
pub(crate) fn is_storage(kind: TopologyKind) -> bool {
    STORAGE.contains(&kind)
}

fn any(report: &Report) -> bool {
    KINDS.iter().any(|k| !report.topology(*k).nodes.is_empty())
}

/// Every pod that is not deleted or failed and every volume: joined by the containers inside, and by
/// addresses of pods that have their own. Containers outside pods stand together per host.
pub(crate) fn pods(
    report: &Report,
    endpoints: &Endpoints,
    containers: &Layer,
    peers: Option<&LocalPeers<'_>>,
) -> Layer {
    if !any(report) {
        return Layer::default();
    }
    let mut join = Join::new();
    join.seed(TopologyKind::Pod, report.topology(TopologyKind::Pod));
    join.lift(containers, |join, node| {
        let wanted = node.kind.is_pseudo() || (is_running(&node.node) && !is_pause(&node.node));
        if wanted {
            to_parents_or_unmanaged(join, node, &[TopologyKind::Pod])
        } else {
            Targets::None
        }
    });
    let addresses = Addresses::of_pods(report);
    join.lift_endpoints(endpoints, |join, at| {
        let endpoint = endpoints.get(at);
        if let Some((kind, id)) = &endpoint.outside {
            return Targets::One(join.target(*kind, id.clone()));
        }
        let owner = addresses.find(endpoint).and_then(|id| join.at(id));
        owner.or_else(|| peers?.place(join, endpoint)).into()
    });
    add_storage(&mut join, report);
    let mut layer = drop_deleted(
        join.finish(),
        keys::K8S_STATE,
        &[keys::STATE_DELETED, keys::STATE_FAILED],
    );
    for node in &mut layer.nodes {
        if node.kind == NodeKind::Known(TopologyKind::Pod) {
            adopt_hosts(node);
        }
    }
    propagate_metrics(&mut layer, TopologyKind::Container);
    layer
}

/// Every Kubernetes service, joined by its pods.
pub(crate) fn services(report: &Report, pods: &Layer) -> Layer {
    if !any(report) {
        return Layer::default();
    }
    let mut join = Join::new();
    join.seed(TopologyKind::Service, report.topology(TopologyKind::Service));
    join.lift(pods, |join, node| {
        if node.kind.is_pseudo() {
            join.pass(node)
        } else {
            to_parents(join, node, &[TopologyKind::Service])
        }
    });
    let mut layer = join.finish();
    propagate_metrics(&mut layer, TopologyKind::Pod);
    layer
}

/// Every controller, joined by its pods. What has none is unmanaged, storage too.
pub(crate) fn controllers(report: &Report, pods: &Layer) -> Layer {
    if !any(report) {
        return Layer::default();
    }
    let mut join = Join::new();
    for kind in CONTROLLERS {
        join.seed(kind, report.topology(kind));
    }
    join.lift(pods, |join, node| {
        to_parents_or_unmanaged(join, node, &CONTROLLERS)
    });
    let mut layer = join.finish();
    propagate_metrics(&mut layer, TopologyKind::Pod);
    layer
}

/// Maps a node to its parents of some kinds.
pub(crate) fn to_parents(join: &mut Join, node: &RenderNode, kinds: &[TopologyKind]) -> Targets {
    let mut targets = Vec::new();
    for kind in kinds {
        for parent in node.node.parents.get(kind.tag()).into_iter().flatten() {
            targets.push(join.target(NodeKind::Known(*kind), parent.clone()));
        }
    }
    targets.into()
}

/// The same; without a parent it goes to its host's unmanaged node, and uncontained becomes unmanaged.
pub(crate) fn to_parents_or_unmanaged(join: &mut Join, node: &RenderNode, kinds: &[TopologyKind]) -> Targets {
    let host: SmolStr = match node.kind {
        NodeKind::Pseudo(PseudoKind::Uncontained) => SmolStr::new(pseudo_subject(&node.id)),
        NodeKind::Pseudo(_) => return join.pass(node),
        _ => {
            let targets = to_parents(join, node, kinds);
            if targets != Targets::None {
                return targets;
            }
            host_name(&node.node)
        }
    };
    Targets::One(join.target(NodeKind::Pseudo(PseudoKind::Unmanaged), unmanaged_id(&host)))
}

/// A pod is on the hosts of the first thing inside it that is on any.
fn adopt_hosts(pod: &mut RenderNode) {
    let tag = TopologyKind::Host.tag();
    let hosts = pod
        .children
        .iter()
        .filter(|c| !STORAGE.contains(&c.kind))
        .find_map(|c| c.node.parents.get(tag).filter(|hosts| !hosts.is_empty()));
    let known = pod.node.parents.get(tag);
    if let Some(hosts) = hosts.filter(|hosts| known.is_none_or(|known| !hosts.is_subset(known))) {
        let mut node = Node::clone(&pod.node);
        let all = node.parents.entry(SmolStr::new_static(tag)).or_default();
        all.extend(hosts.iter().cloned());
        pod.node = Arc::new(node);
    }
}

/// A node that stands for exactly one node of a kind shows that one's metrics.
pub(crate) fn propagate_metrics(layer: &mut Layer, from: TopologyKind) {
    for node in &mut layer.nodes {
        if !matches!(node.kind, NodeKind::Known(_)) {
            continue;
        }
        let mut candidates = node
            .children
            .iter()
            .filter(|c| c.kind == from && c.node.latest(keys::DOES_NOT_MAKE_CONNECTIONS).is_none());
        let (Some(only), None) = (candidates.next(), candidates.next()) else {
            continue;
        };
        if only.node.metrics.is_empty() {
            continue;
        }
        let mut lent = Node::new(node.id.clone(), "");
        lent.metrics = only.node.metrics.clone();
        let mut with = Node::clone(&node.node);
        with.merge(&lent);
        node.node = Arc::new(with);
    }
}

/// One kind of edge between pods and storage: equal keys of both ends make one.
struct StorageLink {
    from: TopologyKind,
    to: TopologyKind,
    from_keys: fn(&Node) -> Vec<String>,
    to_keys: fn(&Node) -> Vec<String>,
}

const STORAGE_LINKS: [StorageLink; 5] = [
    StorageLink {
        from: TopologyKind::Pod,
        to: TopologyKind::PersistentVolumeClaim,
        from_keys: claims,
        to_keys: |claim| in_namespace(claim, keys::K8S_NAME),
    },
    StorageLink {
        from: TopologyKind::PersistentVolumeClaim,
        to: TopologyKind::PersistentVolume,
        from_keys: |claim| facts(claim, &[keys::K8S_VOLUME_NAME]),
        to_keys: |volume| facts(volume, &[keys::K8S_NAME]),
    },
    StorageLink {
        from: TopologyKind::StorageClass,
        to: TopologyKind::PersistentVolumeClaim,
        from_keys: |class| facts(class, &[keys::K8S_NAME]),
        to_keys: |claim| facts(claim, &[keys::K8S_STORAGE_CLASS]),
    },
    StorageLink {
        from: TopologyKind::PersistentVolume,
        to: TopologyKind::VolumeSnapshot,
        from_keys: |volume| facts(volume, &[keys::K8S_NAME]),
        to_keys: |snapshot| facts(snapshot, &[keys::K8S_VOLUME_NAME]),
    },
    StorageLink {
        from: TopologyKind::VolumeSnapshot,
        to: TopologyKind::VolumeSnapshotData,
        from_keys: |snapshot| {
            let by_data = prefixed("data:", snapshot, keys::K8S_SNAPSHOT_DATA);
            by_data
                .chain(prefixed("snapshot:", snapshot, keys::K8S_NAME))
                .collect()
        },
        to_keys: |data| {
            let by_name = prefixed("data:", data, keys::K8S_NAME);
            by_name
                .chain(prefixed("snapshot:", data, keys::K8S_SNAPSHOT_NAME))
                .collect()
        },
    },
];

fn add_storage(join: &mut Join, report: &Report) {
    let snapshots = !report.topology(TopologyKind::VolumeSnapshot).nodes.is_empty();
    for kind in STORAGE {
        // Data that no snapshot can be about is not drawn.
        if kind != TopologyKind::VolumeSnapshotData || snapshots {
            join.seed(kind, report.topology(kind));
        }
    }
    for link in &STORAGE_LINKS {
        let mut by_key: FxHashMap<String, Vec<(&NodeId, &Arc<Node>)>> = FxHashMap::default();
        for (id, target) in &report.topology(link.to).nodes {
            for key in (link.to_keys)(target) {
                by_key.entry(key).or_default().push((id, target));
            }
        }
        for (id, source) in &report.topology(link.from).nodes {
            for (to, target) in (link.from_keys)(source)
                .iter()
                .filter_map(|k| by_key.get(k))
                .flatten()
            {
                if let (Some(a), Some(b)) = (join.at(id), join.at(to)) {
                    join.add_edge(a, b);
                    join.add_child(a, child(link.to, target));
                }
            }
        }
    }
}

fn facts(node: &Node, keys: &[&str]) -> Vec<String> {
    keys.iter().flat_map(|key| prefixed("", node, key)).collect()
}

fn prefixed(prefix: &'static str, node: &Node, key: &str) -> impl Iterator<Item = String> + use<> {
    let value = node
        .latest(key)
        .filter(|v| !v.is_empty())
        .map(|v| format!("{prefix}{v}"));
    value.into_iter()
}

/// Claims of a pod, which may be several.
fn claims(pod: &Node) -> Vec<String> {
    let namespace = pod.latest(keys::K8S_NAMESPACE).unwrap_or_default();
    let names = pod.latest(keys::K8S_VOLUME_CLAIM).unwrap_or_default();
    let names = names.split(id::DELIMITER).filter(|name| !name.is_empty());
    names.map(|name| format!("{namespace}/{name}")).collect()
}

fn in_namespace(node: &Node, key: &str) -> Vec<String> {
    let namespace = node.latest(keys::K8S_NAMESPACE).unwrap_or_default();
    facts(node, &[key])
        .into_iter()
        .map(|name| format!("{namespace}/{name}"))
        .collect()
}
