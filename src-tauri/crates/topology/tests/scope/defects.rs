//! Weave Scope's defects: one test each, under the number that `docs/scope.md` gives it.

use std::path::PathBuf;
use std::sync::Arc;

use orrery_topology::derive::{Derivation, Options};
use orrery_topology::details::NodeDetails;
use serde_json::{Value, json};

use crate::short;

pub(crate) fn derive(report: &Value) -> Derivation {
    Derivation::new(Arc::new(short::report(report)), None)
}

pub(crate) fn ids(derivation: &Derivation, topology: &str, options: Option<&[(&str, &str)]>) -> Vec<String> {
    let options = options.map(|o| {
        o.iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    });
    let answer = derivation.scope_nodes(topology, options.as_ref());
    let answer = serde_json::to_value(answer).unwrap();
    answer["nodes"].as_object().unwrap().keys().cloned().collect()
}

pub(crate) fn api_node(derivation: &Derivation, topology: &str, id: &str) -> Value {
    serde_json::to_value(derivation.scope_node(topology, id, None, "probe")).unwrap()["node"].clone()
}

pub(crate) fn card(derivation: &Derivation, topology: &str, id: &str) -> NodeDetails {
    let card = derivation.details(topology, id, &Options::new()).unwrap();
    card.expect("the node is there")
}

fn options_of(derivation: &Derivation, topology: &str, option: &str) -> Vec<String> {
    let all = derivation.topologies();
    let topology = all.iter().find(|t| t.id == topology).unwrap();
    let options = topology.options.iter().filter(|o| o.id == option);
    options.flat_map(|o| &o.values).map(|v| v.value.clone()).collect()
}

fn job() -> Value {
    json!({
        "Job": { "j;<job>": { "latest": { "kubernetes_name": "once" } } },
        "Pod": { "p;<pod>": { "latest": { "kubernetes_name": "once-1" }, "parents": { "job": ["j;<job>"] } } },
    })
}

#[test]
fn defect_01_jobs_have_their_pods_without_a_cron_job() {
    let derivation = derive(&job());
    assert_eq!(ids(&derivation, "kube-controllers", None), ["j;<job>"]);
    let card = card(&derivation, "kube-controllers", "j;<job>");
    assert_eq!(
        (card.label.as_str(), card.label_minor.as_str()),
        ("once", "Job of 1 pod")
    );
    assert_eq!(&*card.children[0].rows[0].id, "p;<pod>");
}

#[test]
fn defect_02_a_job_is_among_the_parents() {
    let pod = api_node(&derive(&job()), "pods", "p;<pod>");
    let expected = json!([{ "id": "j;<job>", "label": "once", "topologyId": "kube-controllers" }]);
    assert_eq!(pod["parents"], expected);
}

#[test]
fn defect_03_the_namespace_of_a_volume_snapshot_is_called_so() {
    let template = json!({ "id": "kubernetes_namespace", "label": "Name", "priority": 2, "from": "latest" });
    let derivation = derive(&json!({
        "VolumeSnapshot~": { "metadata_templates": { "kubernetes_namespace": template } },
        "VolumeSnapshot": { "s;<volume_snapshot>": { "latest": { "kubernetes_namespace": "shop" } } },
        "Pod": { "p;<pod>": {} },
    }));
    let row = &api_node(&derivation, "pods", "s;<volume_snapshot>")["metadata"][0];
    assert_eq!(
        (&row["label"], &row["value"]),
        (&json!("Namespace"), &json!("shop"))
    );
}

#[test]
fn defect_04_comparisons_mean_what_they_say_and_colons_fall_back_to_text() {
    let derivation = derive(&json!({
        "Process~": {
            "metric_templates": { "cpu": { "id": "cpu", "label": "CPU" } },
            "metadata_templates": { "cmdline": { "id": "cmdline", "label": "Command", "from": "latest" } },
        },
        "Process": {
            "h;1": { "latest": { "name": "a", "cmdline": "run nginx:latest" }, "metrics": { "cpu": 10 } },
            "h;2": { "latest": { "name": "b" }, "metrics": { "cpu": 20 } },
        },
    }));
    let check = |query: &str, expected: &[&str]| {
        let options = Options::from([("unconnected".to_owned(), "show".to_owned())]);
        let picture = derivation.picture("processes", &options, query).unwrap();
        let got: Vec<&str> = picture.nodes.iter().map(|n| n.node.id.as_str()).collect();
        assert_eq!(got, expected, "{query}");
    };
    check("cpu >= 10", &["h;1", "h;2"]);
    check("cpu <= 10", &["h;1"]);
    check("cpu = 10", &["h;1"]);
    check("nginx:latest", &["h;1"]);
    check("command:nginx", &["h;1"]);
}

