//! The topologies that can be shown: Scope's thirteen, and Orrery's own mixed view.

use orrery_model::TopologyKind;

use crate::derive::node::GroupKind;

/// Key of a topology that can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TopologyKey {
    /// Containers, pods and processes that are in neither, joined by the same connections.
    Everything,
    /// Processes.
    Processes,
    /// Processes grouped by name.
    ProcessesByName,
    /// Containers.
    Containers,
    /// Containers grouped by host name.
    ContainersByHostname,
    /// Containers grouped by image.
    ContainersByImage,
    /// Kubernetes pods and storage.
    Pods,
    /// Kubernetes controllers.
    KubeControllers,
    /// Kubernetes services.
    Services,
    /// ECS tasks.
    EcsTasks,
    /// ECS services.
    EcsServices,
    /// Swarm services.
    SwarmServices,
    /// Hosts.
    Hosts,
    /// Weave Net peers.
    Weave,
}

/// What is fixed about a topology.
#[derive(Debug)]
pub struct TopologyEntry {
    /// Which one.
    pub key: TopologyKey,
    /// Its name in addresses, such as `containers-by-image`.
    pub id: &'static str,
    /// The topology it is a variant of.
    pub parent: Option<TopologyKey>,
    /// Text shown.
    pub name: &'static str,
    /// Order among the topologies without a parent.
    pub rank: u32,
    /// Left out of lists while nothing is in it.
    pub hide_if_empty: bool,
    /// Tag of the kind of its nodes.
    pub kind: &'static str,
    /// Shape of its nodes.
    pub shape: &'static str,
}

/// Every topology, in the order in which they are listed.
pub const CATALOG: [TopologyEntry; 14] = [
    entry(
        TopologyKey::Everything,
        "everything",
        None,
        "Everything",
        0,
        false,
        "everything",
        "",
    ),
    of(
        TopologyKey::Processes,
        "processes",
        None,
        "Processes",
        1,
        true,
        TopologyKind::Process,
    ),
    entry(
        TopologyKey::ProcessesByName,
        "processes-by-name",
        Some(TopologyKey::Processes),
        "by name",
        0,
        true,
        GroupKind::ProcessName.tag(),
        "square",
    ),
    of(
        TopologyKey::Containers,
        "containers",
        None,
        "Containers",
        2,
        false,
        TopologyKind::Container,
    ),
    entry(
        TopologyKey::ContainersByHostname,
        "containers-by-hostname",
        Some(TopologyKey::Containers),
        "by DNS name",
        0,
        false,
        GroupKind::ContainerHostname.tag(),
        "hexagon",
    ),
    of(
        TopologyKey::ContainersByImage,
        "containers-by-image",
        Some(TopologyKey::Containers),
        "by image",
        0,
        false,
        TopologyKind::ContainerImage,
    ),
    of(
        TopologyKey::Pods,
        "pods",
        None,
        "Pods",
        3,
        true,
        TopologyKind::Pod,
    ),
    of(
        TopologyKey::KubeControllers,
        "kube-controllers",
        Some(TopologyKey::Pods),
        "Controllers",
        0,
        true,
        TopologyKind::Deployment,
    ),
    of(
        TopologyKey::Services,
        "services",
        Some(TopologyKey::Pods),
        "Services",
        0,
        true,
        TopologyKind::Service,
    ),
    of(
        TopologyKey::EcsTasks,
        "ecs-tasks",
        None,
        "Tasks",
        3,
        true,
        TopologyKind::EcsTask,
    ),
    of(
        TopologyKey::EcsServices,
        "ecs-services",
        Some(TopologyKey::EcsTasks),
        "Services",
        0,
        true,
        TopologyKind::EcsService,
    ),
    of(
        TopologyKey::SwarmServices,
        "swarm-services",
        None,
        "Services",
        3,
        true,
        TopologyKind::SwarmService,
    ),
    of(
        TopologyKey::Hosts,
        "hosts",
        None,
        "Hosts",
        4,
        false,
        TopologyKind::Host,
    ),
    of(
        TopologyKey::Weave,
        "weave",
        Some(TopologyKey::Hosts),
        "Weave Net",
        0,
        false,
        TopologyKind::Overlay,
    ),
];

