//! Filters of topologies: which there are, and what the chosen values keep.

use std::collections::{BTreeMap, BTreeSet};

use orrery_model::{Node, Report, SmolStr, TopologyKind};

use crate::derive::catalog::TopologyKey;
use crate::derive::keys;
use crate::derive::limits::MAX_OPTION_VALUES;
use crate::derive::node::{GroupKind, NodeKind, PseudoKind, RenderNode};
use crate::derive::settings::{ContainerFilter, Settings};
use crate::derive::system::{is_application, is_running};
use crate::info::{OptionValue, TopologyOption};

/// Chosen values by option id.
pub type Options = BTreeMap<String, String>;

/// What decides which nodes of a topology are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen<'a> {
    /// These values, and the default of every option not named.
    Values(&'a Options),
    /// No filter at all, as Scope's API does when a request has no parameters.
    Unfiltered,
}

/// One thing that a value of an option keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    Everything,
    Application,
    System,
    Running,
    Stopped,
    NoPseudo,
    Connected,
    NotQuiet,
    NoStorage,
    NoSnapshots,
    NoLocalPeers,
}

/// What an option filters by, in a value's own words.
struct Choice {
    value: &'static str,
    label: &'static str,
    test: Test,
}

struct Fixed {
    id: &'static str,
    default: &'static str,
    choices: &'static [Choice],
}

const fn choice(value: &'static str, label: &'static str, test: Test) -> Choice {
    Choice { value, label, test }
}

const SYSTEM: Fixed = Fixed {
    id: "system",
    default: "application",
    choices: &[
        choice("all", "All", Test::Everything),
        choice("system", "System containers", Test::System),
        choice("application", "Application containers", Test::Application),
    ],
};

const STOPPED: Fixed = Fixed {
    id: "stopped",
    default: "running",
    choices: &[
        choice("stopped", "Stopped containers", Test::Stopped),
        choice("running", "Running containers", Test::Running),
        choice("both", "Both", Test::Everything),
    ],
};

const UNCONTAINED: Fixed = Fixed {
    id: "pseudo",
    default: "hide",
    choices: &[
        choice("show", "Show uncontained", Test::Everything),
        choice("hide", "Hide uncontained", Test::NoPseudo),
    ],
};

const UNMANAGED: Fixed = Fixed {
    id: "pseudo",
    default: "hide",
    choices: &[
        choice("show", "Show unmanaged", Test::Everything),
        choice("hide", "Hide unmanaged", Test::NoPseudo),
    ],
};

const UNCONNECTED: Fixed = Fixed {
    id: "unconnected",
    default: "hide",
    choices: &[
        choice("show", "Show unconnected", Test::Everything),
        choice("hide", "Hide unconnected", Test::Connected),
    ],
};

const BACKGROUND: Fixed = Fixed {
    id: "unconnected",
    default: "hide",
    choices: &[
        choice("show", "Show background processes", Test::Everything),
        choice("hide", "Hide background processes", Test::NotQuiet),
    ],
};

const LOCAL_PEERS: Fixed = Fixed {
    id: "local",
    default: "show",
    choices: &[
        choice("show", "Show the local network", Test::Everything),
        choice("hide", "Hide the local network", Test::NoLocalPeers),
    ],
};

/// Scope has no such option: it never draws them.
const LAN: Fixed = Fixed {
    default: "hide",
    ..LOCAL_PEERS
};

const SNAPSHOT: Fixed = Fixed {
    id: "snapshot",
    default: "hide",
    choices: &[
        choice("show", "Show snapshots", Test::Everything),
        choice("hide", "Hide snapshots", Test::NoSnapshots),
    ],
};

const STORAGE: Fixed = Fixed {
    id: "storage",
    default: "hide",
    choices: &[
        choice("show", "Show storage", Test::Everything),
        choice("hide", "Hide storage", Test::NoStorage),
    ],
};

