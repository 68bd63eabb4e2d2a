//! Pods, storage, services and controllers.

use orrery_model::{Node, TopologyKind};
use orrery_topology::derive::Options;

use crate::fixture::{Fixture, check, check_with, options, with};

fn pod(id: &str, name: &str, ip: &str) -> Node {
    let facts = [
        ("kubernetes_name", name),
        ("kubernetes_namespace", "shop"),
        ("kubernetes_ip", ip),
    ];
    with(Node::new(format!("{id};<pod>"), "pod"), &facts)
}

fn of_kind(kind: TopologyKind, id: &str, facts: &[(&str, &str)]) -> Node {
    with(Node::new(orrery_model::id::tagged(kind, id), kind.tag()), facts)
}

/// A web pod with one container talks to a database pod that is known by its address.
fn cluster() -> Fixture {
    Fixture::new()
        .host("n1")
        .node(TopologyKind::Pod, pod("p1", "web-0", "10.244.0.5"))
        .node(TopologyKind::Pod, pod("p2", "db-0", "10.244.0.6"))
        .container(
            "n1",
            "c1",
            &[
                ("docker_container_name", "web"),
                ("docker_container_state", "running"),
            ],
        )
        .container(
            "n1",
            "pause",
            &[("docker_image_name", "registry.k8s.io/pause:3.9")],
        )
        .parent(TopologyKind::Container, "c1;<container>", "pod", "p1;<pod>")
        .parent(TopologyKind::Container, "pause;<container>", "pod", "p1;<pod>")
        .process_with("n1", 5, "web", &[("docker_container_id", "c1")])
        .endpoint(";10.244.0.5;40000", Some(("n1", 5)), &[";10.244.0.6;5432"])
        .endpoint(";10.244.0.6;5432", None, &[])
        .node(
            TopologyKind::Service,
            of_kind(TopologyKind::Service, "s1", &[("kubernetes_name", "web")]),
        )
        .node(
            TopologyKind::Service,
            of_kind(TopologyKind::Service, "s2", &[("kubernetes_name", "db")]),
        )
        .node(
            TopologyKind::Deployment,
            of_kind(TopologyKind::Deployment, "d1", &[("kubernetes_name", "web")]),
        )
        .node(
            TopologyKind::Job,
            of_kind(TopologyKind::Job, "j1", &[("kubernetes_name", "once")]),
        )
        .parent(TopologyKind::Pod, "p1;<pod>", "service", "s1;<service>")
        .parent(TopologyKind::Pod, "p2;<pod>", "service", "s2;<service>")
        .parent(TopologyKind::Pod, "p1;<pod>", "deployment", "d1;<deployment>")
        .parent(TopologyKind::Pod, "p2;<pod>", "job", "j1;<job>")
}

#[test]
fn pods_services_controllers() {
    let derivation = cluster().derive();
    check(&derivation, "pods", &["p1;<pod> -> p2;<pod>"]);
    check(&derivation, "services", &["s1;<service> -> s2;<service>"]);
    check(&derivation, "kube-controllers", &["d1;<deployment> -> j1;<job>"]);
    let picture = derivation.picture("pods", &options(&[]), "").unwrap();
    let labels: Vec<_> = picture
        .nodes
        .iter()
        .map(|n| {
            (
                n.node.label.as_str(),
                n.node.label_minor.as_str(),
                n.node.rank.as_str(),
            )
        })
        .collect();
    assert_eq!(
        labels,
        [
            ("web-0", "1 container", "shop/web-0"),
            ("db-0", "0 containers", "shop/db-0")
        ]
    );
    let picture = derivation.picture("kube-controllers", &options(&[]), "").unwrap();
    let minors: Vec<_> = picture
        .nodes
        .iter()
        .map(|n| n.node.label_minor.as_str())
        .collect();
    assert_eq!(minors, ["Deployment of 1 pod", "Job of 1 pod"]);
}

#[test]
fn a_pod_is_on_the_host_of_its_containers_and_has_controllers_among_its_parents() {
    let derivation = cluster().derive();
    let card = |id: &str| {
        derivation
            .details("pods", id, &Options::default())
            .unwrap()
            .unwrap()
    };
    let parents: Vec<String> = card("p1;<pod>")
        .parents
        .iter()
        .map(|p| p.id.to_string())
        .collect();
    assert_eq!(parents, ["d1;<deployment>", "s1;<service>", "n1;<host>"]);
    let parents: Vec<String> = card("p2;<pod>")
        .parents
        .iter()
        .map(|p| p.id.to_string())
        .collect();
    assert_eq!(parents, ["j1;<job>", "s2;<service>"], "jobs are parents too");
}

