//! Where Orrery means to answer otherwise than Weave Scope, beyond Scope's defects: one test each.

use std::sync::Arc;

use orrery_topology::censor::{self, Hide};
use orrery_topology::derive::{Derivation, Settings};
use serde_json::{Value, json};

use crate::defects::{api_node, derive, ids};
use crate::short;

#[test]
fn differs_image_names_keep_a_registrys_port_and_lose_a_digest() {
    let check = |image: &str, expected: &str| {
        let derivation = derive(&json!({
            "ContainerImage": { "i;<container_image>": { "latest": { "docker_image_name": image } } },
            "Container": { "c;<container>": { "latest": { "docker_image_id": "i" } } },
        }));
        assert_eq!(
            ids(&derivation, "containers-by-image", None),
            [format!("{expected};<container_image>")]
        );
    };
    check("localhost:5000/app:1", "localhost:5000/app");
    check("shop/api@sha256:0011223344", "shop/api");
    // The rest is as in Scope.
    check("shop/api:1", "shop/api");
    check("quay.io/shop/api:1", "shop/api");
    check("quay.io/team/shop/api:1", "team/shop/api");
}

#[test]
fn differs_published_ports_of_ipv6_count() {
    let derivation = derive(&json!({
        "Host": { "h;<host>": { "sets": { "local_networks": ["2001:db8::/64"] } } },
        "Container": { "c;<container>": { "sets": { "docker_container_ports": ["[2001:db8::1]:80->8080/tcp"] } } },
        "Endpoint": {
            ";2001:db8:1::9;40000": { "adjacency": [";2001:db8::1;80"] },
            ";2001:db8::1;80": { "latest": { "host_node_id": "h;<host>" } },
        },
    }));
    assert_eq!(
        api_node(&derivation, "containers", "in-theinternet")["adjacency"],
        json!(["c;<container>"])
    );
}

