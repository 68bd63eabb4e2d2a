//! A plugin on a UNIX socket, a keeper of plugins, and a front door with a delegate behind it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use orrery_services::object::{self, Access, text};
use orrery_services::{
    BoxError, Config, DataPlane, DataPlaneService, Identity, Lease, Outcome, PluginState, Plugins,
};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

pub(crate) type TestBody = BoxBody<Bytes, BoxError>;

/// What feeds a body.
pub(crate) type Feed = mpsc::Sender<Result<Frame<Bytes>, BoxError>>;

pub(crate) fn full(bytes: impl Into<Bytes>) -> TestBody {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed()
}

/// A body that is fed piece by piece.
pub(crate) fn fed() -> (Feed, TestBody) {
    let (feed, fed) = mpsc::channel(1);
    let stream = futures_util::stream::unfold(fed, |mut fed: mpsc::Receiver<_>| async move {
        fed.recv().await.map(|frame| (frame, fed))
    });
    (
        feed,
        BodyExt::boxed(StreamBody::new(SyncStream(Mutex::new(Box::pin(stream))))),
    )
}

/// Bodies must be `Sync` to be boxed; streams often are not.
struct SyncStream<S>(Mutex<std::pin::Pin<Box<S>>>);

impl<S: futures_util::Stream> futures_util::Stream for SyncStream<S> {
    type Item = S::Item;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<S::Item>> {
        self.get_mut().0.get_mut().unwrap().as_mut().poll_next(cx)
    }
}

pub(crate) fn data(text: &str) -> Result<Frame<Bytes>, BoxError> {
    Ok(Frame::data(Bytes::from(text.to_owned())))
}

/// What a fake plugin saw and what it waits for.
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) requests: AtomicUsize,
    /// Handlers of `/events` that have not been dropped.
    pub(crate) listening: AtomicUsize,
    /// Lets `/hold` answer.
    pub(crate) release: Semaphore,
    /// Bytes of bodies so far.
    pub(crate) received: AtomicUsize,
    /// Feeds `/events`.
    pub(crate) events: Mutex<Option<Feed>>,
}

pub(crate) struct Plugin {
    pub(crate) seen: Arc<Seen>,
    pub(crate) socket: PathBuf,
    task: JoinHandle<()>,
    connections: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Plugin {
    pub(crate) fn start(folder: &Path, name: &str) -> Plugin {
        let socket = folder.join(format!("{name}.sock"));
        let listener = UnixListener::bind(&socket).unwrap();
        let seen = Arc::new(Seen {
            name: name.to_owned(),
            requests: AtomicUsize::new(0),
            listening: AtomicUsize::new(0),
            release: Semaphore::new(0),
            received: AtomicUsize::new(0),
            events: Mutex::new(None),
        });
        let connections = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn({
            let (seen, connections) = (Arc::clone(&seen), Arc::clone(&connections));
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let seen = Arc::clone(&seen);
                    let service = service_fn(move |request| answer(Arc::clone(&seen), request));
                    let connection = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .with_upgrades();
                    let task = tokio::spawn(async move { drop(connection.await) });
                    connections.lock().unwrap().push(task);
                }
            }
        });
        Plugin {
            seen,
            socket,
            task,
            connections,
        }
    }

    pub(crate) fn requests(&self) -> usize {
        self.seen.requests.load(Ordering::SeqCst)
    }

    /// Ends like a killed process: connections break, the socket's file stays.
    pub(crate) fn crash(&self) {
        self.task.abort();
        for connection in self.connections.lock().unwrap().drain(..) {
            connection.abort();
        }
    }

    pub(crate) fn running(&self, generation: u64) -> PluginState {
        PluginState::Running {
            socket: self.socket.clone(),
            generation,
            on_demand: false,
        }
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        self.crash();
    }
}