#[test]
fn defect_05_a_probe_named_by_one_control_is_not_that_of_others() {
    let derivation = derive(&json!({
        "Host~": { "controls": {
            "a": { "id": "a", "human": "A", "icon": "", "rank": 1, "probeId": "other" },
            "b": { "id": "b", "human": "B", "icon": "", "rank": 2 },
        } },
        "Host": { "h;<host>": { "latest": { "control_probe_id": "own", "active_controls": "a;b" } } },
    }));
    let host = api_node(&derivation, "hosts", "h;<host>");
    let probes: Vec<&Value> = host["controls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["probeId"])
        .collect();
    assert_eq!(probes, ["other", "own"]);
}

#[test]
fn defect_06_a_topology_is_found_by_its_whole_name() {
    let derivation = derive(&json!({
        "Service": { "k;<service>": {} },
        "ECSService": { "cluster;e": {} },
        "SwarmService": { "s;<swarm_service>": {} },
    }));
    assert_eq!(ids(&derivation, "services", None), ["k;<service>"]);
    assert_eq!(ids(&derivation, "ecs-services", None), ["cluster;e"]);
    assert_eq!(ids(&derivation, "swarm-services", None), ["s;<swarm_service>"]);
    assert!(derivation.scope_nodes("vices", None).is_none());
    assert!(derivation.scope_nodes("/services", None).is_none());
}

#[test]
fn defect_07_pause_containers_of_today_are_recognised() {
    let container = |image: &str| {
        json!({
            "latest": { "docker_image_name": image, "docker_container_state": "running" },
            "parents": { "pod": ["p;<pod>"] },
        })
    };
    let images = [
        "registry.k8s.io/pause:3.9",
        "rancher/mirrored-pause:3.6",
        "mcr.microsoft.com/oss/kubernetes/pause:3.6",
        // Those that Scope knew.
        "gcr.io/google_containers/pause-amd64:3.0",
        "k8s.gcr.io/pause:3.1",
        "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/pause:3.5",
    ];
    let containers: serde_json::Map<String, Value> = images
        .iter()
        .enumerate()
        .map(|(i, image)| (format!("c{i};<container>"), container(image)))
        .collect();
    let derivation = derive(&json!({ "Pod": { "p;<pod>": {} }, "Container": containers }));
    assert_eq!(
        card(&derivation, "pods", "p;<pod>").label_minor.as_str(),
        "0 containers"
    );
    assert!(ids(&derivation, "containers", Some(&[("system", "application")])).is_empty());
}

#[test]
fn defect_08_states_of_other_runtimes_are_understood() {
    let container = |state: &str| json!({ "latest": { "docker_container_state": state } });
    let derivation = derive(&json!({ "Container": {
        "on;<container>": container("CONTAINER_RUNNING"),
        "off;<container>": container("CONTAINER_EXITED"),
    } }));
    assert_eq!(
        ids(&derivation, "containers", Some(&[("stopped", "running")])),
        ["on;<container>"]
    );
    assert_eq!(
        ids(&derivation, "containers", Some(&[("stopped", "stopped")])),
        ["off;<container>"]
    );
}

#[test]
fn defect_09_an_image_that_nothing_runs_is_not_drawn() {
    let derivation = derive(&json!({
        "Host": { "h;<host>": {} },
        "ContainerImage": { "i;<container_image>": {
            "latest": { "docker_image_name": "left:behind" }, "parents": { "host": ["h;<host>"] },
        } },
    }));
    assert!(ids(&derivation, "containers-by-image", None).is_empty());
    assert!(card(&derivation, "hosts", "h;<host>").children.is_empty());
}

#[test]
fn defect_10_describe_is_offered_wherever_it_is_reported() {
    let control = |id: &str, rank: u32| json!({ "id": id, "human": id, "icon": "", "rank": rank });
    let derivation = derive(&json!({
        "StorageClass~": { "controls": { "kubernetes_describe": control("kubernetes_describe", 1) } },
        "StorageClass": { "s;<storage_class>": { "latest": { "active_controls": "kubernetes_describe" } } },
    }));
    let controls = card(&derivation, "pods", "s;<storage_class>").controls;
    let ids: Vec<&str> = controls.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(ids, ["kubernetes_describe"]);
}

#[test]
fn defect_11_storage_is_told_by_its_kind() {
    let derivation = derive(&json!({
        "Pod": { "p;<pod>": { "latest": { "kubernetes_namespace": "n", "kubernetes_volume_claim": "c" } } },
        "PersistentVolumeClaim": { "c;<persistent_volume_claim>": {
            "latest": { "kubernetes_namespace": "n", "kubernetes_name": "c" },
        } },
    }));
    let options = Options::from([("storage".to_owned(), "show".to_owned())]);
    let picture = derivation.picture("pods", &options, "").unwrap();
    let kind = |id: &str| {
        picture
            .nodes
            .iter()
            .find(|n| n.node.id == id)
            .map(|n| n.node.kind.to_string())
    };
    let [edge] = picture.edges.as_slice() else {
        panic!("one edge: {:?}", picture.edges)
    };
    assert_eq!(kind(&edge.source).as_deref(), Some("pod"));
    assert_eq!(kind(&edge.target).as_deref(), Some("persistent_volume_claim"));
}

#[test]
fn defect_12_machines_of_the_local_network_are_drawn_on_request() {
    let derivation = derive(&json!({
        "Host": { "h;<host>": { "sets": { "local_networks": ["10.0.0.0/8"] } } },
        "Container": { "k;<container>": {
            "latest": { "docker_container_id": "k", "host_node_id": "h;<host>" },
            "sets": { "docker_container_ips_with_scopes": [";10.5.0.9"] }, "parents": { "host": ["h;<host>"] },
        } },
        "Pod": { "p;<pod>": { "latest": { "kubernetes_ip": "10.6.0.1" } } },
        "Process": { "h;1": { "latest": { "name": "ssh", "pid": "1" }, "parents": { "host": ["h;<host>"] } } },
        "Endpoint": {
            ";10.0.0.1;40000": {
                "latest": { "host_node_id": "h;<host>", "pid": "1" }, "adjacency": [";10.0.0.77;22", ";10.0.0.77;22"],
            },
            ";10.0.0.77;22": {},
            ";10.0.0.1;40001": { "latest": { "host_node_id": "h;<host>", "pid": "1" }, "adjacency": [";10.5.0.9;80"] },
            ";10.5.0.9;80": {},
            ";10.6.0.1;50000": { "adjacency": [";10.5.0.9;80"] },
        },
    }));
    let hide: &[(&str, &str)] = &[("pseudo", "show"), ("unconnected", "show")];
    let show: &[(&str, &str)] = &[("local", "show"), ("pseudo", "show"), ("unconnected", "show")];
    let check = |topology: &str, hidden: &[&str], shown: &[&str]| {
        assert_eq!(ids(&derivation, topology, Some(hide)), hidden, "{topology}");
        assert_eq!(ids(&derivation, topology, Some(show)), shown, "{topology}");
        assert_eq!(
            ids(&derivation, topology, None),
            hidden,
            "{topology}, without parameters"
        );
    };
    let (peer, container, pod) = ("pseudo:local:10.0.0.77", "k;<container>", "p;<pod>");
    let (other, third) = ("pseudo:local:10.5.0.9", "pseudo:local:10.6.0.1");
    check("processes", &["h;1"], &["h;1", peer, other, third]);
    check(
        "containers",
        &[container],
        &[container, peer, third, "pseudo:uncontained:h"],
    );
    check("pods", &[pod], &[pod, peer, "pseudo:unmanaged:h"]);
    let card = card(&derivation, "processes", peer);
    assert_eq!(
        (card.label.as_str(), card.label_minor.as_str()),
        ("10.0.0.77", "local network")
    );
    let row = &card.connections[0].rows[0];
    assert_eq!(
        (row.node_id.as_str(), row.port.as_str(), row.count),
        ("h;1", "22", 1)
    );
    let list = serde_json::to_string(&derivation.scope_topologies()).unwrap();
    assert!(
        !list.contains("local"),
        "Scope's list has Scope's options: {list}"
    );
    assert_eq!(options_of(&derivation, "hosts", "local"), ["show", "hide"]);
}

#[test]
fn defect_13_a_process_id_used_again_has_another_start() {
    let process = |started: &str| {
        let derivation = derive(&json!({ "Process": { "h;1": { "latest": { "started_ms": started } } } }));
        card(&derivation, "processes", "h;1").started_ms
    };
    assert_eq!(process("1000"), Some(1_000));
    assert_eq!(
        process("2000"),
        Some(2_000),
        "the id is the same, the start tells them apart"
    );
}

#[test]
fn defect_14_tags_of_an_image_are_one_node_and_a_column() {
    let image = |id: &str, tag: &str| {
        json!({ "latest": {
            "docker_image_id": id, "docker_image_name": format!("shop/api:{tag}"), "docker_image_tag": tag,
        } })
    };
    let container = |image: &str| json!({ "latest": { "docker_image_id": image } });
    let derivation = derive(&json!({
        "ContainerImage": { "i1;<container_image>": image("i1", "1"), "i2;<container_image>": image("i2", "2") },
        "Container": { "a;<container>": container("i1"), "b;<container>": container("i2") },
    }));
    assert_eq!(
        ids(&derivation, "containers-by-image", None),
        ["shop/api;<container_image>"]
    );
    let table = &card(&derivation, "containers-by-image", "shop/api;<container_image>").children[0];
    let tags: Vec<&str> = table
        .rows
        .iter()
        .filter_map(|r| r.cells.last())
        .map(String::as_str)
        .collect();
    assert_eq!(
        (table.columns.last().map(|c| c.label.as_str()), tags),
        (Some("Tag"), vec!["1", "2"])
    );
    let api = api_node(&derivation, "containers-by-image", "shop/api;<container_image>");
    assert_eq!(
        api["children"][0]["columns"].as_array().unwrap().len(),
        2,
        "Scope's columns are Scope's"
    );
}

#[test]
fn defect_15_a_request_without_parameters_is_unfiltered() {
    let derivation = derive(&json!({ "Process": { "h;1": {} } }));
    assert_eq!(ids(&derivation, "processes", None), ["h;1"]);
    assert!(ids(&derivation, "processes", Some(&[])).is_empty());
    assert!(ids(&derivation, "processes", Some(&[("anything", "else")])).is_empty());
}

#[test]
fn defect_16_stacks_are_listed_in_order() {
    let service = |stack: &str| json!({ "latest": { "stack_namespace": stack } });
    let derivation = derive(&json!({ "SwarmService": {
        "1;<swarm_service>": service("web"), "2;<swarm_service>": service("db"), "3;<swarm_service>": service("mail"),
    } }));
    for topology in ["swarm-services", "containers", "containers-by-image"] {
        assert_eq!(
            options_of(&derivation, topology, "namespace"),
            ["db", "mail", "web"],
            "{topology}"
        );
    }
}

#[test]
fn defect_17_controls_that_destroy_ask_first() {
    let check = |topology: &str, key: &str, id: &str, control: &str, asks: bool| {
        let declared = json!({ control: { "id": control, "human": "", "icon": "", "rank": 1 } });
        let derivation = derive(&json!({
            format!("{key}~"): { "controls": declared },
            key: { id: { "latest": { "active_controls": control, "control_probe_id": "p" } } },
            "Pod": { "other;<pod>": {} },
        }));
        let shown = &card(&derivation, topology, id).controls[0];
        assert_eq!(!shown.confirmation.is_empty(), asks, "{control}: {shown:?}");
        let api = api_node(&derivation, topology, id);
        assert!(
            api["controls"][0].get("confirmation").is_none(),
            "Scope's answer is as reported: {api}"
        );
    };
    check(
        "containers",
        "Container",
        "c;<container>",
        "docker_remove_container",
        true,
    );
    check(
        "containers",
        "Container",
        "c;<container>",
        "docker_stop_container",
        true,
    );
    check(
        "containers",
        "Container",
        "c;<container>",
        "docker_restart_container",
        true,
    );
    check(
        "containers",
        "Container",
        "c;<container>",
        "docker_start_container",
        false,
    );
    check(
        "containers",
        "Container",
        "c;<container>",
        "docker_attach_container",
        false,
    );
    check(
        "pods",
        "VolumeSnapshot",
        "s;<volume_snapshot>",
        "kubernetes_delete_volume_snapshot",
        true,
    );
    check(
        "pods",
        "VolumeSnapshot",
        "s;<volume_snapshot>",
        "kubernetes_clone_volume_snapshot",
        false,
    );
    check(
        "kube-controllers",
        "Deployment",
        "d;<deployment>",
        "kubernetes_scale_down",
        true,
    );
    check(
        "kube-controllers",
        "Deployment",
        "d;<deployment>",
        "kubernetes_scale_up",
        false,
    );
    check("hosts", "Host", "h;<host>", "host_exec", false);
}

#[test]
fn defect_18_what_rules_below_leave_out_is_told() {
    let container = |state: &str, pod: &[&str]| json!({ "latest": { "docker_container_state": state }, "parents": { "pod": pod } });
    let derivation = derive(&json!({
        "Pod": {
            "p;<pod>": { "parents": { "service": ["s;<service>"] } },
            "q;<pod>": {},
            "r;<pod>": { "latest": { "kubernetes_state": "failed" } },
        },
        "Service": { "s;<service>": {} },
        "Container": {
            "a;<container>": container("running", &["p;<pod>"]),
            "b;<container>": container("exited", &["p;<pod>"]),
            "c;<container>": container("deleted", &[]),
        },
        "Process": { "h;1": { "latest": { "name": "" } }, "h;2": { "latest": { "name": "sh" } } },
    }));
    let all = derivation.topologies();
    let check = |topology: &str, scope: u32, expected: &[(&str, u32)]| {
        let info = all.iter().find(|t| t.id == topology).unwrap();
        let got: Vec<(&str, u32)> = info.filtered.iter().map(|f| (f.what.as_str(), f.nodes)).collect();
        assert_eq!(
            (info.stats.filtered_nodes, got.as_slice()),
            (scope, expected),
            "{topology}"
        );
        assert!(info.filtered.iter().all(|f| !f.label.is_empty()));
    };
    let below = [("deleted", 1), ("ended", 1), ("pseudo", 1), ("stopped", 1)];
    check("services", 1, &[below.as_slice(), &[("unserved", 1)]].concat());
    check("pods", 2, &below);
    check("containers", 3, &[("deleted", 1), ("pseudo", 1), ("stopped", 1)]);
    check("processes", 2, &[("unconnected", 2)]);
    check("processes-by-name", 1, &[("unconnected", 1), ("unnamed", 1)]);
    check("hosts", 0, &[]);
}

#[test]
fn defect_19_only_packages_are_fetched_from_elsewhere() {
    let crates = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut reaching = Vec::new();
    for folder in std::fs::read_dir(crates).unwrap() {
        let folder = folder.unwrap();
        let Ok(manifest) = std::fs::read_to_string(folder.path().join("Cargo.toml")) else {
            continue;
        };
        let clients = [
            "reqwest",
            "ureq",
            "hyper-rustls",
            "isahc",
            "attohttpc",
            "curl",
            "minreq",
            "hickory-resolver",
        ];
        let own = manifest.split("[dev-dependencies]").next().unwrap_or_default();
        let names = own.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
        if names.into_iter().any(|name| clients.contains(&name)) {
            reaching.push(folder.file_name().to_string_lossy().into_owned());
        }
    }
    // Fetching a package, sending what a task says and metrics to a collector, and passing requests on to a service
    // that was declared are what somebody asked for; nothing looks for news by itself.
    let asked_for = ["packages", "tasks", "export", "services"];
    assert!(
        reaching.iter().all(|name| asked_for.contains(&name.as_str())),
        "{reaching:?}"
    );
}

#[test]
fn defect_23_pods_of_every_node_are_drawn() {
    let derivation = derive(&json!({
        "Host": { "n1;<host>": {} },
        "Pod": {
            "p;<pod>": { "parents": { "host": ["n1;<host>"] } },
            "q;<pod>": { "parents": { "host": ["n2;<host>"] } },
        },
    }));
    assert_eq!(ids(&derivation, "pods", None), ["p;<pod>", "q;<pod>"]);
    assert_eq!(ids(&derivation, "hosts", None), ["n1;<host>", "n2;<host>"]);
}
