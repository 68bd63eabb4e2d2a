//! Giving a plugin's controls their outside names, so that two plugins never mean each other's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use orrery_model::{Node, OWN_CONTROLS, PluginSpec, Report, SmolStr, TopologyKind};
use smol_str::format_smolstr;

use crate::handshake;

/// Stands between a plugin's id and its control's name.
const SEPARATOR: char = '~';

/// The controls that a plugin declared, by topology, under their own names.
pub(crate) type Declared = BTreeMap<TopologyKind, BTreeSet<SmolStr>>;

/// Renames controls to `<plugin>~<control>` in topologies and on nodes, and drops those that nobody could
/// press: all of them when the plugin is no controller, and on nodes those that their topology does not
/// declare. A shortcut report may rely on what the last whole report declared: `before`.
///
/// Gives what the report itself declares.
pub(crate) fn rewrite(report: &mut Report, spec: &PluginSpec, before: Option<&Declared>) -> Declared {
    let controller = handshake::is_controller(spec);
    let mut declared = Declared::new();
    for (kind, topology) in &mut report.topologies {
        let controls = std::mem::take(&mut topology.controls);
        if controller && !controls.is_empty() {
            declared.insert(*kind, controls.keys().cloned().collect());
            topology.controls = controls
                .into_iter()
                .map(|(name, mut control)| {
                    let outside = outside_name(&spec.id, &name);
                    control.id = outside.clone();
                    (outside, control)
                })
                .collect();
        }
    }
    let names = Names {
        plugin: &spec.id,
        controller,
        declared: &declared,
        before,
    };
    for (kind, topology) in &mut report.topologies {
        for node in topology.nodes.values_mut() {
            names.rename_on(*kind, node);
        }
    }
    report.plugins = vec![spec.clone()];
    declared
}

/// A control's name outside of its plugin.
pub(crate) fn outside_name(plugin: &str, control: &str) -> SmolStr {
    format_smolstr!("{plugin}{SEPARATOR}{control}")
}

struct Names<'a> {
    plugin: &'a SmolStr,
    controller: bool,
    declared: &'a Declared,
    before: Option<&'a Declared>,
}

impl Names<'_> {
    fn knows(&self, kind: TopologyKind, control: &str) -> bool {
        let in_map = |map: &Declared| map.get(&kind).is_some_and(|set| set.contains(control));
        self.controller && (in_map(self.declared) || self.before.is_some_and(in_map))
    }

    /// Renames on a node and on those nested in it. Nodes without controls are left shared.
    fn rename_on(&self, kind: TopologyKind, node: &mut Arc<Node>) {
        if !has_controls(node) {
            return;
        }
        let node = Arc::make_mut(node);
        node.latest_controls = std::mem::take(&mut node.latest_controls)
            .into_iter()
            .filter(|(name, _)| self.knows(kind, name))
            .map(|(name, state)| (outside_name(self.plugin, &name), state))
            .collect();
        // A plugin speaks for itself alone, whatever owners its report names.
        let own = std::mem::take(&mut node.active_controls).remove(OWN_CONTROLS);
        if let Some((at, names)) = own.filter(|_| self.controller) {
            let names = names
                .iter()
                .filter(|name| self.knows(kind, name))
                .map(|name| outside_name(self.plugin, name))
                .collect();
            node.active_controls.insert(self.plugin.clone(), (at, names));
        }
        for child in &mut node.children {
            let kind = TopologyKind::from_tag(&child.topology).unwrap_or(kind);
            self.rename_on(kind, child);
        }
    }
}