struct Listening(Arc<Seen>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.listening.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn answer(seen: Arc<Seen>, mut request: Request<Incoming>) -> Result<Response<TestBody>, BoxError> {
    let path = request.uri().path().to_owned();
    if path != "/health" {
        seen.requests.fetch_add(1, Ordering::SeqCst);
    }
    match path.as_str() {
        "/health" => status(StatusCode::NOT_FOUND),
        "/hang" => std::future::pending().await,
        "/close" => Err("closed".into()),
        "/status/404" => status(StatusCode::NOT_FOUND),
        "/status/500" => status(StatusCode::INTERNAL_SERVER_ERROR),
        "/hold" => {
            seen.release.acquire().await?.forget();
            status(StatusCode::OK)
        }
        "/stall" | "/broken" | "/events" => {
            let (feed, body) = fed();
            feed.send(data("first\n")).await?;
            match path.as_str() {
                "/broken" => drop(tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    let _ = feed.send(Err("broken".into())).await;
                })),
                _ => *seen.events.lock().unwrap() = Some(feed),
            }
            seen.listening.fetch_add(1, Ordering::SeqCst);
            let guard = Listening(Arc::clone(&seen));
            let body = body.map_frame(move |frame| {
                let _ = &guard;
                frame
            });
            Ok(Response::builder()
                .header("content-type", "text/event-stream")
                .body(body.boxed())?)
        }
        "/ws" => {
            let key = request.headers()["sec-websocket-key"].clone();
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let io = TokioIo::new(upgrade.await.unwrap());
                let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
                while let Some(Ok(message)) = socket.next().await {
                    if message.is_text() && message.to_text().unwrap() == "crash" {
                        return;
                    }
                    if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
                        return;
                    }
                }
            });
            Ok(Response::builder()
                .status(StatusCode::SWITCHING_PROTOCOLS)
                .header("connection", "Upgrade")
                .header("upgrade", "websocket")
                .header("set-cookie", "a=b")
                .header("sec-websocket-accept", derive_accept_key(key.as_bytes()))
                .body(full(""))?)
        }
        "/admission/mutate" => {
            let review = whole(request).await?;
            let mut object = review["request"]["object"].clone();
            if object["spec"]["deny"] == json!(true) {
                return reply(&json!({"nothing": "said"}));
            }
            object["metadata"]["labels"] = json!({"by": seen.name});
            reply(&json!({"allowed": true, "object": object, "warnings": ["changed"]}))
        }
        "/admission/validate" => reply(&json!({"allowed": false, "status": {"message": "no"}})),
        "/convert" => {
            let review = whole(request).await?;
            let mut objects = review["request"]["objects"].clone();
            for object in objects.as_array_mut().unwrap() {
                object["apiVersion"] = review["request"]["desiredAPIVersion"].clone();
            }
            reply(&json!({"response": {"convertedObjects": objects}}))
        }
        _ => echo(&seen, request).await,
    }
}

/// Tells everything about a request.
async fn echo(seen: &Seen, request: Request<Incoming>) -> Result<Response<TestBody>, BoxError> {
    let headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let (method, path) = (request.method().to_string(), request.uri().to_string());
    let mut body = request.into_body();
    let mut text = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            seen.received.fetch_add(data.len(), Ordering::SeqCst);
            if text.len() < 4096 {
                text.extend_from_slice(&data);
            }
        }
    }
    let body = String::from_utf8_lossy(&text).into_owned();
    let told = json!({"plugin": seen.name, "method": method, "path": path, "headers": headers, "body": body});
    let mut response = reply(&told)?;
    let set = [
        ("set-cookie", "session=stolen"),
        ("connection", "x-secret"),
        ("x-secret", "1"),
        ("x-orrery-user", "root"),
        ("access-control-allow-origin", "*"),
        ("x-own", "kept"),
    ];
    for (name, value) in set {
        response.headers_mut().append(name, value.parse()?);
    }
    Ok(response)
}

fn status(status: StatusCode) -> Result<Response<TestBody>, BoxError> {
    Ok(Response::builder().status(status).body(full("told"))?)
}

fn reply(value: &Value) -> Result<Response<TestBody>, BoxError> {
    Ok(Response::builder()
        .header("content-type", "application/json")
        .body(full(value.to_string()))?)
}

async fn whole(request: Request<Incoming>) -> Result<Value, BoxError> {
    Ok(serde_json::from_slice(
        &request.into_body().collect().await?.to_bytes(),
    )?)
}

