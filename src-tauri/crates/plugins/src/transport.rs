//! HTTP over a plugin's UNIX socket: the one place that knows how bytes reach a plugin.
//!
//! Where owners matter, the peer is checked after dialling and before the first byte is sent. The connector
//! of hyperlocal hides its stream, so that case has a connector of its own; where any owner will do,
//! hyperlocal's serves.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Incoming};
use hyper_util::client::legacy::{Builder, Client};
use hyper_util::rt::{TokioExecutor, TokioIo};
use orrery_sockets::{Address, may_listen};
use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::Service;

use crate::limits;

/// What every plugin sees as the host.
const HOST: HeaderValue = HeaderValue::from_static("plugin");

/// Unit in which the pool of body bytes is counted.
const POOL_UNIT_BYTES: usize = 1024;

/// Whose sockets are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Those of root and of this user, with this uid.
    RootAnd(u32),
    /// Everybody's.
    Anyone,
}

impl Trust {
    pub(crate) fn accepts(self, uid: u32) -> bool {
        match self {
            Trust::RootAnd(own) => uid == 0 || uid == own,
            Trust::Anyone => true,
        }
    }

    /// Whether who listens on a socket is to be spoken to.
    fn may_listen(self, socket: &Path, uid: u32) -> bool {
        match self {
            Trust::RootAnd(own) => may_listen(socket, uid, own),
            Trust::Anyone => true,
        }
    }
}

/// A kept-alive way to one plugin.
pub(crate) struct Transport {
    way: Way,
    bodies: Arc<Semaphore>,
}

enum Way {
    Checked(Client<CheckedConnector, Full<Bytes>>),
    Unchecked {
        client: Client<hyperlocal::UnixConnector, Full<Bytes>>,
        path: PathBuf,
        /// Made at the first call, since a long path needs a descriptor that can fail to open.
        address: OnceLock<Address>,
    },
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    /// Share of the pool of body bytes; to be kept for as long as the bytes are.
    pub(crate) share: Option<OwnedSemaphorePermit>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    /// No connection.
    #[error("{0}")]
    Dial(String),
    /// No head of an answer on an open connection.
    #[error("{0}")]
    Exchange(String),
    /// Another status than 200, with its reason.
    #[error("{0}")]
    Status(String),
    /// The body broke off or is too large.
    #[error("{0}")]
    Body(String),
}

/// A pool for the bodies of all plugins together.
pub(crate) fn body_pool() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(limits::BODY_POOL_BYTES / POOL_UNIT_BYTES))
}

impl Transport {
    pub(crate) fn new(path: &Path, trust: Trust, bodies: Arc<Semaphore>) -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .pool_max_idle_per_host(limits::IDLE_CONNECTIONS)
            .http1_max_buf_size(limits::MAX_HEAD_BYTES);
        Transport {
            way: way(&builder, path, trust),
            bodies,
        }
    }

    /// Sends a request and reads the whole answer. Dropping the future closes the connection.
    pub(crate) async fn call(
        &self,
        method: Method,
        path_and_query: &str,
        body: Bytes,
    ) -> Result<Answer, TransportError> {
        let response = self.send(method, path_and_query, body).await?;
        if response.status() != StatusCode::OK {
            return Err(TransportError::Status(status_line(&response)));
        }
        read_body(response.into_body(), &self.bodies, limits::MAX_ANSWER_BYTES).await
    }

    /// Sends a request and reads the whole answer, whatever its status, up to so many bytes.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path_and_query: &str,
        body: Bytes,
        most: usize,
    ) -> Result<(StatusCode, Answer), TransportError> {
        let response = self.send(method, path_and_query, body).await?;
        let status = response.status();
        Ok((status, read_body(response.into_body(), &self.bodies, most).await?))
    }

    async fn send(
        &self,
        method: Method,
        path_and_query: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, TransportError> {
        let exchange = |e: &dyn std::fmt::Display| TransportError::Exchange(e.to_string());
        let uri = match &self.way {
            Way::Checked(_) => Uri::builder()
                .scheme("http")
                .authority("plugin")
                .path_and_query(path_and_query)
                .build()
                .map_err(|e| exchange(&e))?,
            Way::Unchecked { path, address, .. } => {
                let path = lasting_address(path, address)
                    .map_err(|e| TransportError::Dial(words(&e)))?
                    .path();
                hyperlocal::Uri::new(path, path_and_query).into()
            }
        };
        let mut request = Request::builder()
            .method(&method)
            .uri(uri)
            .header(header::HOST, HOST);
        if method == Method::POST {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::new(body)).map_err(|e| exchange(&e))?;
        let sent = match &self.way {
            Way::Checked(client) => client.request(request),
            Way::Unchecked { client, .. } => client.request(request),
        };
        sent.await.map_err(|e| send_error(&e))
    }
}