#[test]
fn differs_controls_come_by_rank() {
    let control = |id: &str, rank: u32| json!({ "id": id, "human": id, "icon": "", "rank": rank });
    let derivation = derive(&json!({
        "Host~": { "controls": { "a": control("a", 2), "b": control("b", 1) } },
        "Host": { "h;<host>": { "latest": { "active_controls": "a;b", "control_probe_id": "p" } } },
    }));
    let host = api_node(&derivation, "hosts", "h;<host>");
    let order: Vec<&Value> = host["controls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["id"])
        .collect();
    assert_eq!(order, ["b", "a"]);
}

#[test]
fn differs_controls_of_a_node_without_a_probe_are_offered() {
    let derivation = derive(&json!({
        "Host~": { "controls": { "a": { "id": "a", "human": "A", "icon": "", "rank": 1 } } },
        "Host": { "h;<host>": { "latest": { "active_controls": "a" } } },
    }));
    assert_eq!(
        api_node(&derivation, "hosts", "h;<host>")["controls"][0]["probeId"],
        "probe"
    );
}

#[test]
fn differs_sets_come_in_order() {
    let derivation = derive(&json!({
        "Host~": { "metadata_templates": { "zones": { "id": "zones", "label": "Zones", "from": "sets" } } },
        "Host": { "h;<host>": { "sets": { "zones": ["c", "a", "b"] } } },
    }));
    assert_eq!(
        api_node(&derivation, "hosts", "h;<host>")["metadata"][0]["value"],
        "a, b, c"
    );
}

#[test]
fn differs_swarm_services_are_filtered_by_their_own_stack() {
    let derivation = derive(&json!({ "SwarmService": {
        "a;<swarm_service>": { "latest": { "stack_namespace": "shop" } },
        "b;<swarm_service>": { "latest": { "stack_namespace": "blog" } },
    } }));
    assert_eq!(
        ids(&derivation, "swarm-services", Some(&[("namespace", "shop")])),
        ["a;<swarm_service>"]
    );
}

#[test]
fn differs_groups_of_containers_are_where_their_containers_are() {
    let container = |image: &str, namespace: &str| {
        json!({ "latest": {
            "docker_container_hostname": format!("{image}.example"),
            "docker_image_id": image,
            "docker_label_io.kubernetes.pod.namespace": namespace,
        } })
    };
    let image = |name: &str| json!({ "latest": { "docker_image_name": name } });
    let space = |name: &str| json!({ "latest": { "kubernetes_name": name } });
    let derivation = derive(&json!({
        "Namespace": { "1;<namespace>": space("shop"), "2;<namespace>": space("blog") },
        "ContainerImage": { "a;<container_image>": image("a"), "b;<container_image>": image("b") },
        "Container": {
            "1;<container>": container("a", "shop"),
            "2;<container>": container("a", "blog"),
            "3;<container>": container("b", "blog"),
        },
    }));
    let in_space =
        |topology: &str, namespace: &str| ids(&derivation, topology, Some(&[("namespace", namespace)]));
    assert_eq!(in_space("containers", "shop"), ["1;<container>"]);
    assert_eq!(in_space("containers-by-image", "shop"), ["a;<container_image>"]);
    assert_eq!(in_space("containers-by-hostname", "shop"), ["a.example"]);
    assert_eq!(
        in_space("containers-by-hostname", "blog"),
        ["a.example", "b.example"]
    );
    assert_eq!(in_space("containers-by-hostname", ""), ["a.example", "b.example"]);
}

#[test]
fn differs_an_edge_to_an_unmanaged_peer_is_listed_once() {
    let derivation = derive(&json!({ "Overlay": {
        "#aa": { "latest": { "host_node_id": "h;<host>" }, "adjacency": ["#bb"] },
        "#bb": { "latest": { "weave_peer_nick_name": "far" } },
    } }));
    assert_eq!(
        api_node(&derivation, "weave", "#aa")["adjacency"],
        json!(["pseudo:unmanaged:far"])
    );
}

#[test]
fn differs_a_namespace_of_two_clusters_is_listed_once() {
    let namespace = json!({ "latest": { "kubernetes_name": "default" } });
    let derivation = derive(&json!({
        "Namespace": { "a;<namespace>": namespace, "b;<namespace>": namespace },
        "Pod": { "p;<pod>": {} },
    }));
    let list = serde_json::to_value(derivation.scope_topologies()).unwrap();
    let pods = list
        .as_array()
        .unwrap()
        .iter()
        .find(|t| t["url"] == "/api/topology/pods")
        .unwrap();
    let group = pods["options"]
        .as_array()
        .unwrap()
        .iter()
        .find(|o| o["id"] == "namespace")
        .unwrap();
    let expected = json!({
        "id": "namespace", "defaultValue": "", "selectType": "union", "noneLabel": "All Namespaces",
        "options": [{ "value": "default", "label": "default" }],
    });
    assert_eq!(*group, expected);
}

#[test]
fn differs_a_table_cell_without_a_column_is_passed_over() {
    let derivation = derive(&json!({
        "Host~": { "table_templates": { "t_": {
            "id": "t_", "label": "T", "prefix": "t_", "type": "multicolumn-table",
            "columns": [{ "id": "a", "label": "A", "dataType": "" }],
        } } },
        "Host": { "h;<host>": { "latest": { "t_1___a": "x", "t_odd": "no column" } } },
    }));
    let table = &api_node(&derivation, "hosts", "h;<host>")["tables"][0];
    assert_eq!(table["rows"], json!([{ "id": "1", "entries": { "a": "x" } }]));
}

#[test]
fn differs_hidden_command_lines_are_hidden_in_children_too() {
    let report = short::report(&json!({
        "Host": { "h;<host>": {} },
        "Process~": { "metadata_templates": { "cmdline": { "id": "cmdline", "label": "Command", "from": "latest" } } },
        "Process": { "h;1": { "latest": { "cmdline": "serve --password hunter2" }, "parents": { "host": ["h;<host>"] } } },
    }));
    let hide = Hide {
        command_line_arguments: true,
        environment_variables: true,
    };
    let derivation = Derivation::new(Arc::new(censor::derivable(&report, hide)), None);
    let host = api_node(&derivation, "hosts", "h;<host>");
    assert_eq!(host["children"][0]["nodes"][0]["metadata"][0]["value"], "serve");
    assert!(!host.to_string().contains("hunter2"));
}

#[test]
fn differs_filters_by_label_are_listed_once() {
    let settings = Settings::with_filters(
        &["Databases:role=db".to_owned()],
        &["No tests:env=test".to_owned()],
    );
    let report = short::report(&json!({ "Container": {
        "db;<container>": { "latest": { "docker_label_role": "db" } },
        "test;<container>": { "latest": { "docker_label_env": "test" } },
        "web;<container>": {},
    } }));
    let derivation = Derivation::new(Arc::new(report), None).with_settings(settings.unwrap().into());
    let kept = |value: &str| ids(&derivation, "containers", Some(&[("system", value)]));
    assert_eq!(kept("containerLabelFilterExclude0"), ["db;<container>"]);
    assert_eq!(
        kept("containerLabelFilter0"),
        ["db;<container>", "web;<container>"]
    );
    let list = serde_json::to_value(derivation.scope_topologies()).unwrap();
    let containers = list
        .as_array()
        .unwrap()
        .iter()
        .find(|t| t["url"] == "/api/topology/containers")
        .unwrap();
    let every = std::iter::once(containers).chain(containers["sub_topologies"].as_array().unwrap());
    for topology in every {
        let labels: Vec<&Value> = topology["options"][0]["options"]
            .as_array()
            .unwrap()
            .iter()
            .map(|o| &o["label"])
            .collect();
        let expected = [
            "All",
            "System containers",
            "Application containers",
            "Databases",
            "No tests",
        ];
        assert_eq!(labels, expected, "{}", topology["url"]);
    }
}

#[test]
fn differs_the_mixed_view_is_not_in_scopes_api() {
    let derivation = derive(&json!({ "Host": { "h;<host>": {} } }));
    let list = serde_json::to_string(&derivation.scope_topologies()).unwrap();
    assert!(!list.contains("everything"), "{list}");
    assert!(derivation.scope_nodes("everything", None).is_none());
    assert!(
        derivation
            .scope_node("everything", "h;<host>", None, "")
            .is_none()
    );
    assert!(derivation.topologies().iter().any(|t| t.id == "everything"));
}