/// Keeps what the test says about plugins.
pub(crate) struct Keeper {
    states: Mutex<BTreeMap<String, PluginState>>,
    /// Leases that are held; who gets the first one wakes the plugin.
    pub(crate) leases: Arc<AtomicUsize>,
    /// Where plugins stand once somebody holds a lease.
    wakes: Mutex<BTreeMap<String, PluginState>>,
    changes: watch::Sender<u64>,
}

impl Keeper {
    /// Whoever asks for a lease on a plugin has it stand so.
    pub(crate) fn wakes(&self, plugin: &str, state: PluginState) {
        self.wakes.lock().unwrap().insert(plugin.to_owned(), state);
    }

    pub(crate) fn set(&self, plugin: &str, state: PluginState) {
        self.states.lock().unwrap().insert(plugin.to_owned(), state);
        self.changes.send_modify(|n| *n += 1);
    }
}

struct Held(Arc<AtomicUsize>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Plugins for Keeper {
    fn state(&self, plugin: &str) -> PluginState {
        let states = self.states.lock().unwrap();
        states.get(plugin).cloned().unwrap_or(PluginState::NotFound)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn lease(&self, plugin: &str) -> Option<Lease> {
        self.leases.fetch_add(1, Ordering::SeqCst);
        if let Some(awake) = self.wakes.lock().unwrap().get(plugin).cloned() {
            self.set(plugin, awake);
        }
        Some(Lease::new(Held(Arc::clone(&self.leases))))
    }

    fn has_datasource(&self, _: &str, uid: &str) -> bool {
        uid != "unknown"
    }
}

/// Everything: folder, keeper, data plane, front door.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) plane: DataPlane,
    pub(crate) address: SocketAddr,
    /// Requests that the delegate got.
    pub(crate) delegated: Arc<AtomicUsize>,
}

impl World {
    pub(crate) async fn new() -> World {
        World::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> World {
        let keeper = Arc::new(Keeper {
            states: Mutex::default(),
            leases: Arc::default(),
            wakes: Mutex::default(),
            changes: watch::Sender::new(0),
        });
        let plane = DataPlane::start(config, Arc::clone(&keeper) as _).await.unwrap();
        plane.registry().set_synced().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let delegated = Arc::new(AtomicUsize::new(0));
        tokio::spawn(front(listener, plane.clone(), Arc::clone(&delegated)));
        World {
            folder: tempfile::tempdir().unwrap(),
            keeper,
            plane,
            address,
            delegated,
        }
    }

    /// A world with one running plugin `p` that serves these services under `g.example/v1`.
    pub(crate) async fn serving(services: &str) -> (World, Plugin) {
        let world = World::new().await;
        let plugin = world.plugin("p");
        world.apply(&object("p", "p", "g.example", "v1", services)).await;
        (world, plugin)
    }

    pub(crate) fn plugin(&self, name: &str) -> Plugin {
        let plugin = Plugin::start(self.folder.path(), name);
        self.keeper.set(name, plugin.running(1));
        plugin
    }

    pub(crate) async fn apply(&self, object: &DataPlaneService) -> Arc<DataPlaneService> {
        self.plane.registry().apply(object.clone()).await.unwrap()
    }

    pub(crate) async fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        let task = tokio::spawn(async move { drop(connection.with_upgrades().await) });
        Connection { sender, task }
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: TestBody) -> Answer {
        self.request(Request::builder().method(method).uri(path).body(body).unwrap())
            .await
    }

    pub(crate) async fn request(&self, request: Request<TestBody>) -> Answer {
        let mut connection = self.connect().await;
        let response = connection.request(request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes);
        Answer {
            status: parts.status,
            headers: parts.headers,
            broken: body.is_err(),
            text: String::from_utf8_lossy(&body.unwrap_or_default()).into_owned(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, full("")).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        let request = Request::post(path)
            .header("content-type", "application/json; charset=utf-8")
            .body(full(body.to_string()));
        self.request(request.unwrap()).await
    }

    /// Streams that are open.
    pub(crate) fn open_streams(&self) -> u64 {
        self.plane
            .traffic()
            .iter()
            .map(|traffic| traffic.open_streams)
            .sum()
    }

    /// How often requests to the group ended so.
    pub(crate) fn counted(&self, result: &str) -> u64 {
        let traffic = self.plane.traffic();
        let all = traffic.iter().flat_map(|traffic| &traffic.results);
        all.filter(|(r, _)| r.word() == result)
            .map(|(_, durations)| durations.count)
            .sum()
    }
}

pub(crate) fn object(
    name: &str,
    plugin: &str,
    group: &str,
    version: &str,
    services: &str,
) -> DataPlaneService {
    let text = format!(
        "apiVersion: {}\nkind: DataPlaneService\nmetadata: {{ name: {name} }}\nspec: {{ pluginID: {plugin}, \
         group: {group}, version: {version}, services: {services} }}\n",
        object::API_VERSION
    );
    object::read(&text::documents(&text, text::Format::Yaml).unwrap()[0]).unwrap()
}

pub(crate) struct Connection {
    sender: hyper::client::conn::http1::SendRequest<TestBody>,
    task: JoinHandle<()>,
}

impl Connection {
    pub(crate) async fn request(&mut self, mut request: Request<TestBody>) -> Response<Incoming> {
        request
            .headers_mut()
            .entry("host")
            .or_insert("localhost".parse().unwrap());
        self.sender.ready().await.unwrap();
        self.sender.send_request(request).await.unwrap()
    }

    pub(crate) async fn get(&mut self, path: &str) -> Response<Incoming> {
        self.request(Request::get(path).body(full("")).unwrap()).await
    }

    /// Goes away at once.
    pub(crate) fn cut(self) {
        self.task.abort();
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// The body did not come to its end.
    pub(crate) broken: bool,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// Which error this is, with its status.
    pub(crate) fn reason(&self) -> (u16, String) {
        let reason = self.json()["reason"].as_str().unwrap_or_default().to_owned();
        (self.status.as_u16(), reason)
    }

    /// A header that the plugin saw.
    pub(crate) fn saw(&self, name: &str) -> Option<String> {
        let headers = self.json()["headers"].clone();
        let headers: Vec<(String, String)> = serde_json::from_value(headers).unwrap();
        headers
            .into_iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value)
    }
}

/// The role that a caller says it has: this door has no guard.
fn role(headers: &HeaderMap) -> Access {
    match headers.get("x-test-role").and_then(|role| role.to_str().ok()) {
        Some("view") => Access::View,
        Some("control") => Access::Control,
        _ => Access::Admin,
    }
}

async fn front(listener: TcpListener, plane: DataPlane, delegated: Arc<AtomicUsize>) {
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        let (plane, delegated) = (plane.clone(), Arc::clone(&delegated));
        let service = service_fn(move |request: Request<Incoming>| {
            let (plane, delegated) = (plane.clone(), Arc::clone(&delegated));
            async move {
                let identity = Identity {
                    user: "tester".to_owned(),
                    role: role(request.headers()),
                    address: Some([127, 0, 0, 1].into()),
                    tls: false,
                    request_id: None,
                };
                let response = match plane.proxy().handle(request, identity).await {
                    Outcome::Proxied(response) => response.map(BodyExt::boxed_unsync),
                    Outcome::NotOurs(request) => {
                        delegated.fetch_add(1, Ordering::SeqCst);
                        let bytes = request
                            .into_body()
                            .collect()
                            .await
                            .map(http_body_util::Collected::to_bytes);
                        let body = Full::new(bytes.unwrap_or_default()).map_err(|never| match never {});
                        let mut response = Response::new(body.boxed_unsync());
                        *response.status_mut() = StatusCode::NOT_FOUND;
                        response
                            .headers_mut()
                            .insert("x-delegate", "yes".parse().unwrap());
                        response
                    }
                };
                Ok::<_, Infallible>(response)
            }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::spawn(async move { drop(connection.await) });
    }
}

/// Waits until something is so, for a long while.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, so: impl Fn() -> F) {
    let began = Instant::now();
    while !so().await {
        assert!(began.elapsed() < Duration::from_secs(30), "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
