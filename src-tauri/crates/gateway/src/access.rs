//! Who may do what: one table of every route. What is not in it is refused, whoever asks.

use http::Method;
use orrery_engine::api::Role;

/// What a route asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    method: &'static str,
    /// The route's path as the router knows it.
    path: &'static str,
    /// Least role. `/api/call` asks for more by the operation in its body.
    pub(crate) role: Role,
    /// Refused in read-only mode.
    pub(crate) changes: bool,
    /// One of Scope's addresses that programs written for it use without a token, where the owner allows it.
    pub(crate) scope: bool,
    /// How the audit log calls it; empty for what leaves no trace, or leaves one as an operation.
    pub(crate) audit: &'static str,
}

impl Rule {
    const fn new(method: &'static str, path: &'static str, role: Role) -> Self {
        Rule {
            method,
            path,
            role,
            changes: false,
            scope: false,
            audit: "",
        }
    }

    const fn changes(self) -> Self {
        Rule {
            changes: true,
            ..self
        }
    }

    const fn scope(self) -> Self {
        Rule { scope: true, ..self }
    }

    const fn audited(self, audit: &'static str) -> Self {
        Rule { audit, ..self }
    }
}

const fn view(method: &'static str, path: &'static str) -> Rule {
    Rule::new(method, path, Role::View)
}

const fn control(method: &'static str, path: &'static str) -> Rule {
    Rule::new(method, path, Role::Control)
}

const fn admin(method: &'static str, path: &'static str) -> Rule {
    Rule::new(method, path, Role::Admin)
}

/// Every route. Those that call an operation of the engine are audited there, with what they are about.
const RULES: &[Rule] = &[
    // Scope's addresses. Pressing a control and the window's end of a terminal are never open.
    view("GET", "/api").scope(),
    view("GET", "/api/probes").scope(),
    view("GET", "/api/topology").scope(),
    view("GET", "/api/topology/{topology}").scope(),
    view("GET", "/api/topology/{topology}/ws").scope(),
    view("GET", "/api/topology/{topology}/{*node}").scope(),
    view("GET", "/api/report").scope(),
    // A probe sends one every few seconds: the list of probes says who does, the audit log would say nothing else.
    control("POST", "/api/report").changes().scope(),
    control("GET", "/api/control/ws").scope().audited("connect probe"),
    control("GET", "/api/pipe/{pipe}/probe").changes().scope(),
    view("GET", "/api/pipe/{pipe}/check").scope(),
    control("POST", "/api/control/{probe}/{node}/{control}").changes(),
    control("GET", "/api/pipe/{pipe}")
        .changes()
        .audited("open terminal"),
    control("POST", "/api/pipe/{pipe}")
        .changes()
        .audited("close terminal"),
    control("DELETE", "/api/pipe/{pipe}")
        .changes()
        .audited("close terminal"),
    // Operations and what watches.
    view("POST", "/api/call"),
    view("GET", "/api/view"),
    view("GET", "/api/status"),
    view("GET", "/api/history"),
    view("GET", "/api/events"),
    control("POST", "/api/instance/raise"),
    // Plugins.
    view("GET", "/api/plugins"),
    view("GET", "/api/plugins/rejected"),
    view("GET", "/api/plugins/{id}"),
    view("GET", "/api/plugins/{id}/config"),
    view("GET", "/api/plugins/{id}/health"),
    view("GET", "/api/plugins/{id}/logs"),
    view("GET", "/api/plugins/{id}/usage"),
    view("GET", "/api/plugins/{id}/revisions"),
    view("GET", "/api/plugins/{id}/metrics"),
    view("GET", "/api/ops"),
    view("GET", "/api/ops/{id}"),
    admin("POST", "/api/plugins").changes(),
    admin("DELETE", "/api/plugins/{id}").changes(),
    admin("PUT", "/api/plugins/{id}/config").changes(),
    admin("DELETE", "/api/plugins/{id}/config").changes(),
    admin("POST", "/api/plugins/{id}/upgrade").changes(),
    admin("POST", "/api/plugins/{id}/rollback").changes(),
    admin("POST", "/api/plugins/{id}/{order}").changes(),
    admin("POST", "/api/ops/{id}/cancel").changes(),
    admin("DELETE", "/api/ops/{id}").changes(),
    admin("POST", "/api/uploads").changes().audited("upload package"),
    // Metrics.
    view("GET", "/metrics"),
    view("GET", "/metrics/nodes"),
    view("GET", "/metrics/plugins/{id}"),
    view("GET", "/api/plugin-metrics/targets"),
    // Coming in. Neither changes what this instance shows, so read-only mode leaves them.
    view("POST", "/api/session"),
    view("DELETE", "/api/session"),
    view("POST", "/api/links"),
    admin("GET", "/api/tokens"),
    admin("POST", "/api/tokens").changes().audited("make token"),
    admin("DELETE", "/api/tokens/{name}")
        .changes()
        .audited("revoke token"),
];

/// What is known of a method at a route's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// What it asks for.
    Rule(&'static Rule),
    /// The path has routes, but none of this method.
    OtherMethod,
    /// Nobody said who may come to this path.
    Nothing,
}

/// The rule of a route. HEAD is a GET that leaves the body out.
pub(crate) fn rule(method: &Method, path: &str) -> Found {
    let method = if *method == Method::HEAD {
        "GET"
    } else {
        method.as_str()
    };
    let mut found = Found::Nothing;
    for rule in RULES.iter().filter(|r| r.path == path) {
        if rule.method == method {
            return Found::Rule(rule);
        }
        found = Found::OtherMethod;
    }
    found
}

#[cfg(test)]
pub(crate) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    RULES.iter().map(|r| (r.method, r.path))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_stands_there_once_and_nobody_changes_anything_by_looking() {
        let distinct: BTreeSet<_> = all().collect();
        assert_eq!(distinct.len(), RULES.len(), "a route stands there twice");
        for rule in RULES {
            let looks = rule.role == Role::View;
            assert!(!(looks && rule.changes), "{rule:?} changes something");
            assert!(!(rule.scope && rule.role == Role::Admin), "{rule:?} is open");
        }
    }

    #[test]
    fn rules_are_found_by_method_and_path() {
        let role = |method: Method, path: &str| match rule(&method, path) {
            Found::Rule(rule) => Some(rule.role),
            Found::OtherMethod | Found::Nothing => None,
        };
        assert_eq!(role(Method::HEAD, "/api/report"), Some(Role::View));
        assert_eq!(role(Method::POST, "/api/report"), Some(Role::Control));
        assert_eq!(role(Method::DELETE, "/api/plugins/{id}"), Some(Role::Admin));
        assert_eq!(rule(&Method::PUT, "/api/report"), Found::OtherMethod);
        assert_eq!(rule(&Method::GET, "/api/secret"), Found::Nothing);
    }
}
