//! Every metric of every node of the map.

use http::StatusCode;
use orrery_testkit::plugin::report_json;
use serde_json::json;

use crate::stage::{Stage, judge};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_metrics_are_there_on_request_and_bounded() {
    let stage = Stage::set().await;
    let plugin = stage.plugin("load", "");
    let mut report = report_json("load");
    let at = "2026-11-21T08:00:00Z";
    report["Process"] = json!({
        "nodes": {
            "testhost;1": {
                "id": "testhost;1", "topology": "process",
                "latest": {
                    "pid": { "timestamp": at, "value": "1" },
                    "name": { "timestamp": at, "value": "one \"quoted\"" },
                },
                "parents": { "host": ["testhost;<host>"] },
                "metrics": {
                    "heap": { "samples": [{ "date": at, "value": 4096.0 }], "min": 0, "max": 8192 },
                    "jobs_total": { "samples": [{ "date": at, "value": 3.0 }], "min": 0, "max": 0 },
                },
            },
        },
        "metric_templates": {
            "heap": { "id": "heap", "label": "Heap", "format": "filesize", "priority": 1.0 },
            "jobs_total": { "id": "jobs_total", "label": "Jobs", "format": "integer", "priority": 2.0 },
        },
    });
    plugin.on_report(move |_| report.clone().into());
    let text = stage.until("/metrics/topology", "orrery_node_heap_bytes{").await;
    judge(&text, true);
    for line in [
        "# HELP orrery_node_heap_bytes Heap, as the map shows it.\n# TYPE orrery_node_heap_bytes gauge\n",
        "orrery_node_heap_bytes{topology=\"processes\",id=\"testhost;1\",label=\"one \\\"quoted\\\"\",\
         host=\"testhost\"} 4096\n",
        "# TYPE orrery_node_jobs_total counter\n",
        "orrery_node_load{topology=\"hosts\",id=\"testhost;<host>\",",
        "orrery_topology_series_left_out 0\n",
        "orrery_topology_nodes_left_out 0\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let (_, text) = stage
        .get("/metrics/topology?topology=hosts,processes&limit=1")
        .await;
    assert!(text.contains("orrery_node_load{"), "{text}");
    assert!(!text.contains("orrery_node_heap_bytes"), "{text}");
    assert!(text.contains("orrery_topology_series_left_out 2\n"), "{text}");
    let (_, text) = stage.get("/metrics/topology?metric=heap&q=heap%20%3E%2010").await;
    assert!(
        text.contains("orrery_node_heap_bytes{") && !text.contains("jobs"),
        "{text}"
    );
    let (_, text) = stage
        .get("/metrics/topology?topology=processes&q=heap%20%3E%209999")
        .await;
    assert!(!text.contains("orrery_node_"), "{text}");
    for (query, status) in [
        ("topology=lamps", StatusCode::NOT_FOUND),
        ("q=cpu%20%3E", StatusCode::BAD_REQUEST),
        ("limit=many", StatusCode::BAD_REQUEST),
    ] {
        let (got, said) = stage.get(&format!("/metrics/topology?{query}")).await;
        assert_eq!(got, status, "{query}: {said}");
    }
    stage.strike().await;
}
