//! A plugin that behaves, programmable: a real HTTP server on a UNIX socket.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::UnixListener;
use tokio::task::{JoinHandle, JoinSet};

/// Requests remembered; older ones are forgotten.
const REMEMBERED_REQUESTS: usize = 10_000;

/// Longest path, in bytes, that a socket can be bound to directly.
const ADDRESS_BYTES: usize = 107;

/// What a plugin answers.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Bytes,
    /// Time that passes before the answer is sent.
    pub after: Duration,
}

impl Reply {
    /// A 200 with this body.
    pub fn ok(body: impl Into<Bytes>) -> Self {
        Reply {
            status: 200,
            body: body.into(),
            after: Duration::ZERO,
        }
    }

    /// Another status, with a text.
    pub fn status(status: u16, text: &'static str) -> Self {
        Reply {
            status,
            ..Reply::ok(text)
        }
    }

    /// The same, later.
    #[must_use]
    pub fn after(mut self, time: Duration) -> Self {
        self.after = time;
        self
    }
}

impl From<Value> for Reply {
    fn from(value: Value) -> Self {
        Reply::ok(value.to_string())
    }
}

/// A request as the plugin got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// `Host` header.
    pub host: String,
    /// `Content-Type` header; empty when there is none.
    pub content_type: String,
    /// Body.
    pub body: Bytes,
}

impl Request {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

type Answer = Box<dyn Fn(&Request) -> Reply + Send + Sync>;

/// A plugin whose answers a test decides and whose requests it can read. It ends with the value.
pub struct GoodPlugin {
    path: PathBuf,
    programme: Arc<Programme>,
    server: JoinHandle<()>,
}

struct Programme {
    report: Mutex<Answer>,
    control: Mutex<Answer>,
    other: Mutex<Answer>,
    requests: Mutex<VecDeque<Request>>,
    reports: AtomicU64,
    controls: AtomicU64,
    connections: AtomicU64,
    open: AtomicUsize,
}

impl GoodPlugin {
    /// Listens on `path`, whose directory is made when missing. It answers with [`report_json`] under the
    /// id that the path gives, and to controls with `{}`.
    ///
    /// # Errors
    /// When the directory or the socket cannot be made.
    pub fn start(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref().to_owned();
        let listener = listen(&path)?;
        let id = id_of(&path);
        let programme = Arc::new(Programme {
            report: Mutex::new(Box::new(move |_| report_json(&id).into())),
            control: Mutex::new(Box::new(|_| json!({}).into())),
            other: Mutex::new(Box::new(|_| Reply::status(404, "not found"))),
            requests: Mutex::default(),
            reports: AtomicU64::new(0),
            controls: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            open: AtomicUsize::new(0),
        });
        let server = tokio::spawn(serve(listener, Arc::clone(&programme)));
        Ok(GoodPlugin {
            path,
            programme,
            server,
        })
    }

    /// Path of the socket.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Decides how it answers `GET /report` from now on.
    pub fn on_report(&self, answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) {
        *lock(&self.programme.report) = Box::new(answer);
    }

    /// Decides how it answers `POST /control` from now on.
    pub fn on_control(&self, answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) {
        *lock(&self.programme.control) = Box::new(answer);
    }

    /// Decides how it answers everything else from now on; until then with 404.
    pub fn on_other(&self, answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) {
        *lock(&self.programme.other) = Box::new(answer);
    }

    /// The last requests, oldest first.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.programme.requests).iter().cloned().collect()
    }

    /// Number of reports asked for.
    pub fn reports(&self) -> u64 {
        self.programme.reports.load(Ordering::SeqCst)
    }

    /// Number of controls pressed.
    pub fn controls(&self) -> u64 {
        self.programme.controls.load(Ordering::SeqCst)
    }

    /// Number of connections ever made.
    pub fn connections(&self) -> u64 {
        self.programme.connections.load(Ordering::SeqCst)
    }

    /// Number of connections open.
    pub fn open_connections(&self) -> usize {
        self.programme.open.load(Ordering::SeqCst)
    }

    /// Ends it the way a plugin that was killed does: the socket's file stays.
    pub fn crash(self) {
        self.server.abort();
    }

