//! The mixed view.

use std::sync::Arc;

use orrery_model::{NodeId, TopologyKind};
use orrery_topology::derive::{Derivation, Options, OriginLookup};

use crate::fixture::{Fixture, check_with, options};

fn system_service(unit: &str) -> String {
    format!("/system.slice/{unit}")
}

/// A desktop: kernel threads, services, a session with a browser, terminals and background services.
fn desktop() -> Fixture {
    let ssh = system_service("ssh.service");
    let session = |unit: &str| format!("/user.slice/user-1000.slice/user@1000.service/app.slice/{unit}");
    let (firefox, bus) = (session("app-firefox-1.scope"), session("pipewire.service"));
    let mut fixture = Fixture::new()
        .host("h")
        .process_with("h", 1, "systemd", &[("cgroup", "/init.scope")])
        .process_with("h", 2, "kthreadd", &[("kernel_thread", "true"), ("ppid", "0")])
        .process_with(
            "h",
            30,
            "kworker/0:0",
            &[("kernel_thread", "true"), ("ppid", "2")],
        )
        .process_with("h", 400, "sshd", &[("cgroup", &ssh), ("unit", "ssh.service")])
        .process_with(
            "h",
            410,
            "sshd-session",
            &[("cgroup", &ssh), ("unit", "ssh.service"), ("ppid", "400")],
        )
        .process_with("h", 700, "pipewire", &[("cgroup", &bus), ("user", "ada")]);
    for pid in 500..505 {
        fixture = fixture.process_with("h", pid, "firefox", &[("cgroup", &firefox), ("user", "ada")]);
    }
    fixture
}

const FIREFOX: &str = "h;<host>;session: ada;firefox;<stack>";

#[test]
fn a_quiet_machine_shows_what_its_units_were_started_for() {
    let derivation = desktop().derive();
    check_with(&derivation, "everything", &[], &["h;400", FIREFOX]);
    let shown = [("unconnected", "show")];
    check_with(
        &derivation,
        "everything",
        &shown,
        &[
            "h;1", "h;2", "h;30", "h;400", "h;410", "h;700", "h;<host>", FIREFOX,
        ],
    );
    let picture = derivation.picture("everything", &options(&[]), "").unwrap();
    let units: Vec<&str> = picture
        .nodes
        .iter()
        .map(|n| n.facets["unit"].label.as_str())
        .collect();
    assert_eq!(units, ["system.slice", "session: ada"]);
    assert!(picture.nodes.iter().all(|n| n.facets["host"].label == "h"));
    let stack = &picture.nodes[1].node;
    assert_eq!(
        (stack.label.as_str(), stack.label_minor.as_str()),
        ("firefox", "5 processes")
    );
    assert_eq!(
        (stack.count, stack.stack, stack.kind.as_str()),
        (5, true, "group:process:unit")
    );
    assert_eq!(picture.nodes[0].node.label_minor, "pid 400");
}

#[test]
fn connections_bring_processes_in_and_stacks_carry_them() {
    let derivation = desktop()
        .endpoint(";10.0.0.1;40000", Some(("h", 502)), &[";93.184.216.34;443"])
        .endpoint(";10.0.0.1;40001", Some(("h", 503)), &[";93.184.216.34;443"])
        .endpoint(";93.184.216.34;443", None, &[])
        .endpoint(";10.0.0.1;40002", Some(("h", 700)), &[";93.184.216.34;443"])
        .derive();
    let stack = format!("{FIREFOX} -> out-theinternet");
    check_with(
        &derivation,
        "everything",
        &[],
        &["h;400", "h;700 -> out-theinternet", &stack],
    );
    let picture = derivation.picture("everything", &options(&[]), "").unwrap();
    let edge = picture.edges.iter().find(|e| e.source == FIREFOX).unwrap();
    assert_eq!((edge.connections, edge.ports.as_slice()), (2, [443].as_slice()));
}

#[test]
fn stacks_add_up_the_metrics_of_their_members() {
    let cpu = "process_cpu_usage_percent";
    let derivation = desktop()
        .metric(TopologyKind::Process, "h;500", cpu, 30.0)
        .metric(TopologyKind::Process, "h;501", cpu, 12.0)
        .metric_template(TopologyKind::Process, cpu, "CPU", 1.0)
        .derive();
    let picture = derivation.picture("everything", &options(&[]), "").unwrap();
    let stack = picture.nodes.iter().find(|n| n.node.id == FIREFOX).unwrap();
    assert_eq!(
        stack.node.metrics.iter().map(|m| m.value).collect::<Vec<_>>(),
        [42.0]
    );
    let card = derivation
        .details("everything", FIREFOX, &Options::default())
        .unwrap()
        .unwrap();
    assert_eq!(card.metrics[0].value, Some(42.0));
    assert_eq!(card.children[0].rows.len(), 5);
}

