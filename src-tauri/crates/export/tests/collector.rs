//! A real collector's side of OTLP over HTTP: what arrives, and what happens while nothing does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point;
use orrery_export::{Config, Exporter, Gather, Origin, metrics_address};
use orrery_exposition::Family;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Seen {
    /// Status to answer with; 0 is 200.
    status: AtomicU16,
    rejects: AtomicU64,
    requests: AtomicU64,
    taken: Mutex<Vec<(HeaderMap, ExportMetricsServiceRequest)>>,
}

/// Takes what is sent to it, on an address of its choice or on the one that is given.
async fn collector(at: Option<SocketAddr>) -> (SocketAddr, Arc<Seen>, tokio::task::JoinHandle<()>) {
    let at = at.unwrap_or_else(|| ([127, 0, 0, 1], 0).into());
    let listener = TcpListener::bind(at).await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen: Arc<Seen> = Arc::default();
    let shared = seen.clone();
    let task = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let shared = shared.clone();
            let serve = service_fn(move |request| answer(request, shared.clone()));
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), serve),
            );
        }
    });
    (address, seen, task)
}

async fn answer(request: Request<Incoming>, seen: Arc<Seen>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    seen.requests.fetch_add(1, Ordering::SeqCst);
    let mut response = Response::new(Full::default());
    if head.uri.path() != "/v1/metrics" || head.method != "POST" {
        *response.status_mut() = http::StatusCode::NOT_FOUND;
        return Ok(response);
    }
    let status = seen.status.load(Ordering::SeqCst);
    if status != 0 {
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
        return Ok(response);
    }
    let message = ExportMetricsServiceRequest::decode(body).unwrap();
    seen.taken.lock().unwrap().push((head.headers, message));
    let rejected = seen.rejects.load(Ordering::SeqCst);
    let said = ExportMetricsServiceResponse {
        partial_success: (rejected > 0).then(|| ExportMetricsPartialSuccess {
            rejected_data_points: i64::try_from(rejected).unwrap(),
            error_message: "too old".to_owned(),
        }),
    };
    *response.body_mut() = Full::from(said.encode_to_vec());
    Ok(response)
}

fn config(address: SocketAddr) -> Config {
    let mut headers = HeaderMap::new();
    headers.insert("x-tenant", HeaderValue::from_static("a"));
    Config {
        url: metrics_address(&format!("http://{address}")).unwrap(),
        headers,
        interval: Duration::ZERO,
        origin: Origin {
            instance: "i".to_owned(),
            version: "1.2.3".to_owned(),
            host: "h".to_owned(),
            started_ns: 5,
        },
    }
}

/// One gauge, which rises each time.
fn rising() -> Gather {
    let value = Arc::new(AtomicU64::new(0));
    Arc::new(move || {
        let next = value.fetch_add(1, Ordering::SeqCst) + 1;
        let family = Family::gauge("rising_seconds", "Rises.").with(&[("a", "b")], next as f64);
        async move { vec![family] }.boxed()
    })
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_is_gathered_arrives_with_its_origin_and_headers_again_and_again() {
    let (address, seen, _task) = collector(None).await;
    let gather = rising();
    let exporter = Exporter::start(config(address), gather.clone()).unwrap();
    until("two arrive", || seen.taken.lock().unwrap().len() >= 2).await;
    let taken = seen.taken.lock().unwrap().clone();
    let (headers, message) = &taken[0];
    assert_eq!(headers["x-tenant"], "a");
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let resource = message.resource_metrics[0].resource.clone().unwrap();
    let names: Vec<&str> = resource.attributes.iter().map(|a| a.key.as_str()).collect();
    assert_eq!(
        names,
        [
            "service.name",
            "service.version",
            "service.instance.id",
            "host.name"
        ]
    );
    let values: Vec<f64> = taken.iter().map(|(_, message)| value(message)).collect();
    assert_eq!(values[..2], [1.0, 2.0]);
    let metric = &message.resource_metrics[0].scope_metrics[0].metrics[0];
    assert_eq!(
        (metric.name.as_str(), metric.unit.as_str()),
        ("rising_seconds", "s")
    );
    until("it knows that they did", || {
        exporter.standing().arrives == Some(true) && exporter.standing().sent >= 2
    })
    .await;
    drop(exporter);
    until("it ends with the value", || Arc::strong_count(&gather) == 1).await;
}

fn value(message: &ExportMetricsServiceRequest) -> f64 {
    let metric = &message.resource_metrics[0].scope_metrics[0].metrics[0];
    let Some(Data::Gauge(gauge)) = &metric.data else {
        panic!("a gauge is sent as one: {metric:?}");
    };
    match gauge.data_points[0].value {
        Some(number_data_point::Value::AsDouble(value)) => value,
        ref other => panic!("{other:?} is no number"),
    }
}

#[tokio::test]
async fn a_collector_that_is_down_costs_nothing_and_gets_what_is_new_when_it_is_back() {
    let (address, seen, task) = collector(None).await;
    let exporter = Exporter::start(config(address), rising()).unwrap();
    until("one arrives", || !seen.taken.lock().unwrap().is_empty()).await;
    seen.status.store(503, Ordering::SeqCst);
    until("it is told", || exporter.standing().arrives == Some(false)).await;
    let said = exporter.standing().error;
    assert!(said.contains("503"), "{said}");
    seen.status.store(0, Ordering::SeqCst);
    until("it arrives again", || exporter.standing().arrives == Some(true)).await;
    assert_eq!(exporter.standing().error, "");
    // Nobody listens at all: connections that are open still end with the server's runtime, so a new port is asked.
    task.abort();
    drop(exporter);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let exporter = Exporter::start(config(nobody), rising()).unwrap();
    until("several fail", || exporter.standing().failures >= 2).await;
    assert!(!exporter.standing().error.is_empty());
    let (_, seen, _task) = collector(Some(nobody)).await;
    until("it arrives by itself", || {
        exporter.standing().arrives == Some(true)
    })
    .await;
    let first = value(&seen.taken.lock().unwrap()[0].1);
    assert!(
        first >= 3.0,
        "what was not sent in time is not sent later: {first}"
    );
}

#[tokio::test]
async fn what_a_collector_refuses_is_counted() {
    let (address, seen, _task) = collector(None).await;
    seen.rejects.store(1, Ordering::SeqCst);
    let exporter = Exporter::start(config(address), rising()).unwrap();
    until("it is counted", || exporter.standing().left_out >= 1).await;
    assert_eq!(exporter.standing().arrives, Some(true));
}