const NAMESPACE: &str = "namespace";
const SHOW: &str = "show";
/// Name that reports give the stack of services that are in none.
const NO_STACK: &str = "No Stack";

fn fixed(key: TopologyKey) -> &'static [Fixed] {
    match key {
        TopologyKey::Everything => &[SYSTEM, STOPPED, BACKGROUND, LOCAL_PEERS],
        TopologyKey::Processes | TopologyKey::ProcessesByName => &[UNCONNECTED, LAN],
        TopologyKey::Containers | TopologyKey::ContainersByHostname | TopologyKey::ContainersByImage => {
            &[SYSTEM, STOPPED, UNCONTAINED, LAN]
        }
        TopologyKey::Pods => &[SNAPSHOT, STORAGE, UNMANAGED, LAN],
        TopologyKey::KubeControllers
        | TopologyKey::Services
        | TopologyKey::EcsTasks
        | TopologyKey::EcsServices
        | TopologyKey::SwarmServices => &[UNMANAGED, LAN],
        TopologyKey::Hosts => &[LAN],
        TopologyKey::Weave => &[],
    }
}

/// Whether machines of the local network are asked for where they are not drawn otherwise.
pub(crate) fn draws_local_peers(key: TopologyKey, chosen: Chosen<'_>) -> bool {
    let Chosen::Values(values) = chosen else {
        return false;
    };
    let has = fixed(key)
        .iter()
        .any(|f| f.id == LAN.id && f.default == LAN.default);
    has && values.get(LAN.id).is_some_and(|v| v == SHOW)
}

/// True for options that Scope does not have.
pub(crate) fn is_own(option: &str) -> bool {
    option == LAN.id
}

/// What reports and settings add to the options: names of namespaces and stacks, filters by label.
#[derive(Debug, Default)]
pub(crate) struct Names {
    namespaces: BTreeSet<SmolStr>,
    stacks: BTreeSet<SmolStr>,
    labels: Vec<ContainerFilter>,
}

impl Names {
    pub(crate) fn of(report: &Report, settings: &Settings) -> Self {
        let collect = |kind: TopologyKind, key: &str| {
            let nodes = report.topology(kind).nodes.values();
            let names = nodes.filter_map(|n| n.latest.get(key)).map(|l| l.value.clone());
            names.filter(|n| !n.is_empty()).take(MAX_OPTION_VALUES).collect()
        };
        let namespaces = match report.topology(TopologyKind::Namespace).nodes.is_empty() {
            true => namespaces_in_use(report),
            false => collect(TopologyKind::Namespace, keys::K8S_NAME),
        };
        Names {
            namespaces,
            stacks: collect(TopologyKind::SwarmService, keys::STACK_NAMESPACE),
            labels: settings.container_filters.clone(),
        }
    }

    /// Choices by label that an option of a topology has.
    fn labels(&self, option: &Fixed) -> &[ContainerFilter] {
        if option.id == SYSTEM.id { &self.labels } else { &[] }
    }

    /// The unions of a topology: label of "none chosen", values.
    fn unions(&self, key: TopologyKey) -> Vec<(&'static str, &BTreeSet<SmolStr>)> {
        let containers = matches!(
            key,
            TopologyKey::Everything
                | TopologyKey::Containers
                | TopologyKey::ContainersByHostname
                | TopologyKey::ContainersByImage
        );
        let kubernetes = matches!(
            key,
            TopologyKey::Pods | TopologyKey::Services | TopologyKey::KubeControllers
        );
        let swarm = key == TopologyKey::SwarmServices;
        let mut out = Vec::new();
        if (containers || kubernetes) && !self.namespaces.is_empty() {
            out.push(("All Namespaces", &self.namespaces));
        }
        if (containers || swarm) && !self.stacks.is_empty() {
            out.push(("All Stacks", &self.stacks));
        }
        out
    }
}

