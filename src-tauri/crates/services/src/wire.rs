//! Connections to a plugin's UNIX socket: the one place that knows how bytes reach a plugin.
//!
//! Before the first byte is sent the socket is looked at (a socket, no link to one, in a directory that only
//! its owner writes to) and the peer is checked (this user or root).
//!
//! A connection has no task of its own: whoever waits for its answer, and then whoever reads it, drives it along.
//! So a request passes through one task instead of being handed from one to the next and back, which is most of
//! what passing on a small request costs.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use orrery_sockets::{Address, may_listen};
use tokio::net::UnixStream;

use crate::joined::Joined;
use crate::limits;

/// Any error, as bodies give them.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body on its way to a plugin.
pub(crate) type SentBody = UnsyncBoxBody<Bytes, BoxError>;

/// Why there is no connection.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum DialError {
    /// There is no socket.
    #[error("{0} does not exist")]
    Missing(String),
    /// The socket is not to be trusted.
    #[error("{0}")]
    Peer(String),
    /// Who answers does not prove who it is.
    #[error("{0}")]
    Untrusted(String),
    /// Nobody takes the connection.
    #[error("no connection in time")]
    Timeout,
    /// Anything else, such as refused.
    #[error("{0}")]
    Failed(String),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// There was no connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// It broke.
    #[error("{0}")]
    Broken(String),
}

impl From<hyper::Error> for SendError {
    fn from(error: hyper::Error) -> Self {
        SendError::Broken(error.to_string())
    }
}

/// Kept-alive connections to one life of one plugin.
pub(crate) struct Wire {
    idle: Arc<Idle>,
    pub(crate) socket: PathBuf,
    pub(crate) generation: u64,
}

impl Wire {
    pub(crate) fn new(socket: &Path, generation: u64) -> Self {
        Wire {
            idle: Arc::default(),
            socket: socket.to_owned(),
            generation,
        }
    }

    /// Sends a request and waits for the head of its answer. Its URI must be a path; whoever drops this ends the
    /// request at the plugin too.
    ///
    /// Only what was never written to a kept connection is sent once more: one that turned out to be closed gives
    /// the request back.
    pub(crate) async fn send(&self, mut request: Request<SentBody>) -> Result<Answer, SendError> {
        loop {
            let (link, reused) = match self.idle.take() {
                Some(link) => (link, true),
                // Rare, and large beside the rest.
                None => (Box::pin(self.connect()).await?, false),
            };
            match link.send(request).await {
                Ok((answer, link)) => {
                    let home = Arc::clone(&self.idle);
                    return Ok(answer.map(|body| AnswerBody::driving(body, link, home)));
                }
                Err(Unsent::Back(back)) if reused => request = *back,
                Err(Unsent::Back(_)) => {
                    return Err(SendError::Broken("the connection closed at once".to_owned()));
                }
                Err(Unsent::Failed(error)) => return Err(error.into()),
            }
        }
    }

    /// The same over a connection of its own that turns into something else, if the plugin agrees.
    pub(crate) async fn send_upgrade(&self, request: Request<SentBody>) -> Result<Answer, SendError> {
        let Link {
            mut sender,
            connection,
        } = self.connect().await?;
        let connection = connection.with_upgrades();
        // It ends with what it has turned into, or with the answer.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender.send_request(request).await?.map(AnswerBody::from))
    }

    async fn connect(&self) -> Result<Link, SendError> {
        let stream = dial(&self.socket).await?;
        // It takes no more than `MAX_HEADERS` by itself.
        let (sender, connection) = Builder::new()
            .max_buf_size(limits::MAX_HEAD_BYTES)
            .handshake(TokioIo::new(Joined::new(stream)))
            .await?;
        Ok(Link {
            sender,
            connection: Box::new(connection),
        })
    }
}

/// Connections that nobody uses at the moment; the one used last stands last.
#[derive(Default)]
struct Idle {
    links: Mutex<Vec<(Link, Instant)>>,
}

impl Idle {
    fn take(&self) -> Option<Link> {
        loop {
            let (mut link, _) = self.lock().pop()?;
            if link.is_open() {
                return Some(link);
            }
        }
    }

    fn put(&self, link: Link) {
        let now = Instant::now();
        let mut links = self.lock();
        let old = links
            .iter()
            .take_while(|(_, since)| now.duration_since(*since) > limits::IDLE_CONNECTION);
        let old = old
            .count()
            .max((links.len() + 1).saturating_sub(limits::IDLE_CONNECTIONS));
        let gone: Vec<_> = links.drain(..old).collect();
        links.push((link, now));
        drop(links);
        // Closing them takes system calls, which others need not wait for.
        drop(gone);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Link, Instant)>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection.
struct Link {
    sender: SendRequest<SentBody>,
    connection: Driver,
}

type Driver = Box<Connection<TokioIo<Joined<UnixStream>>, SentBody>>;

/// Why a link has no answer.
enum Unsent {
    /// Nothing of the request was written; here it is again.
    Back(Box<Request<SentBody>>),
    Failed(hyper::Error),
}

impl Link {
    /// Whether it can take a request, as far as is known here. One that was closed meanwhile gives the request back.
    fn is_open(&mut self) -> bool {
        let mut quiet = Context::from_waker(Waker::noop());
        self.sender.is_ready()
            || Pin::new(&mut self.connection).poll(&mut quiet).is_pending() && self.sender.is_ready()
    }

