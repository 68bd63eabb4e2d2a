//! A stream that may already have heard the beginning of an answer.

use std::io::Result;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;

use crate::joined::Joined;

/// The end of a head.
const END: &[u8] = b"\r\n\r\n";

/// A stream to a plugin. Where a request was sent before the library had it, the library's own is not sent again, and
/// then it reads first what has come already.
pub(super) struct Replay {
    stream: Joined<UnixStream>,
    heard: Bytes,
    /// The library has still to send a head that is sent already; who waits for its answer.
    sent: Option<Waiting>,
}

#[derive(Default)]
struct Waiting(Option<Waker>);

impl Replay {
    pub(super) fn new(stream: UnixStream) -> Self {
        Replay {
            stream: Joined::new(stream),
            heard: Bytes::new(),
            sent: None,
        }
    }

    /// After a head without a body was sent, and this was heard.
    pub(super) fn after(stream: UnixStream, heard: Bytes) -> Self {
        Replay {
            heard,
            sent: Some(Waiting::default()),
            ..Replay::new(stream)
        }
    }

    /// The stream, once all that was heard has been read.
    pub(super) fn into_stream(self) -> Option<UnixStream> {
        let read = self.heard.is_empty() && self.sent.is_none();
        read.then(|| self.stream.into_inner())
    }
}

impl AsyncRead for Replay {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        if let Some(waiting) = &mut self.sent {
            waiting.0 = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if self.heard.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let end = self.heard.len().min(buf.remaining());
        buf.put_slice(&self.heard[..end]);
        self.heard.advance(end);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Replay {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        let Some(waiting) = &mut self.sent else {
            return Pin::new(&mut self.stream).poll_write(cx, buf);
        };
        // The library writes a head in one piece.
        if buf.ends_with(END) {
            if let Some(reader) = waiting.0.take() {
                reader.wake();
            }
            self.sent = None;
        }
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[std::io::IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        if self.sent.is_none() {
            return Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        }
        let piece = pieces.iter().find(|piece| !piece.is_empty());
        self.poll_write(cx, piece.map_or(&[], |piece| piece))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
