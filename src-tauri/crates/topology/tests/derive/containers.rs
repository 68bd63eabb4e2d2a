//! Containers, by image, by host name; Swarm and ECS over them.

use orrery_model::{Node, TopologyKind};
use orrery_topology::derive::Options;

use crate::fixture::{Fixture, NOW, check, check_with, options, with};

/// Two containers joined by their processes; a third known by its address alone.
fn shop() -> Fixture {
    Fixture::new()
        .host("h")
        .node(
            TopologyKind::ContainerImage,
            with(
                Node::new("img1;<container_image>", "container_image"),
                &[
                    ("docker_image_id", "img1"),
                    ("docker_image_name", "shop/api:2.1"),
                    ("docker_image_tag", "2.1"),
                ],
            ),
        )
        .container(
            "h",
            "web",
            &[
                ("docker_container_name", "shop-web"),
                ("docker_container_hostname", "web.local"),
            ],
        )
        .container(
            "h",
            "api",
            &[
                ("docker_container_name", "shop-api"),
                ("docker_container_hostname", "api.local"),
                ("docker_image_id", "img1"),
            ],
        )
        .container("h", "db", &[("docker_container_name", "shop-db")])
        .set(
            TopologyKind::Container,
            "db;<container>",
            "docker_container_ips_with_scopes",
            &[";10.5.0.3"],
        )
        .process_with("h", 10, "nginx", &[("docker_container_id", "web")])
        .process_with("h", 20, "api", &[("docker_container_id", "api")])
        .endpoint(";10.5.0.1;40000", Some(("h", 10)), &[";10.5.0.2;8080"])
        .endpoint(";10.5.0.2;8080", Some(("h", 20)), &[])
        .endpoint(";10.5.0.2;50000", Some(("h", 20)), &[";10.5.0.3;5432"])
        .endpoint(";10.5.0.3;5432", None, &[])
        // The probe sees the container's address on its own interface too.
        .set(
            TopologyKind::Container,
            "api;<container>",
            "docker_container_ips_with_scopes",
            &[";10.5.0.2"],
        )
}

const WEB_API: &str = "web;<container> -> api;<container>";
const API_DB: &str = "api;<container> -> db;<container>";

#[test]
fn containers_join_by_process_and_by_address() {
    let derivation = shop().derive();
    check(&derivation, "containers", &[API_DB, WEB_API]);
    check(&derivation, "containers-by-hostname", &["web.local -> api.local"]);
    check(
        &derivation,
        "containers-by-image",
        &["shop/api;<container_image>"],
    );
    check_with(&derivation, "everything", &[], &[API_DB, WEB_API]);
    let picture = derivation.picture("containers", &options(&[]), "").unwrap();
    let connections: Vec<u32> = picture.edges.iter().map(|e| e.connections).collect();
    assert_eq!(connections, [1, 1], "a connection found both ways is one");
}

#[test]
fn an_address_of_two_containers_is_used_for_neither() {
    let derivation = shop()
        .container("h", "db2", &[])
        .set(
            TopologyKind::Container,
            "db2;<container>",
            "docker_container_ips_with_scopes",
            &[";10.5.0.3"],
        )
        .derive();
    check(
        &derivation,
        "containers",
        [WEB_API, "db2;<container>", "db;<container>"].sorted(),
    );
}

#[test]
fn published_ports_join_by_the_hosts_address() {
    let derivation = Fixture::new()
        .host("h")
        .container("h", "web", &[])
        .set(
            TopologyKind::Container,
            "web;<container>",
            "docker_container_ports",
            &["10.0.0.1:80->8080/tcp"],
        )
        .endpoint(
            ";203.0.113.9;33333",
            None,
            &[";10.0.0.1:80", ";10.0.0.1;80", ";10.0.0.1;81"],
        )
        .endpoint(";10.0.0.1;80", Some(("h", 0)), &[])
        .endpoint(";10.0.0.1;81", Some(("h", 0)), &[])
        .derive();
    check(&derivation, "containers", &["in-theinternet -> web;<container>"]);
}

#[test]
fn containers_in_the_hosts_network_do_not_join_by_address() {
    let derivation = shop()
        .fact(
            TopologyKind::Container,
            "db;<container>",
            "docker_is_in_host_network",
            "true",
        )
        .derive();
    check(&derivation, "containers", &["db;<container>", WEB_API]);
}

#[test]
fn what_the_image_says_is_shown_on_the_container() {
    let derivation = shop().derive();
    let picture = derivation.picture("containers", &options(&[]), "").unwrap();
    let api = picture
        .nodes
        .iter()
        .find(|n| n.node.id == "api;<container>")
        .unwrap();
    assert_eq!(api.node.label, "shop-api");
    assert_eq!(api.node.label_minor, "h");
    assert_eq!(api.node.rank, "shop/api");
    assert_eq!(api.facets["image"].label, "shop/api");
    let parents: Vec<(&str, &str)> = api
        .node
        .parents
        .iter()
        .map(|p| (p.id.as_str(), p.topology.as_str()))
        .collect();
    assert_eq!(
        parents,
        [
            ("shop/api;<container_image>", "containers-by-image"),
            ("h;<host>", "hosts")
        ]
    );
    let mixed = derivation.picture("everything", &options(&[]), "").unwrap();
    let api = mixed
        .nodes
        .iter()
        .find(|n| n.node.id == "api;<container>")
        .unwrap();
    assert_eq!(
        api.node.label_minor, "shop/api 2.1",
        "the box says the host already"
    );
}

