//! Requests a second through the data plane, beside those on the plugin's socket directly; both over UNIX
//! sockets, with 16 callers, on as many cores as there are. Also: what one change of the table costs, and the goals
//! of the data plane, each with its figure.

#![expect(clippy::print_stderr, reason = "figures are what a bench is for")]

mod goals;

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use orrery_services::object::{Access, read};
use orrery_services::{
    BoxError, Config, DataPlane, DataPlaneService, Identity, Joined, Outcome, PluginState, Plugins,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// The command's allocator.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const CALLERS: usize = 16;
const EVENTS: &str = "/apis/bench.example/v1/events";
const PATH: &str = "/apis/bench.example/v1/report";

struct Keeper {
    socket: PathBuf,
    changes: watch::Sender<u64>,
}

impl Plugins for Keeper {
    fn state(&self, _: &str) -> PluginState {
        PluginState::Running {
            socket: self.socket.clone(),
            generation: 1,
            on_demand: false,
        }
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

fn object(n: usize) -> Result<DataPlaneService, BoxError> {
    let object = serde_json::json!({
        "apiVersion": "aggregation.orrery/v1alpha1", "kind": "DataPlaneService", "metadata": {"name": "bench"},
        "spec": {"pluginID": "bench", "group": "bench.example", "version": "v1", "services": [
            {"type": "route", "method": "GET", "path": "/report"},
            {"type": "stream", "path": "/events", "protocols": ["sse"]}, {"type": "route", "path": format!("/n{n}")},
        ]},
    });
    read(&object).map_err(|errors| format!("{errors:?}").into())
}

/// Serves connections on a socket for ever.
fn serve<S, F, B>(
    socket: &Path,
    dress: fn(UnixStream) -> S,
    answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes, Error = BoxError> + Send + 'static,
{
    let listener = UnixListener::bind(socket)?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answer.clone();
            let service = service_fn(move |request| {
                let answered = answer(request);
                async move { Ok::<_, Infallible>(answered.await) }
            });
            let connection = hyper::server::conn::http1::Builder::new();
            let connection = connection.serve_connection(TokioIo::new(dress(stream)), service);
            tokio::spawn(async move { drop(connection.await) });
        }
    });
    Ok(())
}

async fn connect(socket: &Path) -> Result<SendRequest<Empty<Bytes>>, BoxError> {
    let stream = UnixStream::connect(socket).await?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

async fn ask(sender: &mut SendRequest<Empty<Bytes>>, path: &str) -> Result<(), BoxError> {
    sender.ready().await?;
    let request = Request::get(path)
        .header("host", "localhost")
        .body(Empty::new())?;
    let response = sender.send_request(request).await?;
    if response.status() != 200 {
        return Err(format!("{path}: {}", response.status()).into());
    }
    response.into_body().collect().await?;
    Ok(())
}

/// Time for so many requests, spread over the callers.
async fn load(socket: &Path, path: &'static str, requests: u64) -> Result<Duration, BoxError> {
    let mut senders = Vec::new();
    for _ in 0..CALLERS {
        senders.push(connect(socket).await?);
    }
    let each = requests.div_ceil(CALLERS as u64);
    let began = Instant::now();
    let callers: Vec<_> = senders
        .into_iter()
        .map(|mut sender| {
            tokio::spawn(async move {
                for _ in 0..each {
                    ask(&mut sender, path).await?;
                }
                Ok::<_, BoxError>(())
            })
        })
        .collect();
    for caller in callers {
        caller.await??;
    }
    Ok(began
        .elapsed()
        .mul_f64(requests as f64 / (each * CALLERS as u64) as f64))
}

struct Place {
    plugin: PathBuf,
    front: PathBuf,
    plane: DataPlane,
    _folder: tempfile::TempDir,
}

async fn place() -> Result<Place, BoxError> {
    let folder = tempfile::tempdir()?;
    let (plugin, front) = (
        folder.path().join("plugin.sock"),
        folder.path().join("front.sock"),
    );
    let small = Bytes::from_static(br#"{"Plugins":[{"id":"bench"}]}"#);
    serve(
        &plugin,
        |stream| stream,
        move |request: Request<Incoming>| {
            let body = match request.uri().path() {
                "/events" => goals::first_event(),
                _ => Full::new(small.clone())
                    .map_err(|never| match never {})
                    .boxed_unsync(),
            };
            async move { Response::new(body) }
        },
    )?;
    let keeper = Keeper {
        socket: plugin.clone(),
        changes: watch::Sender::new(0),
    };
    let plane = DataPlane::start(Config::default(), Arc::new(keeper)).await?;
    plane.registry().apply(object(0)?).await?;
    plane.registry().set_synced().await;
    let proxy = plane.proxy().clone();
    serve(&front, Joined::new, move |request| {
        let proxy = proxy.clone();
        async move {
            let identity = Identity {
                user: "bench".to_owned(),
                role: Access::View,
                address: None,
                tls: false,
                request_id: None,
            };
            let handled = proxy.handle(request, identity);
            match handled.await {
                Outcome::Proxied(response) => response,
                Outcome::NotOurs(_) => {
                    let mut response = Response::new(orrery_services::proxy::Body::empty());
                    *response.status_mut() = http::StatusCode::NOT_FOUND;
                    response
                }
            }
        }
    })?;
    Ok(Place {
        plugin,
        front,
        plane,
        _folder: folder,
    })
}

/// A bench that cannot be set up has nothing to measure.
fn settle<T>(result: Result<T, BoxError>) -> T {
    #[expect(clippy::panic, reason = "a bench that cannot go on should stop")]
    result.unwrap_or_else(|error| panic!("{error}"))
}

fn proxy(c: &mut Criterion) {
    let runtime = settle(Runtime::new().map_err(Into::into));
    let place = settle(runtime.block_on(place()));
    let mut group = c.benchmark_group("requests");
    group.throughput(Throughput::Elements(1));
    for (name, socket, path) in [
        ("direct", &place.plugin, "/report"),
        ("proxied", &place.front, PATH),
    ] {
        group.bench_function(name, |b| {
            b.iter_custom(|requests| settle(runtime.block_on(load(socket, path, requests))));
        });
    }
    group.finish();
    c.bench_function("a change of the table", |b| {
        let mut n = 0;
        b.iter(|| {
            n += 1;
            let applied = runtime
                .block_on(async { place.plane.registry().apply(object(n)?).await.map_err(Into::into) });
            settle(applied)
        });
    });
    settle(runtime.block_on(goals::measure(&place)));
}

criterion_group!(benches, proxy);
criterion_main!(benches);
