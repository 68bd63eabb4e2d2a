//! The whole door: requests a second of callers that come over TCP with a token, through every check and the data
//! plane, to a plugin on its UNIX socket, beside those of callers on that socket. Rounds of both kinds take turns,
//! because other work on the machine comes and goes. Callers, door and plugin share one process and its cores.

#![expect(clippy::print_stderr, reason = "figures are what a bench is for")]

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use orrery_engine::{Config, Engine, Paths};
use orrery_gateway::{Door, Gateway, ServicesConfig, Token};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

/// The command's allocator.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const CALLERS: usize = 16;
/// Rounds of each kind.
const ROUNDS: usize = 15;
/// Requests of a round.
const REQUESTS: usize = 20_000;
/// Requests of one caller whose times are compared.
const TIMED: usize = 2_000;
/// Longest wait until the plugin is known and its service served.
const READY: Duration = Duration::from_secs(30);
const TOKEN: &str = "0123456789abcdef0123";
const OBJECTS: &str = "/apis/aggregation.orrery/v1alpha1/dataplaneservices";
const SERVED: &str = "/apis/bench.example/v1/small";
const DIRECT: &str = "/small";

type Failed = Box<dyn std::error::Error + Send + Sync>;
type Caller = SendRequest<Full<Bytes>>;

/// Where callers go.
#[derive(Clone)]
enum Target {
    Plugin(PathBuf),
    Door(std::net::SocketAddr),
}

impl Target {
    async fn call(&self) -> Result<Caller, Failed> {
        match self {
            Target::Plugin(socket) => shake_hands(UnixStream::connect(socket).await?).await,
            Target::Door(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                shake_hands(stream).await
            }
        }
    }

    fn request(&self) -> http::request::Builder {
        match self {
            Target::Plugin(_) => Request::get(DIRECT).header(header::HOST, "plugin"),
            Target::Door(address) => as_owner(SERVED, *address),
        }
    }
}

fn as_owner(path: &str, address: std::net::SocketAddr) -> http::request::Builder {
    Request::get(path)
        .header(header::HOST, address.to_string())
        .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
}

async fn shake_hands(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Caller, Failed> {
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

async fn ask(caller: &mut Caller, request: http::request::Builder) -> Result<(), Failed> {
    caller.ready().await?;
    let answer = caller.send_request(request.body(Full::default())?).await?;
    let status = answer.status();
    answer.into_body().collect().await?;
    if status != StatusCode::OK {
        return Err(status.to_string().into());
    }
    Ok(())
}

/// Answers everything with a small JSON, and the question of what there is with a report.
async fn plugin(listener: UnixListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let service = service_fn(|request: Request<Incoming>| async move {
            let text = match request.uri().path() {
                "/report" => {
                    r#"{"Plugins":[{"id":"bench","label":"Bench","interfaces":["reporter"],"api_version":"1"}]}"#
                }
                _ => r#"{"a":1}"#,
            };
            let mut answer = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
            let json = http::HeaderValue::from_static("application/json");
            answer.headers_mut().insert(header::CONTENT_TYPE, json);
            Ok::<_, Infallible>(answer)
        });
        let connection = hyper::server::conn::http1::Builder::new();
        let connection = connection.serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move { drop(connection.await) });
    }
}

