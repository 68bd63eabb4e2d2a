//! The 23 topologies a report can carry.

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($name:ident { key: $key:literal, tag: $tag:literal, id_tag: $id_tag:expr, label: $label:literal, plural: $plural:literal, shape: $shape:literal }),+ $(,)?) => {
        /// One of the report's topologies, in the order reports list them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum TopologyKind { $(#[doc = concat!("`", $key, "`.")] $name),+ }

        impl TopologyKind {
            /// Every kind, in report order.
            pub const ALL: [TopologyKind; 23] = [$(TopologyKind::$name),+];

            /// The key of this topology in a report, such as `ContainerImage`.
            pub fn key(self) -> &'static str { match self { $(TopologyKind::$name => $key),+ } }

            /// What a node of this topology carries in its `topology` field, such as `container_image`.
            pub fn tag(self) -> &'static str { match self { $(TopologyKind::$name => $tag),+ } }

            /// The tag in angle brackets that ends ids of this kind, where they have one:
            /// `container_image` in `docker.io/alpine;<container_image>`. Some differ from [`Self::tag`].
            pub fn id_tag(self) -> Option<&'static str> { match self { $(TopologyKind::$name => $id_tag),+ } }

            /// Singular label when the report gives none.
            pub fn label(self) -> &'static str { match self { $(TopologyKind::$name => $label),+ } }

            /// Plural label when the report gives none.
            pub fn label_plural(self) -> &'static str { match self { $(TopologyKind::$name => $plural),+ } }

            /// Shape when the report gives none; empty for kinds that are never drawn by themselves.
            pub fn shape(self) -> &'static str { match self { $(TopologyKind::$name => $shape),+ } }

            /// The kind with this report key.
            pub fn from_key(key: &str) -> Option<Self> { match key { $($key => Some(TopologyKind::$name),)+ _ => None } }

            /// The kind whose nodes carry this `topology` tag.
            pub fn from_tag(tag: &str) -> Option<Self> { match tag { $($tag => Some(TopologyKind::$name),)+ _ => None } }
        }
    };
}

kinds! {
    Endpoint { key: "Endpoint", tag: "endpoint", id_tag: None, label: "", plural: "", shape: "" },
    Process { key: "Process", tag: "process", id_tag: None, label: "process", plural: "processes", shape: "square" },
    Container { key: "Container", tag: "container", id_tag: Some("container"), label: "container", plural: "containers", shape: "hexagon" },
    Pod { key: "Pod", tag: "pod", id_tag: Some("pod"), label: "pod", plural: "pods", shape: "heptagon" },
    Service { key: "Service", tag: "service", id_tag: Some("service"), label: "service", plural: "services", shape: "heptagon" },
    Deployment { key: "Deployment", tag: "deployment", id_tag: Some("deployment"), label: "deployment", plural: "deployments", shape: "heptagon" },
    ReplicaSet { key: "ReplicaSet", tag: "replica_set", id_tag: Some("replica_set"), label: "replica set", plural: "replica sets", shape: "triangle" },
    DaemonSet { key: "DaemonSet", tag: "daemon_set", id_tag: Some("daemonset"), label: "daemonset", plural: "daemonsets", shape: "pentagon" },
    StatefulSet { key: "StatefulSet", tag: "stateful_set", id_tag: Some("statefulset"), label: "stateful set", plural: "stateful sets", shape: "octagon" },
    CronJob { key: "CronJob", tag: "cron_job", id_tag: Some("cronjob"), label: "cron job", plural: "cron jobs", shape: "triangle" },
    Namespace { key: "Namespace", tag: "namespace", id_tag: Some("namespace"), label: "", plural: "", shape: "" },
    ContainerImage { key: "ContainerImage", tag: "container_image", id_tag: Some("container_image"), label: "image", plural: "images", shape: "hexagon" },
    Host { key: "Host", tag: "host", id_tag: Some("host"), label: "host", plural: "hosts", shape: "circle" },
    EcsTask { key: "ECSTask", tag: "ecs_task", id_tag: Some("ecs_task"), label: "task", plural: "tasks", shape: "heptagon" },
    EcsService { key: "ECSService", tag: "ecs_service", id_tag: None, label: "service", plural: "services", shape: "heptagon" },
    SwarmService { key: "SwarmService", tag: "swarm_service", id_tag: Some("swarm_service"), label: "service", plural: "services", shape: "heptagon" },
    Overlay { key: "Overlay", tag: "overlay", id_tag: None, label: "peer", plural: "peers", shape: "circle" },
    PersistentVolume { key: "PersistentVolume", tag: "persistent_volume", id_tag: Some("persistent_volume"), label: "persistent volume", plural: "persistent volumes", shape: "cylinder" },
    PersistentVolumeClaim { key: "PersistentVolumeClaim", tag: "persistent_volume_claim", id_tag: Some("persistent_volume_claim"), label: "persistent volume claim", plural: "persistent volume claims", shape: "dottedcylinder" },
    StorageClass { key: "StorageClass", tag: "storage_class", id_tag: Some("storage_class"), label: "storage class", plural: "storage classes", shape: "sheet" },
    VolumeSnapshot { key: "VolumeSnapshot", tag: "volume_snapshot", id_tag: Some("volume_snapshot"), label: "volume snapshot", plural: "volume snapshots", shape: "dottedcylinder" },
    VolumeSnapshotData { key: "VolumeSnapshotData", tag: "volume_snapshot_data", id_tag: Some("volume_snapshot_data"), label: "volume snapshot data", plural: "volume snapshot data", shape: "cylinder" },
    Job { key: "Job", tag: "job", id_tag: Some("job"), label: "job", plural: "jobs", shape: "dottedtriangle" },
}

impl std::fmt::Display for TopologyKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.key())
    }
}