/// Kinds that tell their namespace.
pub(crate) const NAMESPACED: [TopologyKind; 6] = [
    TopologyKind::Pod,
    TopologyKind::Service,
    TopologyKind::Deployment,
    TopologyKind::DaemonSet,
    TopologyKind::StatefulSet,
    TopologyKind::CronJob,
];

/// Namespaces of what is in one. Probes of long ago did not report namespaces themselves.
fn namespaces_in_use(report: &Report) -> BTreeSet<SmolStr> {
    let nodes = NAMESPACED
        .iter()
        .flat_map(|kind| report.topology(*kind).nodes.values());
    nodes
        .filter(|node| node.latest(keys::K8S_STATE) != Some(keys::STATE_DELETED))
        .filter_map(|node| node.latest.get(keys::K8S_NAMESPACE))
        .map(|fact| fact.value.clone())
        .filter(|name| !name.is_empty())
        .take(MAX_OPTION_VALUES)
        .collect()
}

/// The options of a topology, with the values that this report gives rise to.
pub(crate) fn options_of(key: TopologyKey, names: &Names) -> Vec<TopologyOption> {
    let value = |value: &str, label: &str| OptionValue {
        value: value.to_owned(),
        label: label.to_owned(),
    };
    let mut out: Vec<TopologyOption> = fixed(key)
        .iter()
        .map(|f| {
            let own = f.choices.iter().map(|c| value(c.value, c.label));
            let by_label = names.labels(f).iter().map(|l| value(&l.value, &l.title));
            TopologyOption {
                id: f.id.to_owned(),
                default_value: f.default.to_owned(),
                select_type: "one".to_owned(),
                none_label: String::new(),
                values: own.chain(by_label).collect(),
            }
        })
        .collect();
    out.extend(
        names
            .unions(key)
            .into_iter()
            .map(|(none, values)| TopologyOption {
                id: NAMESPACE.to_owned(),
                default_value: String::new(),
                select_type: "union".to_owned(),
                none_label: none.to_owned(),
                values: values.iter().map(|v| value(v, v)).collect(),
            }),
    );
    out
}

/// What the chosen values keep.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    /// By the option that each is the choice of.
    tests: Vec<(&'static str, Test)>,
    labels: Vec<ContainerFilter>,
    /// Any of each.
    namespaces: Vec<Vec<SmolStr>>,
    /// Kept whatever the rest says: the node whose details are asked for.
    precious: Option<String>,
}

impl Filter {
    /// The same, and the node with this id stays.
    pub(crate) fn keeping(self, id: &str) -> Self {
        Filter {
            precious: Some(id.to_owned()),
            ..self
        }
    }

    pub(crate) fn of(key: TopologyKey, names: &Names, chosen: Chosen<'_>) -> Self {
        let Chosen::Values(values) = chosen else {
            return Filter::default();
        };
        let mut out = Filter::default();
        for option in fixed(key) {
            let value = values.get(option.id).map_or(option.default, String::as_str);
            // A value that does not exist keeps everything: links outlive what they were made on.
            let test = option.choices.iter().find(|c| c.value == value).map(|c| c.test);
            let test = test.filter(|t| *t != Test::Everything);
            out.tests.extend(test.map(|t| (option.id, t)));
            let labels = names.labels(option).iter().filter(|l| l.value == value);
            out.labels.extend(labels.cloned());
        }
        if let Some(chosen) = values.get(NAMESPACE) {
            for (_, known) in names.unions(key) {
                let some: Vec<SmolStr> = chosen
                    .split(',')
                    .filter(|v| known.contains(*v))
                    .map(SmolStr::new)
                    .collect();
                if !some.is_empty() {
                    out.namespaces.push(some);
                }
            }
        }
        out
    }

    pub(crate) fn keeps(&self, node: &RenderNode) -> bool {
        self.drops(node).is_none()
    }

