//! Metrics that are sent to a collector.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use orrery_engine::{OtlpSettings, OtlpWhat};
use prost::Message as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::stage::{PATIENCE, REQUESTS, Stage};

/// What was sent: heads of requests, and messages.
type Taken = Arc<Mutex<Vec<(String, ExportMetricsServiceRequest)>>>;

async fn collector() -> (SocketAddr, Taken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let taken = Taken::default();
    let shared = taken.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(take(BufReader::new(stream), shared.clone()));
        }
    });
    (address, taken)
}

async fn take(mut stream: BufReader<TcpStream>, taken: Taken) {
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match stream.read_line(&mut head).await {
                Ok(read) if read > 0 => {}
                _ => return,
            }
        }
        let head = head.to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap();
        let length = length.split("\r\n").next().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        let message = ExportMetricsServiceRequest::decode(&body[..]).unwrap();
        taken.lock().unwrap().push((head, message));
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        if stream.write_all(answer).await.is_err() {
            return;
        }
    }
}

fn names(taken: &Taken) -> BTreeSet<String> {
    let taken = taken.lock().unwrap();
    let scopes = taken
        .iter()
        .flat_map(|(_, message)| &message.resource_metrics)
        .flat_map(|resource| &resource.scope_metrics);
    scopes
        .flat_map(|scope| scope.metrics.iter().map(|m| m.name.clone()))
        .collect()
}

fn settings(address: SocketAddr, what: &[OtlpWhat]) -> OtlpSettings {
    OtlpSettings {
        endpoint: Some(format!("http://{address}")),
        headers: [("x-tenant".to_owned(), "home".to_owned())].into(),
        interval_s: Some(1),
        what: Some(what.to_vec()),
        ..OtlpSettings::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_is_asked_for_arrives_at_a_collector() {
    let stage = Stage::set().await;
    let _one = stage.plugin("one", REQUESTS);
    stage.up(&["one"]).await;
    let (address, taken) = collector().await;
    let what = [
        OtlpWhat::Own,
        OtlpWhat::Plugins,
        OtlpWhat::Exposed,
        OtlpWhat::Topology,
    ];
    let sending = stage.gateway().with_otlp(&settings(address, &what)).unwrap();
    let wanted = [
        "process_cpu_seconds_total",
        "orrery_plugin_up",
        "plugin_requests_total",
        "orrery_plugin_scrape_success",
        "orrery_node_load",
        "orrery_topology_series_left_out",
    ];
    let end = Instant::now() + PATIENCE;
    while !wanted.iter().all(|name| names(&taken).contains(*name)) {
        assert!(Instant::now() < end, "{:?}", names(&taken));
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let (head, message) = taken.lock().unwrap()[0].clone();
    assert!(head.starts_with("post /v1/metrics http/1.1"), "{head}");
    assert!(head.contains("\r\nx-tenant: home\r\n"), "{head}");
    let resource = message.resource_metrics[0].resource.clone().unwrap();
    assert_eq!(resource.attributes[0].key, "service.name");
    drop(sending);
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_cannot_be_used_are_refused_at_the_start_without_telling_secrets() {
    let stage = Stage::set().await;
    let address = stage.address;
    let check = |change: &dyn Fn(&mut OtlpSettings), want: &str| {
        let mut settings = settings(address, &[OtlpWhat::Own]);
        change(&mut settings);
        let error = stage.gateway().with_otlp(&settings).unwrap_err().to_string();
        assert!(error.contains(want) && !error.contains("hunter2"), "{error}");
    };
    check(
        &|s| s.endpoint = Some("http://me:hunter2@c.example".to_owned()),
        "give it as a header",
    );
    check(&|s| s.endpoint = Some("ftp://c.example".to_owned()), "http:");
    check(&|s| s.interval_s = Some(0), "interval_s");
    let header = |name: &str, value: &str| {
        let pair = (name.to_owned(), value.to_owned());
        move |s: &mut OtlpSettings| s.headers = [pair.clone()].into()
    };
    check(
        &header("authorization", "env:ORRERY_TEST_NOT_SET"),
        "authorization",
    );
    check(&header("a b", "x"), "is no name of a header");
    check(&header("host", "x"), "is set by what sends");
    check(&header("x", "hunter2\n"), "cannot be sent");
    stage.strike().await;
}