    /// Not an `async fn`: the request goes into the connection at once, and need not be carried along.
    fn send(
        mut self,
        request: Request<SentBody>,
    ) -> impl Future<Output = Result<(Response<Incoming>, Option<Self>), Unsent>> {
        let answered = self.sender.try_send_request(request);
        let Link { sender, connection } = self;
        let mut connection = Some(connection);
        async move {
            let answer = driven(pin!(answered), &mut connection).await;
            match answer {
                Ok(answer) => Ok((answer, connection.map(|connection| Link { sender, connection }))),
                Err(mut error) => match error.take_message() {
                    Some(request) => Err(Unsent::Back(Box::new(request))),
                    None => Err(Unsent::Failed(error.into_error())),
                },
            }
        }
    }
}

/// Waits for an answer and drives its connection meanwhile.
fn driven<A>(
    mut answered: Pin<&mut impl Future<Output = A>>,
    connection: &mut Option<Driver>,
) -> impl Future<Output = A> {
    std::future::poll_fn(move |cx| {
        if let Some(driver) = connection
            && Pin::new(driver).poll(cx).is_ready()
        {
            // With it goes what it did not send, which is said to whoever waits.
            *connection = None;
        }
        if connection.is_none() {
            return answered.as_mut().poll(cx);
        }
        // Only the connection brings the answer, in the very call above: nobody need be woken for it.
        answered.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    })
}

/// An answer of a plugin.
pub(crate) type Answer = Response<AnswerBody>;

/// The body of an answer. Reading it drives its connection.
pub(crate) struct AnswerBody {
    incoming: Incoming,
    driven: Driven,
}

/// Who drives the connection that a body comes over.
enum Driven {
    /// The body; at its end the connection goes home.
    Here { link: Link, home: Arc<Idle> },
    /// Somebody else, or nobody any more.
    Elsewhere,
}

impl From<Incoming> for AnswerBody {
    fn from(incoming: Incoming) -> Self {
        AnswerBody {
            incoming,
            driven: Driven::Elsewhere,
        }
    }
}

impl AnswerBody {
    fn driving(incoming: Incoming, link: Option<Link>, home: Arc<Idle>) -> Self {
        let driven = match link {
            Some(link) => Driven::Here { link, home },
            None => Driven::Elsewhere,
        };
        let mut body = AnswerBody { incoming, driven };
        body.go_home_at_the_end();
        body
    }

    /// Lets a task of its own drive the connection: the request is still on its way, and must not wait for
    /// somebody to read the answer.
    pub(crate) fn let_drive(&mut self) {
        if let Driven::Here { link, .. } = std::mem::replace(&mut self.driven, Driven::Elsewhere) {
            let Link { connection, .. } = link;
            // Its errors are those of the body.
            tokio::spawn(async move { drop(connection.await) });
        }
    }

    fn go_home_at_the_end(&mut self) {
        if self.incoming.is_end_stream() {
            self.go_home();
        }
    }

    fn go_home(&mut self) {
        if let Driven::Here { link, home } = std::mem::replace(&mut self.driven, Driven::Elsewhere) {
            home.put(link);
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let mut polled = Poll::Pending;
        if let Driven::Here { link, .. } = &mut this.driven {
            let mut quiet = Context::from_waker(Waker::noop());
            polled = Pin::new(&mut this.incoming).poll_frame(&mut quiet);
            if polled.is_pending() && Pin::new(&mut link.connection).poll(cx).is_ready() {
                this.driven = Driven::Elsewhere;
            }
        }
        if polled.is_pending() {
            polled = Pin::new(&mut this.incoming).poll_frame(cx);
        }
        match &polled {
            Poll::Ready(Some(Ok(_))) => this.go_home_at_the_end(),
            Poll::Ready(Some(Err(_))) => this.driven = Driven::Elsewhere,
            Poll::Ready(None) => this.go_home(),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

async fn dial(path: &Path) -> Result<UnixStream, DialError> {
    let failed = |e: io::Error| match e.kind() {
        io::ErrorKind::NotFound => DialError::Missing(path.display().to_string()),
        _ => DialError::Failed(e.to_string()),
    };
    look_at(path).map_err(failed)??;
    let address = Address::of(path).map_err(failed)?;
    let stream = tokio::time::timeout(limits::CONNECT, UnixStream::connect(address.path()))
        .await
        .map_err(|_| DialError::Timeout)?
        .map_err(failed)?;
    let uid = stream.peer_cred().map_err(failed)?.uid();
    if may_listen(path, uid, rustix::process::geteuid().as_raw()) {
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
