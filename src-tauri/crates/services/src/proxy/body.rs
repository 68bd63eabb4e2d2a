//! Bodies on their way: counted, bounded, and cut when nothing moves.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::availability::Place;
use crate::traffic::{Meter, OpenStream};
use crate::wire::{AnswerBody, BoxError, SentBody};

/// The body of an answer.
pub struct Body(Kind);

enum Kind {
    Full(Option<Bytes>),
    Streamed(Box<Streamed>),
}

/// A body that comes from a plugin or from a declared target.
struct Streamed {
    inner: AnswerBody,
    /// What came with the head.
    first: Option<Result<Frame<Bytes>, hyper::Error>>,
    idle: Duration,
    /// Runs while nothing moves.
    clock: Option<Pin<Box<Sleep>>>,
    clock_is_old: bool,
    tenure: Arc<CancellationToken>,
    tenure_ends: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    open: OpenStream,
    ended: bool,
    _place: Option<Place>,
}

impl Body {
    /// A body that is there already.
    #[must_use]
    pub fn full(bytes: Bytes) -> Self {
        Body(Kind::Full(Some(bytes).filter(|bytes| !bytes.is_empty())))
    }

    /// A body without anything.
    #[must_use]
    pub fn empty() -> Self {
        Body(Kind::Full(None))
    }

    /// Whether nothing of it is still to come.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.0, Kind::Full(_))
    }

    /// A body that is passed on as it comes. The place at the plugin is given back at its end.
    pub(super) fn streamed(
        inner: impl Into<AnswerBody>,
        idle: Duration,
        tenure: &Arc<CancellationToken>,
        meter: &Arc<Meter>,
        place: Option<Place>,
    ) -> Self {
        let mut inner = inner.into();
        if inner.is_end_stream() {
            return Body::empty();
        }
        // What came with the head is not waited for, and most bodies are then whole. Whoever reads the rest asks
        // again, with a waker.
        let mut quiet = Context::from_waker(Waker::noop());
        let first = match inner.size_hint().exact() {
            Some(_) => Pin::new(&mut inner).poll_frame(&mut quiet),
            None => Poll::Pending,
        };
        let first = match first {
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(whole) if inner.is_end_stream() => {
                    meter.add_response_bytes(whole.len());
                    return Body::full(whole);
                }
                Ok(begun) => Some(Ok(Frame::data(begun))),
                Err(trailers) => Some(Ok(trailers)),
            },
            Poll::Ready(Some(Err(error))) => Some(Err(error)),
            Poll::Ready(None) => return Body::empty(),
            Poll::Pending => None,
        };
        let tenure = Arc::clone(tenure);
        Body(Kind::Streamed(Box::new(Streamed {
            inner,
            first,
            idle,
            clock: None,
            clock_is_old: true,
            tenure,
            tenure_ends: None,
            open: OpenStream::open(meter),
            ended: false,
            _place: place,
        })))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.get_mut().0 {
            Kind::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Streamed(streamed) => streamed.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Full(bytes) => bytes.is_none(),
            Kind::Streamed(streamed) => {
                streamed.ended || (streamed.first.is_none() && streamed.inner.is_end_stream())
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Kind::Streamed(streamed) => streamed.size_hint(),
        }
    }
}

impl Streamed {
    fn size_hint(&self) -> SizeHint {
        let rest = self.inner.size_hint();
        let first = self
            .first
            .as_ref()
            .and_then(|first| first.as_ref().ok()?.data_ref());
        match (first, rest.exact()) {
            (Some(first), Some(rest)) => SizeHint::with_exact(first.len() as u64 + rest),
            (Some(_), None) => SizeHint::default(),
            (None, _) => rest,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let polled = match self.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => Pin::new(&mut self.inner).poll_frame(cx),
        };
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.clock_is_old = true;
                if let Some(data) = frame.data_ref() {
                    self.open.meter().add_response_bytes(data.len());
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.ended = true;
                Poll::Ready(Some(Err(error.into())))
            }
            Poll::Ready(None) => {
                self.ended = true;
                Poll::Ready(None)
            }
            Poll::Pending => self.poll_ends(cx),
        }
    }

    /// Nothing is here: the service may have been removed, or nothing has moved for too long.
    fn poll_ends(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let tenure = &self.tenure;
        let ends = self
            .tenure_ends
            .get_or_insert_with(|| Box::pin(CancellationToken::clone(tenure).cancelled_owned()));
        if ends.as_mut().poll(cx).is_ready() {
            self.ended = true;
            return Poll::Ready(None);
        }
        let idle = self.idle;
        let clock = self
            .clock
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
        if self.clock_is_old {
            clock.as_mut().reset(tokio::time::Instant::now() + idle);
            self.clock_is_old = false;
        }
        ready!(clock.as_mut().poll(cx));
        self.ended = true;
        self.open.meter().add_stalled();
        let message = format!("nothing came for {} s", idle.as_secs_f64());
        Poll::Ready(Some(Err(message.into())))
    }
}

/// How far the body of a request has come.
#[derive(Default)]
pub(super) struct Progress {
    /// Counts what was passed on.
    pub(super) moved: AtomicU64,
    /// It has ended.
    pub(super) done: AtomicBool,
    /// It is wanted, and does not come.
    pub(super) awaited: AtomicBool,
    /// It was larger than allowed.
    pub(super) over: AtomicBool,
}

/// A body of a request, bounded and watched.
struct Upload {
    inner: SentBody,
    left: u64,
    progress: Arc<Progress>,
    meter: Arc<Meter>,
}

/// Wraps the body of a request. Without a body there is no progress to watch.
pub(super) fn upload<B>(body: Option<B>, most: u64, meter: &Arc<Meter>) -> (SentBody, Option<Arc<Progress>>)
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let Some(body) = body.filter(|body| !body.is_end_stream()) else {
        return (Empty::new().map_err(|never| match never {}).boxed_unsync(), None);
    };
    let inner = body.map_err(Into::into).boxed_unsync();
    let progress = Arc::new(Progress::default());
    let upload = Upload {
        inner,
        left: most,
        progress: Arc::clone(&progress),
        meter: Arc::clone(meter),
    };
    (upload.boxed_unsync(), Some(progress))
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let progress = &this.progress;
        let polled = Pin::new(&mut this.inner).poll_frame(cx);
        progress.awaited.store(polled.is_pending(), Ordering::Relaxed);
        let Poll::Ready(next) = polled else {
            return Poll::Pending;
        };
        progress.moved.fetch_add(1, Ordering::Relaxed);
        let Some(Ok(frame)) = &next else {
            progress.done.store(true, Ordering::Relaxed);
            return Poll::Ready(next);
        };
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        match this.left.checked_sub(bytes as u64) {
            Some(left) => {
                this.left = left;
                this.meter.add_request_bytes(bytes);
                Poll::Ready(next)
            }
            None => {
                progress.over.store(true, Ordering::Relaxed);
                Poll::Ready(Some(Err("the body is larger than allowed".into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
