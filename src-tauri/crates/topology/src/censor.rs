//! A report without what may hold secrets: arguments of command lines, environment variables.
//!
//! As in Scope, a command line keeps its first word, and environment variables are left out; their table too,
//! of everything derived from the report.

use std::sync::Arc;

use orrery_model::{Node, Report, SmolStr};

/// Facts that are command lines.
const COMMANDS: [&str; 2] = ["cmdline", "docker_container_command"];
/// Facts under this prefix are environment variables, and so is the table of this key.
const ENVIRONMENT: &str = "docker_env_";

/// What is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Hide {
    /// All but the first word of command lines.
    pub command_line_arguments: bool,
    /// Environment variables.
    pub environment_variables: bool,
}

impl Hide {
    /// True when nothing is hidden.
    pub fn nothing(self) -> bool {
        self == Hide::default()
    }

    /// Everything that either hides.
    #[must_use]
    pub fn and(self, other: Hide) -> Hide {
        Hide {
            command_line_arguments: self.command_line_arguments || other.command_line_arguments,
            environment_variables: self.environment_variables || other.environment_variables,
        }
    }
}

/// The report for reading as it is: environment variables are not there.
pub fn raw(report: &Report, hide: Hide) -> Report {
    censor(report, hide)
}

/// The report for deriving from: environment variables and their table are not there.
pub fn derivable(report: &Report, hide: Hide) -> Report {
    let mut report = censor(report, hide);
    if hide.environment_variables {
        for topology in report.topologies.values_mut() {
            topology.table_templates.retain(|key, template| {
                !key.starts_with(ENVIRONMENT) && !template.prefix.starts_with(ENVIRONMENT)
            });
        }
    }
    report
}

fn censor(report: &Report, hide: Hide) -> Report {
    let mut report = report.clone();
    for topology in report.topologies.values_mut() {
        for node in topology.nodes.values_mut() {
            if tells(node, hide) {
                let mut censored = Node::clone(node);
                strip(&mut censored, hide);
                *node = Arc::new(censored);
            }
        }
    }
    report
}

/// Whether a node holds anything that is hidden; all others are shared, not copied.
fn tells(node: &Node, hide: Hide) -> bool {
    let command = |key: &&str| node.latest(key).is_some_and(|v| v.contains(' '));
    let variable = || node.latest.starting_with(ENVIRONMENT).next().is_some();
    (hide.command_line_arguments && COMMANDS.iter().any(command))
        || (hide.environment_variables && variable())
}

fn strip(node: &mut Node, hide: Hide) {
    if hide.command_line_arguments {
        for key in COMMANDS {
            if let Some(fact) = node.latest.get_mut(key)
                && let Some((command, _)) = fact.value.split_once(' ')
            {
                fact.value = SmolStr::new(command);
            }
        }
    }
    if hide.environment_variables {
        node.latest.retain(|key, _| !key.starts_with(ENVIRONMENT));
    }
}

#[cfg(test)]
mod tests {
    use orrery_model::{TableTemplate, Timestamp, TopologyKind};

    use super::*;

    fn report() -> Report {
        let mut report = Report::default();
        let at = Timestamp::from_millis(1);
        let node = Node::new("c;<container>", "container")
            .with_latest("docker_container_command", at, "serve --password hunter2")
            .with_latest("docker_env_TOKEN", at, "hunter2")
            .with_latest("docker_env_", at, "hunter2")
            .with_latest("docker_container_name", at, "web");
        let containers = report.topology_mut(TopologyKind::Container);
        containers.insert(node);
        let template = TableTemplate {
            id: "docker_env_".into(),
            prefix: "docker_env_".into(),
            ..TableTemplate::default()
        };
        containers.table_templates.insert("docker_env_".into(), template);
        let process = Node::new("h;1", "process").with_latest("cmdline", at, "serve --password hunter2");
        report.topology_mut(TopologyKind::Process).insert(process);
        let plain = Node::new("h;2", "process").with_latest("cmdline", at, "serve");
        report.topology_mut(TopologyKind::Process).insert(plain);
        report
    }

    const ALL: Hide = Hide {
        command_line_arguments: true,
        environment_variables: true,
    };

    #[test]
    fn what_is_hidden_is_nowhere_in_either_form() {
        for censored in [raw(&report(), ALL), derivable(&report(), ALL)] {
            let text = String::from_utf8(censored.to_json()).unwrap();
            assert!(!text.contains("hunter2") && !text.contains("password"), "{text}");
            assert!(text.contains("serve") && text.contains("\"web\""), "{text}");
        }
    }

    #[test]
    fn the_table_of_variables_is_hidden_from_what_is_derived() {
        let tables = |report: &Report| report.topology(TopologyKind::Container).table_templates.len();
        assert_eq!(tables(&raw(&report(), ALL)), 1);
        assert_eq!(tables(&derivable(&report(), ALL)), 0);
    }

    #[test]
    fn each_hides_its_own_and_the_rest_is_shared() {
        let before = report();
        let one = Hide {
            command_line_arguments: true,
            ..Hide::default()
        };
        let after = raw(&before, one);
        let env = |r: &Report| {
            let node = r.node(TopologyKind::Container, "c;<container>").unwrap();
            node.latest("docker_env_TOKEN").unwrap().to_owned()
        };
        assert_eq!(env(&after), "hunter2");
        let plain = |r: &Report| r.node(TopologyKind::Process, "h;2").unwrap().clone();
        assert!(
            Arc::ptr_eq(&plain(&before), &plain(&after)),
            "nodes that tell nothing are not copied"
        );
        assert_eq!(raw(&before, Hide::default()).to_json(), before.to_json());
    }
}
