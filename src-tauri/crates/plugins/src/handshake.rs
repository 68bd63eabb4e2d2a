//! Whether a report is one that this plugin may send. Order and words are those of Weave Scope: tools match
//! on them.

use orrery_model::{PluginSpec, Report, SmolStr};

use crate::limits;
use crate::text::{clean, quoted};

/// Version of the protocol, as it stands in calls and in specs.
pub(crate) const API_VERSION: &str = "1";

/// Interface that every plugin has.
const REPORTER: &str = "reporter";

/// Interface of plugins that take controls.
const CONTROLLER: &str = "controller";

/// What is wrong with a report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error("report must contain exactly one plugin (found {0})")]
    NotOnePlugin(usize),
    #[error(
        "plugin must not change its id (is {}, should be {})",
        quoted(is),
        quoted(should)
    )]
    OtherId { is: SmolStr, should: SmolStr },
    #[error("incorrect API version: expected {}, got {}", quoted(API_VERSION), quoted(_0))]
    ApiVersion(SmolStr),
    #[error("spec must contain a label")]
    NoLabel,
    #[error("spec must implement the \"reporter\" interface")]
    NotAReporter,
}

/// Checks a report and gives the plugin's spec, fit to be shown.
pub(crate) fn check(report: &Report, id: &SmolStr) -> Result<PluginSpec, HandshakeError> {
    let [spec] = report.plugins.as_slice() else {
        return Err(HandshakeError::NotOnePlugin(report.plugins.len()));
    };
    if spec.id != *id {
        return Err(HandshakeError::OtherId {
            is: spec.id.clone(),
            should: id.clone(),
        });
    }
    if spec.api_version != API_VERSION {
        return Err(HandshakeError::ApiVersion(spec.api_version.clone()));
    }
    if spec.label.is_empty() {
        return Err(HandshakeError::NoLabel);
    }
    if !spec.interfaces.iter().any(|i| i == REPORTER) {
        return Err(HandshakeError::NotAReporter);
    }
    Ok(presentable(spec))
}

/// Whether the plugin takes controls.
pub(crate) fn is_controller(spec: &PluginSpec) -> bool {
    spec.interfaces.iter().any(|i| i == CONTROLLER)
}

/// The spec with bounded text, the interfaces that mean something first, and our own status.
fn presentable(spec: &PluginSpec) -> PluginSpec {
    let (mut interfaces, others): (Vec<_>, Vec<_>) = spec
        .interfaces
        .iter()
        .partition(|i| *i == REPORTER || *i == CONTROLLER);
    interfaces.dedup();
    interfaces.extend(others);
    PluginSpec {
        id: spec.id.clone(),
        label: clean(&spec.label, limits::LABEL_CHARS).into(),
        description: clean(&spec.description, limits::DESCRIPTION_CHARS).into(),
        interfaces: interfaces
            .into_iter()
            .take(limits::MAX_INTERFACES)
            .map(|i| clean(i, limits::LABEL_CHARS).into())
            .collect(),
        api_version: spec.api_version.clone(),
        status: SmolStr::new_static("ok"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(id: &str, label: &str, interfaces: &[&str], api_version: &str) -> PluginSpec {
        PluginSpec {
            id: id.into(),
            label: label.into(),
            interfaces: interfaces.iter().map(SmolStr::new).collect(),
            api_version: api_version.into(),
            ..PluginSpec::default()
        }
    }

    #[test]
    fn the_first_fault_in_order_is_told_in_scopes_words() {
        let check = |specs: &[PluginSpec], want: &str| {
            let report = Report {
                plugins: specs.to_vec(),
                ..Report::default()
            };
            let got = match super::check(&report, &SmolStr::new("b")) {
                Ok(spec) => spec.status.to_string(),
                Err(e) => e.to_string(),
            };
            assert_eq!(got, want, "{specs:?}");
        };
        let good = spec("b", "B", &["reporter"], "1");
        let all_wrong = spec("a", "", &[], "2");
        check(&[], "report must contain exactly one plugin (found 0)");
        check(
            &[all_wrong.clone(), good.clone()],
            "report must contain exactly one plugin (found 2)",
        );
        check(
            &[all_wrong],
            "plugin must not change its id (is \"a\", should be \"b\")",
        );
        check(
            &[spec("b", "", &[], "2")],
            "incorrect API version: expected \"1\", got \"2\"",
        );
        check(
            &[spec("b", "", &[], "")],
            "incorrect API version: expected \"1\", got \"\"",
        );
        check(&[spec("b", "", &[], "1")], "spec must contain a label");
        check(
            &[spec("b", "B", &["controller"], "1")],
            "spec must implement the \"reporter\" interface",
        );
        check(&[spec("b", "B", &["x", "reporter", "y"], "1")], "ok");
        check(&[good], "ok");
    }

    #[test]
    fn a_spec_is_bounded_and_its_own_status_is_ignored() {
        let mut long = spec("b", &"L".repeat(999), &["reporter"], "1");
        long.description = "d\u{1b}[2J".repeat(999).into();
        long.status = "error: mine".into();
        long.interfaces
            .splice(0..0, (0..99).map(|n| SmolStr::from(format!("i{n}"))));
        long.interfaces.push(SmolStr::new("controller"));
        let report = Report {
            plugins: vec![long],
            ..Report::default()
        };
        let spec = check(&report, &SmolStr::new("b")).unwrap();
        assert_eq!(spec.label.chars().count(), limits::LABEL_CHARS);
        assert_eq!(spec.description.chars().count(), limits::DESCRIPTION_CHARS);
        assert!(!spec.description.contains('\u{1b}'));
        assert_eq!(spec.interfaces.len(), limits::MAX_INTERFACES);
        assert!(is_controller(&spec));
        assert_eq!(spec.status, "ok");
    }
}
