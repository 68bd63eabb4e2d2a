//! A connection as we serve it: it ends when it is told to, and when its client takes too little for too long.

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::crowd::{Seat, Work};
use crate::first_line::FirstLine;
use crate::limits::TAKEN_BYTES_PER_S;

/// A stream with its seat. Upgraded connections, such as websockets, keep it until they end.
pub(crate) struct Wire<S> {
    stream: S,
    first_line: FirstLine,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Time in which a client that does not keep up must have taken enough.
    patience: Duration,
    slow: Option<Slow>,
    seat: Arc<Seat>,
}

/// A client that does not keep up.
struct Slow {
    timer: Pin<Box<Sleep>>,
    taken: u64,
}

impl<S> Wire<S> {
    pub(crate) fn new(stream: S, seat: Arc<Seat>, patience: Duration) -> Self {
        Wire {
            stream,
            first_line: FirstLine::default(),
            cut: Box::pin(seat.cut().clone().cancelled_owned()),
            patience,
            slow: None,
            seat,
        }
    }

    /// As long as requests are answered, whoever answers them looks after the cut, once for all that they read and
    /// write. What the connection has turned into knows nothing of it.
    fn check(&mut self, cx: &mut Context<'_>) -> Result<()> {
        if !self.seat.is_for_good() {
            return Ok(());
        }
        match self.cut.as_mut().poll(cx) {
            Poll::Ready(()) => Err(Error::new(ErrorKind::ConnectionAborted, "the connection was cut")),
            Poll::Pending => Ok(()),
        }
    }

    /// Looks at how a write went: a client that takes less than it should is cut.
    fn taken(
        &mut self,
        cx: &mut Context<'_>,
        wrote: Poll<Result<usize>>,
        offered: usize,
    ) -> Poll<Result<usize>> {
        match &wrote {
            // It took everything there was.
            Poll::Ready(Ok(taken)) if *taken >= offered => {
                self.slow = None;
                return wrote;
            }
            Poll::Ready(Err(_)) => return wrote,
            _ => {}
        }
        let patience = self.patience;
        let slow = self.slow.get_or_insert_with(|| Slow {
            timer: Box::pin(sleep(patience)),
            taken: 0,
        });
        if let Poll::Ready(Ok(taken)) = &wrote {
            slow.taken += u64::try_from(*taken).unwrap_or(u64::MAX);
        }
        while slow.timer.as_mut().poll(cx).is_ready() {
            if slow.taken < TAKEN_BYTES_PER_S.saturating_mul(patience.as_secs()).max(1) {
                let why = "the client takes nothing, or too little";
                return Poll::Ready(Err(Error::new(ErrorKind::TimedOut, why)));
            }
            slow.taken = 0;
            slow.timer.as_mut().reset(Instant::now() + patience);
        }
        wrote
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        self.check(cx)?;
        let wire = &mut *self;
        if wire.first_line.has_passed() {
            return Pin::new(&mut wire.stream).poll_read(cx, buf);
        }
        wire.first_line.poll_read(&mut wire.stream, cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.check(cx)?;
        let wrote = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.taken(cx, wrote, buf.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.check(cx)?;
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        let offered = bufs.iter().map(|b| b.len()).sum();
        self.taken(cx, wrote, offered)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.check(cx)?;
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        // An encrypted stream holds back what the client does not take.
        let offered = usize::from(flushed.is_pending());
        ready!(self.taken(cx, flushed.map_ok(|()| 0), offered))?;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The body of an answer; its connection is busy until it is sent.
pub(crate) struct Busy<B> {
    body: B,
    _work: Option<Work>,
}

impl<B> Busy<B> {
    pub(crate) fn new(body: B, work: Option<Work>) -> Self {
        Busy { body, _work: work }
    }
}

impl<B: Body + Unpin> Body for Busy<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
