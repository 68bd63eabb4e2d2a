//! Processes of one name in one box of one host, drawn as one.

use std::collections::BTreeMap;
use std::sync::Arc;

use orrery_model::{Metric, Node, NodeId, Report, SmolStr, Timestamp, TopologyKind};
use rustc_hash::FxHashMap;
use smol_str::format_smolstr;

use crate::derive::containers::container_of;
use crate::derive::layer::Join;
use crate::derive::limits::MIN_STACK;
use crate::derive::node::{GroupKind, NodeKind, RenderNode, host_of};
use crate::derive::{keys, units};

/// Processes of one name in one box of one host.
pub(crate) struct Stacks {
    of: FxHashMap<NodeId, Arc<Stack>>,
}

pub(crate) struct Stack {
    id: NodeId,
    node: Arc<Node>,
}

impl Stack {
    pub(crate) fn place(&self, join: &mut Join) -> u32 {
        let kind = NodeKind::Group(GroupKind::ProcessStack);
        join.add(RenderNode::new(kind, self.id.clone(), self.node.clone()))
    }
}

impl Stacks {
    pub(crate) fn of(report: &Report, reported_by_plugin: &impl Fn(TopologyKind, &NodeId) -> bool) -> Self {
        type Key = (Option<NodeId>, Option<SmolStr>, SmolStr);
        let mut members: BTreeMap<Key, Vec<(&NodeId, &Arc<Node>)>> = Default::default();
        for (id, node) in &report.topology(TopologyKind::Process).nodes {
            let Some(name) = node.latest(keys::NAME).filter(|n| !n.is_empty()) else {
                continue;
            };
            let alone = container_of(node).is_some()
                || !node.controls().is_empty()
                || reported_by_plugin(TopologyKind::Process, id);
            if !alone {
                let unit = units::box_of(TopologyKind::Process, node).map(|b| b.key);
                members
                    .entry((host_of(node), unit, SmolStr::new(name)))
                    .or_default()
                    .push((id, node));
            }
        }
        let mut of = FxHashMap::default();
        for ((host, unit, name), list) in members.into_iter().filter(|(_, l)| l.len() >= MIN_STACK) {
            let host = host.unwrap_or_default();
            let id = format_smolstr!("{host};{};{name};<stack>", unit.unwrap_or_default());
            let stack = Arc::new(Stack {
                node: Arc::new(stack_node(&id, &list)),
                id,
            });
            of.extend(
                list.iter()
                    .map(|(member, _)| (NodeId::clone(member), stack.clone())),
            );
        }
        Stacks { of }
    }

    pub(crate) fn of_process(&self, id: &NodeId) -> Option<&Stack> {
        self.of.get(id).map(Arc::as_ref)
    }
}

/// What a stack says of itself: what its members have in common.
fn stack_node(id: &NodeId, members: &[(&NodeId, &Arc<Node>)]) -> Node {
    let mut out = Node::new(id.clone(), GroupKind::ProcessStack.tag());
    if let Some((_, first)) = members.first() {
        out.parents = first.parents.clone();
        for key in [
            keys::NAME,
            keys::HOST_NODE_ID,
            keys::CGROUP,
            keys::UNIT,
            keys::USER,
            keys::KERNEL_THREAD,
        ] {
            let shared = first
                .latest(key)
                .filter(|v| members.iter().all(|(_, m)| m.latest(key) == Some(*v)));
            // The box was made of these; any member's word for them leads to the same one.
            let value = shared.or_else(|| {
                [keys::CGROUP, keys::UNIT]
                    .contains(&key)
                    .then(|| first.latest(key))?
            });
            if let Some(value) = value {
                out = out.with_latest(key, Timestamp::ZERO, value);
            }
        }
    }
    out
}

/// The readings of several nodes as one: newest values added up, the greatest of their limits.
pub(crate) fn summed<'a>(nodes: impl Iterator<Item = &'a Node>) -> BTreeMap<SmolStr, Metric> {
    let mut out: BTreeMap<SmolStr, Metric> = Default::default();
    for node in nodes {
        for (id, metric) in &node.metrics {
            let Some(last) = metric.last() else { continue };
            match out.get_mut(id) {
                None => {
                    out.insert(
                        id.clone(),
                        Metric::of(last.date, last.value, metric.min, metric.max),
                    );
                }
                Some(sum) => {
                    if let Some(sample) = sum.samples.first_mut() {
                        sample.value += last.value;
                        sample.date = sample.date.max(last.date);
                    }
                    sum.min = sum.min.min(metric.min);
                    sum.max = sum.max.max(metric.max);
                }
            }
        }
    }
    out
}
