//! Queries, admission, conversion, datasource proxies.

use base64::Engine as _;
use http::{HeaderName, HeaderValue};
use orrery_services::Config;
use orrery_services::proxy::{Security, Upstream};
use serde_json::json;
use tokio::net::TcpListener;

use crate::world::{World, full, object};

#[tokio::test]
async fn px8_queries_are_checked_and_never_our_fault() {
    let (world, plugin) = World::serving("[{type: query}]").await;
    let good =
        json!({"from": "now-1h", "queries": [{"refId": "A", "datasource": {"type": "p", "uid": "main"}}]});
    for path in [
        "/apis/g.example/v1/datasources/main/query",
        "/apis/g.example/v1/connections/main/query",
        "/apis/g.example/v1/namespaces/default/connections/main/query",
    ] {
        let answer = world.post(path, &good).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["path"]),
            (200, &json!("/query"))
        );
        assert_eq!(answer.json()["body"], good.to_string());
    }
    let at = async |uid: &str, query: serde_json::Value| {
        world
            .post(&format!("/apis/g.example/v1/datasources/{uid}/query"), &query)
            .await
            .status
            .as_u16()
    };
    assert_eq!(at("other", good.clone()).await, 400);
    assert_eq!(
        at(
            "main",
            json!({"queries": [{"datasource": {"type": "loki", "uid": "main"}}]})
        )
        .await,
        400
    );
    assert_eq!(at("main", json!({"queries": 7})).await, 400);
    assert_eq!(at("unknown", good.clone()).await, 404);
    let plain = world
        .send("POST", "/apis/g.example/v1/datasources/main/query", full("{}"))
        .await;
    assert_eq!(plain.status, 415);
    assert_eq!(plugin.requests(), 3);
    let looked = world.get("/apis/g.example/v1/datasources/main/query").await;
    assert_eq!(looked.headers["x-delegate"], "yes");
    world.keeper.set("p", orrery_services::PluginState::NotFound);
    assert_eq!(at("main", good).await, 503);
}

#[tokio::test]
async fn px9_admission_makes_the_patch() {
    let (world, _plugin) = World::serving("[{type: admission}]").await;
    let object = json!({"apiVersion": "x/v1", "kind": "X", "metadata": {"name": "a"}, "spec": {}});
    let review = |object: &serde_json::Value| {
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {"uid": "u-1", "operation": "CREATE", "object": object}})
    };
    let answer = world
        .post("/apis/g.example/v1/admission/mutate", &review(&object))
        .await;
    let told = answer.json();
    assert_eq!(
        (&told["kind"], &told["response"]["uid"]),
        (&json!("AdmissionReview"), &json!("u-1"))
    );
    assert_eq!(told["response"]["warnings"], json!(["changed"]));
    let patch = base64::engine::general_purpose::STANDARD.decode(told["response"]["patch"].as_str().unwrap());
    let patch: json_patch::Patch = serde_json::from_slice(&patch.unwrap()).unwrap();
    let mut patched = object.clone();
    json_patch::patch(&mut patched, &patch).unwrap();
    assert_eq!(patched["metadata"], json!({"name": "a", "labels": {"by": "p"}}));

    let denied = world
        .post("/apis/g.example/v1/admission/validate", &review(&object))
        .await
        .json();
    assert_eq!(
        denied["response"],
        json!({"uid": "u-1", "allowed": false, "status": {"message": "no"}})
    );
    let senseless = json!({"apiVersion": "x/v1", "kind": "X", "spec": {"deny": true}});
    let answer = world
        .post("/apis/g.example/v1/admission/mutate", &review(&senseless))
        .await;
    assert_eq!(answer.reason(), (502, "BadAnswer".to_owned()));
    assert_eq!(
        world
            .post("/apis/g.example/v1/admission/mutate", &json!({}))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn conversions_are_passed_and_checked() {
    let (world, _plugin) = World::serving("[{type: conversion}, {type: admission, path: /nowhere}]").await;
    let review = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview",
        "request": {"uid": "u", "desiredAPIVersion": "x/v2", "objects": [{"apiVersion": "x/v1", "a": 1}]}});
    let told = world.post("/apis/g.example/v1/conversion", &review).await.json();
    assert_eq!(
        told["response"]["convertedObjects"],
        json!([{"apiVersion": "x/v2", "a": 1}])
    );
}

#[tokio::test]
async fn se3_a_datasource_proxy_reaches_only_what_is_allowed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let target = World::new().await;
    let plugin = target.plugin("t");
    target
        .apply(&object(
            "t",
            "t",
            "t.example",
            "v1",
            "[{type: route, path: '/{*rest}'}]",
        ))
        .await;
    let there = target.address.port();
    let allowed = |port, local| Upstream {
        host: "127.0.0.1".to_owned(),
        port,
        local,
        headers: vec![(
            HeaderName::from_static("x-key"),
            HeaderValue::from_static("injected"),
        )],
        security: Security::Plain,
    };
    let service =
        format!("[{{type: datasource-proxy, uid: main, url: 'http://127.0.0.1:{there}/apis/t.example/v1'}}]");
    let ask = async |upstreams: Vec<Upstream>| {
        let world = World::with(Config {
            upstreams,
            ..Config::default()
        })
        .await;
        world.apply(&object("o", "p", "g.example", "v1", &service)).await;
        world.get("/apis/g.example/v1/proxy/main/api/v1/query?q=1").await
    };
    assert_eq!(ask(vec![]).await.reason(), (403, "ProxyDisabled".to_owned()));
    assert_eq!(
        ask(vec![allowed(port, true)]).await.reason(),
        (403, "TargetNotAllowed".to_owned())
    );
    assert_eq!(
        ask(vec![allowed(there, false)]).await.reason(),
        (503, "PeerMismatch".to_owned())
    );
    assert_eq!(plugin.requests(), 0);
    let passed = ask(vec![allowed(there, true)]).await;
    assert_eq!(passed.json()["path"], "/api/v1/query?q=1");
    assert_eq!(passed.saw("x-key").as_deref(), Some("injected"));
    assert_eq!(
        passed.saw("x-orrery-user").as_deref(),
        Some("tester"),
        "set by the target's own door"
    );
    let guarded = tokio::time::timeout(std::time::Duration::from_millis(50), listener.accept()).await;
    assert!(guarded.is_err(), "nobody dialled what is not allowed");
}