/// Opens the door before a plugin and waits until it is served.
async fn open(home: &Path) -> Result<(Target, Target, Engine), Failed> {
    let paths = Paths::below(home);
    let root = home.join("sockets");
    std::fs::create_dir_all(&root)?;
    let socket = root.join("bench.sock");
    tokio::spawn(plugin(UnixListener::bind(&socket)?));
    let mut config = Config::new(paths.data.clone());
    config.plugin_roots = vec![root];
    config.probes.clear();
    let engine = Engine::start(config).await?;
    let gateway = Gateway::new(engine.clone(), Token::parse(TOKEN, "the bench")?, None)
        .with_services(ServicesConfig::at(&paths))
        .await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let front = gateway.router(Door::tcp(address));
    tokio::spawn(orrery_gateway::serve_tcp(
        listener,
        front,
        CancellationToken::new(),
    ));
    let door = Target::Door(address);
    let object = serde_json::json!({
        "apiVersion": "aggregation.orrery/v1alpha1", "kind": "DataPlaneService", "metadata": {"name": "bench"},
        "spec": {"pluginID": "bench", "group": "bench.example", "version": "v1", "services": [
            {"type": "route", "method": "GET", "path": "/small"},
        ]},
    });
    let apply = as_owner(OBJECTS, address)
        .method("POST")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(serde_json::to_vec(&object)?)))?;
    let mut caller = door.call().await?;
    let applied = caller.send_request(apply).await?;
    if !applied.status().is_success() {
        return Err(format!("the service was not applied: {}", applied.status()).into());
    }
    applied.into_body().collect().await?;
    let ready = Instant::now() + READY;
    while ask(&mut caller, door.request()).await.is_err() {
        if Instant::now() > ready {
            return Err("the service is not served".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        caller = door.call().await?;
    }
    Ok((Target::Plugin(socket), door, engine))
}

/// Time for a round, spread over the callers.
async fn round(target: &Target) -> Result<Duration, Failed> {
    let mut callers = Vec::with_capacity(CALLERS);
    for _ in 0..CALLERS {
        callers.push(target.call().await?);
    }
    let began = Instant::now();
    let callers: Vec<_> = callers
        .into_iter()
        .map(|mut caller| {
            let target = target.clone();
            tokio::spawn(async move {
                for _ in 0..REQUESTS / CALLERS {
                    ask(&mut caller, target.request()).await?;
                }
                Ok::<_, Failed>(())
            })
        })
        .collect();
    for caller in callers {
        caller.await??;
    }
    Ok(began.elapsed())
}

/// The highest latency but for the slowest hundredth, of one caller.
async fn p99(target: &Target) -> Result<Duration, Failed> {
    let mut caller = target.call().await?;
    let mut took = Vec::with_capacity(TIMED);
    for _ in 0..TIMED {
        let began = Instant::now();
        ask(&mut caller, target.request()).await?;
        took.push(began.elapsed());
    }
    took.sort_unstable();
    Ok(took[TIMED * 99 / 100])
}

fn goal(what: &str, figure: &str, goal: &str, reached: bool) {
    let verdict = if reached { "reached" } else { "MISSED" };
    eprintln!("goal: {what}: {figure}; {goal}: {verdict}");
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

async fn measure() -> Result<(), Failed> {
    let home = tempfile::tempdir()?;
    let (plugin, door, engine) = open(home.path()).await?;
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let direct = round(&plugin).await?.as_secs_f64();
        rounds.push((direct, round(&door).await?.as_secs_f64()));
    }
    let ratio = median(rounds.iter().map(|(direct, door)| direct / door).collect());
    let rate = |took: f64| REQUESTS as f64 / took;
    let figure = format!(
        "{ratio:.2} ({:.0}/s of {:.0}/s, medians of {ROUNDS} rounds)",
        rate(median(rounds.iter().map(|(_, door)| *door).collect())),
        rate(median(rounds.iter().map(|(direct, _)| *direct).collect())),
    );
    let what = "requests through the whole door beside those on the plugin's socket";
    goal(what, &figure, "at least 0.4", ratio >= 0.4);
    let mut added = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let direct = p99(&plugin).await?;
        added.push(p99(&door).await?.saturating_sub(direct).as_secs_f64());
    }
    let added = Duration::from_secs_f64(median(added));
    let reached = added < Duration::from_millis(1);
    goal(
        "added to p99 by the whole door",
        &format!("{added:.0?}"),
        "under 1 ms",
        reached,
    );
    engine.shutdown().await;
    Ok(())
}

fn main() -> Result<(), Failed> {
    tokio::runtime::Runtime::new()?.block_on(measure())
}