fn has_controls(node: &Node) -> bool {
    !node.latest_controls.is_empty()
        || !node.active_controls.is_empty()
        || node.children.iter().any(|child| has_controls(child))
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_model::{Control, ControlState, Timestamp};

    fn names(list: &[&str]) -> BTreeSet<SmolStr> {
        list.iter().map(SmolStr::new).collect()
    }

    /// A host topology that declares controls and one node with controls in both forms.
    fn report(declared: &[&str], old: &[(&str, bool)], new: &[&str]) -> Report {
        let mut report = Report::default();
        let topology = report.topology_mut(TopologyKind::Host);
        for name in declared {
            let control = Control {
                id: SmolStr::new(name),
                human: SmolStr::new("Do it"),
                ..Control::default()
            };
            topology.controls.insert(SmolStr::new(name), control);
        }
        let mut node = Node::new("h;<host>", "host");
        for (name, dead) in old {
            let state = ControlState {
                timestamp: Timestamp(7),
                dead: *dead,
            };
            node.latest_controls.insert(SmolStr::new(name), state);
        }
        if !new.is_empty() {
            node.active_controls
                .insert(OWN_CONTROLS.into(), (Timestamp(7), names(new)));
        }
        topology.insert(node);
        report
    }

    fn spec(interfaces: &[&str]) -> PluginSpec {
        PluginSpec {
            id: "p".into(),
            interfaces: interfaces.iter().map(SmolStr::new).collect(),
            ..PluginSpec::default()
        }
    }

    #[test]
    fn controls_get_their_outside_names_where_they_can_be_pressed() {
        let check =
            |mut report: Report, interfaces: &[&str], topology: &[&str], active: &[&str], all: &[&str]| {
                rewrite(&mut report, &spec(interfaces), None);
                let host = report.topology(TopologyKind::Host);
                assert_eq!(
                    host.controls.keys().cloned().collect::<BTreeSet<_>>(),
                    names(topology)
                );
                assert!(host.controls.iter().all(|(key, control)| *key == control.id));
                let node = &host.nodes["h;<host>"];
                assert_eq!(node.controls().into_iter().collect::<Vec<_>>(), active);
                assert_eq!(
                    node.latest_controls.keys().cloned().collect::<BTreeSet<_>>(),
                    names(all)
                );
                assert!(node.active_controls.keys().all(|owner| owner == "p"));
            };
        let both = ["reporter", "controller"];
        let old = [("a", false), ("b", true), ("undeclared", false)];
        check(
            report(&["a", "b"], &old, &[]),
            &both,
            &["p~a", "p~b"],
            &["p~a"],
            &["p~a", "p~b"],
        );
        check(
            report(&["a", "b"], &[], &["b", "undeclared"]),
            &both,
            &["p~a", "p~b"],
            &["p~b"],
            &[],
        );
        check(report(&["a"], &old, &["a"]), &["reporter"], &[], &[], &[]);
        check(report(&[], &old, &["a"]), &both, &[], &[], &[]);
    }

    #[test]
    fn a_shortcut_may_rely_on_what_the_last_report_declared() {
        let spec = spec(&["reporter", "controller"]);
        let declared = rewrite(&mut report(&["a", "b"], &[], &[]), &spec, None);
        let mut shortcut = report(&[], &[], &["b", "c"]);
        rewrite(&mut shortcut, &spec, Some(&declared));
        let node = shortcut.node(TopologyKind::Host, "h;<host>").unwrap();
        assert_eq!(node.controls().into_iter().collect::<Vec<_>>(), ["p~b"]);
    }

    #[test]
    fn other_owners_named_by_a_plugin_are_dropped() {
        let mut forged = report(&["a"], &[], &["a"]);
        let topology = forged.topology_mut(TopologyKind::Host);
        let node = Arc::make_mut(topology.nodes.get_mut("h;<host>").unwrap());
        node.active_controls
            .insert("other".into(), (Timestamp(9), names(&["a"])));
        rewrite(&mut forged, &spec(&["reporter", "controller"]), None);
        let node = forged.node(TopologyKind::Host, "h;<host>").unwrap();
        assert_eq!(node.active_controls.keys().collect::<Vec<_>>(), ["p"]);
    }
}
