//! What a process, container or pod belongs to on its host: a slice of the system, a user's session, a
//! compose project, a namespace.
//!
//! Only Orrery's own process probe reports control groups, so all of this degrades to nothing.

use orrery_model::{Node, SmolStr, TopologyKind};
use smol_str::format_smolstr;

use crate::derive::keys;
use crate::derive::options::namespace_of;

/// Key and text of a box.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct UnitBox {
    pub(crate) key: SmolStr,
    pub(crate) label: SmolStr,
}

impl UnitBox {
    fn named(name: impl Into<SmolStr>) -> Self {
        let name = name.into();
        UnitBox {
            key: name.clone(),
            label: name,
        }
    }

    fn of(kind: &str, name: &str) -> Self {
        Self::named(format_smolstr!("{kind}: {name}"))
    }
}

/// The box a node stands in on its host.
pub(crate) fn box_of(kind: TopologyKind, node: &Node) -> Option<UnitBox> {
    match kind {
        TopologyKind::Process => process_box(node),
        TopologyKind::Container => container_box(node),
        TopologyKind::Host | TopologyKind::ContainerImage => None,
        _ => namespace_of(node).map(|n| UnitBox::of("kubernetes", n)),
    }
}

fn container_box(node: &Node) -> Option<UnitBox> {
    let named = |kind: &str, key: &str| {
        node.latest(key)
            .filter(|v| !v.is_empty())
            .map(|name| UnitBox::of(kind, name))
    };
    named("compose", keys::COMPOSE_PROJECT_LABEL)
        .or_else(|| named("kubernetes", keys::POD_NAMESPACE_LABEL))
        .or_else(|| named("stack", keys::STACK_LABEL))
}

fn process_box(node: &Node) -> Option<UnitBox> {
    if is_kernel_thread(node) {
        return Some(UnitBox::named("kernel"));
    }
    let user = node.latest(keys::USER);
    let path = node.latest(keys::CGROUP).unwrap_or_default();
    let of_path = path
        .split('/')
        .find(|part| !part.is_empty())
        .and_then(|top| top_box(top, path, user));
    of_path.or_else(|| node.latest(keys::UNIT).and_then(|unit| unit_box(unit, user)))
}

/// The box that the first part of a control group's path names.
fn top_box(top: &str, path: &str, user: Option<&str>) -> Option<UnitBox> {
    if path.contains("kubepods") {
        return Some(UnitBox::named("kubernetes"));
    }
    match top {
        "user.slice" => Some(session(user.or_else(|| uid_in(path)))),
        "system.slice" | "init.scope" => Some(UnitBox::named("system.slice")),
        _ => top.ends_with(".slice").then(|| UnitBox::named(top)),
    }
}

fn unit_box(unit: &str, user: Option<&str>) -> Option<UnitBox> {
    if unit == "user.slice" || unit.starts_with("user@") || unit.starts_with("user-") {
        return Some(session(user));
    }
    if unit.starts_with("session") && (unit.ends_with(".scope") || !unit.contains('.')) {
        return Some(session(user));
    }
    if unit.ends_with(".service") || unit == "init.scope" {
        return Some(UnitBox::named("system.slice"));
    }
    unit.ends_with(".slice").then(|| UnitBox::named(unit))
}

fn session(user: Option<&str>) -> UnitBox {
    match user {
        Some(user) => UnitBox::of("session", user),
        None => UnitBox::named("session"),
    }
}

/// `1000` of `/user.slice/user-1000.slice/…`.
fn uid_in(path: &str) -> Option<&str> {
    path.split('/')
        .find_map(|part| part.strip_prefix("user-")?.strip_suffix(".slice"))
}

pub(crate) fn is_kernel_thread(node: &Node) -> bool {
    node.latest(keys::KERNEL_THREAD) == Some("true")
}

/// The unit that a process is part of: its service or scope. Control groups that no service manager made
/// name none.
pub(crate) fn unit_of(process: &Node) -> Option<&str> {
    let unit = process.latest(keys::UNIT);
    let group = || {
        process
            .latest(keys::CGROUP)?
            .rsplit('/')
            .find(|part| !part.is_empty())
    };
    unit.or_else(group)
        .filter(|u| u.ends_with(".service") || u.ends_with(".scope"))
}

/// True for a service that a user's session runs in the background, rather than an application.
pub(crate) fn is_session_service(process: &Node) -> bool {
    let path = process.latest(keys::CGROUP).unwrap_or_default();
    path.starts_with("/user.slice/") && path.contains("/user@") && path.ends_with(".service")
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_model::Timestamp;

    #[test]
    fn boxes_of_processes() {
        let check = |facts: &[(&str, &str)], expected: Option<&str>| {
            let node = facts.iter().fold(Node::new("h;1", "process"), |n, (key, value)| {
                n.with_latest(key, Timestamp(1), *value)
            });
            let got = box_of(TopologyKind::Process, &node);
            assert_eq!(got.as_ref().map(|b| b.label.as_str()), expected, "{facts:?}");
        };
        check(&[], None);
        check(&[("kernel_thread", "true")], Some("kernel"));
        check(&[("cgroup", "/system.slice/ssh.service")], Some("system.slice"));
        check(&[("cgroup", "/init.scope")], Some("system.slice"));
        check(
            &[("cgroup", "/user.slice/user-1000.slice/session-2.scope")],
            Some("session: 1000"),
        );
        check(
            &[
                ("cgroup", "/user.slice/user-1000.slice/session-2.scope"),
                ("user", "ada"),
            ],
            Some("session: ada"),
        );
        check(
            &[("cgroup", "/machine.slice/libpod-00.scope")],
            Some("machine.slice"),
        );
        check(&[("cgroup", "/kubepods.slice/x")], Some("kubernetes"));
        check(&[("cgroup", "/")], None);
        check(&[("unit", "ssh.service")], Some("system.slice"));
        check(
            &[("unit", "session-3.scope"), ("user", "ada")],
            Some("session: ada"),
        );
        check(&[("unit", "user.slice")], Some("session"));
    }
}
