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

    /// What a path names where the rule's has parameters.
    pub(crate) fn subject(&self, path: &str) -> String {
        let parts = self.path.split('/').zip(path.split('/'));
        let named: Vec<String> = parts
            .filter(|(rule, _)| rule.starts_with('{'))
            .map(|(_, part)| decoded(part))
            .collect();
        named.join(" ")
    }

    /// The route in words.
    pub(crate) fn shown(&self) -> String {
        format!("{} {}", self.method, self.path)
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

/// A part of a path as it is meant, such as `a;<host>` for `a;%3Chost%3E`.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = part_of_escape(*first, tail);
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn part_of_escape(first: u8, tail: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(tail.get(..2)?).ok()?;
    let plain = text.bytes().all(|b| b.is_ascii_hexdigit());
    (first == b'%' && plain).then(|| u8::from_str_radix(text, 16).ok())?
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

/// Stands for every method.
pub(crate) const ANY: &str = "*";

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
    view("GET", "/api/openapi.json"),
    control("POST", "/api/instance/raise"),
    // Plugins.
    view("GET", "/api/plugins"),
    view("GET", "/api/plugins/rejected"),
    view("GET", "/api/plugins/{id}"),
    view("GET", "/api/plugins/{id}/config"),
    view("GET", "/api/config"),
    view("GET", "/api/config/global"),
    view("GET", "/api/config/interfaces/{name}"),
    view("GET", "/api/config/revisions/{id}/{version}"),
    view("GET", "/api/config/instances/{id}"),
    admin("PUT", "/api/config/global").changes(),
    admin("PATCH", "/api/config/global").changes(),
    admin("DELETE", "/api/config/global").changes(),
    admin("PUT", "/api/config/interfaces/{name}").changes(),
    admin("PATCH", "/api/config/interfaces/{name}").changes(),
    admin("DELETE", "/api/config/interfaces/{name}").changes(),
    admin("PUT", "/api/config/revisions/{id}/{version}").changes(),
    admin("PATCH", "/api/config/revisions/{id}/{version}").changes(),
    admin("DELETE", "/api/config/revisions/{id}/{version}").changes(),
    admin("PUT", "/api/config/instances/{id}").changes(),
    admin("PATCH", "/api/config/instances/{id}").changes(),
    admin("DELETE", "/api/config/instances/{id}").changes(),
    view("GET", "/api/plugins/{id}/health"),
    view("GET", "/api/plugins/{id}/logs"),
    view("GET", "/api/plugins/{id}/usage"),
    view("GET", "/api/plugins/{id}/revisions"),
    view("GET", "/api/plugins/{id}/metrics"),
    view("POST", "/api/plugins/{id}/wait"),
    control("POST", "/api/broadcast").changes().audited("broadcast"),
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
    // What can be measured.
    view("GET", "/api/catalog"),
    view("GET", "/api/catalog/metric"),
    view("GET", "/api/catalog/readings"),
    view("GET", "/api/catalog/watch"),
    // Tasks. The engine knows which orders need more than to look.
    view("GET", "/api/tasks"),
    admin("POST", "/api/tasks").changes(),
    view("POST", "/api/tasks/dry-run"),
    view("GET", "/api/tasks/files"),
    view("GET", "/api/tasks/{id}"),
    admin("PUT", "/api/tasks/{id}").changes(),
    admin("DELETE", "/api/tasks/{id}").changes(),
    view("GET", "/api/tasks/{id}/export"),
    view("GET", "/api/tasks/{id}/subscription"),
    view("GET", "/api/tasks/{id}/watch"),
    control("POST", "/api/tasks/{id}/{order}").changes(),
    // Metrics.
    view("GET", "/metrics"),
    view("GET", "/metrics/topology"),
    view("GET", "/metrics/plugins/{id}"),
    view("GET", "/api/plugin-metrics/targets"),
    // What plugins serve: each service says itself whom it is for.
    view(ANY, "/apis"),
    view(ANY, "/apis/{*path}"),
    view("GET", "/apis/aggregation.orrery/v1alpha1/dataplaneservices"),
    admin("POST", "/apis/aggregation.orrery/v1alpha1/dataplaneservices")
        .changes()
        .audited("create service"),
    admin("PUT", "/apis/aggregation.orrery/v1alpha1/dataplaneservices")
        .changes()
        .audited("apply services"),
    view(
        "GET",
        "/apis/aggregation.orrery/v1alpha1/dataplaneservices/{name}",
    ),
    admin(
        "PUT",
        "/apis/aggregation.orrery/v1alpha1/dataplaneservices/{name}",
    )
    .changes()
    .audited("change service"),
    admin(
        "PATCH",
        "/apis/aggregation.orrery/v1alpha1/dataplaneservices/{name}",
    )
    .changes()
    .audited("change service"),
    admin(
        "DELETE",
        "/apis/aggregation.orrery/v1alpha1/dataplaneservices/{name}",
    )
    .changes()
    .audited("delete service"),
    // Coming in. Neither changes what this instance shows, so read-only mode leaves them.
    view("POST", "/api/session"),
    view("DELETE", "/api/session"),
    view("POST", "/api/links"),
    admin("GET", "/api/audit"),
    admin("GET", "/api/tokens"),
    admin("POST", "/api/tokens").changes().audited("make token"),
    admin("DELETE", "/api/tokens/{name}")
        .changes()
        .audited("revoke token"),
    admin("POST", "/api/tokens/{name}/rotate")
        .changes()
        .audited("rotate token"),
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
        if rule.method == method || rule.method == ANY {
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
    fn what_a_request_is_about_is_read_off_its_path() {
        let check = |method: Method, rule_path: &str, path: &str, want: &str| {
            let Found::Rule(rule) = rule(&method, rule_path) else {
                panic!("there is no rule for {rule_path}");
            };
            assert_eq!(rule.subject(path), want);
        };
        let control = "/api/control/{probe}/{node}/{control}";
        check(
            Method::POST,
            control,
            "/api/control/p/a;%3Chost%3E/c",
            "p a;<host> c",
        );
        check(Method::DELETE, "/api/tokens/{name}", "/api/tokens/%zz%4", "%zz%4");
        check(Method::POST, "/api/tokens", "/api/tokens", "");
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
