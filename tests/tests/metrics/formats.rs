//! The formats that scrapers ask for, and compression.

use std::io::Read as _;

use flate2::read::GzDecoder;

use crate::stage::{REQUESTS, Stage, judge};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_format_is_the_one_that_is_asked_for() {
    let stage = Stage::set().await;
    let _one = stage.plugin("one", REQUESTS);
    stage.up(&["one"]).await;
    for path in ["/metrics", "/metrics/topology"] {
        let (head, body) = stage.wire(path, "Accept: text/plain\r\n").await;
        assert!(
            head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
            "{head}"
        );
        let text = String::from_utf8(body).unwrap();
        judge(&text, true);
        assert!(!text.contains("# EOF"), "{text}");
        let accept = "Accept: application/openmetrics-text; version=1.0.0, text/plain;q=0.5\r\n";
        let (head, body) = stage.wire(path, accept).await;
        assert!(
            head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
            "{head}"
        );
        let open = String::from_utf8(body).unwrap();
        assert!(
            open.ends_with("# EOF\n") && !open.contains(" untyped\n"),
            "{open}"
        );
        if path == "/metrics" {
            let counter = "# TYPE plugin_requests counter\nplugin_requests_total{plugin_id=\"one\"";
            assert!(open.contains(counter), "{open}");
        }
    }
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_compressed_for_whoever_can_read_that() {
    let stage = Stage::set().await;
    let (head, body) = stage.wire("/metrics", "Accept-Encoding: gzip\r\n").await;
    assert!(head.contains("content-encoding: gzip"), "{head}");
    let mut text = String::new();
    GzDecoder::new(&body[..]).read_to_string(&mut text).unwrap();
    judge(&text, true);
    let (head, _) = stage.wire("/metrics", "").await;
    assert!(!head.contains("content-encoding"), "{head}");
    stage.strike().await;
}
