//! Which processes say what a machine is for: those that its units were started for.

use orrery_model::{Node, NodeId, Report, TopologyKind};
use rustc_hash::{FxHashMap, FxHashSet};
use smol_str::format_smolstr;

use crate::derive::containers::container_of;
use crate::derive::node::host_of;
use crate::derive::{keys, units};

/// Ids of the processes that begin a unit.
pub(crate) fn heads(report: &Report) -> FxHashSet<NodeId> {
    let processes = &report.topology(TopologyKind::Process).nodes;
    let mut first: FxHashMap<(Option<NodeId>, &str), (u64, &NodeId)> = FxHashMap::default();
    let mut out = FxHashSet::default();
    for (id, node) in processes {
        if units::is_kernel_thread(node) || container_of(node).is_some() {
            continue;
        }
        let pid = node
            .latest(keys::PID)
            .and_then(|p| p.parse().ok())
            .unwrap_or(u64::MAX);
        match units::unit_of(node) {
            Some(unit) if pid == 1 || unit == "init.scope" || units::is_session_service(node) => {}
            Some(unit) => {
                let entry = first.entry((host_of(node), unit)).or_insert((pid, id));
                *entry = (*entry).min((pid, id));
            }
            None if started_early(report, id, node) => {
                out.insert(id.clone());
            }
            None => {}
        }
    }
    #[expect(clippy::iter_over_hash_type, reason = "what is collected is a set again")]
    for (_, id) in first.values() {
        out.insert(NodeId::clone(id));
    }
    out
}

/// True for what init started, and for what that started.
fn started_early(report: &Report, id: &NodeId, process: &Node) -> bool {
    const INIT: Option<&str> = Some("1");
    let parent = process.latest(keys::PPID);
    if parent == INIT {
        return true;
    }
    let (Some(parent), Some((host, _))) = (parent, id.split_once(orrery_model::id::DELIMITER)) else {
        return false;
    };
    let parent = report.node(TopologyKind::Process, &format_smolstr!("{host};{parent}"));
    parent.is_some_and(|p| p.latest(keys::PPID) == INIT)
}
