use serde_json::{Value, json};

use super::*;

fn good() -> Value {
    json!({
        "apiVersion": API_VERSION, "kind": KIND,
        "metadata": {"name": "http-stats"},
        "spec": {
            "pluginID": "http-stats", "pluginType": "app", "group": "http-stats.example", "version": "v1",
            "services": [
                {"type": "route", "method": "GET", "path": "/report"},
                {"type": "route", "method": "post", "path": "control", "access": "control"},
                {"type": "stream", "path": "/events", "protocols": ["sse", "websocket"], "idleTimeout": "1m"},
                {"type": "query"},
            ],
        },
    })
}

/// Sets one field of the good object and says which fields are then wrong.
fn wrong_with(pointer: &str, value: Value) -> Vec<String> {
    let mut object = good();
    *object.pointer_mut(pointer).unwrap() = value;
    let errors = read(&object).expect_err(pointer);
    errors.into_iter().map(|e| e.field).collect()
}

#[test]
fn a_good_object_is_read_and_shown_as_it_was() {
    let object = read(&good()).unwrap();
    assert_eq!(object.spec.prefix(), "/apis/http-stats.example/v1");
    assert_eq!(object.spec.services.len(), 4);
    let shown = object.to_json();
    assert_eq!(shown["spec"]["services"][1]["method"], "POST");
    assert_eq!(shown["spec"]["services"][1]["path"], "/control");
    assert_eq!(shown["spec"]["services"][2]["idleTimeout"], "60s");
    assert_eq!(
        read(&shown).unwrap().spec,
        object.spec,
        "what is shown can be applied"
    );
}

#[test]
fn the_objects_of_the_first_implementation_apply() {
    let text = "
apiVersion: aggregation.grafana.app/v0alpha1
kind: DataPlaneService
metadata:
  name: v0alpha1.prometheus.grafana.app
spec:
  pluginID: prometheus
  pluginType: datasource
  group: prometheus.grafana.app
  version: v0alpha1
  services:
    - type: query
    - type: admission
      method: POST
      path: /admission
    - type: conversion
    - type: stream
      method: GET
      path: /stream
    - type: route
      method: GET
      path: /resources
";
    let documents = text::documents(text, text::Format::Yaml).unwrap();
    let object = read(&documents[0]).unwrap();
    assert_eq!(object.spec.plugin_type, PluginType::Datasource);
    assert_eq!(object.api_version, "aggregation.grafana.app/v0alpha1");
}

#[test]
fn ag6_every_wrong_field_is_named() {
    let cases = [
        ("/apiVersion", json!("v1"), "apiVersion"),
        ("/kind", json!("Pod"), "kind"),
        ("/metadata/name", json!("Bad_Name"), "metadata.name"),
        ("/metadata", json!([]), "metadata"),
        ("/spec/pluginID", json!("../x"), "spec.pluginID"),
        ("/spec/pluginType", json!("panel"), "spec.pluginType"),
        ("/spec/group", json!("no group"), "spec.group"),
        ("/spec/group", json!(OBJECT_GROUP), "spec.group"),
        ("/spec/version", json!("1"), "spec.version"),
        ("/spec/services", json!([]), "spec.services"),
        (
            "/spec/services/0/type",
            json!("datsource-proxy"),
            "spec.services[0].type",
        ),
        ("/spec/services/0/type", json!(7), "spec.services[0].type"),
        (
            "/spec/services/0/method",
            json!("BREW"),
            "spec.services[0].method",
        ),
        ("/spec/services/0/path", json!("/a/../b"), "spec.services[0].path"),
        (
            "/spec/services/0/path",
            json!("/namespaces/x"),
            "spec.services[0].path",
        ),
        (
            "/spec/services/1",
            json!({"type": "route", "method": "GET", "path": "report"}),
            "spec.services[1]",
        ),
        (
            "/spec/services/1/access",
            json!("root"),
            "spec.services[1].access",
        ),
        (
            "/spec/services/2/protocols",
            json!(["gopher"]),
            "spec.services[2].protocols[0]",
        ),
        (
            "/spec/services/2/idleTimeout",
            json!("soon"),
            "spec.services[2].idleTimeout",
        ),
        (
            "/spec/services/3",
            json!({"type": "query", "url": "http://x"}),
            "spec.services[3].url",
        ),
        (
            "/spec/services/3",
            json!({"type": "datasource-proxy"}),
            "spec.services[3].url",
        ),
        (
            "/spec/services/3",
            json!({"type": "route", "pth": "/x"}),
            "spec.services[3].pth",
        ),
        (
            "/spec/services/3",
            json!({"type": "route"}),
            "spec.services[3].path",
        ),
        (
            "/spec/services/3",
            json!({"type": "route", "path": "/x", "maxBody": "huge"}),
            "spec.services[3].maxBody",
        ),
    ];
    for (pointer, value, field) in cases {
        let fields = wrong_with(pointer, value.clone());
        assert!(
            fields.iter().any(|f| f == field),
            "{pointer} = {value}: {fields:?}"
        );
    }
}

#[test]
fn ag6_all_mistakes_are_told_at_once() {
    let mut object = good();
    object["metadata"]["name"] = json!("NO");
    object["spec"]["group"] = json!("NO");
    object["spec"]["services"][0]["type"] = json!("nothing");
    object["spec"]["services"][1]["method"] = json!("nothing");
    let fields: Vec<_> = read(&object).unwrap_err().into_iter().map(|e| e.field).collect();
    assert_eq!(
        fields,
        [
            "metadata.name",
            "spec.group",
            "spec.services[0].type",
            "spec.services[1].method"
        ]
    );
}

#[test]
fn a_placeholders_name_makes_no_difference() {
    let two = |a, b| json!([{"type": "route", "path": a}, {"type": "stream", "method": "GET", "path": b}, {"type": "route", "path": "/{z}/x"}]);
    assert!(wrong_with("/spec/services", two("/{a}/x", "/b")).contains(&"spec.services[2]".to_owned()));
}

#[test]
fn a_manifests_service_becomes_an_object() {
    let table = json!({"group": "g.example", "version": "v1", "services": [{"type": "route", "path": "/x"}]});
    let Value::Object(table) = table else {
        unreachable!()
    };
    let object = from_manifest("my-plugin", &table).unwrap();
    assert_eq!(object.metadata.name, "v1.g.example");
    assert_eq!(object.spec.plugin_id, "my-plugin");
    assert!(from_manifest("my-plugin", &serde_json::Map::new()).is_err());
}
