//! Filters and the list of topologies.

use orrery_model::{Node, TopologyKind};
use orrery_topology::derive::{Chosen, Options};

use crate::fixture::{Fixture, check, check_with, with};

fn containers() -> Fixture {
    let label = |ns: &'static str| ("docker_label_io.kubernetes.pod.namespace", ns);
    Fixture::new()
        .host("h")
        .container(
            "h",
            "app",
            &[("docker_container_state", "running"), label("shop")],
        )
        .container("h", "old", &[("docker_container_state", "exited"), label("shop")])
        .container(
            "h",
            "dns",
            &[("docker_container_state", "running"), label("kube-system")],
        )
        .container(
            "h",
            "blog",
            &[("docker_container_state", "paused"), label("blog")],
        )
        .node(TopologyKind::Namespace, namespace("shop"))
        .node(TopologyKind::Namespace, namespace("blog"))
}

fn namespace(name: &str) -> Node {
    with(
        Node::new(format!("{name};<namespace>"), "namespace"),
        &[("kubernetes_name", name)],
    )
}

#[test]
fn filters_of_containers() {
    let derivation = containers().derive();
    let with = |chosen: &[(&str, &str)], expected: &[&str]| {
        let ids: Vec<String> = expected.iter().map(|id| format!("{id};<container>")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        check_with(&derivation, "containers", chosen, &ids);
    };
    check(
        &derivation,
        "containers",
        &[
            "app;<container>",
            "blog;<container>",
            "dns;<container>",
            "old;<container>",
        ],
    );
    with(&[], &["app", "blog"]);
    with(&[("system", "all")], &["app", "blog", "dns"]);
    with(&[("system", "system")], &["dns"]);
    with(&[("stopped", "stopped")], &["old"]);
    with(&[("stopped", "both")], &["app", "blog", "old"]);
    with(&[("namespace", "blog")], &["blog"]);
    with(&[("namespace", "blog,shop")], &["app", "blog"]);
    with(&[("namespace", "")], &["app", "blog"]);
    with(&[("namespace", "gone")], &["app", "blog"]);
    with(&[("stopped", "no such value")], &["app", "blog", "old"]);
    with(&[("no such option", "x")], &["app", "blog"]);
}

#[test]
fn filtered_nodes_are_counted() {
    let derivation = containers().derive();
    let stats = derivation
        .derive("containers", Chosen::Values(&Options::default()))
        .unwrap()
        .stats;
    assert_eq!((stats.node_count, stats.filtered_nodes), (2, 2));
}

#[test]
fn the_list_has_ours_first_and_scopes_thirteen() {
    let derivation = containers().derive();
    let topologies = derivation.topologies();
    let ids: Vec<&str> = topologies.iter().map(|t| t.id.as_str()).collect();
    let expected = [
        "everything",
        "processes",
        "processes-by-name",
        "containers",
        "containers-by-hostname",
        "containers-by-image",
        "pods",
        "kube-controllers",
        "services",
        "ecs-tasks",
        "ecs-services",
        "swarm-services",
        "hosts",
        "weave",
    ];
    assert_eq!(ids, expected);
    let containers = topologies.iter().find(|t| t.id == "containers").unwrap();
    let options: Vec<(&str, &str)> = containers
        .options
        .iter()
        .map(|o| (o.id.as_str(), o.default_value.as_str()))
        .collect();
    let expected = [
        ("system", "application"),
        ("stopped", "running"),
        ("pseudo", "hide"),
        ("local", "hide"),
        ("namespace", ""),
    ];
    assert_eq!(options, expected);
    let names: Vec<&str> = containers.options[4]
        .values
        .iter()
        .map(|v| v.value.as_str())
        .collect();
    assert_eq!(names, ["blog", "shop"], "in order");
    assert_eq!(containers.stats.node_count, 2);
    assert_eq!(derivation.scope_topologies().len(), 6, "top level without ours");
}

#[test]
fn unknown_topologies_are_errors() {
    let derivation = containers().derive();
    let error = derivation
        .picture("nonsense", &Options::default(), "")
        .unwrap_err();
    assert_eq!(error.to_string(), "there is no topology nonsense");
    assert!(derivation.details("nonsense", "x", &Options::default()).is_err());
    assert!(derivation.scope_nodes("nonsense", None).is_none());
    assert!(derivation.scope_nodes("everything", None).is_none());
}
