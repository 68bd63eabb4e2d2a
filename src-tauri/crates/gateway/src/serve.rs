//! Accepting connections, with bounds on how many, how slow and how long-winded.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use axum::response::IntoResponse as _;
use http::{Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use orrery_engine::api::ApiError;
use orrery_services::Joined;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio_util::sync::CancellationToken;

use crate::acquaintance::Visiting;
use crate::auth::Peer;
use crate::crowd::{Crowd, Group, Seat};
use crate::error::Failure;
use crate::front::{Answer, Front, Met};
use crate::head_timer::HeadTimer;
use crate::limits::{
    ACCEPT_PAUSE, CONNECTIONS_MAX, CONNECTIONS_PER_GROUP_MAX, HEAD_BYTES_MAX, HEAD_TIMEOUT, WRITE_PATIENCE,
};
use crate::services;
use crate::tls::Tls;
use crate::wire::{Busy, Wire};

/// What a listener puts up with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// Connections at a time.
    pub connections: usize,
    /// Of one address, or of one user of this machine.
    pub per_group: usize,
    /// Time for the head of a request, from the connection or from the answer before; so also the time that a
    /// connection may do nothing.
    pub head: Duration,
    /// Time in which a client that does not keep up must have taken enough.
    pub patience: Duration,
}

impl Default for Bounds {
    /// The usual ones; fewer connections where this process may open few files.
    fn default() -> Self {
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let files = files.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
        Bounds {
            connections: CONNECTIONS_MAX.min(files / 2),
            per_group: CONNECTIONS_PER_GROUP_MAX.min(files / 4),
            head: HEAD_TIMEOUT,
            patience: WRITE_PATIENCE,
        }
    }
}

/// A listener that is served: made here and not by whoever calls, so that this crate's optimization holds for it.
type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Serves a TCP listener until `stop`.
pub fn serve_tcp(listener: TcpListener, front: impl Into<Front>, stop: CancellationToken) -> Serving {
    plain(Bounds::default(), listener, front.into(), stop)
}

/// Serves a TCP listener within other bounds than the usual ones, until `stop`.
pub fn serve_tcp_within(
    bounds: Bounds,
    listener: TcpListener,
    front: impl Into<Front>,
    stop: CancellationToken,
) -> Serving {
    plain(bounds, listener, front.into(), stop)
}

/// Serves a TCP listener with encryption until `stop`.
pub fn serve_tls(
    listener: TcpListener,
    tls: Arc<Tls>,
    front: impl Into<Front>,
    stop: CancellationToken,
) -> Serving {
    encrypted(listener, tls, front.into(), stop)
}

/// Serves a UNIX socket until `stop`; callers are known by the kernel's word.
pub fn serve_unix(listener: UnixListener, front: impl Into<Front>, stop: CancellationToken) -> Serving {
    local(listener, front.into(), stop)
}

fn plain(bounds: Bounds, listener: TcpListener, front: Front, stop: CancellationToken) -> Serving {
    Box::pin(async move {
        let dress = |stream: TcpStream| async { Ok(stream) };
        accept(bounds, front, stop, || from_tcp(&listener, false), dress).await;
    })
}

fn encrypted(listener: TcpListener, tls: Arc<Tls>, front: Front, stop: CancellationToken) -> Serving {
    let dress = move |stream: TcpStream| {
        let tls = tls.clone();
        async move { tls.accept(stream).await }
    };
    Box::pin(async move {
        let next = || from_tcp(&listener, true);
        accept(Bounds::default(), front, stop, next, dress).await;
    })
}

fn local(listener: UnixListener, front: Front, stop: CancellationToken) -> Serving {
    Box::pin(async move {
        let next = || async {
            let (stream, _) = listener.accept().await?;
            let known = stream.peer_cred()?;
            let (uid, pid) = (known.uid(), known.pid());
            Ok((stream, Peer::Local { uid, pid }))
        };
        let dress = |stream| async { Ok(stream) };
        accept(Bounds::default(), front, stop, next, dress).await;
    })
}

async fn from_tcp(listener: &TcpListener, secure: bool) -> std::io::Result<(TcpStream, Peer)> {
    let (stream, address) = listener.accept().await?;
    // Who has left already may have ordered something first.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection sends with delay");
    }
    Ok((stream, Peer::Tcp { address, secure }))
}