#[test]
fn without_units_what_init_started_is_shown() {
    let derivation = Fixture::new()
        .host("h")
        .process_with("h", 1, "init", &[("ppid", "0")])
        .process_with("h", 2, "kthreadd", &[("ppid", "0"), ("kernel_thread", "true")])
        .process_with("h", 50, "crond", &[("ppid", "1")])
        .process_with("h", 51, "sh", &[("ppid", "50"), ("cgroup", "/jobs/17")])
        .process_with("h", 52, "make", &[("ppid", "51"), ("cgroup", "/jobs/17")])
        .derive();
    check_with(&derivation, "everything", &[], &["h;50", "h;51"]);
}

#[test]
fn a_host_is_a_node_when_nothing_else_is_on_it() {
    let derivation = Fixture::new()
        .host("h")
        .process_with("h", 51, "sh", &[("ppid", "50")])
        .derive();
    check_with(&derivation, "everything", &[], &["h;<host>"]);
}

#[test]
fn connections_of_no_known_process_belong_to_their_host() {
    let derivation = desktop()
        .endpoint(";10.0.0.1;25", Some(("h", 0)), &[])
        .endpoint(";203.0.113.9;33333", None, &[";10.0.0.1;25"])
        .derive();
    check_with(
        &derivation,
        "everything",
        &[],
        &["h;400", FIREFOX, "in-theinternet -> h;<host>"],
    );
}

/// Everything is from the probe, and process 410 from a plugin besides.
struct FromPlugin;

impl OriginLookup for FromPlugin {
    fn sources(&self, _: TopologyKind, id: &NodeId) -> Vec<String> {
        let plugin = (id == "h;410").then(|| "plugin:http".to_owned());
        ["probe:process".to_owned()].into_iter().chain(plugin).collect()
    }

    fn stale_since_ms(&self, _: TopologyKind, id: &NodeId) -> Option<i64> {
        (id == "h;400").then_some(7)
    }
}

#[test]
fn what_a_plugin_reports_is_shown_with_its_sources() {
    let derivation = Derivation::new(Arc::new(desktop().0), Some(Arc::new(FromPlugin)));
    check_with(&derivation, "everything", &[], &["h;400", "h;410", FIREFOX]);
    let picture = derivation.picture("everything", &options(&[]), "").unwrap();
    let node = |id: &str| &picture.nodes.iter().find(|n| n.node.id == id).unwrap().node;
    assert_eq!(node("h;410").sources, ["plugin:http", "probe:process"]);
    assert_eq!(node("h;400").stale_since_ms, Some(7));
    assert_eq!(node(FIREFOX).stale_since_ms, None);
    assert_eq!(node(FIREFOX).sources, ["probe:process"]);
}

#[test]
fn compose_projects_are_boxes_and_hosts_have_facts() {
    let derivation = desktop()
        .container("h", "web", &[("docker_label_com.docker.compose.project", "shop")])
        .fact(TopologyKind::Host, "h;<host>", "cores", "8")
        .metric(TopologyKind::Host, "h;<host>", "load1", 2.314)
        .derive();
    let picture = derivation
        .picture("everything", &options(&[]), "kind:container")
        .unwrap();
    assert_eq!(picture.nodes[0].facets["unit"].label, "compose: shop");
    let fact = picture.facts.get(&("host".to_owned(), "h;<host>".to_owned()));
    assert_eq!(fact.map(String::as_str), Some("8 cores · load 2.31"));
}

#[test]
fn details_are_found_for_what_the_mixed_view_does_not_draw() {
    let derivation = desktop().derive();
    let card = derivation
        .details("everything", "h;502", &Options::default())
        .unwrap()
        .unwrap();
    assert_eq!(
        (card.label.as_str(), card.topology.as_str()),
        ("firefox", "processes")
    );
    let card = derivation
        .details("everything", "h;<host>", &Options::default())
        .unwrap()
        .unwrap();
    assert_eq!(card.topology, "hosts");
    assert_eq!(
        derivation.details("everything", "nobody", &Options::default()),
        Ok(None)
    );
}
