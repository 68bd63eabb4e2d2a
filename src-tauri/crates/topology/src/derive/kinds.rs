//! Sets of kinds, and what feeds what: which kinds of report nodes a topology is made of.
//!
//! This table is what makes it safe to take a topology over from one snapshot to the next. The property test
//! `a_derivation_made_of_the_one_before_equals_one_from_scratch` fails when a row lacks something.

use orrery_model::TopologyKind as Kind;

use crate::derive::catalog::TopologyKey;
use crate::derive::options::NAMESPACED;

/// A set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Kinds(u32);

impl Kinds {
    pub(crate) const fn of(kinds: &[Kind]) -> Self {
        let (mut bits, mut i) = (0, 0);
        while i < kinds.len() {
            bits |= 1 << kinds[i] as u32;
            i += 1;
        }
        Kinds(bits)
    }

    pub(crate) const fn and(self, other: Kinds) -> Self {
        Kinds(self.0 | other.0)
    }

    pub(crate) const fn without(self, other: Kinds) -> Self {
        Kinds(self.0 & !other.0)
    }

    pub(crate) const fn meets(self, other: Kinds) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn insert(&mut self, kind: Kind) {
        self.0 |= 1 << kind as u32;
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What a topology is made of.
///
/// Nodes of a report *decide the shape* of a topology by being there and by the facts that
/// [`deciding_facts`](super::changes::deciding_facts) names; everything else that they say is their *content*.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sources {
    /// Kinds that decide its shape.
    pub(crate) shape: Kinds,
    /// Kinds whose nodes stand in it as reports have them, themselves or below others: new content takes the
    /// place of the old.
    pub(crate) carried: Kinds,
    /// Kinds whose content goes into nodes that are made for it: it is made anew.
    pub(crate) blended: Kinds,
    /// Joined by endpoints: names of addresses decide its shape.
    pub(crate) joined: bool,
}

/// Endpoints, and what says which addresses are local.
pub(crate) const ENDPOINTS: Kinds = Kinds::of(&[Kind::Endpoint, Kind::Host, Kind::Overlay, Kind::Service]);
const PROCESS: Kinds = Kinds::of(&[Kind::Process]);
const CONTAINER: Kinds = Kinds::of(&[Kind::Container]);
const PROCESSES: Kinds = ENDPOINTS.and(PROCESS);
const PLAIN_CONTAINERS: Kinds = PROCESSES.and(CONTAINER);
const CONTAINERS: Kinds = PLAIN_CONTAINERS.and(Kinds::of(&[Kind::ContainerImage]));
const KUBERNETES: Kinds = CONTAINERS.and(Kinds::of(&[
    Kind::Pod,
    Kind::Service,
    Kind::Deployment,
    Kind::DaemonSet,
    Kind::StatefulSet,
    Kind::CronJob,
    Kind::Job,
    Kind::PersistentVolume,
    Kind::PersistentVolumeClaim,
    Kind::StorageClass,
    Kind::VolumeSnapshot,
    Kind::VolumeSnapshotData,
]));
const ECS: Kinds = CONTAINERS.and(Kinds::of(&[Kind::EcsTask, Kind::EcsService]));
const SWARM: Kinds = CONTAINERS.and(Kinds::of(&[Kind::SwarmService]));

/// Names of namespaces and stacks among the options.
pub(crate) const OPTION_NAMES: Kinds =
    Kinds::of(&[Kind::Namespace, Kind::SwarmService]).and(Kinds::of(&NAMESPACED));

/// Kinds whose facts stand in what is shown of other nodes: labels of parents, names of containers and pods. Ids
/// of hosts say their names, and nothing is labelled by a process or an endpoint.
pub(crate) const LABELLING: Kinds =
    Kinds::of(&Kind::ALL).without(Kinds::of(&[Kind::Process, Kind::Endpoint, Kind::Host]));

/// Containers before what their images say is added.
pub(crate) const PLAIN: Sources = Sources {
    shape: PLAIN_CONTAINERS,
    carried: PROCESS.and(CONTAINER),
    blended: Kinds::of(&[]),
    joined: true,
};

/// The table.
pub(crate) const fn sources(key: TopologyKey) -> Sources {
    match key {
        TopologyKey::Everything => Sources {
            carried: PROCESS.and(Kinds::of(&[Kind::Host])),
            ..over(CONTAINERS.and(Kinds::of(&[Kind::Pod])))
        },
        TopologyKey::Processes | TopologyKey::ProcessesByName => Sources {
            shape: PROCESSES,
            carried: PROCESS,
            blended: Kinds::of(&[]),
            joined: true,
        },
        TopologyKey::Containers | TopologyKey::ContainersByHostname | TopologyKey::ContainersByImage => {
            over(CONTAINERS)
        }
        TopologyKey::Pods | TopologyKey::KubeControllers | TopologyKey::Services => over(KUBERNETES),
        TopologyKey::EcsTasks | TopologyKey::EcsServices => over(ECS),
        TopologyKey::SwarmServices => over(SWARM),
        TopologyKey::Hosts => Sources {
            carried: PROCESS.and(Kinds::of(&[Kind::Host])),
            ..over(KUBERNETES)
        },
        TopologyKey::Weave => Sources {
            shape: Kinds::of(&[Kind::Overlay]),
            carried: Kinds::of(&[]),
            blended: Kinds::of(&[]),
            joined: false,
        },
    }
}

/// A topology over containers, whose nodes take facts from their images.
const fn over(shape: Kinds) -> Sources {
    Sources {
        shape,
        carried: PROCESS,
        blended: CONTAINER,
        joined: true,
    }
}
