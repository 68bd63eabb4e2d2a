//! Buttons of a node.

use orrery_model::{Control, Report, SmolStr};

use crate::derive::node::host_of;
use crate::derive::{NodeKind, RenderNode, keys};
use crate::details::DetailControl;
use crate::labels::host_label;

/// Words that end, remove or disturb something. A control whose id or text has one asks before it runs.
const DESTRUCTIVE: [&str; 24] = [
    "stop",
    "kill",
    "terminate",
    "remove",
    "rm",
    "delete",
    "destroy",
    "prune",
    "purge",
    "wipe",
    "erase",
    "restart",
    "reboot",
    "shutdown",
    "poweroff",
    "drain",
    "evict",
    "uninstall",
    "detach",
    "revoke",
    "drop",
    "reset",
    "rollback",
    "disconnect",
];

/// Pairs of words that do so together.
const DESTRUCTIVE_PAIRS: [(&str, &str); 3] = [("scale", "down"), ("shut", "down"), ("power", "off")];

/// A control that is active on a node, as reports declare it.
#[derive(Debug)]
pub(crate) struct ActiveControl<'a> {
    pub(crate) id: &'a SmolStr,
    pub(crate) control: &'a Control,
    /// Probe that runs it; empty when no report names one.
    pub(crate) probe_id: &'a str,
}

/// Active controls by rank. Whoever reports the node may offer them: a built-in probe or a plugin alone.
pub(crate) fn active<'a>(report: &'a Report, node: &'a RenderNode) -> Vec<ActiveControl<'a>> {
    let NodeKind::Known(kind) = node.kind else {
        return Vec::new();
    };
    let declared = &report.topology(kind).controls;
    let of_node = node.node.latest(keys::CONTROL_PROBE_ID).unwrap_or_default();
    let mut out: Vec<ActiveControl<'a>> = node
        .node
        .controls()
        .into_iter()
        .filter_map(|id| declared.get_key_value(id))
        .map(|(id, control)| {
            let probe_id = if control.probe_id.is_empty() {
                of_node
            } else {
                control.probe_id.as_str()
            };
            ActiveControl {
                id,
                control,
                probe_id,
            }
        })
        .collect();
    out.sort_by(|a, b| (a.control.rank, a.id).cmp(&(b.control.rank, b.id)));
    out
}

pub(super) fn controls(report: &Report, node: &RenderNode, label: &str) -> Vec<DetailControl> {
    let host = host_of(&node.node)
        .filter(|h| *h != node.id)
        .map(|h| host_label(&h));
    active(report, node)
        .into_iter()
        .map(|a| {
            let human = if a.control.human.is_empty() {
                a.id
            } else {
                &a.control.human
            };
            let destructive = is_destructive(a.id) || is_destructive(human);
            let confirmation = if a.control.confirmation.is_empty() && destructive {
                question(human, label, host.as_deref())
            } else {
                a.control.confirmation.to_string()
            };
            DetailControl {
                id: a.id.to_string(),
                human: human.to_string(),
                icon: a.control.icon.to_string(),
                confirmation,
                rank: a.control.rank,
                probe_id: a.probe_id.to_owned(),
                destructive,
            }
        })
        .collect()
}

fn question(human: &str, label: &str, host: Option<&str>) -> String {
    match host {
        Some(host) => format!("{human}: {label} on {host}?"),
        None => format!("{human}: {label}?"),
    }
}

/// True when a control's id (`docker_stop_container`, `plugin~killAll`) or text says that it ends,
/// removes or disturbs something.
fn is_destructive(text: &str) -> bool {
    let words = words(text);
    words.iter().any(|w| DESTRUCTIVE.contains(&w.as_str()))
        || words.windows(2).any(|w| {
            DESTRUCTIVE_PAIRS
                .iter()
                .any(|(first, second)| w[0] == *first && w[1] == *second)
        })
}

/// Words in lower case: parted by anything but letters, and where a capital begins one.
fn words(text: &str) -> Vec<String> {
    // What stands before the `~` is the plugin's name and says nothing about the control.
    let text = text.rsplit('~').next().unwrap_or(text);
    let mut out = vec![String::new()];
    let mut lower_before = false;
    for c in text.chars() {
        let part = !c.is_alphabetic() || (c.is_uppercase() && lower_before);
        lower_before = c.is_lowercase();
        if part {
            out.push(String::new());
        }
        if let Some(word) = out.last_mut().filter(|_| c.is_alphabetic()) {
            word.extend(c.to_lowercase());
        }
    }
    out.retain(|w| !w.is_empty());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destructive_controls() {
        let check = |text: &str, expected: bool| assert_eq!(is_destructive(text), expected, "{text}");
        check("docker_stop_container", true);
        check("docker_restart_container", true);
        check("docker_start_container", false);
        check("docker_attach_container", false);
        check("kubernetes_scale_down", true);
        check("kubernetes_scale_up", false);
        check("plugin~killAll", true);
        check("stop-watch~begin", false);
        check("Remove all", true);
        check("Shut down", true);
        check("Nonstop", false);
        check("host_exec", false);
        check("traffic-control~slow", false);
        check("", false);
    }
}
