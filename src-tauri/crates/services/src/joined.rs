//! A stream that writes what is small at once: a head and the little behind it go out as one piece by the plainest
//! system call, which costs less than to hand the kernel a list of pieces.

use std::io::{IoSlice, Result};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::limits::JOINED_BYTES;

/// A stream whose small pieces are written as one.
#[derive(Debug)]
pub struct Joined<S>(S);

impl<S> Joined<S> {
    /// Writes to `stream`.
    pub fn new(stream: S) -> Self {
        Joined(stream)
    }

    /// The stream itself: nothing is held back here.
    pub(crate) fn into_inner(self) -> S {
        self.0
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Joined<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Joined<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let stream = Pin::new(&mut self.0);
        if let [piece] = pieces {
            return stream.poll_write(cx, piece);
        }
        let mut room = [const { MaybeUninit::uninit() }; JOINED_BYTES];
        let mut whole = ReadBuf::uninit(&mut room);
        for piece in pieces {
            if piece.len() > whole.remaining() {
                return stream.poll_write_vectored(cx, pieces);
            }
            whole.put_slice(piece);
        }
        stream.poll_write(cx, whole.filled())
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn everything_arrives_in_order_however_large_the_pieces_are() {
        let sizes = [
            vec![0],
            vec![1],
            vec![1, 0, 2],
            vec![JOINED_BYTES - 1, 1],
            vec![JOINED_BYTES, 1],
            vec![10, 3 * JOINED_BYTES, 5],
            vec![64 * 1024],
        ];
        for sizes in sizes {
            let (here, mut there) = tokio::net::UnixStream::pair().unwrap();
            let mut byte = 0_u8;
            let pieces: Vec<Vec<u8>> = sizes
                .iter()
                .map(|size| {
                    let next = || {
                        byte = byte.wrapping_add(1);
                        byte
                    };
                    std::iter::repeat_with(next).take(*size).collect()
                })
                .collect();
            let sent = pieces.concat();
            let mut rest = bytes::Bytes::from(sent.clone());
            let first: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
            let mut here = Joined::new(here);
            let written = here.write_vectored(&first).await.unwrap();
            bytes::Buf::advance(&mut rest, written);
            let reading = tokio::spawn(async move {
                let mut read = Vec::new();
                there.read_to_end(&mut read).await.unwrap();
                read
            });
            here.write_all(&rest).await.unwrap();
            here.shutdown().await.unwrap();
            assert_eq!(reading.await.unwrap(), sent, "{sizes:?}");
        }
    }
}