    /// Ends it the way a well-behaved plugin does: the socket's file goes first.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn stop(self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

impl Drop for GoodPlugin {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A small good report: one host with a metric, and the spec of the plugin `id`.
pub fn report_json(id: &str) -> Value {
    json!({
        "Host": {
            "nodes": {
                "testhost;<host>": {
                    "metrics": {
                        "load": {
                            "samples": [{"date": "2026-01-02T03:04:05.006Z", "value": 1.5}],
                            "min": 0, "max": 4,
                        },
                    },
                },
            },
            "metric_templates": {
                "load": {"id": "load", "label": "Load", "format": "", "priority": 0.1},
            },
        },
        "Plugins": [spec_json(id, &["reporter"])],
    })
}

/// A report with a control `toggle` on the host that [`report_json`] has, in the old wire form.
pub fn controller_json(id: &str, active: &[&str], dead: &[&str]) -> Value {
    let mut report = report_json(id);
    for (name, dead) in active
        .iter()
        .map(|n| (n, false))
        .chain(dead.iter().map(|n| (n, true)))
    {
        report["Host"]["controls"][name] = json!({"id": name, "human": name, "icon": "fa-beer", "rank": 1});
        report["Host"]["nodes"]["testhost;<host>"]["latestControls"][name] =
            json!({"timestamp": "2026-01-02T03:04:05Z", "value": {"dead": dead}});
    }
    report["Plugins"] = json!([spec_json(id, &["reporter", "controller"])]);
    report
}

/// The entry in `Plugins` of a plugin.
pub fn spec_json(id: &str, interfaces: &[&str]) -> Value {
    json!({
        "id": id,
        "label": format!("Test {id}"),
        "description": "Reports a load",
        "interfaces": interfaces,
        "api_version": "1",
    })
}

/// The id that a socket's path gives.
pub fn id_of(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// A listener on a path of any length, with the directories above it made.
///
/// # Errors
/// When a directory or the socket cannot be made.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a path with a directory is needed",
        ));
    };
    std::fs::create_dir_all(directory)?;
    if path.as_os_str().len() <= ADDRESS_BYTES {
        return UnixListener::bind(path);
    }
    // A path that does not fit into an address is reached through a descriptor of its directory.
    let directory = std::fs::File::open(directory)?;
    UnixListener::bind(
        Path::new("/proc/self/fd")
            .join(directory.as_raw_fd().to_string())
            .join(name),
    )
}

async fn serve(listener: UnixListener, programme: Arc<Programme>) {
    // Connections end with the set, and the set with this task.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let programme = Arc::clone(&programme);
        programme.connections.fetch_add(1, Ordering::SeqCst);
        connections.spawn(async move {
            let _open = Open::new(&programme);
            let service = service_fn(|request| {
                let programme = Arc::clone(&programme);
                async move { answer(&programme, request).await }
            });
            let http = hyper::server::conn::http1::Builder::new();
            // A client that goes away in the middle is its own affair.
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    programme: &Programme,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let header = |name: &str| {
        let value = request
            .headers()
            .get(name)
            .map(|v| v.to_str().unwrap_or_default());
        value.unwrap_or_default().to_owned()
    };
    let (host, content_type) = (header("host"), header("content-type"));
    let method = request.method().to_string();
    let target = request.uri().to_string();
    let body = request
        .into_body()
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let request = Request {
        method,
        target,
        host,
        content_type,
        body,
    };
    let path = request.target.split('?').next().unwrap_or_default();
    let reply = match (request.method.as_str(), path) {
        ("GET", "/report") => {
            programme.reports.fetch_add(1, Ordering::SeqCst);
            lock(&programme.report)(&request)
        }
        ("POST", "/control") => {
            programme.controls.fetch_add(1, Ordering::SeqCst);
            lock(&programme.control)(&request)
        }
        _ => lock(&programme.other)(&request),
    };
    programme.remember(request);
    tokio::time::sleep(reply.after).await;
    let mut response = hyper::Response::new(Full::new(reply.body));
    *response.status_mut() = hyper::StatusCode::from_u16(reply.status).unwrap_or_default();
    Ok(response)
}

impl Programme {
    fn remember(&self, request: Request) {
        let mut requests = lock(&self.requests);
        if requests.len() >= REMEMBERED_REQUESTS {
            requests.pop_front();
        }
        requests.push_back(request);
    }
}

/// Counts an open connection for as long as it lives.
struct Open<'a>(&'a AtomicUsize);

impl<'a> Open<'a> {
    fn new(programme: &'a Programme) -> Self {
        programme.open.fetch_add(1, Ordering::SeqCst);
        Open(&programme.open)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