impl TopologyKey {
    /// The topology with this id.
    pub fn parse(id: &str) -> Option<Self> {
        CATALOG.iter().find(|e| e.id == id).map(|e| e.key)
    }

    /// What is fixed about it.
    pub fn entry(self) -> &'static TopologyEntry {
        &CATALOG[self.index()]
    }

    /// Its name in addresses.
    pub fn id(self) -> &'static str {
        self.entry().id
    }

    /// Place in [`CATALOG`].
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// The topology in which nodes of this kind are shown by themselves.
    pub fn primary(kind: TopologyKind) -> Option<Self> {
        Some(match kind {
            TopologyKind::Process => TopologyKey::Processes,
            TopologyKind::Container => TopologyKey::Containers,
            TopologyKind::ContainerImage => TopologyKey::ContainersByImage,
            TopologyKind::Pod
            | TopologyKind::PersistentVolume
            | TopologyKind::PersistentVolumeClaim
            | TopologyKind::StorageClass
            | TopologyKind::VolumeSnapshot
            | TopologyKind::VolumeSnapshotData => TopologyKey::Pods,
            TopologyKind::Deployment
            | TopologyKind::DaemonSet
            | TopologyKind::StatefulSet
            | TopologyKind::CronJob
            | TopologyKind::Job => TopologyKey::KubeControllers,
            TopologyKind::Service => TopologyKey::Services,
            TopologyKind::EcsTask => TopologyKey::EcsTasks,
            TopologyKind::EcsService => TopologyKey::EcsServices,
            TopologyKind::SwarmService => TopologyKey::SwarmServices,
            TopologyKind::Host => TopologyKey::Hosts,
            TopologyKind::Overlay => TopologyKey::Weave,
            TopologyKind::Endpoint | TopologyKind::ReplicaSet | TopologyKind::Namespace => return None,
        })
    }
}

const fn of(
    key: TopologyKey,
    id: &'static str,
    parent: Option<TopologyKey>,
    name: &'static str,
    rank: u32,
    hide_if_empty: bool,
    kind: TopologyKind,
) -> TopologyEntry {
    entry(
        key,
        id,
        parent,
        name,
        rank,
        hide_if_empty,
        kind_tag(kind),
        kind_shape(kind),
    )
}

#[expect(clippy::too_many_arguments, reason = "one row of the table above")]
const fn entry(
    key: TopologyKey,
    id: &'static str,
    parent: Option<TopologyKey>,
    name: &'static str,
    rank: u32,
    hide_if_empty: bool,
    kind: &'static str,
    shape: &'static str,
) -> TopologyEntry {
    TopologyEntry {
        key,
        id,
        parent,
        name,
        rank,
        hide_if_empty,
        kind,
        shape,
    }
}

/// [`TopologyKind::tag`] for the table, which is made at compile time.
const fn kind_tag(kind: TopologyKind) -> &'static str {
    match kind {
        TopologyKind::Process => "process",
        TopologyKind::Container => "container",
        TopologyKind::ContainerImage => "container_image",
        TopologyKind::Pod => "pod",
        TopologyKind::Deployment => "deployment",
        TopologyKind::Service => "service",
        TopologyKind::EcsTask => "ecs_task",
        TopologyKind::EcsService => "ecs_service",
        TopologyKind::SwarmService => "swarm_service",
        TopologyKind::Host => "host",
        TopologyKind::Overlay => "overlay",
        _ => "",
    }
}

const fn kind_shape(kind: TopologyKind) -> &'static str {
    match kind {
        TopologyKind::Process => "square",
        TopologyKind::Container | TopologyKind::ContainerImage => "hexagon",
        TopologyKind::Host | TopologyKind::Overlay => "circle",
        _ => "heptagon",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_its_keys_and_agrees_with_the_model() {
        for (i, entry) in CATALOG.iter().enumerate() {
            assert_eq!(entry.key.index(), i, "{}", entry.id);
            assert_eq!(TopologyKey::parse(entry.id), Some(entry.key));
            if let Some(kind) = TopologyKind::from_tag(entry.kind) {
                assert_eq!(kind.shape(), entry.shape, "{}", entry.id);
                assert_eq!(TopologyKey::primary(kind), Some(entry.key));
            } else {
                assert!(
                    entry.kind == "everything" || entry.kind.starts_with("group:"),
                    "{}",
                    entry.kind
                );
            }
        }
    }
}
