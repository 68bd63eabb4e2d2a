//! What could not be read of a node, in a sentence each.

use orrery_model::{Report, TopologyKind};

use crate::derive::keys;
use crate::derive::{NodeKind, RenderNode};

pub(super) fn notes(report: &Report, node: &RenderNode) -> Vec<String> {
    let NodeKind::Known(kind) = node.kind else {
        return Vec::new();
    };
    let mut out = Vec::new();
    if node.node.latest(keys::OPEN_FILES_LIMITED) == Some("true") {
        out.push("Its open files cannot be read by this user, so its connections may be missing.".to_owned());
    }
    if report.node(kind, &node.id).is_none() && kind != TopologyKind::ContainerImage {
        let what = kind.label();
        out.push(format!(
            "No source describes this {what}; it is known because other nodes name it."
        ));
    }
    out
}
