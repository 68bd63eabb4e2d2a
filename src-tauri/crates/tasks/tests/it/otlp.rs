//! Values for a collector of OpenTelemetry.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use orrery_tasks::RunOutcome;
use prost::Message as _;

use crate::world::World;

/// A collector that answers as it is told.
struct Collector {
    answer: Mutex<(StatusCode, i64)>,
    taken: Mutex<Vec<(HeaderMap, Bytes)>>,
}

async fn serve(collector: Arc<Collector>) -> String {
    async fn take(
        State(collector): State<Arc<Collector>>,
        headers: HeaderMap,
        body: Bytes,
    ) -> (StatusCode, Vec<u8>) {
        let (status, rejected) = *collector.answer.lock().unwrap();
        if status.is_success() {
            collector.taken.lock().unwrap().push((headers, body));
        }
        let answer = ExportMetricsServiceResponse {
            partial_success: Some(ExportMetricsPartialSuccess {
                rejected_data_points: rejected,
                error_message: "too old".to_owned(),
            }),
        };
        (status, answer.encode_to_vec())
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new()
        .route("/v1/metrics", post(take))
        .with_state(collector);
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_gets_each_value_with_its_moment_and_what_waited_when_it_is_back() {
    let collector = Arc::new(Collector {
        answer: Mutex::new((StatusCode::SERVICE_UNAVAILABLE, 0)),
        taken: Mutex::default(),
    });
    let url = serve(collector.clone()).await;
    let world = World::new();
    let tasks = world.tasks();
    let text = format!(
        "version: 2\nname: t\nschedule: {{ type: manual }}\ncollect: {{ /p/host/*/m: }}\ntags: {{ /: {{ site: lab }} \
         }}\npublish: [ {{ plugin: otlp, config: {{ url: '{url}', headers: {{ authorization: 'env:SINK' }} }} }} ]"
    );
    tasks.create(&text, "me", Some(false), false).await.unwrap();
    let report = tasks.run_now("t").await.unwrap();
    assert_eq!(report.outcome, RunOutcome::Failed);
    assert!(
        report.why.contains("503") && report.why.contains("1 samples wait"),
        "{report:?}"
    );

    collector.answer.lock().unwrap().0 = StatusCode::OK;
    world.report();
    assert_eq!(tasks.run_now("t").await.unwrap().outcome, RunOutcome::Ok);
    let (headers, body) = collector.taken.lock().unwrap()[0].clone();
    assert_eq!(headers["content-type"], "application/x-protobuf");
    assert_eq!(headers["authorization"], "hush");
    let message = ExportMetricsServiceRequest::decode(body).unwrap();
    let from = &message.resource_metrics[0];
    let who = format!("{:?}", from.resource);
    assert!(
        who.contains("service.instance.id") && who.contains("box"),
        "{who}"
    );
    let metric = &from.scope_metrics[0].metrics[0];
    assert_eq!(metric.name, "orrery_m");
    let Some(Data::Gauge(gauge)) = &metric.data else {
        panic!("a value is a gauge: {metric:?}");
    };
    let moments: Vec<u64> = gauge.data_points.iter().map(|p| p.time_unix_nano).collect();
    assert_eq!(
        moments,
        [1_000_000, 2_000_000],
        "what waited comes first, each at its own moment"
    );
    let names: Vec<&str> = gauge.data_points[0]
        .attributes
        .iter()
        .map(|a| a.key.as_str())
        .collect();
    assert_eq!(names, ["site", "plugin", "topology", "node"]);

    collector.answer.lock().unwrap().1 = 1;
    let report = tasks.run_now("t").await.unwrap();
    assert_eq!(report.outcome, RunOutcome::Failed);
    assert!(report.why.contains("too old"), "{report:?}");
    let info = tasks.show("t").unwrap().info;
    assert_eq!(
        (info.held, info.dropped),
        (0, 1),
        "what is refused for good does not wait"
    );
    tasks.shutdown().await;
}
