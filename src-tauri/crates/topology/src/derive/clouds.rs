//! ECS tasks and services, Swarm services.

use orrery_model::{Report, TopologyKind};

use crate::derive::kubernetes::{propagate_metrics, to_parents, to_parents_or_unmanaged};
use crate::derive::layer::{Join, Layer, Targets};
use crate::derive::system::is_running;

/// Every ECS task, joined by its containers.
pub(crate) fn ecs_tasks(report: &Report, containers: &Layer) -> Layer {
    if !has(report, &[TopologyKind::EcsTask, TopologyKind::EcsService]) {
        return Layer::default();
    }
    over_containers(report, containers, TopologyKind::EcsTask)
}

/// Every ECS service, joined by its tasks; tasks without one are left out.
pub(crate) fn ecs_services(report: &Report, tasks: &Layer) -> Layer {
    if !has(report, &[TopologyKind::EcsTask, TopologyKind::EcsService]) {
        return Layer::default();
    }
    let mut join = Join::new();
    join.seed(
        TopologyKind::EcsService,
        report.topology(TopologyKind::EcsService),
    );
    join.lift(tasks, |join, node| {
        if node.kind.is_pseudo() {
            join.pass(node)
        } else {
            to_parents(join, node, &[TopologyKind::EcsService])
        }
    });
    let mut layer = join.finish();
    propagate_metrics(&mut layer, TopologyKind::EcsTask);
    layer
}

/// Every Swarm service, joined by its containers.
pub(crate) fn swarm_services(report: &Report, containers: &Layer) -> Layer {
    if !has(report, &[TopologyKind::SwarmService]) {
        return Layer::default();
    }
    over_containers(report, containers, TopologyKind::SwarmService)
}

fn has(report: &Report, kinds: &[TopologyKind]) -> bool {
    kinds.iter().any(|k| !report.topology(*k).nodes.is_empty())
}

fn over_containers(report: &Report, containers: &Layer, kind: TopologyKind) -> Layer {
    let mut join = Join::new();
    join.seed(kind, report.topology(kind));
    join.lift(containers, |join, node| {
        let wanted = node.kind.is_pseudo() || is_running(&node.node);
        if wanted {
            to_parents_or_unmanaged(join, node, &[kind])
        } else {
            Targets::None
        }
    });
    let mut layer = join.finish();
    propagate_metrics(&mut layer, TopologyKind::Container);
    layer
}
