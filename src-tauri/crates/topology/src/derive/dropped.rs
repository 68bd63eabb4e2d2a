//! Why nodes are not in a topology, step by step down to what reports name.
//!
//! Scope counts what options and the last rule take away; what rules below that leave out is in no count of
//! its. Both are told here.

use std::collections::BTreeMap;

use orrery_model::{Node, TopologyKind};

use crate::derive::catalog::TopologyKey;
use crate::derive::keys;
use crate::derive::layer::Layer;
use crate::derive::node::NodeKind;
use crate::derive::options::{Chosen, Filter, label_of};
use crate::derive::snapshot::Derivation;
use crate::derive::system::{is_pause, is_running};
use crate::info::FilteredBy;

/// A pseudo node that is left without an edge.
const LONELY: (&str, &str) = ("lonely", "Pseudo nodes without connections");

/// What took nodes away: by key, how it is told and how many.
type Counts = BTreeMap<&'static str, (String, u32)>;

/// Why nodes are not in a topology, by the key of the reason.
pub(crate) fn filtered(derivation: &Derivation, key: TopologyKey, chosen: Chosen<'_>) -> Vec<FilteredBy> {
    let mut counts = Counts::new();
    let derived = derivation.derived(key, chosen);
    let filter = Filter::of(key, derivation.names(), chosen);
    for node in &derived.layer().nodes {
        if let Some(option) = filter.drops(node) {
            add(&mut counts, option, label_of(key, option), 1);
        } else if derived.place(&node.id).is_none() {
            add(&mut counts, LONELY.0, LONELY.1, 1);
        }
    }
    rules(derivation, key, &mut counts);
    counts
        .into_iter()
        .map(|(what, (label, nodes))| FilteredBy {
            what: what.to_owned(),
            label,
            nodes,
        })
        .collect()
}

fn add(counts: &mut Counts, what: &'static str, label: &str, nodes: u32) {
    if nodes > 0 {
        counts.entry(what).or_insert_with(|| (label.to_owned(), 0)).1 += nodes;
    }
}

/// What the rules of a topology leave out of what it is made of, and of what that is made of.
fn rules(derivation: &Derivation, key: TopologyKey, counts: &mut Counts) {
    let reported = |kind: TopologyKind, left_out: &dyn Fn(&Node) -> bool| {
        let nodes = derivation.report().topology(kind).nodes.values();
        count(nodes.filter(|n| left_out(n)))
    };
    let of = |key: TopologyKey, kind: TopologyKind, left_out: &dyn Fn(&Node) -> bool| {
        let layer: &Layer = derivation.layer(key);
        let known = layer.nodes.iter().filter(|n| n.kind == NodeKind::Known(kind));
        count(known.filter(|n| left_out(&n.node)))
    };
    let without = |fact: &'static str| move |n: &Node| n.latest(fact).is_none_or(str::is_empty);
    let without_parent = |kind: TopologyKind| move |n: &Node| !n.parents.contains_key(kind.tag());
    let (containers, container) = (TopologyKey::Containers, TopologyKind::Container);
    let stopped = || of(containers, container, &|n| !is_running(n));
    match key {
        TopologyKey::Everything | TopologyKey::Processes | TopologyKey::Hosts | TopologyKey::Weave => {}
        TopologyKey::ProcessesByName => {
            let unnamed = of(
                TopologyKey::Processes,
                TopologyKind::Process,
                &without(keys::NAME),
            );
            add(counts, "unnamed", "Processes without a name", unnamed);
        }
        TopologyKey::Containers => {
            let deleted = |n: &Node| n.latest(keys::CONTAINER_STATE) == Some(keys::STATE_DELETED);
            add(
                counts,
                "deleted",
                "Deleted containers",
                reported(container, &deleted),
            );
        }
        TopologyKey::ContainersByHostname => {
            rules(derivation, containers, counts);
            let nameless = of(containers, container, &without(keys::CONTAINER_HOSTNAME));
            add(counts, "nameless", "Containers without a DNS name", nameless);
        }
        TopologyKey::ContainersByImage => {
            rules(derivation, containers, counts);
            let no_image = of(containers, container, &without(keys::IMAGE_NAME));
            add(
                counts,
                "no-image",
                "Containers of which the image is not known",
                no_image,
            );
            add(
                counts,
                "unused",
                "Images without a container",
                derivation.layer(key).filtered,
            );
        }
        TopologyKey::Pods => {
            rules(derivation, containers, counts);
            add(counts, "stopped", "Stopped containers", stopped());
            let pause = of(containers, container, &|n| is_running(n) && is_pause(n));
            add(counts, "pause", "Containers that hold a pod's network", pause);
            add(
                counts,
                "ended",
                "Deleted and failed pods",
                derivation.layer(key).filtered,
            );
        }
        TopologyKey::KubeControllers => rules(derivation, TopologyKey::Pods, counts),
        TopologyKey::Services => {
            rules(derivation, TopologyKey::Pods, counts);
            let unserved = of(
                TopologyKey::Pods,
                TopologyKind::Pod,
                &without_parent(TopologyKind::Service),
            );
            add(counts, "unserved", "Pods without a service", unserved);
        }
        TopologyKey::EcsTasks | TopologyKey::SwarmServices => {
            rules(derivation, containers, counts);
            if !derivation.layer(key).nodes.is_empty() {
                add(counts, "stopped", "Stopped containers", stopped());
            }
        }
        TopologyKey::EcsServices => {
            rules(derivation, TopologyKey::EcsTasks, counts);
            let task = TopologyKind::EcsTask;
            let unserved = of(
                TopologyKey::EcsTasks,
                task,
                &without_parent(TopologyKind::EcsService),
            );
            add(counts, "unserved", "Tasks without a service", unserved);
        }
    }
}

fn count<T>(all: impl Iterator<Item = T>) -> u32 {
    u32::try_from(all.count()).unwrap_or(u32::MAX)
}
