//! Connections to a plugin's UNIX socket: the one place that knows how bytes reach a plugin.
//!
//! Before the first byte is sent the socket is looked at (a socket, no link to one, in a directory that only
//! its owner writes to) and the peer is checked (this user or root).

use std::future::Future;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustix::fs::{Mode, OFlags};
use tokio::net::UnixStream;

use crate::limits;

/// Any error, as bodies give them.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body on its way to a plugin.
pub(crate) type SentBody = UnsyncBoxBody<Bytes, BoxError>;

/// Longest path, in bytes, that a socket address holds beside its terminating zero.
const ADDRESS_BYTES: usize = 107;

/// Why there is no connection.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum DialError {
    /// There is no socket.
    #[error("{0} does not exist")]
    Missing(String),
    /// The socket is not to be trusted.
    #[error("{0}")]
    Peer(String),
    /// Nobody takes the connection.
    #[error("no connection within {} ms", limits::CONNECT.as_millis())]
    Timeout,
    /// Anything else, such as refused.
    #[error("{0}")]
    Failed(String),
}

/// Kept-alive connections to one life of one plugin.
pub(crate) struct Wire {
    client: Client<Connector, SentBody>,
    pub(crate) socket: PathBuf,
    pub(crate) generation: u64,
}

impl Wire {
    pub(crate) fn new(socket: &Path, generation: u64) -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .pool_max_idle_per_host(limits::IDLE_CONNECTIONS)
            .pool_timer(TokioTimer::new())
            .http1_max_buf_size(limits::MAX_HEAD_BYTES)
            .http1_max_headers(limits::MAX_HEADERS)
            // Only what was never written to a connection found closed; see `Client::request`.
            .retry_canceled_requests(true)
            .set_host(false);
        Wire {
            client: builder.build(Connector {
                path: Arc::from(socket),
            }),
            socket: socket.to_owned(),
            generation,
        }
    }

    /// Sends a request. Its URI must name some host, which is not used.
    pub(crate) fn send(&self, request: Request<SentBody>) -> ResponseFuture {
        self.client.request(request)
    }
}

/// An answer of a plugin.
pub(crate) type Answer = Response<Incoming>;

/// Dials one path and checks who listens there.
#[derive(Debug, Clone)]
struct Connector {
    path: Arc<Path>,
}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<UnixStream>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<UnixStream>, DialError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let path = Arc::clone(&self.path);
        Box::pin(async move { dial(&path).await.map(TokioIo::new) })
    }
}

async fn dial(path: &Path) -> Result<UnixStream, DialError> {
    let failed = |e: io::Error| match e.kind() {
        io::ErrorKind::NotFound => DialError::Missing(path.display().to_string()),
        _ => DialError::Failed(e.to_string()),
    };
    look_at(path).map_err(failed)??;
    let address = Address::of(path).map_err(failed)?;
    let stream = tokio::time::timeout(limits::CONNECT, UnixStream::connect(&address.path))
        .await
        .map_err(|_| DialError::Timeout)?
        .map_err(failed)?;
    let uid = stream.peer_cred().map_err(failed)?.uid();
    if uid == 0 || uid == rustix::process::geteuid().as_raw() {
        Ok(stream)
    } else {
        Err(DialError::Peer(format!(
            "the listener belongs to uid {uid}, which is neither this user nor root"
        )))
    }
}

/// Refuses what somebody else could have put there.
fn look_at(path: &Path) -> io::Result<Result<(), DialError>> {
    const WORLD_WRITABLE: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    let refuse = |what: &str| Ok(Err(DialError::Peer(format!("{} {what}", path.display()))));
    let own = std::fs::symlink_metadata(path)?;
    if own.file_type().is_symlink() {
        return refuse("is a symbolic link");
    }
    if !own.file_type().is_socket() {
        return refuse("is no socket");
    }
    if let Some(directory) = path.parent() {
        let mode = std::fs::metadata(directory)?.mode();
        if mode & WORLD_WRITABLE != 0 && mode & STICKY == 0 {
            return refuse("is in a directory that everybody can write to");
        }
    }
    Ok(Ok(()))
}

/// A path that fits into a socket address and names the same socket.
struct Address {
    path: PathBuf,
    /// Keeps the descriptor that the path goes through.
    _pin: Option<OwnedFd>,
}

impl Address {
    /// The path itself where it fits; otherwise the way through a descriptor of the socket's file.
    fn of(path: &Path) -> io::Result<Self> {
        if path.as_os_str().len() <= ADDRESS_BYTES {
            return Ok(Address {
                path: path.to_owned(),
                _pin: None,
            });
        }
        let pin = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Address {
            path: PathBuf::from(format!("/proc/self/fd/{}", pin.as_raw_fd())),
            _pin: Some(pin),
        })
    }
}

/// The first cause of this type.
pub(crate) fn cause<'a, T: std::error::Error + 'static>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a T> {
    let mut at = Some(error);
    while let Some(e) = at {
        if let Some(found) = e.downcast_ref::<T>() {
            return Some(found);
        }
        at = e.source();
    }
    None
}
