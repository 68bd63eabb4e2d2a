//! Routes and streams: the request as it is, to the plugin's socket.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty};
use tokio::time::Instant;

use super::body::{self, Body, Progress};
use super::failure::Failure;
use super::{Ask, Known, headers, upgrade};
use crate::availability::{Line, Place, Slots};
use crate::limits;
use crate::object::{PathMode, ServiceType};
use crate::table::Hit;
use crate::wire::{Answer, AnswerBody, BoxError, Said, SendError, Wire};

impl<B> Ask<'_, B>
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    pub(super) async fn pass(&mut self, rest: &str) -> Result<Response<Body>, Failure> {
        if self.is_plain() {
            return self.ask_plainly(rest).await;
        }
        // Apart, because it is much larger than the plain way, which most requests go.
        Box::pin(self.send(rest)).await
    }

    /// Sends the request, whatever it is.
    async fn send(&mut self, rest: &str) -> Result<Response<Body>, Failure> {
        let service = self.service();
        let upgrade = upgrade::wanted(&mut self.request, service)?;
        let streams = upgrade.is_some() || service.kind == ServiceType::Stream;
        let (wire, place) = self.way(streams).await?;
        let uri = plugin_uri(self.target_path(rest)?);
        let method = self.request.method().clone();
        let mut sent_headers = self.to_plugin();
        let most = self.most();
        let hit = &self.hit;
        let patience = self.patience();
        let (sent_body, progress) = match &upgrade {
            Some(upgrade) => {
                upgrade.announce(&mut sent_headers);
                (Empty::new().map_err(|never| match never {}).boxed_unsync(), None)
            }
            None => body::upload(self.request.body_mut().take(), most, &hit.target.meter),
        };
        let mut request = Request::new(sent_body);
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, uri, sent_headers);
        let line = &hit.mount.line;
        let answer = match &upgrade {
            None => {
                let sent = pin!(wire.send(request));
                exchange(sent, line, progress.as_deref(), patience, most).await?
            }
            Some(_) => {
                let sent = Box::pin(wire.send_upgrade(request));
                exchange(pin!(sent), line, None, patience, most).await?
            }
        };
        let switches = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
        if let Some(upgrade) = upgrade.filter(|_| switches) {
            return upgrade.done(answer, hit, &self.shared.manners, place);
        }
        let idle = if streams {
            limits::STREAM_IDLE
        } else {
            limits::ROUTE_IDLE
        };
        self.passed_on(answer, idle, place)
    }

    /// Whether the request has no body and the last answer came in one piece: the next is awaited like it.
    fn is_plain(&self) -> bool {
        let (request, target) = (&self.request, self.hit.target);
        let body = request.body().as_ref();
        request.method() == Method::GET
            && target.service.kind == ServiceType::Route
            && target.whole.load(Ordering::Relaxed)
            && body.is_none_or(hyper::body::Body::is_end_stream)
            && !request.headers().contains_key(header::UPGRADE)
    }

    async fn ask_plainly(&self, rest: &str) -> Result<Response<Body>, Failure> {
        let (wire, place) = self.way(false).await?;
        let write = |sent: &mut Vec<u8>| {
            for piece in ["GET ", self.plain_path(rest), " HTTP/1.1\r\n"] {
                sent.extend_from_slice(piece.as_bytes());
            }
            self.write_to_plugin(sent);
            sent.extend_from_slice(b"\r\n");
        };
        let sent = wire.ask(write, &self.shared.manners);
        let said = head(pin!(sent), None, self.patience(), u64::MAX).await;
        let Hit { mount, target, .. } = &self.hit;
        match told(said, &mount.line)? {
            Said::Whole(answer) => {
                target.meter.add_response_bytes(answer.body().len());
                Ok(answer.map(Body::full))
            }
            Said::Begun(answer) => {
                let passed_on = self.passed_on(answer, limits::ROUTE_IDLE, place);
                // Also when all of it is there by now: it was not when it was first looked at.
                target.whole.store(false, Ordering::Relaxed);
                passed_on
            }
        }
    }

    /// A plugin's answer as the caller gets it, cut where nothing moves for as long as the service says, or for `idle`.
    pub(super) fn passed_on(
        &self,
        answer: Response<impl Into<AnswerBody>>,
        idle: Duration,
        place: Place,
    ) -> Result<Response<Body>, Failure> {
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Failure::bad_answer("the plugin switched protocols unasked"));
        }
        let Hit { mount, target, .. } = &self.hit;
        let (mut parts, body) = answer.into_parts();
        headers::to_caller(&mut parts.headers, &self.shared.manners);
        let idle = target.service.idle_timeout.unwrap_or(idle);
        let body = Body::streamed(body, idle, &mount.tenure, &target.meter, Some(place));
        if body.is_whole() && !target.whole.load(Ordering::Relaxed) {
            target.whole.store(true, Ordering::Relaxed);
        }
        let mut response = Response::new(body);
        (*response.status_mut(), *response.headers_mut()) = (parts.status, parts.headers);
        Ok(response)
    }

    /// The path and query that the plugin sees, as text.
    fn plain_path(&self, rest: &str) -> &str {
        let uri = self.request.uri();
        let whole = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        match self.service().path_mode {
            PathMode::Full => whole,
            // The rest is the end of the path, and the query follows it.
            PathMode::Strip => whole.get(uri.path().len() - rest.len()..).unwrap_or(whole),
        }
    }

    /// The path and query that the plugin sees.
    fn target_path(&self, rest: &str) -> Result<PathAndQuery, Failure> {
        match (self.service().path_mode, self.request.uri().path_and_query()) {
            (PathMode::Full, Some(whole)) => Ok(whole.clone()),
            _ => path_of(Bytes::copy_from_slice(self.plain_path(rest).as_bytes())),
        }
    }

    /// Connections to the plugin, and a place there.
    pub(super) async fn way(&self, streams: bool) -> Result<(Arc<Wire>, Place), Failure> {
        let line = &self.hit.mount.line;
        let slots = if streams { &line.streams } else { &line.running };
        // Most plugins run whether somebody needs them or not, and have room.
        let standing = line.standing();
        if let Some(wire) = standing.way().filter(|_| !standing.on_demand)
            && let Some(place) = slots.take_free()
        {
            return Ok((Arc::clone(wire), place));
        }
        drop(standing);
        Box::pin(self.way_in_time(slots)).await
    }

    /// The same where there is something to wait for, or nothing to hope for.
    async fn way_in_time(&self, slots: &Slots) -> Result<(Arc<Wire>, Place), Failure> {
        let line = &self.hit.mount.line;
        // Before anything is looked at: what runs for nobody else must not end meanwhile.
        let on_demand = line.standing().on_demand;
        let keeper = self.shared.routing.lines.plugins();
        let lease = on_demand.then(|| keeper.lease(&line.id)).flatten();
        let way = || {
            line.standing()
                .way()
                .cloned()
                .ok_or_else(|| Failure::unavailable(line))
        };
        if lease.is_none() {
            way()?;
        }
        let place = slots.take().await.ok_or_else(|| Failure::saturated(line))?;
        if lease.is_some() {
            Box::pin(line.awake()).await;
        }
        // It may have waited for its place.
        if line.standing().asleep {
            return Err(Failure::not_awake(line));
        }
        Ok((way()?, place.with(lease)))
    }
}