/// Accepts from `next`; `dress` makes what is spoken through of what was accepted.
async fn accept<S, F, Next, T, D, Dressed>(
    bounds: Bounds,
    front: Front,
    stop: CancellationToken,
    next: F,
    dress: D,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn() -> Next,
    Next: Future<Output = std::io::Result<(S, Peer)>>,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    D: Fn(S) -> Dressed,
    Dressed: Future<Output = std::io::Result<T>> + Send + 'static,
{
    let crowd = Crowd::new(bounds.connections, bounds.per_group, stop.clone());
    loop {
        let (stream, peer) = tokio::select! {
            () = stop.cancelled() => return,
            accepted = next() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors, or a client that left already: neither may spin or end the server.
                    tracing::debug!(%error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let Some(seat) = crowd.admit(Group::of(&peer)) else {
            tracing::debug!("a connection was turned away: every seat is taken");
            turn_away(stream, &peer);
            continue;
        };
        let (front, head, patience) = (front.clone(), bounds.head, bounds.patience);
        let dressed = dress(stream);
        tokio::spawn(async move {
            let cut = seat.cut().clone();
            let stream = tokio::select! {
                () = cut.cancelled() => return,
                dressed = tokio::time::timeout(head, dressed) => match dressed {
                    Ok(Ok(stream)) => stream,
                    Ok(Err(error)) => {
                        tracing::debug!(%error, "a connection was not encrypted");
                        return;
                    }
                    Err(_) => return,
                },
            };
            let wire = Wire::new(Joined::new(stream), seat.clone(), patience);
            if let Err(error) = converse(wire, &seat, peer, front, head).await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
}

/// Says in one line that there is no room, to whom understands it.
fn turn_away<S: AsyncWrite + Unpin + Send + 'static>(mut stream: S, peer: &Peer) {
    if matches!(peer, Peer::Tcp { secure: true, .. }) {
        return;
    }
    tokio::spawn(async move {
        let full = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        // It fits into the socket's buffer; a client that has left needs no answer.
        let _ = tokio::time::timeout(ACCEPT_PAUSE, stream.write_all(full)).await;
    });
}

/// Whether a request orders something of us. What is passed on to a plugin is the plugin's affair.
fn is_order(request: &http::Request<Incoming>) -> bool {
    !services::only_looks(request.method()) && !services::is_passed_on(request.uri().path())
}

/// A question ends with whoever asked it: what is under way is dropped when the client hangs up, also when it closed
/// its own direction alone. An order that came whole is carried out all the same: it begins here, not when its answer
/// is first waited for, which is never when the client hung up at once.
fn to_the_end(
    answer: impl Future<Output = Response<Answer>> + Send + 'static,
) -> impl Future<Output = Response<Answer>> {
    let answer = tokio::spawn(answer);
    async move {
        answer.await.unwrap_or_else(|error| {
            let error = ApiError::internal(error.to_string());
            Failure(error).into_response().map(Answer::Routed)
        })
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    wire: Wire<S>,
    seat: &Arc<Seat>,
    peer: Peer,
    front: Front,
    head: Duration,
) -> hyper::Result<()> {
    let cut = seat.cut().clone();
    let met = Arc::new(front.meet(peer, cut.clone()));
    // The seat belongs to the wire: an upgraded one outlives this conversation.
    let seat = Arc::downgrade(seat);
    // A function of hyper's own: it is called as soon as the head is read, and not first when its future is polled.
    let service = service_fn(move |request: http::Request<Incoming>| {
        let work = seat.upgrade().map(|seat| seat.work());
        let answer = match met.grant(&request) {
            Some(visiting) => Way::Plugin(Arc::clone(&met), visiting, request),
            None if is_order(&request) => Way::Order(Box::pin(to_the_end(met.route(request)))),
            None => Way::Question(Box::pin(met.route(request))),
        };
        Box::pin(async move {
            let response = match answer {
                Way::Plugin(met, visiting, request) => met.pass(visiting, request).await,
                Way::Order(answer) => answer.await,
                Way::Question(answer) => answer.await,
            };
            let work = match work {
                Some(work) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                    work.for_good();
                    None
                }
                work => work,
            };
            Ok::<_, Infallible>(response.map(|body| Busy::new(body, work)))
        })
    });
    // HTTP/1 alone: guessing the version would wait for a first byte without a time limit. It takes no more than
    // `HEADERS_MAX` by itself.
    let mut builder = http1::Builder::new();
    builder
        .timer(HeadTimer::default())
        .header_read_timeout(head)
        .max_buf_size(HEAD_BYTES_MAX);
    let conversation = builder
        .serve_connection(TokioIo::new(wire), service)
        .with_upgrades();
    until(cut, conversation).await.unwrap_or(Ok(()))
}

/// What comes of something, unless it is cut first. It is woken for many reasons and hardly ever by the cut, which is
/// waited for once for each task that it wakes: to wait for it anew every time costs more than a look.
async fn until<F: Future>(cut: CancellationToken, what: F) -> Option<F::Output> {
    let (mut what, mut ends) = (pin!(what), pin!(cut.cancelled()));
    let mut waits: Option<Waker> = None;
    poll_fn(|cx| {
        if let Poll::Ready(ended) = what.as_mut().poll(cx) {
            return Poll::Ready(Some(ended));
        }
        if waits.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return if cut.is_cancelled() {
                Poll::Ready(None)
            } else {
                Poll::Pending
            };
        }
        waits = Some(cx.waker().clone());
        ends.as_mut().poll(cx).map(|()| None)
    })
    .await
}

/// How a request is answered.
#[expect(
    clippy::large_enum_variant,
    reason = "it is handed on once, and a place of its own for the request would cost more"
)]
enum Way<O, Q> {
    /// By a plugin: whoever waits for it makes the answer where it stays.
    Plugin(Arc<Met>, Arc<Visiting>, http::Request<Incoming>),
    /// By what outlives whoever asked.
    Order(Pin<Box<O>>),
    /// By what ends with whoever asked.
    Question(Pin<Box<Q>>),
}
