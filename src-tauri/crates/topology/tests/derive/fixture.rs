//! Small reports made by hand, and what is drawn of them as text.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use orrery_model::{
    Control, MetadataTemplate, Metric, MetricTemplate, Node, Report, SmolStr, Timestamp, TopologyKind,
};
use orrery_topology::derive::{Chosen, Derivation, Options};

pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000_000_000_000);

/// A report being written.
#[derive(Default)]
pub(crate) struct Fixture(pub(crate) Report);

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn node(mut self, kind: TopologyKind, node: Node) -> Self {
        self.0.topology_mut(kind).insert(node);
        self
    }

    pub(crate) fn host(self, name: &str) -> Self {
        let id = format!("{name};<host>");
        let mut node = Node::new(id.as_str(), "host").with_latest("host_node_id", NOW, id.as_str());
        node.sets.insert(
            "local_networks".into(),
            ["10.0.0.0/8".into(), "127.0.0.1/8".into()].into(),
        );
        self.node(TopologyKind::Host, node)
    }

    pub(crate) fn process(self, host: &str, pid: u32, name: &str) -> Self {
        self.process_with(host, pid, name, &[])
    }

    pub(crate) fn process_with(self, host: &str, pid: u32, name: &str, facts: &[(&str, &str)]) -> Self {
        let mut node = on_host(Node::new(format!("{host};{pid}"), "process"), host).with_latest(
            "pid",
            NOW,
            pid.to_string(),
        );
        if !name.is_empty() {
            node = node.with_latest("name", NOW, name);
        }
        self.node(TopologyKind::Process, with(node, facts))
    }

    pub(crate) fn container(self, host: &str, id: &str, facts: &[(&str, &str)]) -> Self {
        let node = on_host(Node::new(format!("{id};<container>"), "container"), host).with_latest(
            "docker_container_id",
            NOW,
            id,
        );
        self.node(TopologyKind::Container, with(node, facts))
    }

    pub(crate) fn set(mut self, kind: TopologyKind, id: &str, key: &str, values: &[&str]) -> Self {
        self.edit(kind, id, |node| {
            node.sets
                .insert(key.into(), values.iter().map(SmolStr::new).collect());
        });
        self
    }

    pub(crate) fn parent(mut self, kind: TopologyKind, id: &str, tag: &str, parent: &str) -> Self {
        self.edit(kind, id, |node| {
            node.parents.entry(tag.into()).or_default().insert(parent.into());
        });
        self
    }

    pub(crate) fn metric(mut self, kind: TopologyKind, id: &str, key: &str, value: f64) -> Self {
        self.edit(kind, id, |node| {
            node.metrics
                .insert(key.into(), Metric::of(NOW, value, 0.0, 100.0));
        });
        self
    }

    pub(crate) fn fact(mut self, kind: TopologyKind, id: &str, key: &str, value: &str) -> Self {
        self.edit(kind, id, |node| {
            *node = std::mem::take(node).with_latest(key, NOW, value);
        });
        self
    }

    fn edit(&mut self, kind: TopologyKind, id: &str, change: impl FnOnce(&mut Node)) {
        let mut node = self
            .0
            .node(kind, id)
            .map(|n| Node::clone(n))
            .expect("the node is there");
        change(&mut node);
        self.0.topology_mut(kind).insert(node);
    }

    /// An endpoint of a process: `(host, pid)`, or of nobody known.
    pub(crate) fn endpoint(self, id: &str, owner: Option<(&str, u32)>, to: &[&str]) -> Self {
        let mut node = Node::new(id, "endpoint");
        if let Some((host, pid)) = owner {
            node = node.with_latest("host_node_id", NOW, format!("{host};<host>"));
            if pid > 0 {
                node = node.with_latest("pid", NOW, pid.to_string());
            }
        }
        for target in to {
            node = node.with_adjacent(*target);
        }
        self.node(TopologyKind::Endpoint, node)
    }

    pub(crate) fn metric_template(
        mut self,
        kind: TopologyKind,
        id: &str,
        label: &str,
        priority: f64,
    ) -> Self {
        let template = MetricTemplate {
            id: id.into(),
            label: label.into(),
            format: "percent".into(),
            group: SmolStr::default(),
            priority,
        };
        self.0
            .topology_mut(kind)
            .metric_templates
            .insert(id.into(), template);
        self
    }

    pub(crate) fn metadata_template(
        mut self,
        kind: TopologyKind,
        id: &str,
        label: &str,
        priority: f64,
    ) -> Self {
        let template = MetadataTemplate {
            id: id.into(),
            label: label.into(),
            priority,
            ..MetadataTemplate::default()
        };
        self.0
            .topology_mut(kind)
            .metadata_templates
            .insert(id.into(), template);
        self
    }

    pub(crate) fn control(mut self, kind: TopologyKind, id: &str, human: &str, confirmation: &str) -> Self {
        let control = Control {
            id: id.into(),
            human: human.into(),
            confirmation: confirmation.into(),
            ..Control::default()
        };
        self.0.topology_mut(kind).controls.insert(id.into(), control);
        self
    }

    pub(crate) fn active(mut self, kind: TopologyKind, id: &str, owner: &str, controls: &[&str]) -> Self {
        self.edit(kind, id, |node| {
            let controls = controls.iter().map(SmolStr::new).collect();
            node.active_controls.insert(owner.into(), (NOW, controls));
        });
        self
    }

    pub(crate) fn derive(self) -> Derivation {
        Derivation::new(Arc::new(self.0), None)
    }
}

fn on_host(node: Node, host: &str) -> Node {
    let id = format!("{host};<host>");
    node.with_latest("host_node_id", NOW, id.as_str())
        .with_parent("host", id)
}

pub(crate) fn with(node: Node, facts: &[(&str, &str)]) -> Node {
    facts
        .iter()
        .fold(node, |node, (key, value)| node.with_latest(key, NOW, *value))
}

pub(crate) fn options(chosen: &[(&str, &str)]) -> Options {
    chosen
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect::<BTreeMap<_, _>>()
}

/// What is drawn, as text: ids of nodes without edges, and `source -> target` lines.
pub(crate) fn drawn(derivation: &Derivation, topology: &str, chosen: Chosen<'_>) -> Vec<String> {
    let derived = derivation.derive(topology, chosen).expect("the topology exists");
    let mut lines = Vec::new();
    let mut joined = BTreeSet::new();
    for (from, to, _) in derived.edges() {
        lines.push(format!("{} -> {}", from.id, to.id));
        joined.extend([&from.id, &to.id]);
    }
    let lonely = derived.nodes().into_iter().filter(|n| !joined.contains(&n.id));
    lines.extend(lonely.map(|n| n.id.to_string()));
    lines.sort();
    lines
}

/// Draws without filters and compares.
pub(crate) fn check(derivation: &Derivation, topology: &str, expected: &[&str]) {
    assert_eq!(
        drawn(derivation, topology, Chosen::Unfiltered),
        expected,
        "{topology}, unfiltered"
    );
}

/// Draws with chosen options and compares.
pub(crate) fn check_with(
    derivation: &Derivation,
    topology: &str,
    chosen: &[(&str, &str)],
    expected: &[&str],
) {
    let values = options(chosen);
    assert_eq!(
        drawn(derivation, topology, Chosen::Values(&values)),
        expected,
        "{topology} with {chosen:?}"
    );
}