/// An address at a plugin.
pub(super) fn plugin_uri(path: PathAndQuery) -> Uri {
    // A path makes an address in any case.
    Uri::from(path)
}

/// A path and query as they are sent.
pub(super) fn path_of(text: Bytes) -> Result<PathAndQuery, Failure> {
    PathAndQuery::from_maybe_shared(text).map_err(|_| Failure::bad_request("the path cannot be passed on"))
}

/// Waits for the head of a plugin's answer to what is sent to it.
pub(super) async fn exchange(
    sent: Pin<&mut impl Future<Output = Result<Answer, SendError>>>,
    line: &Line,
    progress: Option<&Progress>,
    patience: Patience<'_>,
    most: u64,
) -> Result<Answer, Failure> {
    let mut answer = told(head(sent, progress, patience, most).await, line)?;
    if progress.is_some_and(|p| !p.done.load(Ordering::Relaxed)) {
        // The rest of the request must not wait for somebody to read the answer.
        answer.body_mut().let_drive();
    }
    Ok(answer)
}

/// What came of a request; that nobody took the connection is worth a look at the plugin.
fn told<A>(answered: Result<A, Failure>, line: &Line) -> Result<A, Failure> {
    if answered.as_ref().is_err_and(Failure::is_dial) {
        line.suspect();
    }
    answered
}

/// How long an answer is waited for, and by whose clock.
#[derive(Clone, Copy)]
pub(super) struct Patience<'a> {
    pub(super) span: Duration,
    pub(super) of: &'a Known,
}

/// Waits for the head of an answer: as long as the body of the request moves, and a while longer.
pub(super) async fn head<A>(
    mut sent: Pin<&mut impl Future<Output = Result<A, SendError>>>,
    progress: Option<&Progress>,
    patience: Patience<'_>,
    most: u64,
) -> Result<A, Failure> {
    let timeout = patience.span;
    let moved = || progress.map_or(0, |progress| progress.moved.load(Ordering::Relaxed));
    let is = |flag: fn(&Progress) -> bool| progress.is_some_and(flag);
    let mut before = moved();
    let mut clock = patience.of.clock(Instant::now() + timeout);
    let answered = poll_fn(|cx| {
        loop {
            if let Poll::Ready(answered) = sent.as_mut().poll(cx) {
                return Poll::Ready(Some(answered));
            }
            ready!(clock.poll_ring(cx));
            if moved() == before {
                return Poll::Ready(None);
            }
            before = moved();
            clock.set(Instant::now() + timeout);
        }
    });
    let answered = answered.await;
    patience.of.keep_clock(clock);
    match answered {
        Some(Ok(answer)) => Ok(answer),
        Some(Err(_)) if is(|p| p.over.load(Ordering::Relaxed)) => Err(Failure::too_large(most)),
        Some(Err(error)) => Err(Failure::sending(&error)),
        None if is(|p| !p.done.load(Ordering::Relaxed) && p.awaited.load(Ordering::Relaxed)) => {
            Err(Failure::client_stalled())
        }
        None => Err(Failure::timeout(timeout)),
    }
}
