//! The whole door: requests a second of callers that come with a token, over TCP or over the door's own UNIX socket,
//! through every check and the data plane, to a plugin on its UNIX socket, beside those of callers on that socket.
//! Between them stands what the hop alone costs: callers over TCP whose bytes are passed on to the plugin without a look
//! at them, which no door can outdo. Rounds of all kinds take turns, because other work on the machine comes and goes.
//!
//! Callers use the pool of connections that programs use, the plugin is served as most are, and all of them share one
//! process and its cores.

#![expect(clippy::print_stderr, reason = "figures are what a bench is for")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use hyperlocal::UnixConnector;
use orrery_engine::{Config, Engine, Paths};
use orrery_gateway::{Door, Gateway, ServicesConfig, Token};
use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
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
/// An address of this machine that is free.
const HERE: &str = "127.0.0.1:0";
const TOKEN: &str = "0123456789abcdef0123";
const OBJECTS: &str = "/apis/aggregation.orrery/v1alpha1/dataplaneservices";
const SERVED: &str = "/apis/bench.example/v1/small";
const DIRECT: &str = "/small";

/// Bytes that the relay takes at a time.
const PIECE: usize = 16 * 1024;

type Failed = Box<dyn std::error::Error + Send + Sync>;
type Asked = Request<Full<Bytes>>;

/// Where callers go.
#[derive(Clone)]
enum Target {
    Plugin(PathBuf),
    Relay(SocketAddr),
    Door(SocketAddr),
    LocalDoor(PathBuf),
}

/// Those who call, with the connections that they share.
#[derive(Clone)]
enum Callers {
    Local(Client<UnixConnector, Full<Bytes>>),
    Remote(Client<HttpConnector, Full<Bytes>>),
}

impl Target {
    /// Callers that have no connection yet.
    fn callers(&self) -> Callers {
        let pool = Client::builder(TokioExecutor::new());
        if let Target::Plugin(_) | Target::LocalDoor(_) = self {
            return Callers::Local(pool.build(UnixConnector));
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Callers::Remote(pool.build(connector))
    }

    /// A request for `path`, at the door as the owner.
    fn request(&self, path: &str) -> Result<http::request::Builder, Failed> {
        Ok(match self {
            Target::Plugin(socket) => Request::get(hyperlocal::Uri::new(socket, path)),
            Target::Relay(address) => Request::get(format!("http://{address}{path}")),
            Target::Door(address) => owners(Request::get(format!("http://{address}{path}"))),
            Target::LocalDoor(socket) => owners(Request::get(hyperlocal::Uri::new(socket, path))),
        })
    }

    /// A request for the plugin's small answer.
    fn small(&self) -> Result<Asked, Failed> {
        let path = match self {
            Target::Plugin(_) | Target::Relay(_) => DIRECT,
            Target::Door(_) | Target::LocalDoor(_) => SERVED,
        };
        Ok(self.request(path)?.body(Full::default())?)
    }
}

fn owners(request: http::request::Builder) -> http::request::Builder {
    request.header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
}

impl Callers {
    async fn ask(&self, request: Asked) -> Result<(), Failed> {
        let answer = match self {
            Callers::Local(callers) => callers.request(request).await?,
            Callers::Remote(callers) => callers.request(request).await?,
        };
        let status = answer.status();
        answer.into_body().collect().await?;
        if !status.is_success() {
            return Err(status.to_string().into());
        }
        Ok(())
    }
}

fn json(text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], text)
}