#[test]
fn two_tags_of_one_image_are_one_node() {
    let image = |id: &str, tag: &str| {
        with(
            Node::new(format!("{id};<container_image>"), "container_image"),
            &[
                ("docker_image_id", id),
                ("docker_image_name", &format!("reg.example/shop/api:{tag}")),
            ],
        )
    };
    let derivation = Fixture::new()
        .host("h")
        .node(TopologyKind::ContainerImage, image("i1", "1"))
        .node(TopologyKind::ContainerImage, image("i2", "2"))
        .node(TopologyKind::ContainerImage, image("i3", "3"))
        .container("h", "a", &[("docker_image_id", "i1")])
        .container("h", "b", &[("docker_image_id", "i2")])
        .container("h", "c", &[])
        .derive();
    check(
        &derivation,
        "containers-by-image",
        &["shop/api;<container_image>"],
    );
    let card = derivation.details(
        "containers-by-image",
        "shop/api;<container_image>",
        &Options::default(),
    );
    let card = card.unwrap().unwrap();
    assert_eq!(
        (card.label.as_str(), card.label_minor.as_str(), card.stack),
        ("shop/api", "2 containers", true)
    );
    let children: Vec<&str> = card.children[0].rows.iter().map(|r| r.id.as_str()).collect();
    assert_eq!(children, ["a;<container>", "b;<container>"]);
}

#[test]
fn deleted_containers_are_gone_and_counted() {
    let derivation = shop()
        .fact(
            TopologyKind::Container,
            "db;<container>",
            "docker_container_state",
            "deleted",
        )
        .derive();
    check(&derivation, "containers", &[WEB_API]);
    let stats = derivation
        .derive("containers", orrery_topology::derive::Chosen::Unfiltered)
        .unwrap()
        .stats;
    assert_eq!((stats.node_count, stats.filtered_nodes), (2, 1));
}

#[test]
fn a_container_that_only_its_processes_name_is_drawn() {
    let derivation = Fixture::new()
        .host("h")
        .process_with("h", 1, "app", &[("docker_container_id", "0123456789abcdef0123")])
        .derive();
    check(&derivation, "containers", &["0123456789abcdef0123;<container>"]);
    let card = derivation.details(
        "containers",
        "0123456789abcdef0123;<container>",
        &Options::default(),
    );
    let card = card.unwrap().unwrap();
    assert_eq!(card.label, "0123456789ab");
    assert_eq!(card.children[0].rows[0].id, "h;1");
    assert_eq!(card.notes.len(), 1);
}

#[test]
fn swarm_and_ecs_stand_on_running_containers() {
    let service = with(
        Node::new("s1;<swarm_service>", "swarm_service"),
        &[("service_name", "api"), ("stack_namespace", "shop")],
    );
    let derivation = shop()
        .node(TopologyKind::SwarmService, service)
        .parent(
            TopologyKind::Container,
            "api;<container>",
            "swarm_service",
            "s1;<swarm_service>",
        )
        .node(
            TopologyKind::EcsTask,
            Node::new("t1;<ecs_task>", "ecs_task").with_latest("ecs_task_family", NOW, "web"),
        )
        .node(
            TopologyKind::EcsService,
            Node::new("cluster;front", "ecs_service"),
        )
        .parent(
            TopologyKind::Container,
            "web;<container>",
            "ecs_task",
            "t1;<ecs_task>",
        )
        .parent(
            TopologyKind::EcsTask,
            "t1;<ecs_task>",
            "ecs_service",
            "cluster;front",
        )
        .derive();
    let expected = [
        "pseudo:unmanaged:h -> s1;<swarm_service>",
        "s1;<swarm_service> -> pseudo:unmanaged:h",
    ];
    check(&derivation, "swarm-services", &expected);
    check_with(
        &derivation,
        "swarm-services",
        &[("namespace", "shop")],
        &["s1;<swarm_service>"],
    );
    check(
        &derivation,
        "ecs-tasks",
        &[
            "pseudo:unmanaged:h -> pseudo:unmanaged:h",
            "t1;<ecs_task> -> pseudo:unmanaged:h",
        ],
    );
    check_with(&derivation, "ecs-services", &[], &["cluster;front"]);
    let picture = derivation.picture("ecs-services", &options(&[]), "").unwrap();
    assert_eq!(picture.nodes[0].node.label, "front");
}

trait Sorted {
    fn sorted(self) -> &'static [&'static str];
}

impl<const N: usize> Sorted for [&'static str; N] {
    fn sorted(mut self) -> &'static [&'static str] {
        self.sort_unstable();
        Box::leak(Box::new(self))
    }
}