#[test]
fn one_container_lends_its_metrics_to_pod_service_and_controller() {
    let derivation = cluster()
        .metric(TopologyKind::Container, "c1;<container>", "cpu", 42.0)
        .metric_template(TopologyKind::Pod, "cpu", "CPU", 1.0)
        .metric_template(TopologyKind::Service, "cpu", "CPU", 1.0)
        .metric_template(TopologyKind::Deployment, "cpu", "CPU", 1.0)
        .derive();
    for (topology, id) in [
        ("pods", "p1;<pod>"),
        ("services", "s1;<service>"),
        ("kube-controllers", "d1;<deployment>"),
    ] {
        let card = derivation
            .details(topology, id, &Options::default())
            .unwrap()
            .unwrap();
        assert_eq!(
            card.metrics.first().and_then(|m| m.value),
            Some(42.0),
            "{topology}"
        );
    }
}

#[test]
fn containers_outside_pods_are_unmanaged() {
    let derivation = cluster()
        .container("n1", "c2", &[])
        .process_with("n1", 6, "tool", &[("docker_container_id", "c2")])
        .endpoint(";10.0.0.1;40001", Some(("n1", 6)), &[";10.244.0.5;80"])
        .endpoint(";10.244.0.5;80", Some(("n1", 5)), &[])
        .derive();
    let expected = ["p1;<pod> -> p2;<pod>", "pseudo:unmanaged:n1 -> p1;<pod>"];
    check(&derivation, "pods", &expected);
    check_with(&derivation, "pods", &[], &expected[..1]);
    check_with(&derivation, "pods", &[("pseudo", "show")], &expected);
}

#[test]
fn failed_and_deleted_pods_are_gone() {
    for state in ["failed", "deleted"] {
        let derivation = cluster()
            .fact(TopologyKind::Pod, "p2;<pod>", "kubernetes_state", state)
            .derive();
        check(&derivation, "pods", &["p1;<pod>"]);
    }
}

#[test]
fn storage_hangs_together_by_names() {
    use TopologyKind::{
        PersistentVolume, PersistentVolumeClaim, StorageClass, VolumeSnapshot, VolumeSnapshotData,
    };
    let derivation = cluster()
        .fact(TopologyKind::Pod, "p2;<pod>", "kubernetes_volume_claim", "data")
        .node(
            PersistentVolumeClaim,
            of_kind(
                PersistentVolumeClaim,
                "c",
                &[
                    ("kubernetes_name", "data"),
                    ("kubernetes_namespace", "shop"),
                    ("kubernetes_volume_name", "vol"),
                    ("kubernetes_storage_class_name", "fast"),
                ],
            ),
        )
        .node(
            PersistentVolume,
            of_kind(PersistentVolume, "v", &[("kubernetes_name", "vol")]),
        )
        .node(
            StorageClass,
            of_kind(StorageClass, "s", &[("kubernetes_name", "fast")]),
        )
        .node(
            VolumeSnapshot,
            of_kind(
                VolumeSnapshot,
                "n",
                &[("kubernetes_name", "snap"), ("kubernetes_volume_name", "vol")],
            ),
        )
        .node(
            VolumeSnapshotData,
            of_kind(
                VolumeSnapshotData,
                "d",
                &[("kubernetes_volume_snapshot_name", "snap")],
            ),
        )
        .derive();
    let pods = "p1;<pod> -> p2;<pod>";
    let storage = [
        pods,
        "p2;<pod> -> c;<persistent_volume_claim>",
        "s;<storage_class> -> c;<persistent_volume_claim>",
    ];
    let snapshots = [
        "n;<volume_snapshot> -> d;<volume_snapshot_data>",
        "v;<persistent_volume> -> n;<volume_snapshot>",
    ];
    let claim = "c;<persistent_volume_claim> -> v;<persistent_volume>";
    check_with(&derivation, "pods", &[], &[pods]);
    check_with(
        &derivation,
        "pods",
        &[("storage", "show")],
        &[claim, storage[0], storage[1], storage[2]],
    );
    check_with(
        &derivation,
        "pods",
        &[("storage", "show"), ("snapshot", "show")],
        &[
            claim,
            snapshots[0],
            storage[0],
            storage[1],
            storage[2],
            snapshots[1],
        ],
    );
    let card = derivation
        .details("pods", "p2;<pod>", &Options::default())
        .unwrap()
        .unwrap();
    let tables: Vec<&str> = card.children.iter().map(|c| c.label.as_str()).collect();
    assert_eq!(tables, ["Persistent Volume Claims"]);
}

#[test]
fn in_the_mixed_view_a_pod_with_known_containers_is_drawn_as_those() {
    let derivation = cluster().derive();
    check_with(&derivation, "everything", &[], &["c1;<container> -> p2;<pod>"]);
    let picture = derivation.picture("everything", &options(&[]), "").unwrap();
    let web = picture
        .nodes
        .iter()
        .find(|n| n.node.id == "c1;<container>")
        .unwrap();
    assert_eq!(web.facets["pod"].label, "web-0");
    let db = picture.nodes.iter().find(|n| n.node.id == "p2;<pod>").unwrap();
    assert_eq!(db.facets["unit"].label, "kubernetes: shop");
}