fn way(builder: &Builder, path: &Path, trust: Trust) -> Way {
    match trust {
        Trust::Anyone => Way::Unchecked {
            client: builder.build(hyperlocal::UnixConnector),
            path: path.to_owned(),
            address: OnceLock::new(),
        },
        Trust::RootAnd(_) => Way::Checked(builder.build(CheckedConnector {
            path: Arc::from(path),
            trust,
        })),
    }
}

/// Reads a body up to `most` bytes; what is beyond [`limits::UNMETERED_BODY_BYTES`] waits for
/// its share of the pool.
async fn read_body(mut body: Incoming, pool: &Arc<Semaphore>, most: usize) -> Result<Answer, TransportError> {
    let too_large = || TransportError::Body(format!("answer is larger than {most} bytes"));
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    // A promise is not kept until it is: memory that is never written to costs nothing.
    let promised = usize::try_from(body.size_hint().lower()).unwrap_or_default();
    let mut bytes = Vec::with_capacity(promised);
    let mut share: Option<OwnedSemaphorePermit> = None;
    let mut held = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| TransportError::Body(hyper_words(&e, "unexpected EOF")))?;
        let Ok(data) = frame.into_data() else { continue };
        let total = bytes.len() + data.len();
        if total > most {
            return Err(too_large());
        }
        let metered = total.saturating_sub(limits::UNMETERED_BODY_BYTES);
        let due = metered.div_ceil(POOL_UNIT_BYTES) - held;
        if due > 0 {
            // At most the cap in units, far below the limit of a u32.
            let units = u32::try_from(due).unwrap_or(u32::MAX);
            let more = Arc::clone(pool)
                .acquire_many_owned(units)
                .await
                .map_err(|e| TransportError::Body(e.to_string()))?;
            held += due;
            match &mut share {
                Some(share) => share.merge(more),
                None => share = Some(more),
            }
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Answer { bytes, share })
}

/// Dials one path and checks who listens there.
#[derive(Debug, Clone)]
struct CheckedConnector {
    path: Arc<Path>,
    trust: Trust,
}

impl Service<Uri> for CheckedConnector {
    type Response = TokioIo<UnixStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<UnixStream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Self { path, trust } = self.clone();
        Box::pin(async move {
            let stream = UnixStream::connect(Address::of(&path)?.path()).await?;
            let uid = stream.peer_cred()?.uid();
            if trust.may_listen(&path, uid) {
                Ok(TokioIo::new(stream))
            } else {
                Err(io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    format!("the listener belongs to uid {uid}, which is neither this user nor root"),
                ))
            }
        })
    }
}

/// The address kept for as long as the transport lives, so that kept-alive connections find each other.
fn lasting_address<'a>(path: &Path, cell: &'a OnceLock<Address>) -> io::Result<&'a Address> {
    if let Some(address) = cell.get() {
        return Ok(address);
    }
    let made = Address::of(path)?;
    Ok(cell.get_or_init(|| made))
}

fn status_line(response: &Response<Incoming>) -> String {
    let status = response.status();
    let sent = response.extensions().get::<hyper::ext::ReasonPhrase>();
    let reason = match sent {
        Some(reason) => String::from_utf8_lossy(reason.as_bytes()).into_owned(),
        None => status.canonical_reason().unwrap_or_default().to_owned(),
    };
    format!("{} {reason}", status.as_u16()).trim_end().to_owned()
}

fn send_error(error: &hyper_util::client::legacy::Error) -> TransportError {
    if error.is_connect() {
        let cause = source::<io::Error>(error);
        return TransportError::Dial(cause.map_or_else(|| error.to_string(), words));
    }
    let cause = source::<hyper::Error>(error);
    TransportError::Exchange(cause.map_or_else(|| error.to_string(), |e| hyper_words(e, "EOF")))
}

/// A hyper error in the words of Go's HTTP client, which Scope's users know.
fn hyper_words(error: &hyper::Error, eof: &str) -> String {
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return eof.to_owned();
    }
    if error.is_parse() || error.is_parse_too_large() {
        return format!("malformed HTTP response: {error}");
    }
    match source::<io::Error>(error) {
        Some(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => eof.to_owned(),
        Some(cause) => words(cause),
        None => error.to_string(),
    }
}

/// A system error in the words of Go: lower case, without a number.
fn words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" (os error ").map_or(text.as_str(), |(t, _)| t);
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// The first cause of this type.
fn source<'a, T: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a T> {
    let mut at = Some(error);
    while let Some(e) = at {
        if let Some(found) = e.downcast_ref::<T>() {
            return Some(found);
        }
        at = e.source();
    }
    None
}