    /// The first option that takes a node away.
    pub(crate) fn drops(&self, node: &RenderNode) -> Option<&'static str> {
        if self.precious.as_deref() == Some(node.id.as_str()) {
            return None;
        }
        if let Some((option, _)) = self.tests.iter().find(|(_, test)| !test.keeps(node)) {
            return Some(option);
        }
        if !self.labels.is_empty() && is_container(node) && !self.labels.iter().all(|l| l.keeps(&node.node)) {
            return Some(SYSTEM.id);
        }
        let elsewhere = |some: &Vec<SmolStr>| !some.iter().any(|name| is_of(node, name));
        (!node.kind.is_pseudo() && self.namespaces.iter().any(elsewhere)).then_some(NAMESPACE)
    }
}

/// What an option of a topology takes away, in words.
pub(crate) fn label_of(key: TopologyKey, option: &str) -> &'static str {
    match option {
        "system" => "Containers that the filter of system containers takes away",
        "stopped" => "Containers that the filter of stopped containers takes away",
        "unconnected" if key == TopologyKey::Everything => "Background processes",
        "unconnected" => "Processes without connections",
        "pseudo" => "Uncontained and unmanaged",
        "snapshot" => "Snapshots",
        "storage" => "Storage",
        "local" => "The local network",
        _ => "Nodes of other namespaces",
    }
}

impl Test {
    fn keeps(self, node: &RenderNode) -> bool {
        let container = is_container(node);
        match self {
            Test::Everything => true,
            Test::Application => !container || is_application(&node.node),
            Test::System => !container || !is_application(&node.node),
            Test::Running => !container || is_running(&node.node),
            Test::Stopped => !container || !is_running(&node.node),
            Test::NoPseudo => !matches!(
                node.kind,
                NodeKind::Pseudo(PseudoKind::Uncontained | PseudoKind::Unmanaged)
            ),
            Test::Connected => node.kind.is_pseudo() || node.connected,
            Test::NotQuiet => !node.quiet,
            Test::NoLocalPeers => node.kind != NodeKind::Pseudo(PseudoKind::Local),
            Test::NoStorage => !matches!(
                node.kind,
                NodeKind::Known(
                    TopologyKind::PersistentVolume
                        | TopologyKind::PersistentVolumeClaim
                        | TopologyKind::StorageClass
                )
            ),
            Test::NoSnapshots => !matches!(
                node.kind,
                NodeKind::Known(TopologyKind::VolumeSnapshot | TopologyKind::VolumeSnapshotData)
            ),
        }
    }
}

/// True for what filters of containers look at: containers and what stands for several.
fn is_container(node: &RenderNode) -> bool {
    matches!(
        node.kind,
        NodeKind::Known(TopologyKind::Container | TopologyKind::ContainerImage)
            | NodeKind::Group(GroupKind::ContainerHostname)
    )
}

/// Namespace or stack of a node, by whoever names it first.
pub(crate) fn namespace_of(node: &Node) -> Option<&str> {
    [
        keys::K8S_NAMESPACE,
        keys::POD_NAMESPACE_LABEL,
        keys::STACK_NAMESPACE,
        keys::STACK_LABEL,
    ]
    .into_iter()
    .find_map(|key| node.latest(key))
}

/// Whether a node is in a namespace: one that stands for several containers is where any of these is.
fn is_of(node: &RenderNode, namespace: &str) -> bool {
    match node.kind {
        NodeKind::Group(GroupKind::ContainerHostname) | NodeKind::Known(TopologyKind::ContainerImage) => {
            let mut containers = node.children.iter().filter(|c| c.kind == TopologyKind::Container);
            containers.any(|container| in_namespace(&container.node, namespace))
        }
        _ => in_namespace(&node.node, namespace),
    }
}

fn in_namespace(node: &Node, namespace: &str) -> bool {
    let of = namespace_of(node).unwrap_or_default();
    of == namespace || (namespace == NO_STACK && of.is_empty())
}