/// Answers with a small JSON, and the question of what there is with a report.
async fn plugin(listener: UnixListener) -> std::io::Result<()> {
    const REPORT: &str =
        r#"{"Plugins":[{"id":"bench","label":"Bench","interfaces":["reporter"],"api_version":"1"}]}"#;
    let routes = Router::new()
        .route(DIRECT, get(|| async { json(r#"{"a":1}"#) }))
        .route("/report", get(|| async { json(REPORT) }));
    axum::serve(listener, routes).await
}

/// Passes bytes on to a plugin without reading them.
async fn relay(listener: TcpListener, socket: PathBuf) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(pass_on(stream, socket.clone()));
    }
}

/// One request and its answer after the other: each is small, and comes in one piece.
async fn pass_on(mut caller: TcpStream, socket: PathBuf) -> std::io::Result<()> {
    caller.set_nodelay(true)?;
    let mut plugin = UnixStream::connect(socket).await?;
    let mut bytes = vec![0; PIECE];
    loop {
        let asked = caller.read(&mut bytes).await?;
        plugin.write_all(&bytes[..asked]).await?;
        let answered = plugin.read(&mut bytes).await?;
        caller.write_all(&bytes[..answered]).await?;
        if asked == 0 || answered == 0 {
            return Ok(());
        }
    }
}

/// What is compared, and the engine behind the door.
struct Opened {
    plugin: Target,
    relay: Target,
    door: Target,
    local: Target,
    engine: Engine,
}

/// Opens the door and a relay before a plugin, and waits until it is served.
async fn open(home: &Path) -> Result<Opened, Failed> {
    let paths = Paths::below(home);
    let root = home.join("sockets");
    std::fs::create_dir_all(&root)?;
    let socket = root.join("bench.sock");
    tokio::spawn(plugin(UnixListener::bind(&socket)?));
    let listener = TcpListener::bind(HERE).await?;
    let bare = Target::Relay(listener.local_addr()?);
    tokio::spawn(relay(listener, socket.clone()));
    let mut config = Config::new(paths.data.clone());
    config.plugin_roots = vec![root];
    config.probes.clear();
    let engine = Engine::start(config).await?;
    let gateway = Gateway::new(engine.clone(), Token::parse(TOKEN, "the bench")?, None)
        .with_services(ServicesConfig::at(&paths))
        .await?;
    let listener = TcpListener::bind(HERE).await?;
    let address = listener.local_addr()?;
    let front = gateway.router(Door::tcp(address));
    tokio::spawn(orrery_gateway::serve_tcp(
        listener,
        front,
        CancellationToken::new(),
    ));
    let door = Target::Door(address);
    let own = home.join("door.sock");
    tokio::spawn(orrery_gateway::serve_unix(
        UnixListener::bind(&own)?,
        gateway.router(Door::socket()),
        CancellationToken::new(),
    ));
    let object = serde_json::json!({
        "apiVersion": "aggregation.orrery/v1alpha1", "kind": "DataPlaneService", "metadata": {"name": "bench"},
        "spec": {"pluginID": "bench", "group": "bench.example", "version": "v1", "services": [
            {"type": "route", "method": "GET", "path": DIRECT},
        ]},
    });
    let apply = door
        .request(OBJECTS)?
        .method("POST")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(serde_json::to_vec(&object)?)))?;
    let callers = door.callers();
    callers.ask(apply).await?;
    let ready = Instant::now() + READY;
    while callers.ask(door.small()?).await.is_err() {
        if Instant::now() > ready {
            return Err("the service is not served".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(Opened {
        plugin: Target::Plugin(socket),
        relay: bare,
        door,
        local: Target::LocalDoor(own),
        engine,
    })
}

/// What a round takes: seconds, and seconds of the processors, whoever spends them.
#[derive(Clone, Copy)]
struct Took {
    seconds: f64,
    cpu: f64,
}

/// Processor time of this process so far, in seconds.
fn cpu() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}

/// A round, spread over the callers.
async fn round(target: &Target) -> Result<Took, Failed> {
    let callers = target.callers();
    let (began, before) = (Instant::now(), cpu());
    let tasks: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (target, callers) = (target.clone(), callers.clone());
            tokio::spawn(async move {
                for _ in 0..REQUESTS / CALLERS {
                    callers.ask(target.small()?).await?;
                }
                Ok::<_, Failed>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(Took {
        seconds: began.elapsed().as_secs_f64(),
        cpu: cpu() - before,
    })
}

/// The highest latency but for the slowest hundredth, of one caller.
async fn p99(target: &Target) -> Result<Duration, Failed> {
    let callers = target.callers();
    let mut took = Vec::with_capacity(TIMED);
    for _ in 0..TIMED {
        let began = Instant::now();
        callers.ask(target.small()?).await?;
        took.push(began.elapsed());
    }
    took.sort_unstable();
    Ok(took[TIMED * 99 / 100])
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Rates of one kind of rounds beside those of calling the plugin's socket.
fn beside(direct: &[Took], took: &[Took]) -> (f64, String) {
    let pairs = direct.iter().zip(took);
    let ratio = median(
        pairs
            .map(|(direct, took)| direct.seconds / took.seconds)
            .collect(),
    );
    let of = |took: &[Took]| {
        let seconds = median(took.iter().map(|took| took.seconds).collect());
        let cpu = median(took.iter().map(|took| took.cpu).collect());
        (REQUESTS as f64 / seconds, cpu / REQUESTS as f64 * 1e6)
    };
    let ((through, cpu), (direct, direct_cpu)) = (of(took), of(direct));
    let text = format!(
        "{ratio:.2} ({through:.0}/s of {direct:.0}/s, {cpu:.1} µs of the processors a request of {direct_cpu:.1} µs, medians of {ROUNDS} rounds)"
    );
    (ratio, text)
}

fn goal(what: &str, figure: &str, goal: &str, reached: bool) {
    let verdict = if reached { "reached" } else { "MISSED" };
    eprintln!("goal: {what}: {figure}; {goal}: {verdict}");
}

async fn measure() -> Result<(), Failed> {
    let home = tempfile::tempdir()?;
    let Opened {
        plugin,
        relay,
        door,
        local,
        engine,
    } = open(home.path()).await?;
    let (mut direct, mut bare, mut over_tcp, mut over_socket) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        direct.push(round(&plugin).await?);
        bare.push(round(&relay).await?);
        over_tcp.push(round(&door).await?);
        over_socket.push(round(&local).await?);
    }
    let (_, figure) = beside(&direct, &bare);
    eprintln!(
        "bound: bytes passed on over TCP without a look, beside requests on the plugin's socket: {figure}"
    );
    for (way, took) in [("its own socket", over_socket), ("TCP", over_tcp)] {
        let (ratio, figure) = beside(&direct, &took);
        let what = format!("requests through the whole door over {way}, beside those on the plugin's socket");
        goal(&what, &figure, "at least 0.4", ratio >= 0.4);
    }
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
